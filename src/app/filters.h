// Debezium's include and exclude lists: comma-separated Java regular expressions over names.
//
// Each expression must match the whole name, without regard to case. `\,` is a comma inside an
// expression. They are asked once per relation version or message prefix, never per row. PCRE2
// stands in for Java's engine (java_syntax.h). Matching has a step limit; an expression that exceeds
// it has no answer, so the filter says "no" and FilterHealth keeps the error, which the owner must
// look at before it acts on answers. Immutable after construction, cheap to copy; FilterHealth is
// not thread-safe. Source: OPTIONS.md §1 "General parsing rules", §1.4; Debezium's RegExSplitter,
// RelationalTableFilters, Key.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace walrelay::app {

// The first error of the filters that share it.
class FilterHealth {
 public:
  const absl::Status& status() const { return status_; }
  void Report(absl::Status error) {
    if (status_.ok()) status_ = std::move(error);
  }

 private:
  absl::Status status_;
};
using SharedFilterHealth = std::shared_ptr<FilterHealth>;

// Splits a list at its commas; `\,` is a comma inside an expression. Blanks around expressions and
// empty ones are dropped.
std::vector<std::string> SplitRegexList(std::string_view list);

// Some expressions of one option; a name matches when any of them does.
class RegexList {
 public:
  enum class Case { kIgnored, kHeeded };  // Debezium's lists ignore it.

  // Matches nothing.
  RegexList() = default;
  // `option` is named in errors. InvalidArgument for an expression that does not compile.
  static absl::StatusOr<RegexList> Parse(std::string_view option, std::string_view list,
                                         SharedFilterHealth health);
  static absl::StatusOr<RegexList> Compile(std::string_view option,
                                           const std::vector<std::string>& expressions,
                                           SharedFilterHealth health,
                                           Case letters = Case::kIgnored);

  bool Matches(std::string_view name) const;
  // The places in the list of the expressions that match, ascending.
  std::vector<size_t> AllMatches(std::string_view name) const;
  bool empty() const { return expressions_.empty(); }

 private:
  struct Expression;
  bool MatchesOne(const Expression& expression, std::string_view name) const;

  std::vector<std::shared_ptr<const Expression>> expressions_;
  SharedFilterHealth health_;
};

// An include list, an exclude list, or neither (everything passes).
class NameFilter {
 public:
  NameFilter() = default;
  // At most one of the two may be given: InvalidArgument names both otherwise.
  static absl::StatusOr<NameFilter> Make(std::string_view include_option,
                                         const std::optional<std::string>& include,
                                         std::string_view exclude_option,
                                         const std::optional<std::string>& exclude,
                                         SharedFilterHealth health);
  bool Passes(std::string_view name) const;
  bool passes_all() const { return kind_ == Kind::kAll; }

 private:
  enum class Kind { kAll, kInclude, kExclude };
  Kind kind_ = Kind::kAll;
  RegexList list_;
};

// Which tables are captured: schema and table filters together, without the system's own tables
// unless asked for.
struct TableFilter {
  NameFilter schemas;  // Over "schema".
  NameFilter tables;   // Over "schema.table".
  bool ignore_builtin = true;

  bool Captures(std::string_view schema, std::string_view table) const;
};

// pg_catalog, information_schema, temporary schemas, and PostGIS' spatial_ref_sys.
bool IsBuiltinTable(std::string_view schema, std::string_view table);

// message.key.columns: "tables:column,column;tables:column".
class KeyColumns {
 public:
  KeyColumns() = default;
  static absl::StatusOr<KeyColumns> Parse(std::string_view text, SharedFilterHealth health);
  // The columns of every entry that matches "schema.table", in the option's order; nullopt when
  // none does.
  std::optional<std::vector<std::string>> Of(std::string_view schema, std::string_view table) const;
  bool empty() const { return columns_.empty(); }

 private:
  RegexList tables_;
  std::vector<std::vector<std::string>> columns_;  // By place in tables_.
};

}  // namespace walrelay::app
