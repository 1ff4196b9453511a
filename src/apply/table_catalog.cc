#include "apply/table_catalog.h"

#include <algorithm>
#include <array>
#include <utility>

#include "apply/column_catalog.h"
#include "apply/row_fault.h"
#include "base/status.h"
#include "pg/quoting.h"

namespace walrelay::apply {
namespace {

// Columns with their type, domains resolved; the operator that says whether two values are equal,
// where there is one. varchar, arrays, enums and ranges share the operators of text and the
// pseudo-types, which are in pg_catalog.
constexpr std::string_view kSelectColumns = R"(
SELECT a.attname, format_type(a.atttypid, a.atttypmod), coalesce(e.typname, t.typname), e.oid IS NOT NULL, root.typmod,
       a.attgenerated = '', a.attnotnull, a.attidentity = 'a',
       EXISTS (SELECT FROM pg_constraint f WHERE f.confrelid = r.oid AND f.conrelid <> r.oid AND f.contype = 'f'),
       CASE WHEN coalesce(e.typname, t.typname) IN ('json', 'xml', 'point') THEN ''
            WHEN t.typcategory IN ('A', 'E', 'R') OR t.typname = 'varchar' THEN 'OPERATOR(pg_catalog.=)'
            ELSE coalesce((SELECT 'OPERATOR(' || quote_ident(n.nspname) || '.' || o.oprname || ')'
                           FROM pg_opclass c
                           JOIN pg_am m ON m.oid = c.opcmethod AND m.amname = 'btree'
                           JOIN pg_amop p ON p.amopfamily = c.opcfamily AND p.amopstrategy = 3
                            AND p.amoplefttype = c.opcintype AND p.amoprighttype = c.opcintype
                           JOIN pg_operator o ON o.oid = p.amopopr
                           JOIN pg_namespace n ON n.oid = o.oprnamespace
                           WHERE c.opcdefault AND c.opcintype = t.oid), '') END,
       a.attnotnull AND NOT a.atthasdef AND a.attidentity = '')";

// Unique indexes that ON CONFLICT may infer, the primary key first; one row a column.
constexpr std::string_view kKeysSql = R"(
SELECT i.indexrelid, i.indisprimary, a.attname
FROM pg_class r
JOIN pg_index i ON i.indrelid = r.oid AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL
 AND i.indexprs IS NULL
JOIN generate_series(0, i.indnkeyatts - 1) k ON true
JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = i.indkey[k]
WHERE r.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) AND r.relname = $2
ORDER BY i.indisprimary DESC, i.indexrelid, k)";

// A type that changes may have a large table written anew.
constexpr std::chrono::milliseconds kAlterLimit = std::chrono::hours(1);

constexpr std::string_view kDeletedType = " boolean NOT NULL DEFAULT false";

// The type of an extension that a schema block stands for; empty: none.
std::string ExtensionType(const FieldType& type) {
  if (type.form == Form::kArray) {
    const std::string element = ExtensionType(*type.element);
    return element.empty() ? "" : element + "[]";
  }
  if (type.form == Form::kVector) return type.digits == 4 ? "halfvec" : "vector";
  constexpr std::pair<Form, std::string_view> kTypes[] = {{Form::kLtree, "ltree"},
                                                          {Form::kMap, "hstore"},
                                                          {Form::kGeometry, "geometry"},
                                                          {Form::kGeography, "geography"},
                                                          {Form::kSparseVector, "sparsevec"}};
  for (const auto& [form, name] : kTypes) {
    if (form == type.form) return std::string(name);
  }
  return "";
}

std::string Names(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += Cat(list.empty() ? "" : ", ", name);
  return list;
}

}  // namespace

absl::StatusOr<std::optional<MirrorTable>> TableCatalog::Read(const std::string& name,
                                                              const RecordKey& key) {
  MirrorTable table{.schema = std::string(MirrorSchemaOf(kind_)),
                    .name = name,
                    .quoted = {},
                    .columns = {},
                    .key = {},
                    .metadata = ours_};
  ASSIGN_OR_RETURN(table.quoted, pg::QuoteQualified(table.schema, name));
  ASSIGN_OR_RETURN(const bool exists, ReadColumns(table));
  if (!exists) return std::optional<MirrorTable>();
  RETURN_IF_ERROR(ReadKey(table, key));
  return std::optional<MirrorTable>(std::move(table));
}

