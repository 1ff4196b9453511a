#include "app/transform_options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>
#include <span>

#include "app/java_regex.h"
#include "app/option_table.h"
#include "base/check.h"

namespace walrelay::app {
namespace {

using envelope::AddedField;
using envelope::NameAdjustment;
using envelope::OutboxOptions;
using envelope::PredicateOptions;
using envelope::TransformOptions;
using envelope::UnwrapOptions;

// One option of a transform or predicate.
struct Known {
  std::string_view name;
  char versions = 'a';        // 'a': both, '2': 2.5 only, '3': 3.6 only, 'x': refused.
  std::string_view why = "";  // Of 'x'.
};

constexpr std::string_view kDropFields =
    "needs the header that ExtractChangedRecordState adds, which is not built; remove it";
constexpr std::string_view kTracing = "there is no OpenTelemetry here; remove it";

constexpr Known kUnwrap[] = {
    {"delete.tombstone.handling.mode"},
    {"drop.tombstones", '2'},
    {"delete.handling.mode", '2'},
    {"add.fields"},
    {"add.fields.prefix"},
    {"add.headers"},
    {"add.headers.prefix"},
    {"route.by.field"},
    {"replace.null.with.default", '3'},
    {"drop.fields.header.name", 'x', kDropFields},
    {"drop.fields.from.key", 'x', kDropFields},
    {"drop.fields.keep.schema.compatible", 'x', kDropFields},
};
constexpr Known kTableRouter[] = {
    {"topic.regex"},
    {"topic.replacement"},
    {"key.enforce.uniqueness"},
    {"key.field.name"},
    {"key.field.regex"},
    {"key.field.replacement"},
    {"logical.table.cache.size"},
    {"schema.name.adjustment.mode"},
};
constexpr Known kTopicRouter[] = {{"regex"}, {"replacement"}};
constexpr Known kOutbox[] = {
    {"table.field.event.id"},
    {"table.field.event.key"},
    {"table.field.event.type"},  // Debezium does not read it either.
    {"table.field.event.payload"},
    {"table.field.event.timestamp"},
    {"table.field.event.schema.version"},
    {"table.fields.additional.placement"},
    {"table.fields.additional.error.on.missing", '2'},
    {"table.field.additional.missing", '3'},
    {"table.op.invalid.behavior"},
    {"table.expand.json.payload"},
    {"table.json.payload.null.behavior"},
    {"route.by.field"},
    {"route.topic.regex"},
    {"route.topic.replacement"},
    {"route.tombstone.on.empty.payload"},
    {"field.name.adjustment.mode", 'x', "names inside a payload are never adjusted; remove it"},
    {"tracing.span.context.field", 'x', kTracing},
    {"tracing.operation.name", 'x', kTracing},
    {"tracing.with.context.field.only", 'x', kTracing},
};
constexpr Known kKeyField[] = {
    {"field"},
    {"replace.null.with.default", '3'},
    {"field.syntax.version", 'x', "only names of the key's own fields are read; remove it"},
};
constexpr Known kTopicNameMatches[] = {{"pattern"}};
constexpr Known kHasHeaderKey[] = {{"name"}};

struct KnownClass {
  std::string_view name;
  std::span<const Known> options;
};
constexpr KnownClass kTransforms[] = {
    {"io.debezium.transforms.ExtractNewRecordState", kUnwrap},
    {"io.debezium.transforms.ByLogicalTableRouter", kTableRouter},
    {"io.debezium.transforms.outbox.EventRouter", kOutbox},
    {"org.apache.kafka.connect.transforms.RegexRouter", kTopicRouter},
    {"org.apache.kafka.connect.transforms.Filter", {}},
    {"org.apache.kafka.connect.transforms.ExtractField$Key", kKeyField},
};
constexpr KnownClass kPredicates[] = {
    {"org.apache.kafka.connect.transforms.predicates.TopicNameMatches", kTopicNameMatches},
    {"org.apache.kafka.connect.transforms.predicates.RecordIsTombstone", {}},
    {"org.apache.kafka.connect.transforms.predicates.HasHeaderKey", kHasHeaderKey},
};

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::string Lower(std::string_view text) {
  std::string lower(Trimmed(text));
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// The parts between separators, trimmed; as String.split, without empty ones at the end.
std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    parts.emplace_back(Trimmed(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  while (!parts.empty() && parts.back().empty()) parts.pop_back();
  return parts;
}

absl::Status At(const Config& config, std::string_view option, std::string_view message) {
  const auto origin = config.origin.find(Cat("source.", option));
  const std::string where =
      origin == config.origin.end() ? std::string() : Cat(origin->second, ": ");
  return absl::InvalidArgumentError(Cat(where, "source.", option, ": ", message));
}

// The options of one transform or predicate: those that begin with its prefix.
class Group {
 public:
  Group(const Config& config, std::string prefix) : config_(config), prefix_(std::move(prefix)) {
    for (auto it = config.source.lower_bound(prefix_);
         it != config.source.end() && it->first.starts_with(prefix_); ++it) {
      given_.emplace(it->first.substr(prefix_.size()), it->second);
    }
  }

  bool is_3_6() const { return config_.pipeline.compat == "3.6.1.Final"; }
  const std::map<std::string, std::string>& given() const { return given_; }
  absl::Status Wrong(std::string_view option, std::string_view message) const {
    return At(config_, Cat(prefix_, option), message);
  }
  std::string Name(std::string_view option) const { return Cat("source.", prefix_, option); }

  std::optional<std::string> Given(std::string_view option) const {
    const auto found = given_.find(std::string(option));
    if (found == given_.end()) return std::nullopt;
    return found->second;
  }
  std::string Text(std::string_view option, std::string_view by_default) const {
    return Given(option).value_or(std::string(by_default));
  }
  absl::StatusOr<std::string> Required(std::string_view option) const {
    if (auto value = Given(option)) return *std::move(value);
    return Wrong(option, "is missing");
  }
  absl::StatusOr<bool> Bool(std::string_view option, bool by_default) const {
    const std::string value = Lower(Text(option, by_default ? "true" : "false"));
    if (value == "true" || value == "false") return value == "true";
    return Wrong(option, Cat("'", value, "' must be true or false"));
  }
  // The place of the value among `values`.
  absl::StatusOr<size_t> Choice(std::string_view option,
                                std::span<const std::string_view> values) const {
    const std::string value = Lower(Text(option, values.front()));
    const auto found = std::ranges::find(values, value);
    if (found != values.end()) return static_cast<size_t>(found - values.begin());
    std::string all;
    for (const std::string_view known : values) all += Cat(all.empty() ? "" : ", ", known);
    return Wrong(option, Cat("'", value, "' must be one of: ", all));
  }

  absl::StatusOr<envelope::NameTest> Test(std::string_view option) const {
    ASSIGN_OR_RETURN(const std::string expression, Required(option));
    ASSIGN_OR_RETURN(const JavaRegex regex, JavaRegex::Compile(Name(option), expression));
    return envelope::NameTest([regex](std::string_view name) { return regex.Matches(name); });
  }
  absl::StatusOr<envelope::NameRewrite> Rewrite(std::string_view regex_option,
                                                const std::string& expression,
                                                std::string_view replacement_option,
                                                const std::string& replacement) const {
    ASSIGN_OR_RETURN(JavaRegex regex, JavaRegex::Compile(Name(regex_option), expression));
    ASSIGN_OR_RETURN(
        const JavaReplacement replace,
        JavaReplacement::Make(Name(replacement_option), std::move(regex), replacement));
    return envelope::NameRewrite([replace](std::string_view name) { return replace.Apply(name); });
  }

 private:
  const Config& config_;
  std::string prefix_;
  std::map<std::string, std::string> given_;
};

const KnownClass* FindClass(std::span<const KnownClass> classes, std::string_view name) {
  const auto found = std::ranges::find_if(classes, [&](const KnownClass& known) {
    return known.name == name || known.name.ends_with(Cat(".", name));
  });
  return found == classes.end() ? nullptr : &*found;
}

absl::StatusOr<const KnownClass*> ClassOf(const Group& group, std::span<const KnownClass> classes) {
  ASSIGN_OR_RETURN(const std::string given, group.Required("type"));
  const std::string name(Trimmed(given));
  if (const KnownClass* known = FindClass(classes, name)) return known;
  std::string all;
  for (const KnownClass& known : classes) all += Cat(all.empty() ? "" : ", ", known.name);
  return group.Wrong("type", Cat("'", name, "' is not built; these are: ", all));
}

// `own`: of every transform, whatever its class.
absl::Status CheckNames(const Group& group, const KnownClass& known,
                        std::initializer_list<std::string_view> own) {
  for (const auto& [name, value] : group.given()) {
    if (std::ranges::find(own, name) != own.end()) continue;
    const auto found =
        std::ranges::find_if(known.options, [&](const Known& k) { return k.name == name; });
    if (found != known.options.end() && found->versions != 'x') continue;
    if (found != known.options.end()) return group.Wrong(name, found->why);
    std::vector<std::string_view> names(own);
    for (const Known& option : known.options) names.push_back(option.name);
    const std::string nearest = NearestName(name, names);
    return group.Wrong(
        name, Cat("is not an option of ", known.name, nearest.empty() ? "" : "; did you mean ",
                  nearest, nearest.empty() ? "" : "?"));
  }
  return absl::OkStatus();
}

// --- ExtractNewRecordState ---

// The struct of the envelope that holds a field which is given without one.
std::string ParentOf(std::string_view field, bool is_3_6) {
  constexpr std::array<std::string_view, 3> kTransaction = {"id", "data_collection_order",
                                                            "total_order"};
  if (std::ranges::find(kTransaction, field) != kTransaction.end()) return "transaction";
  if (field == "op" || field == "ts_ms") return "";
  return is_3_6 && (field == "ts_us" || field == "ts_ns") ? "" : "source";
}

absl::StatusOr<AddedField> ParseAddedField(const Group& group, std::string_view option,
                                           const std::string& entry, const std::string& prefix) {
  constexpr std::array<std::string_view, 4> kStructs = {"before", "after", "source", "transaction"};
  const std::vector<std::string> parts = Split(entry, ':');
  if (parts.empty() || parts.size() > 2) {
    return group.Wrong(option, Cat("'", entry, "' must be written as field or field:name"));
  }
  const std::vector<std::string> path = Split(parts[0], '.');
  if (path.empty() || path[0].empty()) {
    return group.Wrong(option, Cat("'", entry, "' names no field"));
  }
  AddedField added;
  added.field = path.size() == 1 ? path[0] : path[1];
  added.parent = path.size() == 1 ? ParentOf(added.field, group.is_3_6()) : path[0];
  if (path.size() > 1 && std::ranges::find(kStructs, added.parent) == kStructs.end()) {
    return group.Wrong(option, Cat("'", entry, "': an envelope has no struct ", added.parent,
                                   ", only before, after, source and transaction"));
  }
  if (std::ranges::find(kStructs, added.field) != kStructs.end() ||
      added.field == "updateDescription") {
    return group.Wrong(option,
                       Cat("'", entry, "' is a whole struct, which Debezium cannot add either"));
  }
  added.name = Cat(prefix, parts.size() == 2  ? parts[1]
                           : path.size() == 1 ? added.field
                                              : Cat(added.parent, "_", added.field));
  return added;
}

absl::StatusOr<std::vector<AddedField>> ParseAddedFields(const Group& group,
                                                         std::string_view option) {
  const std::string prefix = group.Text(Cat(option, ".prefix"), "__");
  std::vector<AddedField> fields;
  for (const std::string& entry : Split(group.Text(option, ""), ',')) {
    ASSIGN_OR_RETURN(AddedField field, ParseAddedField(group, option, entry, prefix));
    fields.push_back(std::move(field));
  }
  return fields;
}

absl::Status FillDeletes(const Group& group, UnwrapOptions& unwrap) {
  using enum UnwrapOptions::Deletes;
  constexpr std::array<std::string_view, 5> kModes = {
      "tombstone", "drop", "rewrite", "rewrite-with-tombstone", "delete-to-tombstone"};
  constexpr std::array kDeletes = {kNullValue, kDrop, kRewrite, kRewrite, kTombstone};
  constexpr std::array<std::string_view, 3> kLegacyModes = {"drop", "rewrite", "none"};
  constexpr std::array kLegacyDeletes = {kDrop, kRewrite, kNullValue};
  constexpr std::string_view kOption = "delete.tombstone.handling.mode";
  if (group.is_3_6() || !Trimmed(group.Text(kOption, "")).empty()) {
    ASSIGN_OR_RETURN(const size_t mode,
                     group.Choice(kOption, std::span(kModes).first(group.is_3_6() ? 5 : 4)));
    unwrap.deletes = kDeletes[mode];
    unwrap.keep_tombstones = kModes[mode] == "rewrite-with-tombstone";
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const size_t mode, group.Choice("delete.handling.mode", kLegacyModes));
  unwrap.deletes = kLegacyDeletes[mode];
  ASSIGN_OR_RETURN(const bool drop_tombstones, group.Bool("drop.tombstones", true));
  unwrap.keep_tombstones = !drop_tombstones;
  return absl::OkStatus();
}

absl::StatusOr<TransformOptions> MakeUnwrap(const Group& group) {
  UnwrapOptions unwrap;
  RETURN_IF_ERROR(FillDeletes(group, unwrap));
  ASSIGN_OR_RETURN(unwrap.fields, ParseAddedFields(group, "add.fields"));
  ASSIGN_OR_RETURN(unwrap.headers, ParseAddedFields(group, "add.headers"));
  unwrap.route_by_field = group.Text("route.by.field", "");
  if (group.is_3_6()) {
    ASSIGN_OR_RETURN(unwrap.rewrite_null_as_default, group.Bool("replace.null.with.default", true));
  }
  return unwrap;
}

// --- The routers ---

absl::StatusOr<TransformOptions> MakeTableRouter(const Group& group) {
  constexpr std::array<std::string_view, 3> kAdjustments = {"none", "avro", "avro_unicode"};
  envelope::TableRouterOptions router;
  ASSIGN_OR_RETURN(const std::string regex, group.Required("topic.regex"));
  ASSIGN_OR_RETURN(const std::string replacement, group.Required("topic.replacement"));
  ASSIGN_OR_RETURN(router.topic,
                   group.Rewrite("topic.regex", regex, "topic.replacement", replacement));
  ASSIGN_OR_RETURN(router.enforce_uniqueness, group.Bool("key.enforce.uniqueness", true));
  router.key_field_name = group.Text("key.field.name", router.key_field_name);
  const std::string key_regex = group.Text("key.field.regex", "");
  if (!Trimmed(key_regex).empty()) {
    const std::string key_replacement = group.Text("key.field.replacement", "");
    if (Trimmed(key_replacement).empty()) {
      return group.Wrong("key.field.replacement", "must be given when key.field.regex is");
    }
    ASSIGN_OR_RETURN(router.key_field, group.Rewrite("key.field.regex", key_regex,
                                                     "key.field.replacement", key_replacement));
  }
  ASSIGN_OR_RETURN(const size_t adjustment,
                   group.Choice("schema.name.adjustment.mode", kAdjustments));
  router.schema_name_adjustment = static_cast<NameAdjustment>(adjustment);
  const std::string size = group.Text("logical.table.cache.size", "16");
  const auto [end, error] =
      std::from_chars(size.data(), size.data() + size.size(), router.cache_size);
  if (error != std::errc() || end != size.data() + size.size() || router.cache_size == 0) {
    return group.Wrong("logical.table.cache.size",
                       Cat("'", size, "' must be a whole number from 1"));
  }
  return router;
}

absl::StatusOr<TransformOptions> MakeTopicRouter(const Group& group) {
  ASSIGN_OR_RETURN(const std::string regex, group.Required("regex"));
  ASSIGN_OR_RETURN(const std::string replacement, group.Required("replacement"));
  ASSIGN_OR_RETURN(envelope::NameRewrite topic,
                   group.Rewrite("regex", regex, "replacement", replacement));
  return envelope::TopicRouterOptions{.topic = std::move(topic)};
}

// --- EventRouter ---

absl::StatusOr<std::vector<OutboxOptions::Additional>> ParseAdditional(const Group& group) {
  constexpr std::string_view kOption = "table.fields.additional.placement";
  using enum OutboxOptions::Placement;
  const std::map<std::string_view, OutboxOptions::Placement> placements = {
      {"header", kHeader}, {"envelope", kEnvelope}, {"partition", kPartition}};
  std::vector<OutboxOptions::Additional> all;
  for (const std::string& entry : Split(group.Text(kOption, ""), ',')) {
    const std::vector<std::string> parts = Split(entry, ':');
    const auto placement = parts.size() < 2 ? placements.end() : placements.find(Lower(parts[1]));
    if (placement == placements.end() || parts.size() > 3) {
      return group.Wrong(kOption, Cat("'", entry,
                                      "' must be written as column:placement or "
                                      "column:placement:alias, where the placement is header, "
                                      "envelope or partition"));
    }
    all.push_back({.field = parts[0],
                   .placement = placement->second,
                   .alias = parts.size() == 3 ? parts[2] : parts[0]});
  }
  return all;
}

std::optional<std::string> NonEmpty(std::optional<std::string> text) {
  return text && text->empty() ? std::nullopt : std::move(text);
}

absl::Status FillColumns(const Group& group, OutboxOptions& outbox) {
  outbox.id_field = group.Text("table.field.event.id", outbox.id_field);
  outbox.key_field = group.Text("table.field.event.key", outbox.key_field);
  outbox.payload_field = group.Text("table.field.event.payload", outbox.payload_field);
  outbox.timestamp_field = NonEmpty(group.Given("table.field.event.timestamp"));
  outbox.version_field = NonEmpty(group.Given("table.field.event.schema.version"));
  ASSIGN_OR_RETURN(outbox.additional, ParseAdditional(group));
  if (group.is_3_6()) {
    constexpr std::array<std::string_view, 2> kMissing = {"error", "ignore"};
    ASSIGN_OR_RETURN(const size_t missing,
                     group.Choice("table.field.additional.missing", kMissing));
    outbox.ignore_missing = missing == 1;
  } else {
    ASSIGN_OR_RETURN(const bool error,
                     group.Bool("table.fields.additional.error.on.missing", true));
    outbox.ignore_missing = !error;
  }
  return absl::OkStatus();
}

absl::StatusOr<TransformOptions> MakeOutbox(const Group& group) {
  constexpr std::array<std::string_view, 3> kBehaviors = {"warn", "error", "fatal"};
  constexpr std::array<std::string_view, 2> kNulls = {"ignore", "optional_bytes"};
  OutboxOptions outbox;
  RETURN_IF_ERROR(FillColumns(group, outbox));
  outbox.route_by_field = group.Text("route.by.field", outbox.route_by_field);
  ASSIGN_OR_RETURN(
      outbox.topic,
      group.Rewrite("route.topic.regex", group.Text("route.topic.regex", "(?<routedByValue>.*)"),
                    "route.topic.replacement",
                    group.Text("route.topic.replacement", "outbox.event.${routedByValue}")));
  ASSIGN_OR_RETURN(outbox.tombstone_on_empty_payload,
                   group.Bool("route.tombstone.on.empty.payload", false));
  ASSIGN_OR_RETURN(outbox.expand_json, group.Bool("table.expand.json.payload", false));
  ASSIGN_OR_RETURN(const size_t nulls, group.Choice("table.json.payload.null.behavior", kNulls));
  outbox.json_null_as_bytes = nulls == 1;
  ASSIGN_OR_RETURN(const size_t behavior, group.Choice("table.op.invalid.behavior", kBehaviors));
  outbox.fail_on_update = behavior == 2;
  return outbox;
}

absl::StatusOr<TransformOptions> MakeKeyField(const Group& group) {
  envelope::KeyFieldOptions key;
  ASSIGN_OR_RETURN(key.field, group.Required("field"));
  if (group.is_3_6()) {
    ASSIGN_OR_RETURN(key.null_as_default, group.Bool("replace.null.with.default", true));
  }
  return key;
}

absl::StatusOr<TransformOptions> MakeTransform(const Group& group, const KnownClass& known) {
  if (known.options.data() == kUnwrap) return MakeUnwrap(group);
  if (known.options.data() == kTableRouter) return MakeTableRouter(group);
  if (known.options.data() == kTopicRouter) return MakeTopicRouter(group);
  if (known.options.data() == kOutbox) return MakeOutbox(group);
  if (known.options.data() == kKeyField) return MakeKeyField(group);
  CHECK(known.name.ends_with(".Filter"));
  return envelope::DropOptions{};
}

absl::StatusOr<PredicateOptions> MakePredicate(const Config& config, const std::string& alias) {
  const Group group(config, Cat("predicates.", alias, "."));
  ASSIGN_OR_RETURN(const KnownClass* known, ClassOf(group, kPredicates));
  RETURN_IF_ERROR(CheckNames(group, *known, {"type"}));
  if (known->options.data() == kTopicNameMatches) {
    ASSIGN_OR_RETURN(envelope::NameTest matches, group.Test("pattern"));
    return envelope::TopicNameMatches{.matches = std::move(matches)};
  }
  if (known->options.data() == kHasHeaderKey) {
    ASSIGN_OR_RETURN(const std::string name, group.Required("name"));
    if (name.empty()) return group.Wrong("name", "must not be empty");
    return envelope::HasHeaderKey{.name = name};
  }
  CHECK(known->name.ends_with(".RecordIsTombstone"));
  return envelope::RecordIsTombstone{};
}

absl::StatusOr<envelope::TransformStep> MakeStep(
    const Config& config, const std::string& alias,
    const std::map<std::string, PredicateOptions>& predicates) {
  const Group group(config, Cat("transforms.", alias, "."));
  ASSIGN_OR_RETURN(const KnownClass* known, ClassOf(group, kTransforms));
  RETURN_IF_ERROR(CheckNames(group, *known, {"type", "predicate", "negate"}));
  envelope::TransformStep step;
  step.name = alias;
  ASSIGN_OR_RETURN(step.transform, MakeTransform(group, *known));
  ASSIGN_OR_RETURN(step.negate, group.Bool("negate", false));
  const auto predicate = group.Given("predicate");
  if (!predicate) {
    if (group.Given("negate")) return group.Wrong("negate", "there is no predicate to negate");
    return step;
  }
  const auto found = predicates.find(std::string(Trimmed(*predicate)));
  if (found == predicates.end()) {
    return group.Wrong("predicate", Cat("'", *predicate, "' is not in source.predicates"));
  }
  step.predicate = found->second;
  return step;
}

// The aliases of `transforms` or `predicates`, each once; every option of the kind is of one.
absl::StatusOr<std::vector<std::string>> Aliases(const Config& config, const std::string& kind) {
  const auto list = config.source.find(kind);
  const std::vector<std::string> aliases =
      list == config.source.end() ? std::vector<std::string>() : Split(list->second, ',');
  if (std::set(aliases.begin(), aliases.end()).size() != aliases.size())
    return At(config, kind, "names one twice");
  if (std::ranges::find(aliases, "") != aliases.end()) return At(config, kind, "has an empty name");
  const std::string prefix = Cat(kind, ".");
  for (auto it = config.source.lower_bound(prefix);
       it != config.source.end() && it->first.starts_with(prefix); ++it) {
    const bool belongs = std::ranges::any_of(aliases, [&](const std::string& alias) {
      return it->first.starts_with(Cat(prefix, alias, "."));
    });
    if (!belongs) return At(config, it->first, Cat("belongs to no name in source.", kind));
  }
  return aliases;
}

}  // namespace

absl::StatusOr<std::vector<envelope::TransformStep>> MakeTransforms(const Config& config) {
  std::map<std::string, PredicateOptions> predicates;
  ASSIGN_OR_RETURN(const auto predicate_aliases, Aliases(config, "predicates"));
  for (const std::string& alias : predicate_aliases) {
    ASSIGN_OR_RETURN(PredicateOptions predicate, MakePredicate(config, alias));
    predicates.emplace(alias, std::move(predicate));
  }
  std::vector<envelope::TransformStep> steps;
  ASSIGN_OR_RETURN(const auto aliases, Aliases(config, "transforms"));
  for (const std::string& alias : aliases) {
    ASSIGN_OR_RETURN(envelope::TransformStep step, MakeStep(config, alias, predicates));
    steps.push_back(std::move(step));
  }
  return steps;
}

std::vector<std::string> TransformNotices(const Config& config) {
  std::vector<std::string> notices;
  const auto aliases = Aliases(config, "transforms");
  if (!aliases.ok()) return notices;
  for (const std::string& alias : *aliases) {
    const Group group(config, Cat("transforms.", alias, "."));
    const KnownClass* const known = FindClass(kTransforms, Trimmed(group.Text("type", "")));
    if (known == nullptr) continue;
    for (const Known& option : known->options) {
      const bool other = option.versions == (group.is_3_6() ? '2' : '3');
      if (!other || !group.Given(option.name)) continue;
      notices.push_back(Cat(group.Name(option.name), " means nothing here: Debezium ",
                            config.pipeline.compat, " has no such option"));
    }
  }
  return notices;
}

}  // namespace walrelay::app
