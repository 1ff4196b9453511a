#include "apply/rebuild/table_swap.h"

#include "base/status.h"
#include "pg/quoting.h"

namespace walrelay::apply {
namespace {

constexpr std::string_view kMark = "walrelay rebuild: a table that takes the place of another one";

// $1: the live table; $2: the new one; both quoted. Each row is a statement, or a name.

constexpr std::string_view kIrreplaceable = R"(
SELECT 'its kind: only an ordinary table can be replaced' FROM pg_class WHERE oid = $1::regclass AND relkind <> 'r'
UNION ALL SELECT 'it is a partition, or has a parent' FROM pg_inherits WHERE inhrelid = $1::regclass
UNION ALL SELECT 'tables inherit from it' FROM pg_inherits WHERE inhparent = $1::regclass
UNION ALL SELECT 'materialized view ' || c.oid::regclass
  FROM pg_depend d JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid JOIN pg_class c ON c.oid = r.ev_class
  WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = $1::regclass AND c.relkind = 'm'
UNION ALL SELECT 'rule ' || rulename FROM pg_rewrite WHERE ev_class = $1::regclass
UNION ALL SELECT 'foreign key ' || conname FROM pg_constraint WHERE contype = 'f' AND $1::regclass IN (conrelid, confrelid)
UNION ALL SELECT 'trigger ' || tgname FROM pg_trigger WHERE tgrelid = $1::regclass AND NOT tgisinternal
UNION ALL SELECT 'policy ' || polname FROM pg_policy WHERE polrelid = $1::regclass
UNION ALL SELECT 'publication ' || p.pubname FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
  WHERE r.prrelid = $1::regclass)";

constexpr std::string_view kViews = R"(
SELECT format('CREATE OR REPLACE VIEW %s%s AS %s', c.oid::regclass, ' WITH (' || array_to_string(c.reloptions, ', ') || ')',
              pg_get_viewdef(c.oid))
FROM pg_class c
WHERE c.relkind = 'v' AND EXISTS (
  SELECT FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
  WHERE r.ev_class = c.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1::regclass)
ORDER BY c.oid)";

// Run while the new table has its own name still.
constexpr std::string_view kBelongings = R"(
SELECT format('ALTER TABLE %s OWNER TO %I', $2::text, pg_get_userbyid(l.relowner))
FROM pg_class l, pg_class n WHERE l.oid = $1::regclass AND n.oid = $2::regclass AND l.relowner <> n.relowner
UNION ALL
SELECT format('GRANT %s ON %s TO %s%s', a.privilege_type, $2::text,
              CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
              CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = $1::regclass AND a.grantee <> c.relowner
UNION ALL
SELECT format('GRANT %s (%I) ON %s TO %s%s', a.privilege_type, t.attname, $2::text,
              CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
              CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM pg_attribute t, aclexplode(t.attacl) a
WHERE t.attrelid = $1::regclass AND NOT t.attisdropped
UNION ALL
SELECT format('COMMENT ON TABLE %s IS %L', $2::text, obj_description($1::regclass, 'pg_class'))
UNION ALL
SELECT format('ALTER SEQUENCE %s OWNED BY %s.%I', d.objid::regclass, $2::text, a.attname)
FROM pg_depend d
JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1::regclass AND d.deptype = 'a')";

// Indexes of both in the order in which they were made, which is that of LIKE. Where they are not
// the same, the names stay.
constexpr std::string_view kIndexNames = R"(
WITH i AS (
  SELECT x.indrelid = $1::regclass AS is_live, c.relname, row_number() OVER (PARTITION BY x.indrelid ORDER BY x.indexrelid) AS place,
         ARRAY(SELECT pg_get_indexdef(x.indexrelid, k, true) FROM generate_series(1, x.indnatts) k) AS columns
  FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid
  WHERE x.indrelid IN ($1::regclass, $2::regclass))
SELECT l.relname, n.relname FROM i l JOIN i n USING (place, columns) WHERE l.is_live AND NOT n.is_live ORDER BY place)";

constexpr std::string_view kPrimaryKey = R"(
SELECT quote_ident(a.attname)
FROM pg_index i CROSS JOIN generate_series(0, i.indnkeyatts - 1) k
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k]
WHERE i.indrelid = $2::regclass AND i.indisprimary
  AND EXISTS (SELECT FROM pg_attribute l WHERE l.attrelid = $1::regclass AND l.attname = a.attname AND NOT l.attisdropped)
