#include "pg/catalog.h"

#include <array>

#include "base/status.h"

namespace walrelay::pg {
namespace {

// As pgjdbc's getColumns: the default is also the expression of a generated column; an identity has
// none.
constexpr std::string_view kColumnsSql = R"sql(
SELECT c.oid, a.attname, a.atttypid, a.atttypmod,
       a.attnotnull OR (t.typtype = 'd' AND t.typnotnull),
       pg_catalog.pg_get_expr(d.adbin, d.adrelid),
       a.attgenerated <> '', a.attidentity <> ''
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
 WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
 ORDER BY a.attnum)sql";

// As pgjdbc's getIndexInfo(unique = true), which looks at neither validity nor predicate; names
// sort bytewise.
constexpr std::string_view kIndexesSql = R"sql(
SELECT x.relname, i.indisprimary,
       CASE WHEN i.indisclustered THEN 1 WHEN m.amname = 'hash' THEN 2 ELSE 3 END AS type,
       i.indnkeyatts, k.number = 0,
       coalesce(a.attname, pg_catalog.pg_get_indexdef(i.indexrelid, k.place::int, false))
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_index i ON i.indrelid = c.oid AND i.indisunique
  JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
  JOIN pg_catalog.pg_am m ON m.oid = x.relam
 CROSS JOIN LATERAL pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place)
  LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number AND k.number <> 0
 WHERE n.nspname = $1 AND c.relname = $2
 ORDER BY i.indisprimary DESC, type, x.relname, k.place)sql";

// $1: oids as an array's text. The types and all that they are made of.
constexpr std::string_view kWantedTypesSql = R"sql(
WITH RECURSIVE wanted(oid) AS (
  SELECT pg_catalog.unnest($1::pg_catalog.oid[])
  UNION
  SELECT part.oid
    FROM wanted w
    JOIN pg_catalog.pg_type t ON t.oid = w.oid
   CROSS JOIN LATERAL (VALUES (t.typbasetype),
                              (CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE 0 END)) AS part(oid)
   WHERE part.oid <> 0))sql";

constexpr std::string_view kTypesSql = R"sql(
SELECT t.oid, n.nspname, t.typname, t.typtype, t.typcategory, t.typbasetype, t.typtypmod,
       CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE 0 END
  FROM wanted w
  JOIN pg_catalog.pg_type t ON t.oid = w.oid
  JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace)sql";

// An unordered array_agg over pg_enum, as Debezium 2.5 reads it, gives the labels by their place in
// the table.
constexpr std::string_view kLabelsSql = R"sql(
SELECT e.enumtypid, e.enumlabel,
       row_number() OVER (PARTITION BY e.enumtypid ORDER BY e.ctid)
  FROM wanted w
  JOIN pg_catalog.pg_enum e ON e.enumtypid = w.oid
 ORDER BY e.enumtypid, e.enumsortorder)sql";

// The transaction is neither among those in progress nor newer than all of them. Snapshots have
// 64-bit ids; of $1 we know the low half, so "newer" is half a circle ahead.
constexpr std::string_view kVisibleSql = R"sql(
SELECT ($1::bigint - (pg_catalog.txid_snapshot_xmax(s) & 4294967295) + 4294967296) % 4294967296 >= 2147483648
       AND NOT EXISTS (SELECT FROM pg_catalog.txid_snapshot_xip(s) AS x WHERE x & 4294967295 = $1::bigint)
  FROM pg_catalog.txid_current_snapshot() AS s)sql";

// A deferrable or invalid key is no replica identity.
constexpr std::string_view kTablesSql = R"sql(
SELECT n.nspname, c.relname, c.relkind, rn.nspname, r.relname,
       EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary),
       c.relreplident,
       c.relreplident = 'f' OR EXISTS (
         SELECT FROM pg_catalog.pg_index i
          WHERE i.indrelid = c.oid AND i.indisvalid AND i.indimmediate
            AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END),
       c.relpersistence = 'u', c.relpages, c.reltuples::bigint
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_class r
    ON r.oid = CASE WHEN c.relispartition THEN pg_catalog.pg_partition_root(c.oid)::oid ELSE c.oid END
  JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
 WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
   AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
 ORDER BY n.nspname, c.relname)sql";

Oid ReadOid(const Result& result, int row, int column) {
  return Oid{result.number<uint32_t>(row, column).value_or(0)};
}

char ReadChar(const Result& result, int row, int column, char otherwise) {
  const std::string_view text = result.text(row, column);
  return text.empty() ? otherwise : text[0];
}

void AddColumns(const Result& result, CatalogTable& table) {
  for (int row = 0; row < result.rows(); ++row) {
    table.exists = true;
    table.oid = ReadOid(result, row, 0);
    if (result.is_null(row, 1)) continue;  // A table without columns.
    CatalogColumn column;
    column.name = result.text(row, 1);
    column.type = ReadOid(result, row, 2);
    column.typmod = result.number<int32_t>(row, 3).value_or(-1);
    column.not_null = result.is_true(row, 4);
    if (const auto expression = result.value(row, 5)) column.default_expression = *expression;
    column.generated = result.is_true(row, 6);
    column.identity_always = result.is_true(row, 7);
    table.columns.push_back(std::move(column));
  }
}

