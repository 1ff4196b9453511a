// Key changes whose new row lacks values that were not sent: the old row has them.
//
// `d` and `c` of a key change may come in different batches, in either order where they lie in
// different partitions. Comes `d` first, what the old row held is kept in walrelay.moved_rows, by
// the LSN that both have, as the text of each column. Comes `c` first, its row is incomplete
// (walrelay.incomplete_rows) and moved_rows has a row without columns that says so. Of a row that
// leaves while it waits itself, what waits is handed on.
#include "apply/array_text.h"
#include "apply/mirror.h"
#include "base/json.h"
#include "base/status.h"

namespace walrelay::apply {
namespace {

constexpr std::string_view kKeep =
    "INSERT INTO walrelay.moved_rows (pipeline, sink, table_name, lsn, column_names, "
    "column_values, column_awaits, has_arrived) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (pipeline, sink, table_name, lsn) "
    "DO UPDATE SET column_names = EXCLUDED.column_names, column_values = EXCLUDED.column_values, "
    "column_awaits = EXCLUDED.column_awaits";
// A row of an earlier version has no column_awaits: unnest fills up with NULL.
constexpr std::string_view kTake =
    "WITH taken AS (DELETE FROM walrelay.moved_rows WHERE pipeline = $1 AND sink = $2 AND "
    "table_name = $3 AND lsn = $4 AND NOT has_arrived RETURNING column_names, column_values, "
    "column_awaits) SELECT u.name, u.value, u.awaits FROM taken LEFT JOIN "
    "unnest(column_names, column_values, column_awaits) AS u (name, value, awaits) ON true";
constexpr std::string_view kTakeMark =
    "DELETE FROM walrelay.moved_rows WHERE pipeline = $1 AND sink = $2 AND table_name = $3 AND lsn "
    "= $4 AND has_arrived";
constexpr std::string_view kGiveToKept = R"(
WITH known AS (
  SELECT * FROM unnest($5::text[], $6::text[], $7::text[]) AS k (name, value, awaits)
), given AS (
  SELECT m.lsn,
         array_agg(CASE WHEN u.awaits = $4 THEN k.value ELSE u.value END ORDER BY u.place) AS values,
         array_agg(CASE WHEN u.awaits <> $4 THEN u.awaits WHEN k.name IS NULL AND u.awaits = $4 THEN ''
                        ELSE k.awaits END ORDER BY u.place) AS awaits
  FROM walrelay.moved_rows m,
       unnest(m.column_names, m.column_values, m.column_awaits) WITH ORDINALITY AS u (name, value, awaits, place)
       LEFT JOIN known k ON k.name = u.name AND u.awaits = $4
  WHERE m.pipeline = $1 AND m.sink = $2 AND m.table_name = $3 AND $4 = ANY (m.column_awaits)
  GROUP BY m.lsn
)
UPDATE walrelay.moved_rows AS m SET column_values = g.values, column_awaits = g.awaits FROM given g
WHERE m.pipeline = $1 AND m.sink = $2 AND m.table_name = $3 AND m.lsn = g.lsn)";

// The three arrays of a row's columns.
struct ColumnArrays {
  std::string names, values, awaits;
  explicit ColumnArrays(std::span<const MovedColumn> row) {
    ArrayText name_array, value_array, awaits_array;
    for (const MovedColumn& column : row) {
      name_array.Add(column.name);
      value_array.Add(column.value);
      awaits_array.Add(column.awaits);
    }
    names = std::move(name_array).Take();
    values = std::move(value_array).Take();
    awaits = std::move(awaits_array).Take();
  }
};

Cell CellOf(std::optional<std::string_view> value, std::optional<std::string_view> awaits) {
  if (awaits) return {CellState::kUnsent, *awaits};
  return value ? Cell{CellState::kText, *value} : Cell{CellState::kNull, {}};
}

}  // namespace

// Makes the plan, with all that has to be read for it.
absl::Status Mirror::ReadMoves(Table& table) {
  if (table.batch.has_truncate()) RETURN_IF_ERROR(ForgetMoves(table));
  table.plan = table.batch.MakePlan();
  if (table.plan.has_moves()) {
    RETURN_IF_ERROR(MoveRows(table));
    table.plan = table.batch.MakePlan();
  }
  if (table.plan.unsent.empty() && !table.has_incomplete) return absl::OkStatus();
  return MarkIncomplete(table);
}

