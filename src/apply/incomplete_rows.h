// walrelay.incomplete_rows: rows of mirrors that lack values which their source has, a line for each
// column.
//
// PostgreSQL does not send an unchanged TOAST value. Where the mirror has no row to keep it of, the
// column is NULL until a later change sends it; until then the row is listed here. A key change may
// bring the value from another partition: the line then names the LSN of that change. Tables are
// named as in the mirror; a row by its key as JSON, {"id":"5"}, values as the column's text. Errors
// as pg/connection.h. Source: DESIGN.md §6; FAULTS.md §3 "TOAST".
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pg/connection.h"

namespace walrelay::apply {

struct IncompleteColumn {
  std::string table;    // In the mirror's schema.
  std::string row_key;  // JSON.
  std::string column;
  std::string awaits_lsn;  // Of the key change that brings it; empty: a later change must.
};

// The columns of a row that moves to another key, as text.
struct MovedColumn {
  std::string_view name;
  std::optional<std::string_view> value;
  // Its value is not known: the LSN it waits for, which may be empty.
  std::optional<std::string_view> awaits = std::nullopt;
};

class IncompleteRows {
 public:
  IncompleteRows(pg::Connection& connection, std::string_view pipeline, std::string_view sink)
      : connection_(connection), pipeline_(pipeline), sink_(sink) {}

  // False where the sink has never run.
  absl::StatusOr<bool> Exists();
  // How many rows, of all tables.
  absl::StatusOr<int64_t> Count();
  // By table and key; empty `table`: of all.
  absl::StatusOr<std::vector<IncompleteColumn>> List(std::string_view table, int64_t limit);

  absl::StatusOr<bool> Any(std::string_view table);
  absl::StatusOr<std::vector<IncompleteColumn>> OfRows(std::string_view table,
                                                       std::span<const std::string> keys);
  absl::Status Add(std::span<const IncompleteColumn> columns);
  // These are known now. An empty column: the whole row, which is gone.
  absl::Status Remove(std::span<const IncompleteColumn> columns);
  absl::Status RemoveAll(std::string_view table);

  // The old row of a key change has come. Those columns that wait for it and that it has are removed
  // and returned; others wait for what it waits for itself.
  struct Found {
    std::string row_key;
    std::string column;
    std::optional<std::string> value;
  };
  absl::StatusOr<std::vector<Found>> Resolve(std::string_view table, std::string_view lsn,
                                             std::span<const MovedColumn> row);

 private:
  pg::Connection& connection_;
  std::string pipeline_;
  std::string sink_;
};

}  // namespace walrelay::apply
