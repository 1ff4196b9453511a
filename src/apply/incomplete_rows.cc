#include "apply/incomplete_rows.h"

#include "apply/array_text.h"
#include "base/status.h"

namespace walrelay::apply {
namespace {

constexpr std::string_view kAdd =
    "INSERT INTO walrelay.incomplete_rows (pipeline, sink, table_name, row_key, column_name, "
    "awaits_lsn) SELECT $1, $2, u.* FROM unnest($3::text[], $4::jsonb[], $5::text[], $6::text[]) "
    "AS u ON CONFLICT (pipeline, sink, table_name, row_key, column_name) DO UPDATE SET awaits_lsn "
    "= EXCLUDED.awaits_lsn";
constexpr std::string_view kRemove =
    "DELETE FROM walrelay.incomplete_rows AS i USING unnest($3::text[], $4::jsonb[], $5::text[]) "
    "AS u (table_name, row_key, column_name) WHERE i.pipeline = $1 AND i.sink = $2 AND "
    "i.table_name = u.table_name AND i.row_key = u.row_key AND u.column_name IN ('', "
    "i.column_name)";
// What the row has goes; what it lacks itself waits on.
constexpr std::string_view kResolve = R"(
WITH known AS (
  SELECT * FROM unnest($5::text[], $6::text[], $7::text[]) AS k (name, value, awaits)
), waiting AS (
  UPDATE walrelay.incomplete_rows AS i
  SET awaits_lsn = coalesce((SELECT k.awaits FROM known k WHERE k.name = i.column_name), '')
  WHERE i.pipeline = $1 AND i.sink = $2 AND i.table_name = $3 AND i.awaits_lsn = $4
   AND NOT EXISTS (SELECT 1 FROM known k WHERE k.name = i.column_name AND k.awaits IS NULL)
)
DELETE FROM walrelay.incomplete_rows AS i USING known k
WHERE i.pipeline = $1 AND i.sink = $2 AND i.table_name = $3 AND i.awaits_lsn = $4
 AND k.name = i.column_name AND k.awaits IS NULL
RETURNING i.row_key, i.column_name, k.value)";

std::vector<IncompleteColumn> Columns(const pg::Result& rows) {
  std::vector<IncompleteColumn> columns;
  for (int row = 0; row < rows.rows(); ++row) {
    columns.push_back({.table = std::string(rows.text(row, 0)),
                       .row_key = std::string(rows.text(row, 1)),
                       .column = std::string(rows.text(row, 2)),
                       .awaits_lsn = std::string(rows.text(row, 3))});
  }
  return columns;
}

}  // namespace

absl::StatusOr<bool> IncompleteRows::Exists() {
  ASSIGN_OR_RETURN(const pg::Result found,
                   connection_.Query("SELECT to_regclass('walrelay.incomplete_rows') IS NOT NULL"));
  return found.is_true(0, 0);
}

absl::StatusOr<int64_t> IncompleteRows::Count() {
  const pg::Parameter parameters[] = {pipeline_, sink_};
  ASSIGN_OR_RETURN(
      const pg::Result counted,
      connection_.Execute("SELECT count(DISTINCT (table_name, row_key)) FROM "
                          "walrelay.incomplete_rows WHERE pipeline = $1 AND sink = $2",
                          parameters));
  return counted.number<int64_t>(0, 0).value_or(0);
}

absl::StatusOr<std::vector<IncompleteColumn>> IncompleteRows::List(std::string_view table,
                                                                   int64_t limit) {
  const std::string most = Cat(limit);
  const pg::Parameter parameters[] = {pipeline_, sink_, table, most};
  ASSIGN_OR_RETURN(
      const pg::Result rows,
      connection_.Execute(
          "SELECT table_name, row_key, column_name, awaits_lsn FROM walrelay.incomplete_rows WHERE "
          "pipeline = $1 AND sink = $2 AND $3 IN ('', table_name) ORDER BY 1, 2, 3 LIMIT $4::int8",
          parameters));
  return Columns(rows);
}