absl::Status Mirror::MoveRows(Table& table) {
  RETURN_IF_ERROR(transaction_.Begin());
  if (options_.partial || !options_.exclusive) {
    // `d` and `c` may be applied by two workers at the same time: one sees what the other did.
    const std::string identity =
        Cat("walrelay moves/", options_.pipeline, "/", SinkName(options_.kind), "/",
            table.shape.name);
    const pg::Parameter parameters[] = {identity};
    RETURN_IF_ERROR(
        connection_.Execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", parameters)
            .status());
  }
  for (const TableBatch::Lookup& lookup : table.plan.lookups) {
    OldRow row;
    RETURN_IF_ERROR(ReadOldRow(table, lookup.from, row));
    table.batch.Fill(lookup.entry, row.cells);
  }
  for (const std::string_view lsn : table.plan.arrivals) RETURN_IF_ERROR(TakeKeptRow(table, lsn));
  for (const TableBatch::Departure& departure : table.plan.departures) {
    RETURN_IF_ERROR(Depart(table, departure));
  }
  return absl::OkStatus();
}

// The row in the database with an entry's key; all cells are absent where there is none.
absl::Status Mirror::ReadOldRow(const Table& table, uint32_t index, OldRow& row) {
  row.cells.assign(table.shape.columns.size(), Cell());
  if (table.batch.has_truncate()) return absl::OkStatus();
  const std::vector<uint16_t> columns = WritableColumns(table);
  std::vector<pg::Parameter> key;
  for (const uint16_t column : table.shape.key) {
    const Cell cell = table.batch.cell(index, column);
    key.push_back(cell.state == CellState::kText ? pg::Parameter(cell.text) : pg::Parameter());
  }
  ASSIGN_OR_RETURN(const pg::Result found,
                   connection_.Execute(SelectRowSql(table.shape, columns), key));
  if (found.rows() == 0) return absl::OkStatus();
  for (size_t i = 0; i < columns.size(); ++i) {
    const auto value = found.value(0, static_cast<int>(i));
    row.cells[columns[i]] = value ? Cell{CellState::kText, row.texts.Copy(*value)}
                                  : Cell{CellState::kNull, {}};
  }
  if (!table.has_incomplete) return absl::OkStatus();
  const std::string row_key = RowKey(table, index);
  ASSIGN_OR_RETURN(const std::vector<IncompleteColumn> lacks,
                   incomplete_rows_.OfRows(table.shape.name, {&row_key, 1}));
  for (const IncompleteColumn& column : lacks) {
    if (const auto place = table.shape.Find(column.column))
      row.cells[*place] = {CellState::kUnsent, row.texts.Copy(column.awaits_lsn)};
  }
  return absl::OkStatus();
}

absl::Status Mirror::TakeKeptRow(Table& table, std::string_view lsn) {
  const pg::Parameter parameters[] = {options_.pipeline, SinkName(options_.kind), table.shape.name,
                                      lsn};
  ASSIGN_OR_RETURN(const pg::Result kept, connection_.Execute(kTake, parameters));
  if (kept.rows() == 0) {
    const pg::Parameter mark[] = {
        options_.pipeline, SinkName(options_.kind), table.shape.name, lsn, "{}", "{}", "{}", "true"};
    return connection_.Execute(kKeep, mark).status();
  }
  std::vector<Cell> found(table.shape.columns.size());
  for (int row = 0; row < kept.rows(); ++row) {
    const auto column = table.shape.Find(kept.text(row, 0));
    if (column) found[*column] = CellOf(kept.value(row, 1), kept.value(row, 2));
  }
  table.batch.FillAwaiting(lsn, found);
  return absl::OkStatus();
}

