// What the options ask to be done to the source, or checked in it, before the first change is read:
// replica.identity.autoset.values and guardrail.collections.max.
//
// Making the rules is pure; doing it reads and alters tables through the catalog's connection.
// Source: OPTIONS.md §1.2, §1.9; Debezium's ReplicaIdentityMapper; PostgreSQL manual, ALTER TABLE.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "app/config.h"
#include "app/filters.h"
#include "base/status.h"
#include "pg/catalog.h"
#include "pg/connection.h"

namespace walrelay::app {

// "tables:DEFAULT", ":FULL", ":NOTHING", ":INDEX name".
struct ReplicaIdentityRule {
  RegexList tables;
  ReplicaIdentity identity = ReplicaIdentity::kDefault;
  std::string index;  // kIndex only.
};

absl::StatusOr<std::vector<ReplicaIdentityRule>> ParseReplicaIdentities(std::string_view text,
                                                                        SharedFilterHealth health);

// Alters those tables out of `captured` whose identity differs. A table that cannot be altered is
// logged and left as it is, as with Debezium; two rules for one table are InvalidArgument.
absl::Status SetReplicaIdentities(pg::Connection& catalog,
                                  const std::vector<ReplicaIdentityRule>& rules,
                                  const std::vector<pg::ListedTable>& captured);

struct Guardrail {
  int64_t max_tables = 0;  // 0: none.
  bool fail = false;       // Else the excess is logged.
};
absl::Status CheckGuardrail(const Guardrail& guardrail, size_t tables);

}  // namespace walrelay::app
