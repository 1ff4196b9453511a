#include "apply/mirror_table.h"

#include <algorithm>

#include "base/check.h"
#include "base/status.h"
#include "pg/quoting.h"

namespace walrelay::apply {
namespace {

constexpr std::string_view kEquals = "OPERATOR(pg_catalog.=)";

// Our own fixed names: they need no quotes of their own, but get them like all others.
std::string Quoted(std::string_view name) {
  absl::StatusOr<std::string> quoted = pg::QuoteIdentifier(name);
  CHECK(quoted.ok());
  return *std::move(quoted);
}

constexpr std::string_view kGroup = "walrelay_group";
constexpr std::string_view kOperation = "walrelay_operation";
constexpr std::string_view kTimestamp = "walrelay_timestamp";

std::string Staging(std::string_view staging) { return Cat("pg_temp.", Quoted(staging)); }

std::string ColumnList(const MirrorTable& table, std::span<const uint16_t> columns) {
  std::string list;
  for (const uint16_t column : columns) list += Cat(table.columns[column].quoted, ", ");
  return list;
}

// Columns that a row cannot be inserted without, although it may only be updated: the server looks
// for NULL before it looks for a conflict.
std::vector<uint16_t> Needed(const MirrorTable& table, std::span<const uint16_t> columns) {
  std::vector<uint16_t> needed;
  if (table.key.empty()) return needed;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const auto column = static_cast<uint16_t>(i);
    if (table.columns[i].needs_value && table.columns[i].writable &&
        std::find(columns.begin(), columns.end(), column) == columns.end())
      needed.push_back(column);
  }
  return needed;
}

std::string NotDeleted(const MirrorTable& table, std::string_view alias) {
  return table.soft_deletes() ? Cat(" AND NOT ", alias, ".", Quoted(table.metadata.deleted)) : "";
}

// Their values, as the live row has them that is there.
std::string NeededValues(const MirrorTable& table, std::span<const uint16_t> needed,
                         std::string_view condition) {
  std::string values;
  for (const uint16_t column : needed) {
    values += Cat("(SELECT t.", table.columns[column].quoted, " FROM ", table.quoted,
                  " AS t WHERE ", condition, NotDeleted(table, "t"), "), ");
  }
  return values;
}

std::string InsertHead(const MirrorTable& table, std::span<const uint16_t> columns,
                       std::span<const uint16_t> needed, RowMark mark) {
  // A live row's mark is the column's default.
  const std::string deleted =
      mark == RowMark::kDeleted ? Cat(", ", Quoted(table.metadata.deleted)) : "";
  // OVERRIDING: an identity column of an existing table takes the source's value, not its own.
  return Cat("INSERT INTO ", table.quoted, " AS t (", ColumnList(table, columns),
             ColumnList(table, needed), Quoted(table.metadata.operation), ", ",
             Quoted(table.metadata.timestamp), ", ", Quoted(table.metadata.synced_at), deleted,
             ") OVERRIDING SYSTEM VALUE ");
}

std::string_view MarkValue(RowMark mark) { return mark == RowMark::kDeleted ? ", true" : ""; }

// SET of a row that becomes a deleted one; `operation` and `timestamp` are SQL.
std::string SetDeleted(const MirrorTable& table, std::string_view operation,
                       std::string_view timestamp) {
  const MetadataColumns& ours = table.metadata;
  return Cat(" SET ", Quoted(ours.deleted), " = true, ", Quoted(ours.operation), " = ", operation,
             ", ", Quoted(ours.timestamp), " = ", timestamp, ", ", Quoted(ours.synced_at),
             " = pg_catalog.now()");
}

bool IsKey(const MirrorTable& table, uint16_t column) {
  for (const uint16_t key : table.key) {
    if (key == column) return true;
  }
  return false;
}

// A deleted row that comes again is a new one: what the new one does not have is not the old one's,
// but the column's default, as if it were inserted.
std::string ForgetDeleted(const MirrorTable& table, std::span<const uint16_t> columns) {
  std::string sql = Cat(", ", Quoted(table.metadata.deleted), " = EXCLUDED.",
                        Quoted(table.metadata.deleted));
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const auto column = static_cast<uint16_t>(i);
    if (!table.columns[i].writable || IsKey(table, column) ||
        std::find(columns.begin(), columns.end(), column) != columns.end())
      continue;
    const std::string& name = table.columns[i].quoted;
    sql += Cat(", ", name, " = CASE WHEN t.", Quoted(table.metadata.deleted), " THEN EXCLUDED.",
               name, " ELSE t.", name, " END");
  }
  return sql;
}

std::string ConflictTail(const MirrorTable& table, std::span<const uint16_t> columns) {
  if (table.key.empty()) return "";
  std::string sql = " ON CONFLICT (";
  for (size_t i = 0; i < table.key.size(); ++i) {
    sql += Cat(i == 0 ? "" : ", ", table.columns[table.key[i]].quoted);
  }
  sql += ") DO UPDATE SET ";
  for (const uint16_t column : columns) {
    if (IsKey(table, column)) continue;
    const std::string& name = table.columns[column].quoted;
    sql += Cat(name, " = EXCLUDED.", name, ", ");
  }
  for (const std::string_view name :
       {table.metadata.operation, table.metadata.timestamp, table.metadata.synced_at}) {
    sql += Cat(Quoted(name), " = EXCLUDED.", Quoted(name),
               name == table.metadata.synced_at ? "" : ", ");
  }
  if (table.soft_deletes()) sql += ForgetDeleted(table, columns);
  return sql;
}

