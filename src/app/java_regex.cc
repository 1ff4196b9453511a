#define PCRE2_CODE_UNIT_WIDTH 8
#include "app/java_regex.h"

#include <pcre2.h>

#include <vector>

#include "app/java_syntax.h"

namespace walrelay::app {
namespace {

template <auto Function>
struct Releaser {
  template <class T>
  void operator()(T* handle) const {
    Function(handle);
  }
};
using Code = std::unique_ptr<pcre2_code, Releaser<pcre2_code_free>>;
using MatchData = std::unique_ptr<pcre2_match_data, Releaser<pcre2_match_data_free>>;
using MatchContext = std::unique_ptr<pcre2_match_context, Releaser<pcre2_match_context_free>>;

// Milliseconds for one name, where an honest expression needs microseconds.
constexpr uint32_t kMatchLimit = 200'000;
constexpr uint32_t kHeapLimitKib = 16 * 1024;
constexpr uint32_t kWhole = PCRE2_ANCHORED | PCRE2_ENDANCHORED;

std::string ErrorText(int code) {
  PCRE2_UCHAR text[256];
  if (pcre2_get_error_message(code, text, sizeof(text)) < 0) return Cat("error ", code);
  return reinterpret_cast<const char*>(text);
}

PCRE2_SPTR Units(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

absl::Status Wrong(std::string_view option, std::string_view replacement, std::string_view why) {
  return absl::InvalidArgumentError(Cat(option, " = '", replacement, "' ", why));
}

}  // namespace

struct JavaRegex::Compiled {
  std::string option;
  std::string text;
  Code code;

  // Positive: matches, `data` has the groups. 0: does not. Negative: PCRE2's error.
  int Match(std::string_view name, uint32_t how, const MatchData& data) const {
    const MatchContext context(pcre2_match_context_create(nullptr));
    if (data == nullptr || context == nullptr) return PCRE2_ERROR_NOMEMORY;
    pcre2_set_match_limit(context.get(), kMatchLimit);
    pcre2_set_heap_limit(context.get(), kHeapLimitKib);
    const int result =
        pcre2_match(code.get(), Units(name), name.size(), 0, how, data.get(), context.get());
    return result == PCRE2_ERROR_NOMATCH ? 0 : result;
  }
  MatchData NewData() const {
    return MatchData(pcre2_match_data_create_from_pattern(code.get(), nullptr));
  }
  absl::Status Undecided(std::string_view name, int error) const {
    return absl::InvalidArgumentError(Cat(option, ": '", text, "' cannot be decided for '", name,
                                          "': ", ErrorText(error),
                                          "; write it without nested repetition"));
  }
  uint32_t groups() const {
    uint32_t count = 0;
    pcre2_pattern_info(code.get(), PCRE2_INFO_CAPTURECOUNT, &count);
    return count;
  }
};

absl::StatusOr<JavaRegex> JavaRegex::Compile(std::string_view option, std::string_view expression) {
  const auto pattern = JavaRegexToPcre(expression, /*caseless=*/false);
  if (!pattern.ok()) {
    return absl::InvalidArgumentError(
        Cat(option, ": '", expression, "' ", Message(pattern.status())));
  }
  int error = 0;
  PCRE2_SIZE where = 0;
  Code code(pcre2_compile(Units(*pattern), pattern->size(), PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C,
                          &error, &where, nullptr));
  if (code == nullptr) {
    return absl::InvalidArgumentError(Cat(option, ": '", expression,
                                          "' is not a regular expression: ", ErrorText(error),
                                          " (at character ", where, ")"));
  }
  JavaRegex regex;
  regex.compiled_ = std::make_shared<const Compiled>(
      Compiled{std::string(option), std::string(expression), std::move(code)});
  return regex;
}

absl::StatusOr<bool> JavaRegex::Matches(std::string_view name) const {
  const int result = compiled_->Match(name, kWhole, compiled_->NewData());
  if (result < 0) return compiled_->Undecided(name, result);
  return result > 0;
}

// Replacement: `\c` is c; `$n` a group, with as many digits as there are groups; `${name}` a named
// one.
absl::StatusOr<JavaReplacement> JavaReplacement::Make(std::string_view option, JavaRegex regex,
                                                      std::string_view replacement) {
  JavaReplacement made;
  const uint32_t groups = regex.compiled_->groups();
  const auto wrong = [&](std::string_view why) { return Wrong(option, replacement, why); };
  std::string text;
  for (size_t i = 0; i < replacement.size(); ++i) {
    if (replacement[i] == '\\') {
      if (++i == replacement.size()) return wrong("ends in a \\ that escapes nothing");
      text += replacement[i];
      continue;
    }
    if (replacement[i] != '$') {
      text += replacement[i];
      continue;
    }
    uint32_t group = 0;
    const std::string_view rest = replacement.substr(i + 1);
    if (!rest.empty() && rest[0] == '{') {
      const std::string name(rest.substr(1, rest.find('}') - 1));
      const int number = pcre2_substring_number_from_name(regex.compiled_->code.get(), Units(name));
      if (number < 0) return wrong(Cat("names a group that is not there: ${", name, "}"));
      group = static_cast<uint32_t>(number);
      i += name.size() + 2;
    } else {
      if (rest.empty() || !IsDigit(rest[0])) return wrong("has a $ without a group; write \\$");
      group = static_cast<uint32_t>(rest[0] - '0');
      if (group > groups) return wrong(Cat("names a group that is not there: $", group));
      size_t digits = 1;
      for (; digits < rest.size() && IsDigit(rest[digits]); ++digits) {
        const uint32_t longer = group * 10 + static_cast<uint32_t>(rest[digits] - '0');
        if (longer > groups) break;
        group = longer;
      }
      i += digits;
    }
    made.parts_.push_back({.text = std::exchange(text, {}), .group = group});
  }
  made.parts_.push_back({.text = std::move(text), .group = std::nullopt});
  made.regex_ = std::move(regex);
  return made;
}

absl::StatusOr<std::optional<std::string>> JavaReplacement::Apply(std::string_view name) const {
  ASSIGN_OR_RETURN(const bool matches, regex_.Matches(name));
  if (!matches) return std::nullopt;
  const MatchData data = regex_.compiled_->NewData();
  const int result = regex_.compiled_->Match(name, 0, data);
  if (result < 0) return regex_.compiled_->Undecided(name, result);
  if (result == 0) return std::string(name);

  const PCRE2_SIZE* const offsets = pcre2_get_ovector_pointer(data.get());
  std::string replaced(name.substr(0, offsets[0]));
  for (const Part& part : parts_) {
    replaced += part.text;
    if (!part.group) continue;
    const PCRE2_SIZE begin = offsets[2 * *part.group];
    if (begin == PCRE2_UNSET) continue;  // The group took no part.
    replaced += name.substr(begin, offsets[2 * *part.group + 1] - begin);
  }
  replaced += name.substr(offsets[1]);
  return replaced;
}

}  // namespace walrelay::app
