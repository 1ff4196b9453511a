// Logical replication slots, through SQL: what they are, and what is done to them.
//
// Functions that destroy something are preceded by one that says what would be lost. Errors as
// pg/connection.h; an active slot is Unavailable and names the backend. Source: PostgreSQL manual,
// "pg_replication_slots", "Replication Management Functions"; FAULTS.md §3, "Slot invalidation".
#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "change/lsn.h"
#include "pg/connection.h"

namespace walrelay::wal {

struct Slot {
  std::string name;
  std::string plugin;
  std::string database;
  bool temporary = false;
  bool active = false;
  int active_pid = 0;         // 0 when not active.
  std::string active_client;  // Application and address of that backend, where we may see it.
  Lsn restart_lsn{};          // 0 when its WAL is gone.
  Lsn confirmed_flush{};      // 0 until the slot is built.
  std::optional<uint32_t> catalog_xmin;
  std::string wal_status;  // reserved, extended, unreserved, lost.
  std::optional<int64_t>
      safe_wal_size;           // Bytes until it may be lost; none without max_slot_wal_keep_size.
  int64_t retained_bytes = 0;  // WAL that the server keeps because of it.
  int64_t behind_bytes = 0;    // From confirmed_flush to the server's position.
  bool two_phase = false;      // 14
  bool conflicting = false;    // 16
  std::string inactive_since;  // 17, as the server prints it; empty while active or unknown.
  std::string invalidation_reason;  // 17; empty while it is valid.
  bool failover = false;            // 17
  bool synced = false;              // 17: lives on a standby.

  // WAL that it needs is gone, or it was invalidated: it can only be dropped.
  bool is_lost() const {
    return wal_status == "lost" || conflicting || !invalidation_reason.empty();
  }
};

// [a-z0-9_]{1,63}, as the server wants it. InvalidArgument otherwise.
absl::Status ValidateSlotName(std::string_view name);

// None when there is no logical slot of that name, in whichever database.
absl::StatusOr<std::optional<Slot>> ReadSlot(pg::Connection& connection, const std::string& name);
absl::StatusOr<std::vector<Slot>> ListSlots(pg::Connection& connection);
// The server's current position: of a standby, what it has replayed.
absl::StatusOr<Lsn> CurrentLsn(pg::Connection& connection);

// Without an exported snapshot. `failover` needs 17.
absl::StatusOr<Slot> CreateSlot(pg::Connection& connection, const std::string& name, bool failover);
// FailedPrecondition when there is none.
absl::Status DropSlot(pg::Connection& connection, const std::string& name);
// Where the slot is then: the server may stop at a commit before `to`. InvalidArgument when `to` is
// behind it or beyond the server.
absl::StatusOr<Lsn> AdvanceSlot(pg::Connection& connection, const std::string& name, Lsn to);
absl::StatusOr<Slot> CopySlot(pg::Connection& connection, const std::string& from,
                              const std::string& to);

// One sentence for people: what they lose.
std::string DescribeDrop(const Slot& slot);
std::string DescribeAdvance(const Slot& slot, Lsn to);
// "1.5 GB".
std::string HumanBytes(int64_t bytes);

// A transaction that the creation of a slot waits for.
struct OpenTransaction {
  int pid = 0;  // 0: a prepared transaction.
  std::string user;
  std::string application;  // Or the prepared transaction's gid.
  std::string state;        // "idle in transaction", "active", "prepared".
  int64_t age_seconds = 0;
};
// Of all databases, oldest first, without our own.
absl::StatusOr<std::vector<OpenTransaction>> ListOpenTransactions(pg::Connection& connection);

}  // namespace walrelay::wal
