// The part that look-ups of a table's columns have in common: r is the table ($1 schema, $2 name),
// a a column of it, root its type without domains, with the type modifier that counts; t that type,
// e its element where it is an array. Source: PostgreSQL's pg_attribute, pg_type.
#pragma once

#include <string_view>

namespace walrelay::apply {

constexpr std::string_view kFromColumns = R"(
FROM pg_class r
JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN LATERAL (
  WITH RECURSIVE step AS (
    SELECT d.oid, d.typtype, d.typbasetype, d.typtypmod, a.atttypmod AS typmod FROM pg_type d WHERE d.oid = a.atttypid
    UNION ALL
    SELECT d.oid, d.typtype, d.typbasetype, d.typtypmod, CASE WHEN s.typmod = -1 THEN s.typtypmod ELSE s.typmod END
    FROM step s JOIN pg_type d ON d.oid = s.typbasetype WHERE s.typtype = 'd')
  SELECT oid, typmod FROM step WHERE typtype <> 'd') root ON true
JOIN pg_type t ON t.oid = root.oid
LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory = 'A')";

// Behind further joins.
constexpr std::string_view kOfTheTable = R"(
WHERE r.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) AND r.relname = $2 AND r.relkind IN ('r', 'p')
ORDER BY a.attnum)";

}  // namespace walrelay::apply