ORDER BY k)";

// $3: the source's columns.
constexpr std::string_view kGoneColumns = R"(
SELECT format('ALTER TABLE %s DROP COLUMN %I', $2::text, n.attname)
FROM pg_attribute n
WHERE n.attrelid = $2::regclass AND n.attnum > 0 AND NOT n.attisdropped AND n.attname <> ALL ($3::text[]) AND NOT EXISTS (
  SELECT FROM pg_attribute l WHERE l.attrelid = $1::regclass AND l.attname = n.attname AND NOT l.attisdropped))";

// Where there was no live one: as if the new one had had its name from the beginning.
constexpr std::string_view kOwnIndexNames = R"(
SELECT c.relname, $3 || substr(c.relname, length($2) + 1)
FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid
WHERE x.indrelid = $1::regclass AND starts_with(c.relname, $2))";

constexpr std::string_view kReplaced = "walrelay_replaced";  // Within the transaction only.

}  // namespace

absl::StatusOr<TableSwap> TableSwap::Make(pg::Connection& connection, SwapNames names) {
  TableSwap swap(connection, std::move(names));
  ASSIGN_OR_RETURN(swap.live_, pg::QuoteQualified(swap.names_.schema, swap.names_.live));
  ASSIGN_OR_RETURN(swap.beside_, pg::QuoteQualified(swap.names_.schema, swap.names_.beside));
  return swap;
}

absl::StatusOr<bool> TableSwap::Exists(const std::string& table) {
  const pg::Parameter parameters[] = {table};
  ASSIGN_OR_RETURN(const pg::Result found,
                   connection_->Execute("SELECT to_regclass($1) IS NOT NULL", parameters));
  return found.is_true(0, 0);
}

absl::StatusOr<TableSwap::Rows> TableSwap::Read(std::string_view sql,
                                                std::initializer_list<std::string_view> texts) {
  const std::vector<pg::Parameter> parameters(texts.begin(), texts.end());
  ASSIGN_OR_RETURN(const pg::Result found, connection_->Execute(sql, parameters));
  Rows rows;
  for (int row = 0; row < found.rows(); ++row) {
    rows.emplace_back(found.text(row, 0), found.columns() > 1 ? found.text(row, 1) : "");
  }
  return rows;
}

absl::Status TableSwap::Run(const std::string& sql) { return connection_->Query(sql).status(); }

absl::Status TableSwap::CheckReplaceable() {
  ASSIGN_OR_RETURN(const bool exists, LiveExists());
  if (!exists) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Rows rows, Read(kIrreplaceable, {live_}));
  if (rows.empty()) return absl::OkStatus();
  std::string all;
  for (const auto& [what, none] : rows) all += Cat(all.empty() ? "" : ", ", what);
  return absl::FailedPreconditionError(
      Cat("table ", live_, " cannot be replaced by another one: ", all,
          "; remove that first, or rename the table"));
}

absl::Status TableSwap::CheckBeside() {
  const pg::Parameter parameters[] = {beside_, kMark};
  ASSIGN_OR_RETURN(
      const pg::Result found,
      connection_->Execute(
          "SELECT to_regclass($1) IS NULL OR obj_description(to_regclass($1), 'pg_class') = $2",
          parameters));
  if (found.is_true(0, 0)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      Cat("table ", beside_, " is in the way: the rebuilt table has this name until it takes the "
          "place of the other one; rename or drop it"));
}

absl::Status TableSwap::CreateBeside() {
  RETURN_IF_ERROR(CheckBeside());
  RETURN_IF_ERROR(DropBeside());
  ASSIGN_OR_RETURN(const bool exists, LiveExists());
  if (!exists) return absl::OkStatus();
  RETURN_IF_ERROR(Run(Cat("CREATE TABLE ", beside_, " (LIKE ", live_, " INCLUDING ALL)")));
  return MarkBeside();
}

absl::Status TableSwap::MarkBeside() {
  ASSIGN_OR_RETURN(const std::string mark, pg::QuoteLiteral(kMark));
  return Run(Cat("COMMENT ON TABLE ", beside_, " IS ", mark));
}

absl::Status TableSwap::DropBeside() { return Run(Cat("DROP TABLE IF EXISTS ", beside_)); }

absl::Status TableSwap::AnalyzeBeside() { return Run(Cat("ANALYZE ", beside_)); }

