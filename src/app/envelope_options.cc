#include "app/envelope_options.h"

#include <algorithm>
#include <array>

#include "app/option_table.h"
#include "app/transform_options.h"
#include "base/check.h"

namespace walrelay::app {
namespace {

using envelope::ColumnMapper;

absl::Status At(const Config& config, std::string_view option, std::string_view message) {
  const auto origin = config.origin.find(Cat("source.", option));
  const std::string where =
      origin == config.origin.end() ? std::string() : Cat(origin->second, ": ");
  return absl::InvalidArgumentError(Cat(where, "source.", message));
}

bool IsClass(std::string_view value, std::string_view short_name) {
  std::string lower(short_name);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return value.ends_with(Cat(".", lower));
}

// The values were checked against the table; both lists must agree.
template <class T>
T Parsed(const std::optional<T>& value) {
  CHECK(value.has_value());
  return *value;
}

absl::Status FillModes(const Config& config, const OptionReader& source,
                       envelope::Options& options) {
  options.compat = Parsed(envelope::ParseCompat(config.pipeline.compat));
  options.decimal = Parsed(envelope::ParseDecimalMode(source.Text("decimal.handling.mode")));
  options.time = Parsed(envelope::ParseTimeMode(source.Text("time.precision.mode")));
  options.binary = Parsed(envelope::ParseBinaryMode(source.Text("binary.handling.mode")));
  options.interval = Parsed(envelope::ParseIntervalMode(source.Text("interval.handling.mode")));
  options.hstore = Parsed(envelope::ParseHstoreMode(source.Text("hstore.handling.mode")));
  options.schema_name_adjustment =
      Parsed(envelope::ParseNameAdjustment(source.Text("schema.name.adjustment.mode")));
  options.field_name_adjustment =
      Parsed(envelope::ParseNameAdjustment(source.Text("field.name.adjustment.mode")));
  options.conversion_failure = Parsed(
      envelope::ParseConversionFailure(source.Text("event.converting.failure.handling.mode")));
  options.money_fraction_digits = static_cast<int>(source.Number("money.fraction.digits"));
  options.include_unknown = source.Bool("include.unknown.datatypes");

  if (options.compat == envelope::Compat::k2_5_0 &&
      options.time >= envelope::TimeMode::kMicroseconds) {
    return At(config, "time.precision.mode",
              Cat("time.precision.mode = '", source.Text("time.precision.mode"),
                  "' does not exist in Debezium 2.5; set pipeline.compat = \"3.6.1.Final\""));
  }
  const auto placeholder = envelope::ParsePlaceholder(source.Text("unavailable.value.placeholder"));
  if (!placeholder) {
    return At(
        config, "unavailable.value.placeholder",
        "unavailable.value.placeholder: after hex: there must be pairs of hexadecimal digits");
  }
  options.unavailable_placeholder = *placeholder;
  return absl::OkStatus();
}

void FillConverters(const OptionReader& source, envelope::Options& options) {
  options.string_keys = IsClass(source.Enum("key.converter"), "StringConverter");
  options.json_headers = IsClass(source.Enum("header.converter"), "JsonConverter");
  options.key_schemas = source.Bool("key.converter.schemas.enable");
  options.value_schemas = source.Bool("value.converter.schemas.enable");
  options.header_schemas = source.Bool("header.converter.schemas.enable");
  options.key_null_as_default = source.Bool("key.converter.replace.null.with.default");
  options.value_null_as_default = source.Bool("value.converter.replace.null.with.default");
  options.key_decimal_numeric = source.Enum("key.converter.decimal.format") == "numeric";
  options.value_decimal_numeric = source.Enum("value.converter.decimal.format") == "numeric";
}

absl::Status FillSkipped(const Config& config, const OptionReader& source,
                         envelope::Options& options) {
  const std::string given = source.Text("skipped.operations");
  const std::vector<std::string> operations = SplitRegexList(given);
  options.skipped = {.create = false, .update = false, .remove = false, .truncate = false};
  for (const std::string& operation : operations) {
    if (operation == "c") {
      options.skipped.create = true;
    } else if (operation == "u") {
      options.skipped.update = true;
    } else if (operation == "d") {
      options.skipped.remove = true;
    } else if (operation == "t") {
      options.skipped.truncate = true;
    } else if (operation != "none" || operations.size() > 1) {
      return At(
          config, "skipped.operations",
          Cat("skipped.operations = '", given, "' must be some of c, u, d, t, or none alone"));
    }
  }
  return absl::OkStatus();
}

void FillTopics(const OptionReader& source, envelope::Options& options) {
  options.topic_prefix = source.Text("topic.prefix");
  options.database = source.Text("database.dbname");
  options.topic_delimiter = source.Text("topic.delimiter");
  options.tombstones_on_delete = source.Bool("tombstones.on.delete");
  options.skip_unchanged = source.Bool("skip.messages.without.change");
  options.transaction_metadata = source.Bool("provide.transaction.metadata");
  options.topic_transaction = source.Text("topic.transaction");
  const bool older_spelling =
      source.Given("heartbeat.topics.prefix") && !source.Given("topic.heartbeat.prefix");
  options.topic_heartbeat_prefix =
      source.Text(older_spelling ? "heartbeat.topics.prefix" : "topic.heartbeat.prefix");
  options.topic_heartbeat_name = source.Given("topic.heartbeat.name");
  options.extended_headers = source.Bool("extended.headers.enabled");
}

// One option that maps columns, with what it does to those that it matches.
struct MapperRule {
  RegexList columns;
  bool by_type = false;  // Matches schema.table.type instead of schema.table.column.
  ColumnMapper mapper;
};

// Debezium asks its mappers in this order, whatever the order of the options (FORMAT.md §9).
constexpr std::array<std::string_view, 6> kMapperOrder = {
    "column.truncate.to.<n>.chars",
    "column.mask.with.<n>.chars",
    "column.propagate.source.type",
    "datatype.propagate.source.type",
    "column.mask.hash.<algorithm>.with.salt.<salt>",
    "column.mask.hash.v2.<algorithm>.with.salt.<salt>",
};

absl::StatusOr<ColumnMapper> MapperOf(const Config& config, std::string_view pattern,
                                      const std::string& name) {
  const auto parts = MatchPattern(pattern, name);
  CHECK(parts.has_value());
  if (parts->empty()) return envelope::PropagateSourceType{};
  if (parts->size() == 2) {
    return envelope::HashColumn{
        .algorithm = (*parts)[0], .salt = (*parts)[1], .v2 = pattern == kMapperOrder[5]};
  }
  size_t chars = 0;
  const std::string& digits = parts->front();
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), chars);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return At(config, name, Cat(name, ": '", digits, "' must be a number of characters"));
  }
  if (pattern == kMapperOrder[0]) return envelope::TruncateColumn{chars};
  return envelope::MaskColumn{chars};
}

