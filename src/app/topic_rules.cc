#include "app/topic_rules.h"

#include <algorithm>

#include "app/option_table.h"

namespace walrelay::app {
namespace {

constexpr std::string_view kPrefix = "topic.creation.";
constexpr std::string_view kDefault = "default";

// The options of one group, without its prefix.
Settings OptionsOf(const Config& config, std::string_view group) {
  const std::string prefix = Cat(kPrefix, group, ".");
  Settings options;
  for (const auto& [name, value] : config.source) {
    if (name.starts_with(prefix)) options[name.substr(prefix.size())] = value;
  }
  return options;
}

absl::Status TakeCount(std::string_view group, Settings& options, const std::string& name,
                       int32_t& count) {
  const auto found = options.find(name);
  if (found == options.end()) return absl::OkStatus();
  const std::string& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const bool number = error == std::errc() && end == text.data() + text.size();
  if (!number || count == 0 || count < -1) {
    return absl::InvalidArgumentError(Cat("source.", kPrefix, group, ".", name, " = '", text,
                                          "' must be a count, or -1 for the broker's default"));
  }
  options.erase(found);
  return absl::OkStatus();
}

// `spec` holds what the group inherits.
absl::Status FillSpec(std::string_view group, Settings options, kafka::TopicSpec& spec) {
  RETURN_IF_ERROR(TakeCount(group, options, "partitions", spec.partitions));
  RETURN_IF_ERROR(TakeCount(group, options, "replication.factor", spec.replication_factor));
  options.erase("include");
  options.erase("exclude");
  spec.config = std::move(options);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> GroupNames(const Config& config) {
  const std::string list =
      OptionReader(Section::kSource, config.source).Text("topic.creation.groups");
  const std::vector<std::string> names = SplitRegexList(list);
  for (const auto& [name, value] : config.source) {
    const Option* option = FindOption(Section::kSource, name);
    if (option == nullptr || option->name != "topic.creation.<group>.<option>") continue;
    const bool named = std::ranges::any_of(names, [&](const std::string& group) {
      return name.starts_with(Cat(kPrefix, group, "."));
    });
    if (!named) {
      return absl::InvalidArgumentError(
          Cat("source.", name, " has no effect: source.topic.creation.groups does not name it"));
    }
  }
  return names;
}

}  // namespace

absl::StatusOr<TopicRules> TopicRules::Make(const Config& config, SharedFilterHealth health) {
  TopicRules rules;
  RETURN_IF_ERROR(FillSpec(kDefault, OptionsOf(config, kDefault), rules.default_));
  ASSIGN_OR_RETURN(const auto names, GroupNames(config));
  for (const std::string& name : names) {
    const Settings options = OptionsOf(config, name);
    const auto list = [&](const std::string& option) -> absl::StatusOr<RegexList> {
      const auto found = options.find(option);
      return RegexList::Compile(
          Cat("source.", kPrefix, name, ".", option),
          SplitRegexList(found == options.end() ? std::string_view() : found->second), health,
          RegexList::Case::kHeeded);
    };
    Group group;
    ASSIGN_OR_RETURN(group.include, list("include"));
    ASSIGN_OR_RETURN(group.exclude, list("exclude"));
    if (group.include.empty()) {
      return absl::InvalidArgumentError(Cat(
          "source.", kPrefix, name, ".include is missing: it says which topics the group holds"));
    }
    group.spec.partitions = rules.default_.partitions;
    group.spec.replication_factor = rules.default_.replication_factor;
    RETURN_IF_ERROR(FillSpec(name, options, group.spec));
    rules.groups_.push_back(std::move(group));
  }
  return rules;
}

const kafka::TopicSpec& TopicRules::Of(const std::string& topic) const {
  for (const Group& group : groups_) {
    if (group.include.Matches(topic) && !group.exclude.Matches(topic)) return group.spec;
  }
  return default_;
}

}  // namespace walrelay::app