absl::StatusOr<int64_t> TableSwap::CountLost() {
  ASSIGN_OR_RETURN(const Rows key, Read(kPrimaryKey, {live_, beside_}));
  std::string condition;
  for (const auto& [column, none] : key)
    condition += Cat(condition.empty() ? "" : " AND ", "n.", column, " = l.", column);
  const std::string sql =
      key.empty() ? Cat("SELECT greatest((SELECT count(*) FROM ", live_,
                        ") - (SELECT count(*) FROM ", beside_, "), 0)")
                  : Cat("SELECT count(*) FROM ", live_, " l WHERE NOT EXISTS (SELECT FROM ",
                        beside_, " n WHERE ", condition, ")");
  ASSIGN_OR_RETURN(const pg::Result lost, connection_->Query(sql));
  return lost.number<int64_t>(0, 0).value_or(0);
}

absl::StatusOr<int64_t> TableSwap::CountLive() {
  ASSIGN_OR_RETURN(const pg::Result rows, connection_->Query(Cat("SELECT count(*) FROM ", live_)));
  return rows.number<int64_t>(0, 0).value_or(0);
}

absl::Status TableSwap::LockLive() {
  return Run(Cat("LOCK TABLE ", live_, " IN ACCESS EXCLUSIVE MODE"));
}

absl::Status TableSwap::DropGoneColumns(std::string_view known) {
  ASSIGN_OR_RETURN(const Rows drops, Read(kGoneColumns, {live_, beside_, known}));
  for (const auto& [sql, none] : drops) RETURN_IF_ERROR(Run(sql));
  return absl::OkStatus();
}

absl::Status TableSwap::RenameIndexes(const Rows& names) {
  for (const auto& [from, to] : names) {
    ASSIGN_OR_RETURN(const std::string old_name, pg::QuoteQualified(names_.schema, from));
    ASSIGN_OR_RETURN(const std::string new_name, pg::QuoteIdentifier(to));
    RETURN_IF_ERROR(Run(Cat("ALTER INDEX ", old_name, " RENAME TO ", new_name)));
  }
  return absl::OkStatus();
}

absl::Status TableSwap::Swap() {
  ASSIGN_OR_RETURN(const std::string live_name, pg::QuoteIdentifier(names_.live));
  ASSIGN_OR_RETURN(const bool replaces, LiveExists());
  if (!replaces) {
    ASSIGN_OR_RETURN(const Rows indexes, Read(kOwnIndexNames, {beside_, names_.beside, names_.live}));
    RETURN_IF_ERROR(Run(Cat("COMMENT ON TABLE ", beside_, " IS NULL")));
    RETURN_IF_ERROR(Run(Cat("ALTER TABLE ", beside_, " RENAME TO ", live_name)));
    return RenameIndexes(indexes);
  }
  const bool keeps = !names_.kept.empty();
  const std::string replaced = keeps ? names_.kept : std::string(kReplaced);
  ASSIGN_OR_RETURN(const std::string replaced_name, pg::QuoteIdentifier(replaced));
  ASSIGN_OR_RETURN(const std::string replaced_table, pg::QuoteQualified(names_.schema, replaced));
  ASSIGN_OR_RETURN(const Rows views, Read(kViews, {live_}));
  ASSIGN_OR_RETURN(const Rows indexes, Read(kIndexNames, {live_, beside_}));
  ASSIGN_OR_RETURN(const Rows belongings, Read(kBelongings, {live_, beside_}));
  for (const auto& [sql, none] : belongings) RETURN_IF_ERROR(Run(sql));
  RETURN_IF_ERROR(Run(Cat("ALTER TABLE ", live_, " RENAME TO ", replaced_name)));
  RETURN_IF_ERROR(Run(Cat("ALTER TABLE ", beside_, " RENAME TO ", live_name)));
  for (const auto& [sql, none] : views) RETURN_IF_ERROR(Run(sql));
  Rows old_names, new_names;
  for (const auto& [live, beside] : indexes) {
    old_names.emplace_back(live, Cat(live, kKeptSuffix));
    new_names.emplace_back(beside, live);
  }
  RETURN_IF_ERROR(keeps ? RenameIndexes(old_names) : Run(Cat("DROP TABLE ", replaced_table)));
  return RenameIndexes(new_names);
}

}  // namespace walrelay::apply
