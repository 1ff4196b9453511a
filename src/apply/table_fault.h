// Errors that concern one table of the source and nothing else: its copy here does not fit it, and
// somebody has to decide.
//
// Such a table is parked: its topics wait where they are, the others go on. Pure. Source: DESIGN.md
// §6; FAULTS.md §3 "Schema drift at the sink".
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace walrelay::apply {

// Marks an error with the table of the source, "schema.table", that it came up with, unless it is
// OK or marked already.
absl::Status WithTable(absl::Status status, std::string_view source_table);

// Marks an error that stops the sink although it is of one table.
absl::Status StopsTheSink(absl::Status status);

// The table of an error that can be parked. None for errors of the sink as a whole: connection,
// privileges, transactions, conflicts, rows that are at fault themselves.
std::optional<std::string> FaultyTable(const absl::Status& status);

// A change of a table's schema that comes behind rows of it which are not written yet: they must be,
// before it can be followed.
absl::Status WriteFirst();
bool IsWriteFirst(const absl::Status& status);

// Such a record in a batch: what is before it is a batch of its own.
absl::Status CutBefore(uint32_t index);
std::optional<uint32_t> CutOf(const absl::Status& status);

// A record that must be a batch of its own.
absl::Status ApplyAlone(uint32_t index);
std::optional<uint32_t> AloneOf(const absl::Status& status);

}  // namespace walrelay::apply