void AddIndexes(const Result& result, CatalogTable& table) {
  for (int row = 0; row < result.rows(); ++row) {
    const std::string_view name = result.text(row, 0);
    CatalogIndex* index = nullptr;
    if (result.is_true(row, 1)) {
      if (!table.primary_key) table.primary_key.emplace();
      index = &*table.primary_key;
    } else {
      if (table.unique_indexes.empty() || table.unique_indexes.back().name != name) {
        table.unique_indexes.emplace_back();
      }
      index = &table.unique_indexes.back();
    }
    index->name = name;
    index->type = result.number<int>(row, 2).value_or(3);
    index->key_columns = result.number<size_t>(row, 3).value_or(0);
    index->has_expressions = index->has_expressions || result.is_true(row, 4);
    index->columns.emplace_back(result.text(row, 5));
  }
}

CatalogType TypeOfRow(const Result& result, int row) {
  CatalogType type;
  type.oid = ReadOid(result, row, 0);
  type.schema = result.text(row, 1);
  type.name = result.text(row, 2);
  type.kind = ReadChar(result, row, 3, 'b');
  type.category = ReadChar(result, row, 4, 'X');
  type.base = ReadOid(result, row, 5);
  type.base_typmod = result.number<int32_t>(row, 6).value_or(-1);
  type.element = ReadOid(result, row, 7);
  return type;
}

void AddLabels(const Result& result, CatalogTypes& types) {
  for (int row = 0; row < result.rows(); ++row) {
    const auto type = types.find(ReadOid(result, row, 0));
    if (type == types.end()) continue;  // It was created between the two statements.
    const size_t place = result.number<size_t>(row, 2).value_or(1);
    std::vector<std::string>& physical = type->second.enum_labels_physical;
    if (physical.size() < place) physical.resize(place);
    physical[place - 1] = result.text(row, 1);
    type->second.enum_labels.emplace_back(result.text(row, 1));
  }
}

}  // namespace

std::string ToString(const TableName& name) { return Cat(name.schema, '.', name.table); }

absl::StatusOr<CatalogTable> ReadTable(Connection& connection, std::string_view schema,
                                       std::string_view table) {
  const std::array<Statement, 2> statements = {
      Statement{.sql = kColumnsSql, .parameters = {schema, table}},
      Statement{.sql = kIndexesSql, .parameters = {schema, table}}};
  ASSIGN_OR_RETURN(const std::vector<Result> results, connection.ExecuteAll(statements));
  CatalogTable read;
  AddColumns(results[0], read);
  if (read.exists) AddIndexes(results[1], read);
  return read;
}

absl::StatusOr<CatalogTypes> ReadTypes(Connection& connection, std::span<const Oid> oids) {
  std::string array = "{";
  for (const Oid oid : oids) array += Cat(array.size() == 1 ? "" : ",", oid);
  array += "}";
  const std::string types_sql = Cat(kWantedTypesSql, kTypesSql);
  const std::string labels_sql = Cat(kWantedTypesSql, kLabelsSql);
  const std::array<Statement, 2> statements = {Statement{.sql = types_sql, .parameters = {array}},
                                               Statement{.sql = labels_sql, .parameters = {array}}};
  ASSIGN_OR_RETURN(const std::vector<Result> results, connection.ExecuteAll(statements));
  CatalogTypes types;
  for (int row = 0; row < results[0].rows(); ++row) {
    CatalogType type = TypeOfRow(results[0], row);
    types.emplace(type.oid, std::move(type));
  }
  AddLabels(results[1], types);
  return types;
}

absl::StatusOr<bool> IsVisible(Connection& connection, Xid xid) {
  const std::string id = ToString(xid);
  const std::array<std::optional<std::string_view>, 1> parameters = {id};
  ASSIGN_OR_RETURN(const Result result, connection.Execute(kVisibleSql, parameters));
  return result.rows() == 1 && result.is_true(0, 0);
}

absl::StatusOr<std::vector<ListedTable>> ListTables(Connection& connection) {
  ASSIGN_OR_RETURN(const Result result, connection.Execute(kTablesSql, {}));
  std::vector<ListedTable> tables;
  for (int row = 0; row < result.rows(); ++row) {
    ListedTable table;
    table.name = {.schema = std::string(result.text(row, 0)),
                  .table = std::string(result.text(row, 1))};
    table.kind = ReadChar(result, row, 2, 'r');
    table.root = {.schema = std::string(result.text(row, 3)),
                  .table = std::string(result.text(row, 4))};
    table.has_primary_key = result.is_true(row, 5);
    table.identity = static_cast<ReplicaIdentity>(ReadChar(result, row, 6, 'd'));
    table.identity_usable = result.is_true(row, 7);
    table.unlogged = result.is_true(row, 8);
    table.pages = result.number<int64_t>(row, 9).value_or(0);
    table.estimated_rows = result.number<int64_t>(row, 10).value_or(-1);
    tables.push_back(std::move(table));
  }
  return tables;
}

}  // namespace walrelay::pg
