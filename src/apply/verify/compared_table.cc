#include "apply/verify/compared_table.h"

#include <algorithm>

#include "apply/column_catalog.h"
#include "apply/source_catalog.h"
#include "base/check.h"
#include "base/status.h"
#include "pg/quoting.h"

namespace walrelay::apply {
namespace {

// Columns of a table with their types, domains resolved, and what decides how they are compared.
constexpr std::string_view kSelectColumns = R"(
SELECT a.attname, format_type(root.oid, root.typmod), coalesce(e.typname, t.typname), e.oid IS NOT NULL, root.typmod,
       coalesce(e.typtype, t.typtype), a.atttypid <> root.oid, a.attnotnull, a.attgenerated <> '',
       coalesce(pg_get_expr(d.adbin, d.adrelid), ''),
       CASE WHEN a.attcollation = 0 THEN ''
            WHEN c.collname = 'default' THEN (SELECT datcollate FROM pg_database WHERE datname = current_database())
            ELSE coalesce(c.collcollate, c.collname) END
       || coalesce(' ' || pg_collation_actual_version(nullif(a.attcollation, 0)), ''))";
constexpr std::string_view kMoreJoins = R"(
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_collation c ON c.oid = a.attcollation)";

struct CatalogColumn {
  std::string name;
  ComparedSide side;
  bool is_domain = false;
  bool not_null = false;
  bool is_generated = false;
  std::string default_text;
  std::string collation;
};

absl::StatusOr<std::vector<CatalogColumn>> ReadColumns(pg::Connection& connection,
                                                       std::string_view schema,
                                                       std::string_view table) {
  const pg::Parameter parameters[] = {schema, table};
  ASSIGN_OR_RETURN(
      const pg::Result rows,
      connection.Execute(Cat(kSelectColumns, kFromColumns, kMoreJoins, kOfTheTable), parameters));
  std::vector<CatalogColumn> columns;
  for (int row = 0; row < rows.rows(); ++row) {
    CatalogColumn column{
        .name = std::string(rows.text(row, 0)),
        .side = {.type = MakeColumnType(rows.text(row, 1), rows.text(row, 2), rows.is_true(row, 3),
                                        rows.number<int32_t>(row, 4).value_or(-1)),
                 .kind = rows.text(row, 5)[0]},
        .is_domain = rows.is_true(row, 6),
        .not_null = rows.is_true(row, 7),
        .is_generated = rows.is_true(row, 8),
        .default_text = std::string(rows.text(row, 9)),
        .collation = std::string(rows.text(row, 10))};
    columns.push_back(std::move(column));
  }
  return columns;
}

template <class List>
auto FindColumn(List& list, std::string_view name) -> decltype(&list[0]) {
  for (auto& column : list) {
    if (column.name == name) return &column;
  }
  return nullptr;
}

bool HasNativeOrder(const CatalogColumn& source, const CatalogColumn& copy) {
  const auto is_any = [](std::string_view name, std::initializer_list<std::string_view> names) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  const std::string_view a = source.side.type.name, b = copy.side.type.name;
  if (source.side.type.is_array || copy.side.type.is_array) return false;
  if (is_any(a, {"int2", "int4", "int8", "numeric"}) &&
      is_any(b, {"int2", "int4", "int8", "numeric"}))
    return true;
  if (is_any(a, {"uuid", "date", "timestamp", "timestamptz", "bytea"})) return a == b;
  return is_any(a, {"text", "varchar", "bpchar"}) && is_any(b, {"text", "varchar", "bpchar"}) &&
         source.collation == copy.collation;
}

