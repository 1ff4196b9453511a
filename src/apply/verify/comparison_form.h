// How a column of the source and its copy are brought to one text, so that equal values have equal
// texts though types differ, and so that what Debezium's format loses does not show as a
// difference.
//
// The lossy forms are those of tests/apply/losses: both sides are brought to what is left. Pure:
// values in, SQL out. Source: FORMAT.md §4, §5.2.
#pragma once

#include <string>
#include <string_view>

#include "apply/field_type.h"

namespace walrelay::apply {

// What the options of the capture make of values.
struct FormatLosses {
  bool decimals_are_precise = true;  // NaN and infinity are published as NULL.
  bool decimals_are_double = false;
  bool intervals_are_numbers = true;  // Microseconds: a month is 30.4375 days.
  bool times_are_milliseconds = false;
  bool times_are_iso = false;   // 24:00:00 is 00:00:00.
  bool null_is_default = true;  // NULL in a column with a default is published as the default.
  bool time_arrays_are_null = false;  // Of up to three digits: 2.5.
  enum class Binary { kBytes, kBase64, kBase64UrlSafe, kHex };
  Binary binary = Binary::kBytes;
};

struct ComparedSide {
  ColumnType type;
  char kind = 'b';  // typtype of it, or of its element: e is an enum.
};

struct ColumnPair {
  ComparedSide source;
  ComparedSide copy;
  bool is_domain = false;      // At the source.
  bool may_be_null = true;     // At the source.
  std::string source_default;  // As pg_get_expr() prints it; empty: none.
};

struct ComparisonForm {
  std::string why_not;  // Not empty: the two cannot be compared.
  std::string source;   // SQL of a text, with the column named by the placeholder below.
  std::string copy;
  bool is_lossy = false;  // Different values may have one text.
};

ComparisonForm FormOf(const ColumnPair& pair, const FormatLosses& losses);

// What stands for the column in a form.
inline constexpr std::string_view kFormColumn = "$column";
std::string FormSql(std::string_view form, std::string_view column);

}  // namespace walrelay::apply
