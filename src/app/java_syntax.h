// A Java regular expression in PCRE2's words.
//
// The two languages agree on nearly everything that people write in include lists. What is spelled
// differently is translated (\p{Alpha}, \u00e4, flags, upper and lower case beyond ASCII); what
// Java does not know, or what only Java can (nested classes, blocks, (?U)), is InvalidArgument
// saying so, since PCRE2 would take some of it for something else without a word. Pure.
// Source: java.util.regex.Pattern (Java 17); pcre2pattern(3).
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace walrelay::app {

// For PCRE2_UTF, and with `caseless` PCRE2_CASELESS, as Java's CASE_INSENSITIVE: without (?u) it
// folds the case of ASCII letters only.
absl::StatusOr<std::string> JavaRegexToPcre(std::string_view java, bool caseless);

}  // namespace walrelay::app