absl::StatusOr<bool> TableCatalog::ReadColumns(MirrorTable& table) {
  const pg::Parameter parameters[] = {table.schema, table.name};
  for (bool retried = false;; retried = true) {
    ASSIGN_OR_RETURN(
        const pg::Result rows,
        connection_.Execute(Cat(kSelectColumns, kFromColumns, kOfTheTable), parameters));
    if (rows.rows() == 0) return false;
    table.columns.clear();
    size_t metadata = 0;
    for (int row = 0; row < rows.rows(); ++row) {
      const std::string_view name = rows.text(row, 0);
      if (!CheckName(name).ok()) {
        ++metadata;
        continue;
      }
      MirrorColumn column{
          .name = std::string(name),
          .quoted = {},
          .type = MakeColumnType(rows.text(row, 1), rows.text(row, 2), rows.is_true(row, 3),
                                 rows.number<int32_t>(row, 4).value_or(-1)),
          .writable = rows.is_true(row, 5),
          .not_null = rows.is_true(row, 6),
          .is_identity_always = rows.is_true(row, 7),
          .needs_value = rows.is_true(row, 10),
          .equality = std::string(rows.text(row, 9))};
      ASSIGN_OR_RETURN(column.quoted, pg::QuoteIdentifier(name));
      table.columns.push_back(std::move(column));
    }
    table.is_referenced = rows.is_true(0, 8);
    if (metadata == ours_.size() || retried) return true;
    RETURN_IF_ERROR(AddMetadataColumns(table.name));
    table.is_adopted = true;
  }
}

absl::Status TableCatalog::ReadKey(MirrorTable& table, const RecordKey& key) {
  if (key.is_known && key.fields.empty()) return absl::OkStatus();
  const pg::Parameter parameters[] = {table.schema, table.name};
  ASSIGN_OR_RETURN(const pg::Result rows, connection_.Execute(kKeysSql, parameters));
  std::vector<std::string> wanted;
  for (const Field& field : key.fields) wanted.push_back(field.name);
  std::vector<std::string> sorted = wanted;
  std::sort(sorted.begin(), sorted.end());
  for (int row = 0; row < rows.rows();) {
    const std::string_view index = rows.text(row, 0);
    const bool is_primary = rows.is_true(row, 1);
    std::vector<std::string> columns;
    for (; row < rows.rows() && rows.text(row, 0) == index; ++row)
      columns.emplace_back(rows.text(row, 2));
    std::vector<std::string> found = columns;
    std::sort(found.begin(), found.end());
    if (key.is_known ? found != sorted : !is_primary) continue;
    for (const std::string& name : key.is_known ? wanted : columns) {
      if (const auto column = table.Find(name)) table.key.push_back(*column);
    }
    return absl::OkStatus();
  }
  if (!key.is_known) {
    return absl::FailedPreconditionError(
        Cat("table ", table.Describe(), " has no primary key, and the keys of its ",
            "records are no JSON: create one, or use the JsonConverter for keys"));
  }
  return absl::FailedPreconditionError(
      Cat("table ", table.Describe(), " has no unique index on (", Names(wanted),
          "), the key of its records: create one, or drop the table to have it made anew"));
}

absl::Status TableCatalog::CheckName(std::string_view column) const {
  if (column.empty() || (column != ours_.operation && column != ours_.timestamp &&
                         column != ours_.synced_at && column != ours_.deleted))
    return absl::OkStatus();
  return absl::FailedPreconditionError(Cat(
      "column ", column, " of the source has the name of a column that is added to each row here"));
}

absl::StatusOr<std::string> TableCatalog::TypeHere(const SourceColumn& column,
                                                   const FieldType& type) {
  const bool is_array = column.type.ends_with("[]");
  if (column.is_enum) return std::string(is_array ? "text[]" : "text");
  if (column.is_built_in) return column.type;
  // A type of an extension: here it may live in another schema, or not at all.
  std::string name = column.type.substr(0, column.type.find_first_of("(["));
  std::string modifier = column.type.substr(name.size());
  if (const size_t dot = name.rfind('.'); dot != std::string::npos) name.erase(0, dot + 1);
  const pg::Parameter parameters[] = {name};
  ASSIGN_OR_RETURN(
      const pg::Result found,
      connection_.Execute(
          "SELECT quote_ident(n.nspname) || '.' || quote_ident(t.typname) FROM "
          "pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace "
          "WHERE quote_ident(t.typname) = $1 AND t.typtype = 'b' AND t.typcategory "
          "<> 'A' AND n.nspname <> 'pg_catalog' ORDER BY n.nspname = 'public' DESC LIMIT 1",
          parameters));
  if (found.rows() == 0) return PostgresType(type);
  return Cat(found.text(0, 0), modifier);
}