// What the publication says: its row filter, and the columns that it lists (15 and later).
absl::Status ReadPublished(pg::Connection& source, const std::string& publication,
                           ComparedTable& table, std::optional<std::vector<std::string>>& listed) {
  if (source.server_version() < 150'000 || publication.empty()) return absl::OkStatus();
  const pg::Parameter parameters[] = {publication, table.name.schema, table.name.table};
  ASSIGN_OR_RETURN(
      const pg::Result rows,
      source.Execute("SELECT p.rowfilter, n.name FROM pg_publication_tables p LEFT JOIN "
                     "unnest(p.attnames) AS n (name) ON true WHERE p.pubname = $1 AND "
                     "p.schemaname = $2 AND p.tablename = $3",
                     parameters));
  if (rows.rows() == 0) return absl::OkStatus();  // Published as a part of another table.
  table.source_condition = rows.text(0, 0);
  listed.emplace();
  for (int row = 0; row < rows.rows(); ++row) listed->emplace_back(rows.text(row, 1));
  return absl::OkStatus();
}

absl::StatusOr<bool> IsUtf8(pg::Connection& connection) {
  ASSIGN_OR_RETURN(const pg::Result encoding, connection.Query("SHOW server_encoding"));
  return encoding.text(0, 0) == "UTF8";
}

// The text of the source's value is one that the copy's type reads as the same value.
bool CanTransfer(const ComparedSide& source, const ComparedSide& copy, const ComparisonForm& form) {
  const std::string_view name = source.type.name;
  if (name == copy.type.name && source.type.is_array == copy.type.is_array) return true;
  return form.why_not.empty() && name != "bytea" && name != "hstore" && name != "vector" &&
         name != "halfvec";
}

absl::Status AddColumns(const std::vector<CatalogColumn>& of_source,
                        const std::vector<CatalogColumn>& of_copy, const CompareRequest& request,
                        const std::optional<std::vector<std::string>>& listed,
                        ComparedTable& table) {
  for (const CatalogColumn& column : of_source) {
    const auto leave_out = [&](std::string_view why) {
      table.left_out.push_back({column.name, std::string(why)});
    };
    const CatalogColumn* copy = FindColumn(of_copy, column.name);
    if (column.is_generated) {
      leave_out("generated columns are not published");
    } else if (copy == nullptr) {
      leave_out("the copy does not have it");
    } else if (listed && std::find(listed->begin(), listed->end(), column.name) == listed->end()) {
      leave_out("the publication does not have it");
    } else if (request.is_masked && request.is_masked(column.name, column.side.type.name)) {
      leave_out("it is masked or cut on its way");
    } else {
      ASSIGN_OR_RETURN(const std::string quoted, pg::QuoteIdentifier(column.name));
      ComparisonForm form = FormOf({.source = column.side,
                                    .copy = copy->side,
                                    .is_domain = column.is_domain,
                                    .may_be_null = !column.not_null,
                                    .source_default = column.default_text},
                                   request.losses);
      if (!copy->is_generated && CanTransfer(column.side, copy->side, form)) {
        table.transferred.push_back(column.name);
      }
      if (!form.why_not.empty()) {
        leave_out(form.why_not);
      } else {
        table.columns.push_back({column.name, quoted, std::move(form)});
      }
    }
  }
  return absl::OkStatus();
}

absl::Status AddKey(const std::vector<CatalogColumn>& of_source,
                    const std::vector<CatalogColumn>& of_copy,
                    const std::vector<std::string>& identity, ComparedTable& table) {
  for (const std::string& name : identity) {
    const CatalogColumn* source = FindColumn(of_source, name);
    const CatalogColumn* copy = FindColumn(of_copy, name);
    const ComparedTable::Column* compared = FindColumn(table.columns, name);
    if (source == nullptr || copy == nullptr || compared == nullptr) {
      return absl::FailedPreconditionError(
          Cat("its key column ", name, " cannot be compared with the copy"));
    }
    table.key.push_back(
        {.name = name,
         .quoted = compared->quoted,
         .form = compared->form,
         .is_native = HasNativeOrder(*source, *copy),
         .is_numeric = source->side.type.name == "numeric" || copy->side.type.name == "numeric",
         .source_type = source->side.type.sql,
         .copy_type = copy->side.type.sql});
  }
  return absl::OkStatus();
}

const std::string& TableOf(const ComparedTable& table, Side side) {
  return side == Side::kSource ? table.source : table.copy;
}

std::string FormFor(const ComparisonForm& form, const std::string& quoted, Side side) {
  return FormSql(side == Side::kSource ? form.source : form.copy, Cat("t.", quoted));
}

// What rows are ordered by.
std::string Order(const ComparedTable::KeyColumn& key, Side side) {
  if (key.is_native) return Cat("t.", key.quoted);
  return Cat("(", FormFor(key.form, key.quoted, side), ") COLLATE \"C\"");
}

// A key's value as both sides print it, and read it again.
std::string KeyText(const ComparedTable::KeyColumn& key, Side side) {
  if (!key.is_native) return FormFor(key.form, key.quoted, side);
  const std::string text = Cat("t.", key.quoted, "::text");
  if (!key.is_numeric) return text;
  return Cat("CASE WHEN ", text, " LIKE '%.%' THEN rtrim(rtrim(", text, ", '0'), '.') ELSE ", text,
             " END");
}

std::string KeyValue(const ComparedTable::KeyColumn& key, Side side, const std::string& text) {
  if (!key.is_native) return Cat(text, "::text COLLATE \"C\"");
  return Cat(text, "::text::", side == Side::kSource ? key.source_type : key.copy_type);
}

std::string Orders(const ComparedTable& table, Side side) {
  std::string list;
  for (const auto& key : table.key) list += Cat(list.empty() ? "" : ", ", Order(key, side));
  return list;
}

std::string Md5(const ComparedTable& table, Side side, const std::string& text) {
  const bool is_utf8 = side == Side::kSource ? table.source_is_utf8 : table.copy_is_utf8;
  return is_utf8 ? Cat("md5(", text, ")") : Cat("md5(convert_to(", text, ", 'UTF8'))");
}

std::string RowHash(const ComparedTable& table, Side side) {
  std::string list;
  for (const auto& column : table.columns) {
    list += Cat(list.empty() ? "" : ", ", FormFor(column.form, column.quoted, side));
  }
  return Md5(table, side, Cat("ROW(", list, ")::text"));
}

std::string Sum(const std::string& hash) {
  return Cat("count(*), coalesce(sum(('x' || left(", hash, ", 15))::bit(60)::bigint), 0)");
}

// The rows that count, within a range.
std::string Where(const ComparedTable& table, Side side, bool has_low, bool has_high) {
  std::string sql = " WHERE true";
  const std::string& condition =
      side == Side::kSource ? table.source_condition : table.copy_condition;
  if (!condition.empty()) sql += Cat(" AND (", condition, ")");
  size_t number = 0;
  for (const bool is_low : {true, false}) {
    if (!(is_low ? has_low : has_high)) continue;
    std::string values;
    for (const auto& key : table.key) {
      values += Cat(values.empty() ? "" : ", ", KeyValue(key, side, Cat("$", ++number)));
    }
    sql += Cat(" AND (", Orders(table, side), ") ", is_low ? ">" : "<=", " (", values, ")");
  }
  return sql;
}

// The rows of the keys given.
std::string JoinKeys(const ComparedTable& table, Side side) {
  std::string arrays = "$1::int4[]", names = "walrelay_n", condition;
  for (size_t i = 0; i < table.key.size(); ++i) {
    arrays += Cat(", $", i + 2, "::text[]");
    names += Cat(", walrelay_k", i);
    condition += Cat(i == 0 ? "" : " AND ", Order(table.key[i], side), " = ",
                     KeyValue(table.key[i], side, Cat("walrelay.walrelay_k", i)));
  }
  const std::string& filter = side == Side::kSource ? table.source_condition : table.copy_condition;
  if (!filter.empty()) condition += Cat(" AND (", filter, ")");
  return Cat(" FROM unnest(", arrays, ") AS walrelay (", names, ") JOIN ", TableOf(table, side),
             " AS t ON ", condition);
}

}  // namespace

