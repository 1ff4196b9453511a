#include "app/source_setup.h"

#include <algorithm>
#include <array>

#include "base/log.h"
#include "pg/quoting.h"

namespace walrelay::app {
namespace {

std::string_view Trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::string Upper(std::string_view text) {
  std::string upper(text);
  std::ranges::transform(upper, upper.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return upper;
}

absl::Status BadRule(std::string_view rule) {
  return absl::InvalidArgumentError(
      Cat("source.replica.identity.autoset.values: '", rule,
          "' must be tables:DEFAULT, :FULL, :NOTHING or :INDEX name"));
}

absl::StatusOr<std::string> ClauseOf(const ReplicaIdentityRule& rule) {
  switch (rule.identity) {
    case ReplicaIdentity::kDefault:
      return std::string("DEFAULT");
    case ReplicaIdentity::kFull:
      return std::string("FULL");
    case ReplicaIdentity::kNothing:
      return std::string("NOTHING");
    case ReplicaIdentity::kIndex:
      break;
  }
  ASSIGN_OR_RETURN(const std::string index, pg::QuoteIdentifier(rule.index));
  return Cat("USING INDEX ", index);
}

// Whether the table's identity is that index already.
absl::StatusOr<bool> UsesIndex(pg::Connection& catalog, const std::string& table,
                               std::string_view index) {
  const std::array<pg::Parameter, 2> parameters = {table, index};
  ASSIGN_OR_RETURN(
      const pg::Result result,
      catalog.Execute("SELECT 1 FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = "
                      "i.indexrelid WHERE i.indrelid = $1::pg_catalog.regclass AND "
                      "i.indisreplident AND c.relname = $2",
                      parameters));
  return result.rows() > 0;
}

absl::Status SetOne(pg::Connection& catalog, const ReplicaIdentityRule& rule,
                    const pg::ListedTable& table) {
  ASSIGN_OR_RETURN(const std::string name, pg::QuoteQualified(table.name.schema, table.name.table));
  bool same = table.identity == rule.identity;
  if (same && rule.identity == ReplicaIdentity::kIndex) {
    ASSIGN_OR_RETURN(same, UsesIndex(catalog, name, rule.index));
  }
  if (same) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string clause, ClauseOf(rule));
  const std::string statement = Cat("ALTER TABLE ", name, " REPLICA IDENTITY ", clause);
  const absl::Status status = catalog.Query(statement).status();
  if (absl::IsUnavailable(status)) return status;
  if (status.ok()) {
    log::Info("source: ", statement);
  } else {
    log::Warn("replica.identity.autoset.values: ", statement, ": ", Message(status));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<ReplicaIdentityRule>> ParseReplicaIdentities(std::string_view text,
                                                                        SharedFilterHealth health) {
  std::vector<ReplicaIdentityRule> rules;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view entry = Trimmed(text.substr(0, comma));
    text.remove_prefix(std::min(text.size(), comma + 1));
    if (entry.empty()) continue;
    const size_t colon = entry.find(':');
    if (colon == 0 || colon == std::string_view::npos) return BadRule(entry);
    ReplicaIdentityRule rule;
    ASSIGN_OR_RETURN(rule.tables,
                     RegexList::Compile("source.replica.identity.autoset.values",
                                        {std::string(entry.substr(0, colon))}, health));
    const std::string_view value = Trimmed(entry.substr(colon + 1));
    const std::string word = Upper(value.substr(0, value.find(' ')));
    rule.index = std::string(Trimmed(value.substr(std::min(word.size(), value.size()))));
    if (word == "DEFAULT") {
      rule.identity = ReplicaIdentity::kDefault;
    } else if (word == "FULL") {
      rule.identity = ReplicaIdentity::kFull;
    } else if (word == "NOTHING") {
      rule.identity = ReplicaIdentity::kNothing;
    } else if (word == "INDEX") {
      rule.identity = ReplicaIdentity::kIndex;
    } else {
      return BadRule(entry);
    }
    if (rule.index.empty() == (rule.identity == ReplicaIdentity::kIndex)) return BadRule(entry);
    rules.push_back(std::move(rule));
  }
  return rules;
}

absl::Status SetReplicaIdentities(pg::Connection& catalog,
                                  const std::vector<ReplicaIdentityRule>& rules,
                                  const std::vector<pg::ListedTable>& captured) {
  for (const pg::ListedTable& table : captured) {
    const ReplicaIdentityRule* match = nullptr;
    for (const ReplicaIdentityRule& rule : rules) {
      if (!rule.tables.Matches(pg::ToString(table.name))) continue;
      if (match != nullptr) {
        return absl::InvalidArgumentError(
            Cat("source.replica.identity.autoset.values: two expressions match ",
                pg::ToString(table.name)));
      }
      match = &rule;
    }
    if (match != nullptr) RETURN_IF_ERROR(SetOne(catalog, *match, table));
  }
  return absl::OkStatus();
}

absl::Status CheckGuardrail(const Guardrail& guardrail, size_t tables) {
  if (guardrail.max_tables <= 0 || std::cmp_less_equal(tables, guardrail.max_tables)) {
    return absl::OkStatus();
  }
  const std::string text = Cat(
      tables,
      " tables are captured, more than source.guardrail.collections.max = ", guardrail.max_tables);
  if (guardrail.fail) {
    return absl::InvalidArgumentError(Cat(text, "; raise it, or narrow source.table.include.list"));
  }
  log::Warn(text);
  return absl::OkStatus();
}

}  // namespace walrelay::app
