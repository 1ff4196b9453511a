// Reads tables as they were at one moment: the initial snapshot.
//
// With the snapshot that CREATE_REPLICATION_SLOT exported, the rows are exactly what the stream
// from its consistent point goes on from. Without one (the slot existed) a SERIALIZABLE, READ ONLY,
// DEFERRABLE transaction, as Debezium, or the isolation that is asked for: the rows may overlap
// with the stream. Several readers may import one exported snapshot. Opening and BeginTable block,
// within the connection's limit; Next() does not. Errors as pg/connection.h. Not thread-safe.
// Source: OPTIONS.md §2.2; FORMAT.md §3; PostgreSQL manual, SET TRANSACTION SNAPSHOT, COPY.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "change/change.h"
#include "pg/connection.h"

namespace walrelay::wal {

// What the envelopes of a snapshot say.
struct SnapshotFacts {
  std::optional<uint64_t> transaction_id;  // txid_current(); none on a standby.
  int64_t timestamp_micros = 0;  // CURRENT_TIMESTAMP: the start of the transaction, since 1970.
  Lsn wal_lsn{};  // The server's position: the rows' lsn when no slot was created now.
};

// snapshot.isolation.mode; of no effect with an exported snapshot, which is REPEATABLE READ.
enum class SnapshotIsolation { kSerializable, kRepeatableRead, kReadCommitted, kReadUncommitted };

class SnapshotReader {
 public:
  enum class Step { kRow, kWouldBlock, kEnd };

  // Empty `snapshot_name`: no exported snapshot. Unavailable when the exported one is gone with its
  // session.
  static absl::StatusOr<SnapshotReader> Open(
      const pg::ConnectionOptions& options, const std::string& snapshot_name,
      SnapshotIsolation isolation = SnapshotIsolation::kSerializable,
      std::chrono::milliseconds limit = pg::Connection::kDefaultLimit);

  absl::StatusOr<SnapshotFacts> ReadFacts();
  // From the sizes of now: for progress only. -1 when it is not known.
  absl::StatusOr<int64_t> EstimateRows(const std::string& schema, const std::string& table);
  // For catalog look-ups under the snapshot, between tables.
  pg::Connection& connection() { return connection_; }

  // Starts SELECT columns FROM schema.table. Then Next() until kEnd.
  absl::Status BeginTable(const std::string& schema, const std::string& table,
                          std::span<const std::string> columns);
  // The same with a SELECT that gives just these columns.
  absl::Status BeginQuery(std::string_view select, size_t columns);
  // The same with a SELECT of somebody's own (snapshot.select.statement.overrides): its columns are
  // found by their names, one that it lacks is NULL, one that `known` does not have is
  // InvalidArgument.
  absl::Status BeginSelect(std::string_view select, std::span<const std::string> columns,
                           std::span<const std::string> known);
  // LOCK TABLE … IN ACCESS SHARE MODE, waiting no longer than that. Unavailable when it took
  // longer.
  absl::Status LockTable(const std::string& schema, const std::string& table,
                         std::chrono::milliseconds limit);
  // Behind kEnd of a table that gave no row: whether ALTER TABLE has rewritten it since the
  // snapshot, so that its rows cannot be seen here (PostgreSQL manual, 13.6 "Caveats": it is not
  // MVCC-safe), and the stream does not have them. A truncate is none. `now`: a session that sees
  // the catalog as it is. Blocks, within both connections' limits.
  absl::StatusOr<bool> IsRewritten(pg::Connection& now, const std::string& schema,
                                   const std::string& table);
  absl::StatusOr<Step> Next();
  // In the order of the columns; holds until the next call.
  const Tuple& row() const { return row_; }
  int socket() const { return connection_.socket(); }

  // Ends the transaction.
  absl::Status Finish();

 private:
  explicit SnapshotReader(pg::Connection connection) : connection_(std::move(connection)) {}
  void Rearrange();

  pg::Connection connection_;
  std::optional<pg::CopyReader> rows_;
  size_t columns_ = 0;          // Of the query.
  std::vector<size_t> places_;  // By column of row(): the query's column, kMissing for none; empty:
                                // one by one.
  Tuple read_;                  // As it was read, where places_ says how row_ is made from it.
  Tuple row_;
};

}  // namespace walrelay::wal
