#include "apply/session_role.h"

#include <tuple>

#include "apply/mirror_table.h"
#include "base/status.h"
#include "pg/error.h"

namespace walrelay::apply {
namespace {

constexpr std::string_view kInsufficientPrivilege = "42501";

// Of the tables of schema $1 that have our column $2, or the one of them named $3: triggers that
// a replica passes by, all that fire in an origin, foreign keys that cannot wait.
constexpr std::string_view kRemarksSql = R"(
WITH ours AS (
  SELECT r.oid FROM pg_class r JOIN pg_namespace n ON n.oid = r.relnamespace
  JOIN pg_attribute a ON a.attrelid = r.oid AND a.attname = $2 AND NOT a.attisdropped
  WHERE n.nspname = $1 AND r.relkind IN ('r', 'p') AND ($3 = '' OR r.relname = $3)),
triggers AS (
  SELECT t.tgenabled, format('%I of %s', t.tgname, t.tgrelid::regclass) AS name
  FROM pg_trigger t JOIN ours ON ours.oid = t.tgrelid
  WHERE NOT t.tgisinternal AND t.tgparentid = 0)
SELECT (SELECT string_agg(name, ', ' ORDER BY name) FROM triggers WHERE tgenabled = 'O'),
       (SELECT string_agg(name, ', ' ORDER BY name) FROM triggers WHERE tgenabled IN ('O', 'A')),
       (SELECT string_agg(format('%I of %s', c.conname, c.conrelid::regclass), ', ' ORDER BY c.conname)
        FROM pg_constraint c WHERE c.contype = 'f' AND NOT c.condeferrable AND c.conparentid = 0
         AND (c.conrelid IN (SELECT oid FROM ours) OR c.confrelid IN (SELECT oid FROM ours))))";

}  // namespace

std::string_view ReplicationRoleName(ReplicationRole role) {
  switch (role) {
    case ReplicationRole::kReplica:
      return "replica";
    case ReplicationRole::kOrigin:
      return "origin";
  }
  return "replica";
}

absl::StatusOr<SessionRole> TakeRole(pg::Connection& connection, const SinkOptions& options) {
  const std::string wanted(ReplicationRoleName(options.replication_role));
  const absl::Status set =
      connection.Query(Cat("SET session_replication_role = ", wanted)).status();
  if (!set.ok() && pg::SqlStateOf(set) != kInsufficientPrivilege) return set;
  // The role may have a setting of its own, given by somebody who was allowed to.
  const pg::Parameter parameters[] = {MirrorSchemaOf(options.kind)};
  ASSIGN_OR_RETURN(
      const pg::Result now,
      connection.Execute("SELECT current_setting('session_replication_role'), EXISTS (SELECT FROM "
                         "pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace WHERE "
                         "n.nspname = $1 AND c.condeferrable)",
                         parameters));
  SessionRole role;
  role.is_replica = now.text(0, 0) == ReplicationRoleName(ReplicationRole::kReplica);
  role.was_refused = now.text(0, 0) != wanted;
  role.may_defer = !role.is_replica && now.is_true(0, 1);
  return role;
}

absl::StatusOr<std::vector<std::string>> RemarksOnRole(pg::Connection& connection, SinkKind kind,
                                                       const SessionRole& role,
                                                       std::string_view table) {
  const pg::Parameter parameters[] = {MirrorSchemaOf(kind), MetadataColumnsOf(kind, false).operation,
                                      table};
  ASSIGN_OR_RETURN(const pg::Result found, connection.Execute(kRemarksSql, parameters));
  const auto [silent, firing, keys] =
      std::tuple(found.text(0, 0), found.text(0, 1), found.text(0, 2));
  std::vector<std::string> remarks;
  if (role.is_replica) {
    if (!silent.empty()) {
      remarks.push_back(Cat("triggers do not fire on what is written here: ", silent,
                            " (ALTER TABLE … ENABLE ALWAYS TRIGGER has one fire; replication.role "
                            "= \"origin\" all of them)"));
    }
    return remarks;
  }
  if (!firing.empty()) remarks.push_back(Cat("triggers fire on what is written here: ", firing));
  if (!keys.empty()) {
    remarks.push_back(
        Cat("foreign keys are checked row by row, so rows that come before those that they refer "
            "to go to the dead letters: ", keys, " (ALTER TABLE … ALTER CONSTRAINT … DEFERRABLE "
            "has one checked with each batch)"));
  }
  if (role.was_refused && !remarks.empty()) {
    remarks.push_back(
        "it would be otherwise if the role might set session_replication_role: GRANT SET ON "
        "PARAMETER session_replication_role TO it (PostgreSQL 15 and later), or ALTER ROLE … SET "
        "session_replication_role = replica");
  }
  return remarks;
}

}  // namespace walrelay::apply
