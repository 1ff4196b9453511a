// COPY's text format: columns separated by tabs, rows by newlines, \N for NULL, backslash escapes.
//
// Pure. Source: PostgreSQL manual, "COPY", Text Format.
#pragma once

#include <absl/status/status.h>

#include <span>
#include <string>
#include <string_view>

#include "change/change.h"

namespace walrelay::pg {

// Appends one value, escaped. The caller appends the '\t' and '\n' between values and rows.
void AppendCopyText(std::string& out, std::string_view text);
inline void AppendCopyNull(std::string& out) { out.append("\\N", 2); }

// Splits one row, with or without its newline, into a value a column: kNull or kText. Unescapes in
// place: the tuple's views point into `row`. `tuple` is reused. DataLoss when there are not exactly
// `columns` values, or for a broken escape; the error has no content.
absl::Status ReadCopyRow(std::span<char> row, size_t columns, Tuple& tuple);

}  // namespace walrelay::pg
