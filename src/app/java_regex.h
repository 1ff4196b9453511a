// A Java regular expression that must match whole names, and Matcher.replaceFirst.
//
// Case counts, unlike in Debezium's include lists (filters.h). PCRE2 stands in for Java's engine;
// what only Java understands is refused, and matching has a step limit. Immutable, cheap to copy.
// Errors: InvalidArgument that names the option. Source: java.util.regex.Pattern, Matcher.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace walrelay::app {

class JavaRegex {
 public:
  // `option` is named in errors.
  static absl::StatusOr<JavaRegex> Compile(std::string_view option, std::string_view expression);

  // Pattern.matches(). Fails when the step limit does not suffice.
  absl::StatusOr<bool> Matches(std::string_view name) const;

 private:
  friend class JavaReplacement;
  struct Compiled;
  std::shared_ptr<const Compiled> compiled_;
};

// Matcher.replaceFirst() for names that match as a whole.
class JavaReplacement {
 public:
  // Checks that the groups that `replacement` names are there.
  static absl::StatusOr<JavaReplacement> Make(std::string_view option, JavaRegex regex,
                                              std::string_view replacement);

  // None: the name does not match as a whole. As in Java, what is replaced is the first find(),
  // which may be less than the whole.
  absl::StatusOr<std::optional<std::string>> Apply(std::string_view name) const;

 private:
  struct Part {
    std::string text;
    std::optional<uint32_t> group;  // Follows the text.
  };

  JavaRegex regex_;
  std::vector<Part> parts_;
};

}  // namespace walrelay::app