absl::StatusOr<bool> IncompleteRows::Any(std::string_view table) {
  const pg::Parameter parameters[] = {pipeline_, sink_, table};
  ASSIGN_OR_RETURN(
      const pg::Result found,
      connection_.Execute("SELECT EXISTS (SELECT 1 FROM walrelay.incomplete_rows WHERE pipeline = "
                          "$1 AND sink = $2 AND table_name = $3)",
                          parameters));
  return found.is_true(0, 0);
}

absl::StatusOr<std::vector<IncompleteColumn>> IncompleteRows::OfRows(
    std::string_view table, std::span<const std::string> keys) {
  // The key comes back as it was given: jsonb has its own notation.
  ArrayText array;
  for (const std::string& key : keys) array.Add(key);
  const std::string key_array = std::move(array).Take();
  const pg::Parameter parameters[] = {pipeline_, sink_, table, key_array};
  ASSIGN_OR_RETURN(
      const pg::Result rows,
      connection_.Execute("SELECT i.table_name, u.row_key, i.column_name, i.awaits_lsn FROM "
                          "unnest($4::text[]) AS u (row_key) JOIN walrelay.incomplete_rows i ON "
                          "i.row_key = u.row_key::jsonb WHERE i.pipeline = $1 AND i.sink = $2 AND "
                          "i.table_name = $3",
                          parameters));
  return Columns(rows);
}

absl::Status IncompleteRows::Add(std::span<const IncompleteColumn> columns) {
  ArrayText tables, keys, names, awaits;
  for (const IncompleteColumn& column : columns) {
    tables.Add(column.table);
    keys.Add(column.row_key);
    names.Add(column.column);
    awaits.Add(column.awaits_lsn);
  }
  const std::string texts[] = {std::move(tables).Take(), std::move(keys).Take(),
                               std::move(names).Take(), std::move(awaits).Take()};
  const pg::Parameter parameters[] = {pipeline_, sink_, texts[0], texts[1], texts[2], texts[3]};
  return connection_.Execute(kAdd, parameters).status();
}

absl::Status IncompleteRows::Remove(std::span<const IncompleteColumn> columns) {
  ArrayText tables, keys, names;
  for (const IncompleteColumn& column : columns) {
    tables.Add(column.table);
    keys.Add(column.row_key);
    names.Add(column.column);
  }
  const std::string texts[] = {std::move(tables).Take(), std::move(keys).Take(),
                               std::move(names).Take()};
  const pg::Parameter parameters[] = {pipeline_, sink_, texts[0], texts[1], texts[2]};
  return connection_.Execute(kRemove, parameters).status();
}

absl::Status IncompleteRows::RemoveAll(std::string_view table) {
  const pg::Parameter parameters[] = {pipeline_, sink_, table};
  return connection_
      .Execute("DELETE FROM walrelay.incomplete_rows WHERE pipeline = $1 AND sink = $2 AND "
               "table_name = $3",
               parameters)
      .status();
}

absl::StatusOr<std::vector<IncompleteRows::Found>> IncompleteRows::Resolve(
    std::string_view table, std::string_view lsn, std::span<const MovedColumn> row) {
  ArrayText names, values, awaits;
  for (const MovedColumn& column : row) {
    names.Add(column.name);
    values.Add(column.value);
    awaits.Add(column.awaits);
  }
  const std::string texts[] = {std::move(names).Take(), std::move(values).Take(),
                               std::move(awaits).Take()};
  const pg::Parameter parameters[] = {pipeline_, sink_,    table,   lsn,
                                      texts[0],  texts[1], texts[2]};
  ASSIGN_OR_RETURN(const pg::Result rows, connection_.Execute(kResolve, parameters));
  std::vector<Found> found;
  for (int i = 0; i < rows.rows(); ++i) {
    found.push_back(
        {.row_key = std::string(rows.text(i, 0)), .column = std::string(rows.text(i, 1)), .value = {}});
    if (const auto value = rows.value(i, 2)) found.back().value = std::string(*value);
  }
  return found;
}

}  // namespace walrelay::apply