absl::StatusOr<std::vector<MapperRule>> MapperRules(const Config& config,
                                                    const SharedFilterHealth& health) {
  std::vector<MapperRule> rules;
  for (const std::string_view pattern : kMapperOrder) {
    for (const auto& [name, list] : config.source) {
      const Option* option = FindOption(Section::kSource, name);
      if (option == nullptr || option->name != pattern) continue;
      const std::string shown = Cat("source.", PublicOptionName(Section::kSource, name));
      MapperRule rule;
      ASSIGN_OR_RETURN(rule.columns, RegexList::Parse(shown, list, health));
      ASSIGN_OR_RETURN(rule.mapper, MapperOf(config, pattern, name));
      rule.by_type = pattern == "datatype.propagate.source.type";
      rules.push_back(std::move(rule));
    }
  }
  return rules;
}

absl::Status FillColumns(const Config& config, const OptionReader& source,
                         const SharedFilterHealth& health, envelope::Options& options) {
  ASSIGN_OR_RETURN(
      const NameFilter columns,
      NameFilter::Make("source.column.include.list", source.Given("column.include.list"),
                       "source.column.exclude.list", source.Given("column.exclude.list"), health));
  if (!columns.passes_all()) {
    options.column_included = [columns](const std::string& schema, const std::string& table,
                                        const std::string& column) {
      return columns.Passes(Cat(schema, ".", table, ".", column));
    };
  }
  ASSIGN_OR_RETURN(const KeyColumns keys,
                   KeyColumns::Parse(source.Text("message.key.columns"), health));
  if (!keys.empty()) {
    options.message_key_columns = [keys](const std::string& schema, const std::string& table) {
      return keys.Of(schema, table);
    };
  }
  ASSIGN_OR_RETURN(const std::vector<MapperRule> rules, MapperRules(config, health));
  if (!rules.empty()) {
    options.column_mapper = [rules](const std::string& schema, const std::string& table,
                                    const std::string& column,
                                    const std::string& type_name) -> std::optional<ColumnMapper> {
      for (const MapperRule& rule : rules) {
        if (rule.columns.Matches(Cat(schema, ".", table, ".", rule.by_type ? type_name : column)))
          return rule.mapper;
      }
      return std::nullopt;
    };
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<envelope::Options> MakeEnvelopeOptions(const Config& config,
                                                      SharedFilterHealth health) {
  const OptionReader source(Section::kSource, config.source);
  envelope::Options options;
  RETURN_IF_ERROR(FillModes(config, source, options));
  FillConverters(source, options);
  RETURN_IF_ERROR(FillSkipped(config, source, options));
  FillTopics(source, options);
  RETURN_IF_ERROR(FillColumns(config, source, health, options));
  ASSIGN_OR_RETURN(options.transforms, MakeTransforms(config));
  return options;
}

}  // namespace walrelay::app
