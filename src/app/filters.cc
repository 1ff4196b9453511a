#define PCRE2_CODE_UNIT_WIDTH 8
#include "app/filters.h"

#include <pcre2.h>

#include <algorithm>

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

// Steps of the matcher for one name: milliseconds, where an honest expression needs microseconds.
constexpr uint32_t kMatchLimit = 200'000;
constexpr uint32_t kHeapLimitKib = 16 * 1024;

std::string ErrorText(int code) {
  PCRE2_UCHAR text[256];
  if (pcre2_get_error_message(code, text, sizeof(text)) < 0) return Cat("error ", code);
  return reinterpret_cast<const char*>(text);
}

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::string Unescaped(std::string_view expression) {
  std::string plain;
  for (size_t i = 0; i < expression.size(); ++i) {
    const bool comma =
        expression[i] == '\\' && i + 1 < expression.size() && expression[i + 1] == ',';
    if (!comma) plain.push_back(expression[i]);
  }
  return plain;
}

}  // namespace

std::vector<std::string> SplitRegexList(std::string_view list) {
  std::vector<std::string> parts;
  size_t begin = 0;
  const auto take = [&](size_t end) {
    const std::string_view part = Trimmed(list.substr(begin, end - begin));
    if (!part.empty()) parts.push_back(Unescaped(part));
    begin = end + 1;
  };
  for (size_t i = 0; i < list.size(); ++i) {
    if (list[i] == '\\') {
      ++i;  // Whatever follows belongs to the expression.
    } else if (list[i] == ',') {
      take(i);
    }
  }
  if (begin < list.size()) take(list.size());
  return parts;
}

struct RegexList::Expression {
  std::string option;
  std::string text;
  Code code;

  // Positive: matches. 0: does not. Negative: PCRE2's error.
  int Match(std::string_view name) const {
    const MatchData data(pcre2_match_data_create_from_pattern(code.get(), nullptr));
    const MatchContext context(pcre2_match_context_create(nullptr));
    if (data == nullptr || context == nullptr) return PCRE2_ERROR_NOMEMORY;
    pcre2_set_match_limit(context.get(), kMatchLimit);
    pcre2_set_heap_limit(context.get(), kHeapLimitKib);
    const int result = pcre2_match(code.get(), reinterpret_cast<PCRE2_SPTR>(name.data()),
                                   name.size(), 0, 0, data.get(), context.get());
    return result == PCRE2_ERROR_NOMATCH ? 0 : result;
  }
};

absl::StatusOr<RegexList> RegexList::Parse(std::string_view option, std::string_view list,
                                           SharedFilterHealth health) {
  return Compile(option, SplitRegexList(list), std::move(health));
}

absl::StatusOr<RegexList> RegexList::Compile(std::string_view option,
                                             const std::vector<std::string>& expressions,
                                             SharedFilterHealth health, Case letters) {
  constexpr uint32_t kAlways = PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED |
                               PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C;
  const uint32_t options = kAlways | (letters == Case::kIgnored ? PCRE2_CASELESS : 0);
  RegexList made;
  made.health_ = std::move(health);
  for (const std::string& text : expressions) {
    const auto pattern = JavaRegexToPcre(text, letters == Case::kIgnored);
    if (!pattern.ok()) {
      return absl::InvalidArgumentError(Cat(option, ": '", text, "' ", Message(pattern.status())));
    }
    int error = 0;
    PCRE2_SIZE where = 0;
    Code code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern->data()), pattern->size(), options,
                            &error, &where, nullptr));
    if (code == nullptr) {
      return absl::InvalidArgumentError(Cat(option, ": '", text, "' is not a regular expression: ",
                                            ErrorText(error), " (at character ", where, ")"));
    }
    made.expressions_.push_back(
        std::make_shared<const Expression>(Expression{std::string(option), text, std::move(code)}));
  }
  return made;
}

bool RegexList::MatchesOne(const Expression& expression, std::string_view name) const {
  const int result = expression.Match(name);
  if (result < 0 && health_ != nullptr) {
    health_->Report(absl::InvalidArgumentError(
        Cat(expression.option, ": '", expression.text, "' cannot be decided for '", name,
            "': ", ErrorText(result), "; write it without nested repetition")));
  }
  return result > 0;
}

