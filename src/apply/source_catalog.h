// Reads a table's exact column types from the source, for SinkOptions::source_table.
#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string_view>

#include "apply/source_table.h"
#include "pg/connection.h"

namespace walrelay::apply {

// Nullopt when there is no such table. Errors as pg/connection.h.
absl::StatusOr<std::optional<SourceTable>> ReadSourceTable(pg::Connection& source,
                                                           std::string_view schema,
                                                           std::string_view table);

}  // namespace walrelay::apply