// t.key = value, where a key that may be NULL is found too.
std::string KeyEquals(const MirrorColumn& column, const std::string& value) {
  const std::string operator_ = column.equality.empty() ? std::string(kEquals) : column.equality;
  const std::string name = Cat("t.", column.quoted);
  if (column.not_null) return Cat(name, " ", operator_, " ", value);
  return Cat("(", name, " ", operator_, " ", value, " OR (", name, " IS NULL AND ", value,
             " IS NULL))");
}

// The key's values are parameters from number `first` on.
std::string KeyCondition(const MirrorTable& table, size_t first = 1) {
  std::string sql;
  for (size_t i = 0; i < table.key.size(); ++i) {
    const MirrorColumn& column = table.columns[table.key[i]];
    sql +=
        Cat(i == 0 ? "" : " AND ", KeyEquals(column, Cat("$", i + first, "::", column.type.sql)));
  }
  return sql;
}

// The parameters are the values of `columns`, of which the key is a part.
std::string KeyAmong(const MirrorTable& table, std::span<const uint16_t> columns) {
  std::string sql;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (!IsKey(table, columns[i])) continue;
    const MirrorColumn& column = table.columns[columns[i]];
    sql +=
        Cat(sql.empty() ? "" : " AND ", KeyEquals(column, Cat("$", i + 1, "::", column.type.sql)));
  }
  return sql;
}

// One row that is equal in all columns given.
std::string WholeRowCondition(const MirrorTable& table, std::span<const uint16_t> columns) {
  std::string condition;
  for (size_t i = 0; i < columns.size(); ++i) {
    const MirrorColumn& column = table.columns[columns[i]];
    // By their text: types without equality (json, xml, point), and those of extensions, whose
    // operators are not on the search path, and may take rows for equal that differ (citext).
    const std::string cast = column.equality == kEquals ? "" : "::text";
    condition += Cat(i == 0 ? "" : " AND ", "r.", column.quoted, cast, " IS NOT DISTINCT FROM $",
                     i + 1, "::", column.type.sql, cast);
  }
  return Cat(" WHERE (t.tableoid, t.ctid) = (SELECT r.tableoid, r.ctid FROM ", table.quoted,
             " AS r WHERE ", condition.empty() ? "true" : condition, NotDeleted(table, "r"),
             " LIMIT 1)");
}

std::string StagedKey(const MirrorTable& table) {
  std::string sql;
  for (const uint16_t key : table.key) {
    const MirrorColumn& column = table.columns[key];
    sql += Cat(sql.empty() ? "" : " AND ", KeyEquals(column, Cat("s.", column.quoted)));
  }
  return sql;
}

std::string StagedCondition(const MirrorTable& table, int group) {
  return Cat(" WHERE s.", kGroup, " = ", group, " AND ", StagedKey(table));
}

}  // namespace

MetadataColumns MetadataColumnsOf(SinkKind kind, bool soft_deletes) {
  switch (kind) {
    case SinkKind::kLake:
      return {"cdc_operation", "cdc_timestamp", "synced_at", soft_deletes ? kDeletedColumn : ""};
    case SinkKind::kTarget:
      return {"__cdc_operation", "__cdc_timestamp", "__synced_at",
              soft_deletes ? kDeletedColumn : ""};
  }
  return {};
}

std::string_view SinkName(SinkKind kind) { return kind == SinkKind::kLake ? "lake" : "target"; }

std::string_view MirrorSchemaOf(SinkKind kind) {
  return kind == SinkKind::kLake ? "cdc_processed" : "public";
}

std::optional<uint16_t> MirrorTable::Find(std::string_view column) const {
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == column) return static_cast<uint16_t>(i);
  }
  return std::nullopt;
}

std::string UpsertRowSql(const MirrorTable& table, std::span<const uint16_t> columns,
                         RowMark mark) {
  const std::vector<uint16_t> needed = Needed(table, columns);
  std::string sql = InsertHead(table, columns, needed, mark) + "VALUES (";
  for (size_t i = 0; i < columns.size(); ++i) sql += Cat("$", i + 1, ", ");
  sql += NeededValues(table, needed, KeyAmong(table, columns));
  sql += Cat("$", columns.size() + 1, ", $", columns.size() + 2, ", pg_catalog.now()",
             MarkValue(mark), ")");
  return sql + ConflictTail(table, columns);
}

std::string DeleteRowSql(const MirrorTable& table) {
  return Cat("DELETE FROM ", table.quoted, " AS t WHERE ", KeyCondition(table));
}

