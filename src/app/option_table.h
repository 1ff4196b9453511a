// Every option that a configuration may hold, and what we do with it.
//
// One entry an option: its name or pattern, kind of value, default, how usual it is (tier of
// OPTIONS.md) and how it is treated. Nothing that is not here is accepted, and nothing that is here
// is ignored silently: an option is honoured, means nothing here (said once), or is refused with
// what to do instead. [kafka] is not in the table: its names are librdkafka's and come from there.
// Pure. Source: OPTIONS.md §1.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/config.h"
#include "base/status.h"

namespace walrelay::app {

enum class Section { kPipeline, kSource, kKafka, kLake, kTarget, kAdmin, kLog };

// "source" for kSource, and back.
std::string_view SectionName(Section section);
std::optional<Section> ParseSection(std::string_view name);
std::span<const Section> AllSections();

enum class ValueKind {
  kText,
  kSecret,     // Text that is never shown.
  kBool,       // true, false.
  kNumber,     // A whole number in the range of `values`.
  kMillis,     // The same, in milliseconds.
  kEnum,       // One of `values`, without regard to case.
  kRegexList,  // Java regular expressions, separated by commas.
};

enum class Treatment {
  kHonoured,
  kNothing,      // Accepted; means nothing here, which is said once with `note`.
  kDefaultOnly,  // The default is accepted, anything else is refused with `note`.
  kRefused,      // Refused with `note`.
};

struct Option {
  constexpr Option(Section section_of, std::string_view called, ValueKind value_kind,
                   std::string_view by_default, char usual, Treatment treated,
                   std::string_view allowed, std::string_view said, std::string_view missing = "",
                   bool shapes = false)
      : section(section_of),
        name(called),
        kind(value_kind),
        default_value(by_default),
        tier(usual),
        treatment(treated),
        values(allowed),
        note(said),
        not_built(missing),
        shapes_stream(shapes) {}

  Section section;
  std::string_view name;  // <…> stands for one or more characters: "column.mask.with.<n>.chars".
  ValueKind kind;
  std::string_view default_value;  // Empty: none.
  char tier;                       // As in OPTIONS.md; '-' for our own.
  Treatment treatment;
  std::string_view
      values;  // kEnum: "a|b|c"; kNumber and kMillis: "least..most", either may be missing.
  std::string_view note;       // What it does here, why it means nothing, or what to do instead.
  std::string_view not_built;  // kEnum: values of Debezium that cannot be honoured, "x|y".
  bool shapes_stream;          // Part of the hash of options that shape the stream.
};

// In the order of OPTIONS.md §1, our own sections last.
std::span<const Option> AllOptions();

// The entry of `name`: an exact one, else the first pattern that matches; nullptr for an unknown
// name.
const Option* FindOption(Section section, std::string_view name);

// Whether `name` fits `pattern`, and what each <…> stands for (the shortest that fits).
std::optional<std::vector<std::string>> MatchPattern(std::string_view pattern,
                                                     std::string_view name);

// The known name with the fewest typing errors; empty when none is near.
std::string NearestName(std::string_view name, std::span<const std::string_view> known);
std::string NearestOption(Section section, std::string_view name);

// Whether the value is one that the option takes and we honour. The error names option, value
// (unless secret) and what is allowed.
absl::Status CheckValue(const Option& option, std::string_view name, std::string_view value);

// The value in the one spelling that stands for all equal ones (lower case where case does not
// matter).
std::string CanonicalValue(const Option& option, std::string_view value);

// The name as it may be shown: the salt that some names hold is a secret.
std::string PublicOptionName(Section section, std::string_view name);

// Reads options of one section that were given or have a default, all checked before. Asking for a
// name that the table does not honour is a bug of ours.
class OptionReader {
 public:
  OptionReader(Section section, const Settings& settings)
      : section_(section), settings_(settings) {}

  std::optional<std::string> Given(std::string_view name) const;  // Only if it was given.
  std::string Text(std::string_view name) const;  // Given, else the default, else empty.
  std::string Enum(std::string_view name) const;  // The same, in lower case.
  bool Bool(std::string_view name) const;
  int64_t Number(std::string_view name) const;
  std::chrono::milliseconds Millis(std::string_view name) const;

 private:
  Section section_;
  const Settings& settings_;
};

}  // namespace walrelay::app
