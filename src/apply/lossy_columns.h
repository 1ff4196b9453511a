// Columns whose records cannot say all that the column can hold, as handling modes of the connector
// make it. Pure. Source: FORMAT.md §4; OPTIONS.md "decimal.handling.mode" and its neighbours.
#pragma once

#include <string>

#include "apply/field_type.h"
#include "apply/mirror_table.h"
#include "apply/source_table.h"

namespace walrelay::apply {

// "amount (numeric as a double: decimal.handling.mode), …"; empty: none. `row` is what the records'
// schema says.
std::string LossyColumns(const Fields& row, const MirrorTable& table);

// Columns whose records say NULL for a TOAST value that was not sent, as their type has no
// placeholder; empty: none. Those whose values cannot be large are left out. `is_hex`:
// binary.handling.mode.
std::string ColumnsUnsentAsNull(const Fields& row, const MirrorTable& table, bool is_hex);

// Columns of the source that its records say nothing of; empty: none.
std::string ColumnsWithoutField(const Fields& row, const SourceTable& source);

}  // namespace walrelay::apply
