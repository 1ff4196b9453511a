#include "wal/slot.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/status.h"
#include "pg/quoting.h"

namespace walrelay::wal {
namespace {

constexpr std::string_view kCurrentLsn =
    "CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() "
    "ELSE pg_catalog.pg_current_wal_lsn() END";

// A column that older servers do not have.
std::string Since(int version, std::string_view column, int server_version) {
  return server_version / 10000 >= version ? Cat(", s.", column) : ", NULL";
}

std::string SlotsSql(int server_version) {
  return Cat(
      "SELECT s.slot_name, s.plugin, s.database, s.temporary, s.active, s.active_pid, "
      "concat_ws(' from ', a.application_name, a.client_addr::text), s.restart_lsn, "
      "s.confirmed_flush_lsn, "
      "s.catalog_xmin, pg_catalog.pg_wal_lsn_diff(p.lsn, s.restart_lsn)::bigint, "
      "pg_catalog.pg_wal_lsn_diff(p.lsn, s.confirmed_flush_lsn)::bigint",
      Since(13, "wal_status", server_version), Since(13, "safe_wal_size", server_version),
      Since(14, "two_phase", server_version), Since(16, "conflicting", server_version),
      Since(17, "inactive_since", server_version), Since(17, "invalidation_reason", server_version),
      Since(17, "failover", server_version), Since(17, "synced", server_version),
      " FROM pg_catalog.pg_replication_slots s LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = "
      "s.active_pid"
      " CROSS JOIN (SELECT ",
      kCurrentLsn, " AS lsn) p WHERE s.slot_type = 'logical'");
}

Lsn LsnAt(const pg::Result& result, int row, int column) {
  return ParseLsn(result.text(row, column)).value_or(kNoLsn);
}

Slot SlotOfRow(const pg::Result& result, int row) {
  Slot slot;
  slot.name = result.text(row, 0);
  slot.plugin = result.text(row, 1);
  slot.database = result.text(row, 2);
  slot.temporary = result.is_true(row, 3);
  slot.active = result.is_true(row, 4);
  slot.active_pid = result.number<int>(row, 5).value_or(0);
  slot.active_client = result.text(row, 6);
  slot.restart_lsn = LsnAt(result, row, 7);
  slot.confirmed_flush = LsnAt(result, row, 8);
  slot.catalog_xmin = result.number<uint32_t>(row, 9);
  slot.retained_bytes = result.number<int64_t>(row, 10).value_or(0);
  slot.behind_bytes = result.number<int64_t>(row, 11).value_or(0);
  slot.wal_status = result.text(row, 12);
  slot.safe_wal_size = result.number<int64_t>(row, 13);
  slot.two_phase = result.is_true(row, 14);
  slot.conflicting = result.is_true(row, 15);
  slot.inactive_since = result.text(row, 16);
  slot.invalidation_reason = result.text(row, 17);
  slot.failover = result.is_true(row, 18);
  slot.synced = result.is_true(row, 19);
  return slot;
}

absl::Status InUse(const Slot& slot) {
  return absl::UnavailableError(Cat("slot ", slot.name, " is in use by backend ", slot.active_pid,
                                    slot.active_client.empty() ? "" : " (", slot.active_client,
                                    slot.active_client.empty() ? "" : ")"));
}

absl::StatusOr<Slot> ReadIdleSlot(pg::Connection& connection, const std::string& name) {
  ASSIGN_OR_RETURN(std::optional<Slot> slot, ReadSlot(connection, name));
  if (!slot) return absl::FailedPreconditionError(Cat("there is no logical slot ", name));
  if (slot->active) return InUse(*slot);
  return *std::move(slot);
}

}  // namespace

absl::Status ValidateSlotName(std::string_view name) {
  const bool legal = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
  if (legal && !name.empty() && name.size() <= pg::kMaxIdentifierBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      Cat("a slot's name consists of 1 to ", pg::kMaxIdentifierBytes,
          " of the characters a-z, 0-9 and _; this does not: ", name));
}

absl::StatusOr<std::optional<Slot>> ReadSlot(pg::Connection& connection, const std::string& name) {
  const std::array<pg::Parameter, 1> parameters = {name};
  ASSIGN_OR_RETURN(
      const pg::Result result,
      connection.Execute(Cat(SlotsSql(connection.server_version()), " AND s.slot_name = $1"),
                         parameters));
  if (result.rows() == 0) return std::nullopt;
  return SlotOfRow(result, 0);
}

absl::StatusOr<std::vector<Slot>> ListSlots(pg::Connection& connection) {
  ASSIGN_OR_RETURN(
      const pg::Result result,
      connection.Execute(Cat(SlotsSql(connection.server_version()), " ORDER BY s.slot_name"), {}));
  std::vector<Slot> slots;
  for (int row = 0; row < result.rows(); ++row) slots.push_back(SlotOfRow(result, row));
  return slots;
}

absl::StatusOr<Lsn> CurrentLsn(pg::Connection& connection) {
  ASSIGN_OR_RETURN(const pg::Result result, connection.Execute(Cat("SELECT ", kCurrentLsn), {}));
  return LsnAt(result, 0, 0);
}

absl::StatusOr<Slot> CreateSlot(pg::Connection& connection, const std::string& name,
                                bool failover) {
  RETURN_IF_ERROR(ValidateSlotName(name));
  if (failover && connection.server_version() < 170000) {
    return absl::InvalidArgumentError("failover slots need PostgreSQL 17");
  }
  const std::array<pg::Parameter, 1> parameters = {name};
  RETURN_IF_ERROR(
      connection
          .Execute(Cat("SELECT pg_catalog.pg_create_logical_replication_slot($1, 'pgoutput'",
                       failover ? ", failover => true)" : ")"),
                   parameters)
          .status());
  ASSIGN_OR_RETURN(std::optional<Slot> slot, ReadSlot(connection, name));
  if (!slot)
    return absl::FailedPreconditionError(Cat("slot ", name, " was dropped as it was created"));
  return *std::move(slot);
}

absl::Status DropSlot(pg::Connection& connection, const std::string& name) {
  RETURN_IF_ERROR(ReadIdleSlot(connection, name).status());
  const std::array<pg::Parameter, 1> parameters = {name};
  return connection.Execute("SELECT pg_catalog.pg_drop_replication_slot($1)", parameters).status();
}

absl::StatusOr<Lsn> AdvanceSlot(pg::Connection& connection, const std::string& name, Lsn to) {
  ASSIGN_OR_RETURN(const Slot slot, ReadIdleSlot(connection, name));
  if (to < slot.confirmed_flush) {
    return absl::InvalidArgumentError(
        Cat("slot ", name, " is at ", slot.confirmed_flush, " and cannot go back to ", to));
  }
  ASSIGN_OR_RETURN(const Lsn current, CurrentLsn(connection));
  if (to > current) {
    return absl::InvalidArgumentError(Cat(to, " is beyond the server, which is at ", current));
  }
  const std::string target = ToString(to);
  const std::array<pg::Parameter, 2> parameters = {name, target};
  ASSIGN_OR_RETURN(const pg::Result result,
                   connection.Execute(
                       "SELECT end_lsn FROM pg_catalog.pg_replication_slot_advance($1, $2::pg_lsn)",
                       parameters));
  return LsnAt(result, 0, 0);
}

absl::StatusOr<Slot> CopySlot(pg::Connection& connection, const std::string& from,
                              const std::string& to) {
  RETURN_IF_ERROR(ValidateSlotName(to));
  const std::array<pg::Parameter, 2> parameters = {from, to};
  RETURN_IF_ERROR(
      connection.Execute("SELECT pg_catalog.pg_copy_logical_replication_slot($1, $2)", parameters)
          .status());
  ASSIGN_OR_RETURN(std::optional<Slot> slot, ReadSlot(connection, to));
  if (!slot)
    return absl::FailedPreconditionError(Cat("slot ", to, " was dropped as it was created"));
  return *std::move(slot);
}

std::string DescribeDrop(const Slot& slot) {
  if (slot.is_lost())
    return Cat("Slot ", slot.name, " is lost already; nothing more goes with it.");
  return Cat("Slot ", slot.name, " stands at ", slot.confirmed_flush, ", ",
             HumanBytes(slot.behind_bytes),
             " of WAL behind the server: changes from there on are never sent through it, and ",
             HumanBytes(slot.retained_bytes),
             " of WAL are released. Going on needs a new slot and a new snapshot.");
}

std::string DescribeAdvance(const Slot& slot, Lsn to) {
  const auto skipped =
      static_cast<int64_t>(Number(to) - std::min(Number(to), Number(slot.confirmed_flush)));
  return Cat("Slot ", slot.name, " moves from ", slot.confirmed_flush, " to ", to,
             ": changes that committed in these ", HumanBytes(skipped), " of WAL are never sent.");
}

std::string HumanBytes(int64_t bytes) {
  static constexpr std::array<const char*, 5> kUnits = {"kB", "MB", "GB", "TB", "PB"};
  if (bytes < 1024) return Cat(bytes, " bytes");
  auto value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f %s", value, kUnits[unit]);
  return text;
}

absl::StatusOr<std::vector<OpenTransaction>> ListOpenTransactions(pg::Connection& connection) {
  // Without an xid a transaction has written nothing, and nobody waits for it.
  ASSIGN_OR_RETURN(const pg::Result result,
                   connection.Execute("SELECT pid, usename::text, application_name, state, "
                                      "extract(epoch FROM now() - xact_start)::bigint AS age "
                                      "FROM pg_catalog.pg_stat_activity WHERE backend_xid IS NOT "
                                      "NULL AND pid <> pg_catalog.pg_backend_pid() "
                                      "UNION ALL SELECT 0, owner::text, gid, 'prepared', "
                                      "extract(epoch FROM now() - prepared)::bigint "
                                      "FROM pg_catalog.pg_prepared_xacts ORDER BY age DESC",
                                      {}));
  std::vector<OpenTransaction> transactions;
  for (int row = 0; row < result.rows(); ++row) {
    transactions.push_back({.pid = result.number<int>(row, 0).value_or(0),
                            .user = std::string(result.text(row, 1)),
                            .application = std::string(result.text(row, 2)),
                            .state = std::string(result.text(row, 3)),
                            .age_seconds = result.number<int64_t>(row, 4).value_or(0)});
  }
  return transactions;
}

}  // namespace walrelay::wal
