#include "pg/quoting.h"

#include "base/status.h"

namespace walrelay::pg {
namespace {

absl::Status CheckNoNul(std::string_view text) {
  if (text.find('\0') == text.npos) return absl::OkStatus();
  return absl::InvalidArgumentError("text with a NUL byte cannot stand in SQL");
}

std::string Doubled(std::string_view text, char quote, bool backslashes) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote || (backslashes && c == '\\')) out.push_back(c);
    out.push_back(c);
  }
  out.push_back(quote);
  return out;
}

}  // namespace

absl::StatusOr<std::string> QuoteIdentifier(std::string_view name) {
  RETURN_IF_ERROR(CheckNoNul(name));
  if (name.empty()) return absl::InvalidArgumentError("a name is empty");
  if (name.size() > kMaxIdentifierBytes) {
    return absl::InvalidArgumentError(Cat("the name ", name, " has ", name.size(),
                                          " bytes; PostgreSQL keeps ", kMaxIdentifierBytes));
  }
  return Doubled(name, '"', /*backslashes=*/false);
}

absl::StatusOr<std::string> QuoteQualified(std::string_view schema, std::string_view name) {
  ASSIGN_OR_RETURN(const std::string quoted_schema, QuoteIdentifier(schema));
  ASSIGN_OR_RETURN(const std::string quoted_name, QuoteIdentifier(name));
  return Cat(quoted_schema, '.', quoted_name);
}

absl::StatusOr<std::string> QuoteLiteral(std::string_view text) {
  RETURN_IF_ERROR(CheckNoNul(text));
  const bool has_backslash = text.find('\\') != text.npos;
  return Cat(has_backslash ? "E" : "", Doubled(text, '\'', /*backslashes=*/true));
}

absl::StatusOr<std::string> QuoteReplicationLiteral(std::string_view text) {
  RETURN_IF_ERROR(CheckNoNul(text));
  return Doubled(text, '\'', /*backslashes=*/false);
}

}  // namespace walrelay::pg
