// The only way in which names and literals get into SQL and replication commands.
//
// Identifiers are always quoted, so case and reserved words do not matter. InvalidArgument: empty,
// a NUL byte, or more than 63 bytes, which the server would cut silently. Source: PostgreSQL
// manual, "Identifiers and Key Words", "String Constants with C-Style Escapes".
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>

namespace walrelay::pg {

inline constexpr size_t kMaxIdentifierBytes = 63;  // NAMEDATALEN - 1.

absl::StatusOr<std::string> QuoteIdentifier(std::string_view name);

// "schema"."table".
absl::StatusOr<std::string> QuoteQualified(std::string_view schema, std::string_view name);

// 'text', or E'text' where there is a backslash: right whatever standard_conforming_strings says.
// Only for SQL: replication commands know no E'…'; see QuoteReplicationLiteral.
absl::StatusOr<std::string> QuoteLiteral(std::string_view text);

// 'text' for the replication grammar, whose strings know no escape but the doubled quote.
absl::StatusOr<std::string> QuoteReplicationLiteral(std::string_view text);

}  // namespace walrelay::pg
