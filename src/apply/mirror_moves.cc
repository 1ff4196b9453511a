// Key changes whose new row lacks values that were not sent: the old row has them.
//
// `d` and `c` of a key change may come in different batches. What the old row held is then kept in
// walrelay.moved_rows between the two, by the LSN that both have, as the text of each column.
#include "apply/array_text.h"
#include "apply/mirror.h"
#include "base/status.h"

namespace walrelay::apply {
namespace {

constexpr std::string_view kKeep =
    "INSERT INTO walrelay.moved_rows (pipeline, sink, table_name, lsn, column_names, "
    "column_values) "
    "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (pipeline, sink, table_name, lsn) "
    "DO UPDATE SET column_names = EXCLUDED.column_names, column_values = EXCLUDED.column_values";
constexpr std::string_view kTake =
    "WITH taken AS (DELETE FROM walrelay.moved_rows WHERE pipeline = $1 AND sink = $2 AND "
    "table_name = $3 AND lsn = $4 RETURNING column_names, column_values) "
    "SELECT u.name, u.value FROM taken, unnest(column_names, column_values) AS u (name, value)";

}  // namespace

absl::Status Mirror::MoveRows(Table& table) {
  RETURN_IF_ERROR(transaction_.Begin());
  for (const TableBatch::KeyChange& arrival : table.plan.arrivals) {
    RETURN_IF_ERROR(TakeKeptRow(table, arrival.lsn));
  }
  std::vector<Cell> found;
  for (const TableBatch::Lookup& lookup : table.plan.lookups) {
    ASSIGN_OR_RETURN(const std::optional<pg::Result> row, ReadOldRow(table, lookup.from, found));
    if (row) table.batch.Fill(lookup.entry, found);
  }
  for (const TableBatch::KeyChange& departure : table.plan.departures) {
    RETURN_IF_ERROR(KeepRow(table, departure));
  }
  return absl::OkStatus();
}

// The row in the database with an entry's key. The cells are views of the result.
absl::StatusOr<std::optional<pg::Result>> Mirror::ReadOldRow(const Table& table, uint32_t index,
                                                             std::vector<Cell>& cells) {
  const std::vector<uint16_t> columns = WritableColumns(table);
  std::vector<pg::Parameter> key;
  for (const uint16_t column : table.shape.key) {
    const Cell cell = table.batch.cell(index, column);
    key.push_back(cell.state == CellState::kText ? pg::Parameter(cell.text) : pg::Parameter());
  }
  ASSIGN_OR_RETURN(pg::Result row, connection_.Execute(SelectRowSql(table.shape, columns), key));
  cells.assign(table.shape.columns.size(), Cell());
  if (row.rows() == 0) return std::optional<pg::Result>();
  for (size_t i = 0; i < columns.size(); ++i) {
    const auto value = row.value(0, static_cast<int>(i));
    cells[columns[i]] = value ? Cell{CellState::kText, *value} : Cell{CellState::kNull, {}};
  }
  return std::optional<pg::Result>(std::move(row));
}

absl::Status Mirror::TakeKeptRow(Table& table, std::string_view lsn) {
  const pg::Parameter parameters[] = {options_.pipeline, SinkName(options_.kind), table.shape.name,
                                      lsn};
  ASSIGN_OR_RETURN(const pg::Result kept, connection_.Execute(kTake, parameters));
  std::vector<Cell> found(table.shape.columns.size());
  for (int row = 0; row < kept.rows(); ++row) {
    const auto column = table.shape.Find(kept.text(row, 0));
    if (!column) continue;
    const auto value = kept.value(row, 1);
    found[*column] = value ? Cell{CellState::kText, *value} : Cell{CellState::kNull, {}};
  }
  table.batch.FillAwaiting(lsn, found);
  return absl::OkStatus();
}

absl::Status Mirror::KeepRow(const Table& table, const TableBatch::KeyChange& departure) {
  const TableBatch::Entry& entry = table.batch.entry(departure.entry);
  std::vector<Cell> cells(table.shape.columns.size());
  std::optional<pg::Result> row;
  if (!entry.starts_anew) {
    ASSIGN_OR_RETURN(row, ReadOldRow(table, departure.entry, cells));
  }
  // What the batch did to the row before it left.
  for (size_t i = 0; entry.is_delete && i < cells.size(); ++i) {
    const Cell cell = table.batch.cell(departure.entry, i);
    if (cell.is_known()) cells[i] = cell;
  }
  ArrayText names, values;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (!cells[i].is_known()) continue;
    names.Add(table.shape.columns[i].name);
    values.Add(cells[i].state == CellState::kText ? std::optional(cells[i].text) : std::nullopt);
  }
  const std::string name_array = std::move(names).Take();
  const std::string value_array = std::move(values).Take();
  const pg::Parameter parameters[] = {options_.pipeline, SinkName(options_.kind),
                                      table.shape.name,  departure.lsn,
                                      name_array,        value_array};
  return connection_.Execute(kKeep, parameters).status();
}

}  // namespace walrelay::apply
