// Errors that concern one table of the source and nothing else: its copy here does not fit it, and
// somebody has to decide.
//
// Such a table is parked: its topics wait where they are, the others go on. Pure. Source: DESIGN.md
// §6; FAULTS.md §3 "Schema drift at the sink".
#pragma once

#include <absl/status/status.h>

#include <optional>
#include <string>
#include <string_view>

namespace walrelay::apply {

// Marks an error with the table of the source, "schema.table", that it came up with, unless it is
// OK or marked already.
absl::Status WithTable(absl::Status status, std::string_view source_table);

// The table of an error that can be parked. None for errors of the sink as a whole: connection,
// privileges, transactions, conflicts, rows that are at fault themselves.
std::optional<std::string> FaultyTable(const absl::Status& status);

}  // namespace walrelay::apply