void ComparedSession(pg::ConnectionOptions& options) {
  options.AddSetting("search_path", "pg_catalog");
  options.AddSetting("TimeZone", "UTC");
  options.AddSetting("DateStyle", "ISO");
  options.AddSetting("IntervalStyle", "postgres");
  options.AddSetting("extra_float_digits", "1");
  options.AddSetting("bytea_output", "hex");
  options.AddSetting("jit", "off");
  options.AddSetting("lock_timeout", "10000");
}

absl::StatusOr<ComparedTable> ReadComparedTable(pg::Connection& source, pg::Connection& sink,
                                                const SourceTableName& name,
                                                const CompareRequest& request) {
  ComparedTable table;
  table.name = name;
  table.copy_table = request.copy_table;
  table.copy_name = Cat(MirrorSchemaOf(request.kind), ".", request.copy_table);
  ASSIGN_OR_RETURN(table.source, pg::QuoteQualified(name.schema, name.table));
  ASSIGN_OR_RETURN(table.copy,
                   pg::QuoteQualified(MirrorSchemaOf(request.kind), request.copy_table));
  ASSIGN_OR_RETURN(const auto of_source, ReadColumns(source, name.schema, name.table));
  if (of_source.empty())
    return absl::NotFoundError(Cat("the source has no table ", table.Describe()));
  ASSIGN_OR_RETURN(const auto of_copy,
                   ReadColumns(sink, MirrorSchemaOf(request.kind), request.copy_table));
  if (of_copy.empty()) return absl::NotFoundError(Cat("there is no table ", table.copy_name));
  std::optional<std::vector<std::string>> listed;
  RETURN_IF_ERROR(ReadPublished(source, request.publication, table, listed));
  if (const CatalogColumn* deleted = FindColumn(of_copy, kDeletedColumn);
      deleted != nullptr && FindColumn(of_source, kDeletedColumn) == nullptr) {
    table.copy_condition = Cat("t.", kDeletedColumn, "::text IS DISTINCT FROM 'true'");
  }
  RETURN_IF_ERROR(AddColumns(of_source, of_copy, request, listed, table));
  if (table.columns.empty()) {
    return absl::FailedPreconditionError("none of its columns can be compared");
  }
  ASSIGN_OR_RETURN(const auto known, ReadSourceTable(source, name.schema, name.table));
  if (known) RETURN_IF_ERROR(AddKey(of_source, of_copy, known->identity, table));
  ASSIGN_OR_RETURN(table.source_is_utf8, IsUtf8(source));
  ASSIGN_OR_RETURN(table.copy_is_utf8, IsUtf8(sink));
  return table;
}