absl::StatusOr<std::string> TableCatalog::TypeOf(const Field& field, const SourceTable* source) {
  RETURN_IF_ERROR(CheckName(field.name));
  const SourceColumn* column = source == nullptr ? nullptr : source->Find(field.name);
  if (column != nullptr) return TypeHere(*column, field.type);
  const std::string extension = ExtensionType(field.type);
  if (extension.empty()) return PostgresType(field.type);
  return TypeHere({.name = field.name, .type = extension, .is_built_in = false}, field.type);
}

absl::StatusOr<std::string> TableCatalog::ColumnSql(const Field& field, const SourceTable* source) {
  ASSIGN_OR_RETURN(const std::string name, pg::QuoteIdentifier(field.name));
  ASSIGN_OR_RETURN(const std::string type, TypeOf(field, source));
  return Cat(name, " ", type);
}

absl::Status TableCatalog::LockName(const std::string& name) {
  const std::string identity = Cat("walrelay table ", MirrorSchemaOf(kind_), ".", name);
  const pg::Parameter parameters[] = {identity};
  return connection_.Execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", parameters)
      .status();
}

absl::Status TableCatalog::Create(const std::string& name, const Fields& row, const RecordKey& key,
                                  const SourceTable* source) {
  const std::string_view schema = MirrorSchemaOf(kind_);
  ASSIGN_OR_RETURN(const std::string quoted, pg::QuoteQualified(schema, name));
  std::string columns;
  Fields all = row;
  std::string key_list;
  for (const Field& field : key.fields) {
    const bool in_row = std::any_of(row.begin(), row.end(),
                                    [&](const Field& other) { return other.name == field.name; });
    if (!in_row) all.push_back(field);
    ASSIGN_OR_RETURN(const std::string column, pg::QuoteIdentifier(field.name));
    key_list += Cat(key_list.empty() ? "" : ", ", column);
  }
  for (const Field& field : all) {
    ASSIGN_OR_RETURN(const std::string column, ColumnSql(field, source));
    columns += Cat(column, ", ");
  }
  std::string unique;
  if (!key_list.empty()) unique = Cat(", PRIMARY KEY (", key_list, ")");
  const std::string deleted = ours_.deleted.empty() ? "" : Cat(", ", ours_.deleted, kDeletedType);
  const absl::Status created =
      connection_
          .Query(Cat("CREATE TABLE ", quoted, " (", columns, ours_.operation, " text, ",
                     ours_.timestamp, " timestamptz, ", ours_.synced_at,
                     " timestamptz NOT NULL DEFAULT now()", deleted, unique, ")"))
          .status();
  return Annotate(created, Cat("cannot create table ", schema, ".", name));
}

// Values that the new type does not take are the table's fault, not a record's.
absl::Status TableCatalog::Alter(const MirrorTable& table,
                                 const std::vector<SchemaChange>& changes) {
  ASSIGN_OR_RETURN(const std::string sql, AlterSql(table, changes));
  RETURN_IF_ERROR(
      connection_.Query(Cat("SET LOCAL statement_timeout = ", kAlterLimit.count())).status());
  connection_.set_limit(kAlterLimit);
  const absl::Status altered = connection_.Query(sql).status();
  connection_.set_limit(limit_);
  if (IsRowFault(altered)) {
    return absl::FailedPreconditionError(
        Cat("cannot alter table ", table.Describe(), ": ", Message(altered)));
  }
  return Annotate(altered, Cat("cannot alter table ", table.Describe()));
}

absl::Status TableCatalog::AddMetadataColumns(const std::string& name) {
  ASSIGN_OR_RETURN(const std::string quoted, pg::QuoteQualified(MirrorSchemaOf(kind_), name));
  const std::string deleted =
      ours_.deleted.empty() ? "" : Cat(", ADD COLUMN IF NOT EXISTS ", ours_.deleted, kDeletedType);
  const absl::Status added =
      connection_
          .Query(Cat("ALTER TABLE ", quoted, " ADD COLUMN IF NOT EXISTS ", ours_.operation,
                     " text, ADD COLUMN IF NOT EXISTS ", ours_.timestamp,
                     " timestamptz, ADD COLUMN IF NOT EXISTS ", ours_.synced_at,
                     " timestamptz NOT NULL DEFAULT now()", deleted))
          .status();
  return Annotate(added, Cat("cannot add our columns to ", MirrorSchemaOf(kind_), ".", name));
}

}  // namespace walrelay::apply
