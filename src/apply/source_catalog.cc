#include "apply/source_catalog.h"

#include "base/status.h"

namespace walrelay::apply {
namespace {

// Domains are resolved to what they are made of; built-in means that the type, or the element's, is
// in pg_catalog. regclass and its like are not: their values are names of what only the source has.
constexpr std::string_view kSql = R"(
SELECT a.attname, format_type(root.oid, root.typmod), n.nspname = 'pg_catalog' AND coalesce(e.typname, t.typname) NOT LIKE 'reg%',
       coalesce(e.typtype, t.typtype) = 'e',
       CASE WHEN a.atthasmissing THEN (a.attmissingval::text::text[])[1] END, a.attnotnull,
       r.relreplident = 'f'
FROM pg_catalog.pg_class r
JOIN pg_catalog.pg_namespace s ON s.oid = r.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN LATERAL (
  WITH RECURSIVE step AS (
    SELECT d.oid, d.typtype, d.typbasetype, d.typtypmod, a.atttypmod AS typmod
    FROM pg_catalog.pg_type d WHERE d.oid = a.atttypid
    UNION ALL
    SELECT d.oid, d.typtype, d.typbasetype, d.typtypmod, CASE WHEN p.typmod = -1 THEN p.typtypmod ELSE p.typmod END
    FROM step p JOIN pg_catalog.pg_type d ON d.oid = p.typbasetype WHERE p.typtype = 'd')
  SELECT oid, typmod FROM step WHERE typtype <> 'd') root ON true
JOIN pg_catalog.pg_type t ON t.oid = root.oid
LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
JOIN pg_catalog.pg_namespace n ON n.oid = coalesce(e.typnamespace, t.typnamespace)
WHERE s.nspname = $1 AND r.relname = $2 AND r.relkind IN ('r', 'p')
ORDER BY a.attnum)";

// FULL and DEFAULT: the primary key. Key columns only, no INCLUDE ones.
constexpr std::string_view kIdentitySql = R"(
SELECT a.attname
FROM pg_catalog.pg_class r
JOIN pg_catalog.pg_namespace s ON s.oid = r.relnamespace
JOIN pg_catalog.pg_index i ON i.indrelid = r.oid AND CASE r.relreplident WHEN 'i' THEN i.indisreplident ELSE i.indisprimary END
JOIN generate_series(0, i.indnkeyatts - 1) k ON true
JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attnum = i.indkey[k]
WHERE s.nspname = $1 AND r.relname = $2
ORDER BY k)";

}  // namespace

absl::StatusOr<std::optional<SourceTable>> ReadSourceTable(pg::Connection& source,
                                                           std::string_view schema,
                                                           std::string_view table) {
  const pg::Parameter parameters[] = {schema, table};
  ASSIGN_OR_RETURN(const pg::Result rows, source.Execute(kSql, parameters));
  if (rows.rows() == 0) return std::optional<SourceTable>();
  SourceTable found;
  found.has_full_identity = rows.is_true(0, 6);
  for (int row = 0; row < rows.rows(); ++row) {
    found.columns.push_back({.name = std::string(rows.text(row, 0)),
                             .type = std::string(rows.text(row, 1)),
                             .is_built_in = rows.is_true(row, 2),
                             .not_null = rows.is_true(row, 5),
                             .is_enum = rows.is_true(row, 3),
                             .old_rows = std::nullopt});
    if (const auto value = rows.value(row, 4)) found.columns.back().old_rows = *value;
  }
  ASSIGN_OR_RETURN(const pg::Result identity, source.Execute(kIdentitySql, parameters));
  for (int row = 0; row < identity.rows(); ++row)
    found.identity.emplace_back(identity.text(row, 0));
  return std::optional<SourceTable>(std::move(found));
}

}  // namespace walrelay::apply