std::string NextChunkSql(const ComparedTable& table, bool has_low, int64_t rows) {
  std::string columns, orders, last;
  for (size_t i = 0; i < table.key.size(); ++i) {
    const auto& key = table.key[i];
    columns += Cat(KeyText(key, Side::kSource), " AS b", i, ", ", Order(key, Side::kSource),
                   " AS o", i, ", ");
    orders += Cat(i == 0 ? "" : ", ", "o", i, " DESC");
  }
  for (size_t i = 0; i < table.key.size(); ++i) {
    last += Cat(", (SELECT b", i, " FROM r ORDER BY ", orders, " LIMIT 1)");
  }
  return Cat("WITH r AS MATERIALIZED (SELECT ", columns, RowHash(table, Side::kSource),
             " AS h FROM ", table.source, " AS t", Where(table, Side::kSource, has_low, false),
             " ORDER BY ", Orders(table, Side::kSource), " LIMIT ", rows, ") SELECT ", Sum("h"),
             last, " FROM r");
}

std::string RangeSumSql(const ComparedTable& table, Side side, const KeyRange& range) {
  return Cat("SELECT ", Sum(RowHash(table, side)), " FROM ", TableOf(table, side), " AS t",
             Where(table, side, !range.low.empty(), !range.high.empty()));
}

std::string RangeRowsSql(const ComparedTable& table, Side side, const KeyRange& range,
                         int64_t limit) {
  std::string keys;
  for (const auto& key : table.key) keys += Cat(KeyText(key, side), ", ");
  return Cat("SELECT ", keys, RowHash(table, side), " FROM ", TableOf(table, side), " AS t",
             Where(table, side, !range.low.empty(), !range.high.empty()), " LIMIT ", limit);
}

std::string RowsByKeySql(const ComparedTable& table, Side side) {
  std::string hashes;
  for (const auto& column : table.columns) {
    const std::string form = FormFor(column.form, column.quoted, side);
    hashes += Cat(", ", Md5(table, side, Cat("(", form, ")")));
  }
  return Cat(
      "SELECT walrelay.walrelay_n, t.tableoid::text || t.ctid::text || ' ' || t.xmin::text, ",
      RowHash(table, side), hashes, JoinKeys(table, side));
}

std::string TransferSql(const ComparedTable& table) {
  std::string list;
  for (const std::string& name : table.transferred) {
    const absl::StatusOr<std::string> quoted = pg::QuoteIdentifier(name);
    CHECK(quoted.ok());
    list += Cat(", t.", *quoted);
  }
  return Cat("SELECT walrelay.walrelay_n, t.tableoid::text || t.ctid::text || ' ' || t.xmin::text",
             list, JoinKeys(table, Side::kSource));
}

}  // namespace walrelay::apply