bool RegexList::Matches(std::string_view name) const {
  return std::ranges::any_of(expressions_,
                             [&](const auto& expression) { return MatchesOne(*expression, name); });
}

std::vector<size_t> RegexList::AllMatches(std::string_view name) const {
  std::vector<size_t> places;
  for (size_t i = 0; i < expressions_.size(); ++i) {
    if (MatchesOne(*expressions_[i], name)) places.push_back(i);
  }
  return places;
}

absl::StatusOr<NameFilter> NameFilter::Make(std::string_view include_option,
                                            const std::optional<std::string>& include,
                                            std::string_view exclude_option,
                                            const std::optional<std::string>& exclude,
                                            SharedFilterHealth health) {
  const bool includes = include && !SplitRegexList(*include).empty();
  const bool excludes = exclude && !SplitRegexList(*exclude).empty();
  if (includes && excludes) {
    return absl::InvalidArgumentError(
        Cat(include_option, " and ", exclude_option, " exclude each other; keep one of them"));
  }
  NameFilter filter;
  if (includes) {
    filter.kind_ = Kind::kInclude;
    ASSIGN_OR_RETURN(filter.list_, RegexList::Parse(include_option, *include, std::move(health)));
  } else if (excludes) {
    filter.kind_ = Kind::kExclude;
    ASSIGN_OR_RETURN(filter.list_, RegexList::Parse(exclude_option, *exclude, std::move(health)));
  }
  return filter;
}

bool NameFilter::Passes(std::string_view name) const {
  switch (kind_) {
    case Kind::kAll:
      return true;
    case Kind::kInclude:
      return list_.Matches(name);
    case Kind::kExclude:
      return !list_.Matches(name);
  }
  return true;
}

bool IsBuiltinTable(std::string_view schema, std::string_view table) {
  return schema == "pg_catalog" || schema == "information_schema" ||
         schema.starts_with("pg_temp") || schema.starts_with("pg_toast") ||
         table == "spatial_ref_sys";
}

bool TableFilter::Captures(std::string_view schema, std::string_view table) const {
  if (ignore_builtin && IsBuiltinTable(schema, table)) return false;
  return schemas.Passes(schema) && tables.Passes(Cat(schema, ".", table));
}

absl::StatusOr<KeyColumns> KeyColumns::Parse(std::string_view text, SharedFilterHealth health) {
  constexpr std::string_view kOption = "message.key.columns";
  KeyColumns made;
  std::vector<std::string> tables;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(';', begin), text.size());
    const std::string_view entry = Trimmed(text.substr(begin, end - begin));
    begin = end + 1;
    if (entry.empty()) continue;
    const size_t colon = entry.find(':');
    const std::vector<std::string> columns = colon == std::string_view::npos
                                                 ? std::vector<std::string>()
                                                 : SplitRegexList(entry.substr(colon + 1));
    const bool one_colon = entry.find(':', colon + 1) == std::string_view::npos;
    if (colon == 0 || columns.empty() || !one_colon) {
      return absl::InvalidArgumentError(
          Cat(kOption, ": '", entry,
              "' must be written as tables:column,column with entries separated by ;"));
    }
    tables.emplace_back(Trimmed(entry.substr(0, colon)));
    made.columns_.push_back(columns);
  }
  ASSIGN_OR_RETURN(made.tables_, RegexList::Compile(kOption, tables, std::move(health)));
  return made;
}

std::optional<std::vector<std::string>> KeyColumns::Of(std::string_view schema,
                                                       std::string_view table) const {
  std::vector<std::string> all;
  const std::string name = Cat(schema, ".", table);
  for (const size_t place : tables_.AllMatches(name)) {
    for (const std::string& column : columns_[place]) {
      if (std::ranges::find(all, column) == all.end()) all.push_back(column);
    }
  }
  if (all.empty()) return std::nullopt;
  return all;
}

}  // namespace walrelay::app