std::string MarkRowSql(const MirrorTable& table) {
  const size_t keys = table.key.size();
  return Cat("UPDATE ", table.quoted, " AS t",
             SetDeleted(table, Cat("$", keys + 1), Cat("$", keys + 2)), " WHERE ",
             KeyCondition(table));
}

std::string DeleteWholeRowSql(const MirrorTable& table, std::span<const uint16_t> columns) {
  return Cat("DELETE FROM ", table.quoted, " AS t", WholeRowCondition(table, columns));
}

std::string MarkWholeRowSql(const MirrorTable& table, std::span<const uint16_t> columns) {
  return Cat("UPDATE ", table.quoted, " AS t",
             SetDeleted(table, Cat("$", columns.size() + 1), Cat("$", columns.size() + 2)),
             WholeRowCondition(table, columns));
}

std::string TruncateSql(const MirrorTable& table) {
  if (!table.soft_deletes())
    return Cat(table.is_referenced ? "DELETE FROM " : "TRUNCATE TABLE ", table.quoted);
  return Cat("UPDATE ", table.quoted, " AS t", SetDeleted(table, "'t'", "$1"), " WHERE NOT t.",
             Quoted(table.metadata.deleted));
}

std::string SelectRowSql(const MirrorTable& table, std::span<const uint16_t> columns) {
  std::string list;
  for (size_t i = 0; i < columns.size(); ++i) {
    list += Cat(i == 0 ? "" : ", ", "t.", table.columns[columns[i]].quoted, "::text");
  }
  return Cat("SELECT ", list, " FROM ", table.quoted, " AS t WHERE ", KeyCondition(table),
             NotDeleted(table, "t"));
}

std::string SetColumnSql(const MirrorTable& table, uint16_t column) {
  const MirrorColumn& set = table.columns[column];
  return Cat("UPDATE ", table.quoted, " AS t SET ", set.quoted, " = $1::", set.type.sql, " WHERE ",
             KeyCondition(table, 2));
}

std::string FindRowsSql(const MirrorTable& table) {
  std::string arrays, names, condition;
  for (size_t i = 0; i < table.key.size(); ++i) {
    const MirrorColumn& column = table.columns[table.key[i]];
    arrays += Cat(i == 0 ? "" : ", ", "$", i + 1, "::text[]");
    names += Cat("k", i, ", ");
    condition += Cat(i == 0 ? "" : " AND ", KeyEquals(column, Cat("u.k", i, "::", column.type.sql)));
  }
  return Cat("SELECT u.place FROM ROWS FROM (unnest(", arrays, ")) WITH ORDINALITY AS u (", names,
             "place) WHERE EXISTS (SELECT 1 FROM ", table.quoted, " AS t WHERE ", condition,
             NotDeleted(table, "t"), ")");
}

std::string CreateStagingSql(const MirrorTable& table, std::string_view staging) {
  std::string list;
  for (const MirrorColumn& column : table.columns) {
    if (column.writable) list += Cat(column.quoted, ", ");
  }
  return Cat("CREATE TEMPORARY TABLE ", Staging(staging), " ON COMMIT DELETE ROWS AS SELECT ", list,
             "0::int4 AS ", kGroup, ", ''::text AS ", kOperation, ", pg_catalog.now() AS ",
             kTimestamp, " FROM ", table.quoted, " WITH NO DATA");
}

std::string CopyStagingSql(const MirrorTable& table, std::string_view staging,
                           std::span<const uint16_t> columns) {
  return Cat("COPY ", Staging(staging), " (", ColumnList(table, columns), kGroup, ", ", kOperation,
             ", ", kTimestamp, ") FROM STDIN");
}

std::string UpsertStagedSql(const MirrorTable& table, std::string_view staging,
                            std::span<const uint16_t> columns, RowMark mark, int group) {
  const std::vector<uint16_t> needed = Needed(table, columns);
  return Cat(InsertHead(table, columns, needed, mark), "SELECT ", ColumnList(table, columns),
             NeededValues(table, needed, StagedKey(table)), kOperation, ", ", kTimestamp,
             ", pg_catalog.now()", MarkValue(mark), " FROM ", Staging(staging), " AS s WHERE s.",
             kGroup, " = ", group, ConflictTail(table, columns));
}

std::string MarkStagedSql(const MirrorTable& table, std::string_view staging) {
  return Cat("UPDATE ", table.quoted, " AS t",
             SetDeleted(table, Cat("s.", kOperation), Cat("s.", kTimestamp)), " FROM ",
             Staging(staging), " AS s", StagedCondition(table, kMarkGroup));
}

std::string DeleteStagedSql(const MirrorTable& table, std::string_view staging) {
  return Cat("DELETE FROM ", table.quoted, " AS t USING ", Staging(staging), " AS s",
             StagedCondition(table, kDeleteGroup));
}

std::string CopyTableSql(const MirrorTable& table, std::span<const uint16_t> columns) {
  return Cat("COPY ", table.quoted, " (", ColumnList(table, columns),
             Quoted(table.metadata.operation), ", ", Quoted(table.metadata.timestamp), ", ",
             Quoted(table.metadata.synced_at), ") FROM STDIN");
}

}  // namespace walrelay::apply
