// Which table of the sink a table of the source becomes.
//
// Pure. Source: DESIGN.md §6; issue "target.table.format".
#pragma once

#include <absl/status/statusor.h>

#include <span>
#include <string>
#include <string_view>

#include "apply/source_table.h"

namespace walrelay::apply {

// Replaces ${schema} and ${table}. InvalidArgument for a format without ${table} or with another
// ${…}; FailedPrecondition when the name is longer than the server's 63 bytes.
absl::StatusOr<std::string> MirrorTableName(std::string_view format, const SourceTableName& source);

// A SinkConflict when two tables of the source would become one: names both, and the option.
absl::Status CheckTableNames(std::string_view format, std::span<const SourceTableName> tables);

}  // namespace walrelay::apply