// The old row: what the database has of it, then what the batch did to it before it left.
absl::Status Mirror::Depart(Table& table, const TableBatch::Departure& departure) {
  OldRow old;
  if (table.batch.entry(departure.entry).is_new) {
    old.cells.assign(table.shape.columns.size(), Cell());
  } else {
    RETURN_IF_ERROR(ReadOldRow(table, departure.entry, old));
  }
  std::vector<MovedColumn> row;
  for (size_t i = 0; i < old.cells.size(); ++i) {
    const Cell cell = table.batch.cell(departure.entry, i);
    if (cell.is_known() || !cell.text.empty() || old.cells[i].state == CellState::kAbsent) {
      old.cells[i] = cell;
    }
    const Cell& known = old.cells[i];
    if (known.state == CellState::kAbsent) continue;
    MovedColumn& column = row.emplace_back(MovedColumn{.name = table.shape.columns[i].name, .value = {}});
    if (known.state == CellState::kText) column.value = known.text;
    if (known.state == CellState::kUnsent) column.awaits = known.text;
  }
  table.batch.FillAwaiting(departure.lsn, old.cells);
  bool is_awaited = departure.was_awaited;
  if (!is_awaited) {
    ASSIGN_OR_RETURN(is_awaited, IsAwaited(table, departure.lsn));
  }
  return is_awaited ? GiveToWaiting(table, departure.lsn, row)
                    : KeepRow(table, departure.lsn, row);
}

// Did the new row come in an earlier batch? The mark that says so is removed.
absl::StatusOr<bool> Mirror::IsAwaited(const Table& table, std::string_view lsn) {
  const pg::Parameter parameters[] = {options_.pipeline, SinkName(options_.kind), table.shape.name,
                                      lsn};
  ASSIGN_OR_RETURN(const pg::Result mark, connection_.Execute(kTakeMark, parameters));
  return mark.affected_rows() != 0;
}

absl::Status Mirror::KeepRow(const Table& table, std::string_view lsn,
                             std::span<const MovedColumn> row) {
  const ColumnArrays arrays(row);
  const pg::Parameter parameters[] = {options_.pipeline, SinkName(options_.kind), table.shape.name,
                                      lsn,               arrays.names,            arrays.values,
                                      arrays.awaits,     "false"};
  return connection_.Execute(kKeep, parameters).status();
}

absl::Status Mirror::GiveToWaiting(Table& table, std::string_view lsn,
                                   std::span<const MovedColumn> row) {
  const ColumnArrays arrays(row);
  const pg::Parameter parameters[] = {options_.pipeline, SinkName(options_.kind), table.shape.name,
                                      lsn,               arrays.names,            arrays.values,
                                      arrays.awaits};
  RETURN_IF_ERROR(connection_.Execute(kGiveToKept, parameters).status());
  ASSIGN_OR_RETURN(const std::vector<IncompleteRows::Found> found,
                   incomplete_rows_.Resolve(table.shape.name, lsn, row));
  incomplete_now_.reset();
  for (const IncompleteRows::Found& value : found) {
    const auto column = table.shape.Find(value.column);
    if (!column || !table.shape.columns[*column].writable) continue;
    JsonReader reader;
    ASSIGN_OR_RETURN(const JsonValue key, reader.Parse(value.row_key));
    std::vector<pg::Parameter> set = {value.value ? pg::Parameter(*value.value) : pg::Parameter()};
    for (const uint16_t part : table.shape.key) {
      const JsonValue text = key[table.shape.columns[part].name];
      set.push_back(text.is_string() ? pg::Parameter(text.text()) : pg::Parameter());
    }
    RETURN_IF_ERROR(connection_.Execute(SetColumnSql(table.shape, *column), set).status());
  }
  return absl::OkStatus();
}

// All partitions have come to the truncate: nothing that moved before it is still on its way.
absl::Status Mirror::ForgetMoves(Table& table) {
  RETURN_IF_ERROR(transaction_.Begin());
  table.has_incomplete = false;
  incomplete_now_.reset();
  RETURN_IF_ERROR(incomplete_rows_.RemoveAll(table.shape.name));
  const pg::Parameter parameters[] = {options_.pipeline, SinkName(options_.kind),
                                      table.shape.name};
  return connection_
      .Execute("DELETE FROM walrelay.moved_rows WHERE pipeline = $1 AND sink = $2 AND table_name = $3",
               parameters)
      .status();
}

}  // namespace walrelay::apply
