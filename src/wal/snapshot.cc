#include "wal/snapshot.h"

#include <algorithm>
#include <array>

#include "base/status.h"
#include "pg/copy_text.h"
#include "pg/error.h"
#include "pg/quoting.h"
#include "wal/replication_stream.h"

namespace walrelay::wal {
namespace {

constexpr size_t kMissing = static_cast<size_t>(-1);

std::string_view IsolationText(SnapshotIsolation isolation) {
  switch (isolation) {
    case SnapshotIsolation::kSerializable:
      return "SERIALIZABLE READ ONLY DEFERRABLE";
    case SnapshotIsolation::kRepeatableRead:
      return "REPEATABLE READ READ ONLY";
    case SnapshotIsolation::kReadCommitted:
      return "READ COMMITTED READ ONLY";
    case SnapshotIsolation::kReadUncommitted:
      return "READ UNCOMMITTED READ ONLY";
  }
  return "";
}

absl::Status BeginTransaction(pg::Connection& connection, const std::string& snapshot_name,
                              SnapshotIsolation isolation) {
  // A snapshot's session idles while Kafka is slow.
  if (connection.server_version() >= 140000) {
    RETURN_IF_ERROR(connection.Query("SET idle_session_timeout = 0").status());
  }
  if (connection.server_version() >= 170000) {
    RETURN_IF_ERROR(connection.Query("SET transaction_timeout = 0").status());
  }
  if (!snapshot_name.empty()) {
    ASSIGN_OR_RETURN(const std::string quoted, pg::QuoteLiteral(snapshot_name));
    // The import must be the first statement of its transaction.
    const absl::Status status =
        connection
            .Query(Cat("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT ",
                       quoted))
            .status();
    // 22023 up to PostgreSQL 16, 42704 from 17 on. Starting over makes a new one.
    const std::string state = pg::SqlStateOf(status);
    if (state == "22023" || state == "42704") {
      return absl::UnavailableError("it is gone: the session that exported it has ended");
    }
    return status;
  }
  ASSIGN_OR_RETURN(const pg::Result standby,
                   connection.Query("SELECT pg_catalog.pg_is_in_recovery()"));
  // A standby has no serializable transactions.
  if (standby.is_true(0, 0) && isolation == SnapshotIsolation::kSerializable) {
    isolation = SnapshotIsolation::kRepeatableRead;
  }
  return connection.Query(Cat("BEGIN ISOLATION LEVEL ", IsolationText(isolation))).status();
}

// Without what ends a statement: it becomes part of another.
std::string_view WithoutEnd(std::string_view select) {
  const size_t last = select.find_last_not_of("; \t\r\n");
  return select.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

}  // namespace

absl::StatusOr<SnapshotReader> SnapshotReader::Open(const pg::ConnectionOptions& options,
                                                    const std::string& snapshot_name,
                                                    SnapshotIsolation isolation,
                                                    std::chrono::milliseconds limit) {
  ASSIGN_OR_RETURN(pg::Connection connection,
                   pg::Connection::Connect(CaptureSession(options, "Debezium General"), limit));
  connection.set_limit(limit);
  RETURN_IF_ERROR(
      Annotate(BeginTransaction(connection, snapshot_name, isolation), "cannot open the snapshot"));
  return SnapshotReader(std::move(connection));
}

absl::StatusOr<SnapshotFacts> SnapshotReader::ReadFacts() {
  ASSIGN_OR_RETURN(
      const pg::Result result,
      connection_.Query(
          "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL ELSE "
          "pg_catalog.txid_current() END, "
          "(extract(epoch FROM CURRENT_TIMESTAMP) * 1000000)::bigint, "
          "CASE WHEN pg_catalog.pg_is_in_recovery() THEN "
          "coalesce(pg_catalog.pg_last_wal_receive_lsn(), "
          "pg_catalog.pg_last_wal_replay_lsn()) ELSE pg_catalog.pg_current_wal_lsn() END"));
  const auto timestamp = result.number<int64_t>(0, 1);
  const auto lsn = ParseLsn(result.text(0, 2));
  if (!timestamp || !lsn)
    return absl::FailedPreconditionError("the server tells neither its time nor its position");
  return SnapshotFacts{.transaction_id = result.number<uint64_t>(0, 0),
                       .timestamp_micros = *timestamp,
                       .wal_lsn = *lsn};
}

absl::StatusOr<int64_t> SnapshotReader::EstimateRows(const std::string& schema,
                                                     const std::string& table) {
  // Rows per page as of the last ANALYZE, times the pages of now; summed over partitions.
  constexpr std::string_view kSql =
      "SELECT CASE WHEN bool_or(c.reltuples < 0 OR (c.relpages = 0 AND size.pages > 0)) THEN -1 "
      "ELSE "
      "coalesce(sum(c.reltuples::float8 / greatest(c.relpages, 1) * size.pages), 0) END::bigint "
      "FROM pg_catalog.pg_class t JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace "
      "JOIN LATERAL (SELECT t.oid UNION SELECT relid FROM pg_catalog.pg_partition_tree(t.oid) "
      "WHERE isleaf) part(oid) "
      "ON true JOIN pg_catalog.pg_class c ON c.oid = part.oid AND c.relkind <> 'p' "
      "CROSS JOIN LATERAL (SELECT pg_catalog.pg_relation_size(c.oid) / "
      "pg_catalog.current_setting('block_size')::bigint AS pages) size WHERE n.nspname = $1 AND "
      "t.relname = $2";
  const std::array<pg::Parameter, 2> parameters = {schema, table};
  ASSIGN_OR_RETURN(const pg::Result result, connection_.Execute(kSql, parameters));
  return result.number<int64_t>(0, 0).value_or(-1);
}

absl::Status SnapshotReader::BeginTable(const std::string& schema, const std::string& table,
                                        std::span<const std::string> columns) {
  ASSIGN_OR_RETURN(const std::string name, pg::QuoteQualified(schema, table));
  std::string list;
  for (const std::string& column : columns) {
    ASSIGN_OR_RETURN(const std::string quoted, pg::QuoteIdentifier(column));
    list += Cat(list.empty() ? "" : ", ", quoted);
  }
  return BeginQuery(Cat("SELECT ", list, " FROM ", name), columns.size());
}

absl::Status SnapshotReader::BeginSelect(std::string_view select,
                                         std::span<const std::string> columns,
                                         std::span<const std::string> known) {
  const std::string_view query = WithoutEnd(select);
  ASSIGN_OR_RETURN(const pg::Result shape,
                   connection_.Query(Cat("SELECT * FROM (", query, "\n) AS q LIMIT 0")));
  std::vector<size_t> places(columns.size(), kMissing);
  for (int i = 0; i < shape.columns(); ++i) {
    const std::string_view name = shape.column_name(i);
    const auto found = std::ranges::find(columns, name);
    if (found != columns.end()) {
      places[static_cast<size_t>(found - columns.begin())] = static_cast<size_t>(i);
    } else if (std::ranges::find(known, name) == known.end()) {
      return absl::InvalidArgumentError(Cat("gives a column ", name, ", which the table lacks"));
    }
  }
  RETURN_IF_ERROR(BeginQuery(Cat(query, "\n"), static_cast<size_t>(shape.columns())));
  places_ = std::move(places);
  return absl::OkStatus();
}

absl::Status SnapshotReader::LockTable(const std::string& schema, const std::string& table,
                                       std::chrono::milliseconds limit) {
  ASSIGN_OR_RETURN(const std::string name, pg::QuoteQualified(schema, table));
  const absl::Status status = connection_
                                  .Query(Cat("SET LOCAL lock_timeout = ", limit.count(),
                                             "; LOCK TABLE ", name, " IN ACCESS SHARE MODE"))
                                  .status();
  if (pg::SqlStateOf(status) == "55P03") {  // lock_not_available
    return absl::UnavailableError(Cat("cannot lock ", schema, ".", table, ": somebody holds it"));
  }
  return status;
}

absl::StatusOr<bool> SnapshotReader::IsRewritten(pg::Connection& now, const std::string& schema,
                                                 const std::string& table) {
  // A truncate leaves the columns alone, what keeps the file does not rewrite.
  constexpr std::string_view kShape =
      "SELECT c.oid, c.relfilenode, concat_ws(' ', c.relpersistence, c.relam, (SELECT "
      "string_agg(concat_ws(' ', a.attnum, a.xmin), ',' ORDER BY a.attnum) FROM "
      "pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0)) FROM "
      "pg_catalog.pg_class c ";
  // COPY, too, takes the table that has the name now.
  const std::array<pg::Parameter, 2> name = {schema, table};
  ASSIGN_OR_RETURN(const pg::Result after,
                   now.Execute(Cat(kShape,
                                   "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE "
                                   "n.nspname = $1 AND c.relname = $2"),
                               name));
  if (after.rows() == 0) return false;
  const std::string oid(after.text(0, 0));
  const std::array<pg::Parameter, 1> same = {oid};
  ASSIGN_OR_RETURN(const pg::Result before,
                   connection_.Execute(Cat(kShape, "WHERE c.oid = $1::text::oid"), same));
  if (before.rows() == 0) return false;            // It came later.
  const bool has_file = before.text(0, 1) != "0";  // A partitioned table has none.
  if (has_file && before.text(0, 1) == after.text(0, 1)) return false;
  return before.text(0, 2) != after.text(0, 2);
}

absl::Status SnapshotReader::BeginQuery(std::string_view select, size_t columns) {
  places_.clear();
  ASSIGN_OR_RETURN(rows_, connection_.CopyOut(Cat("COPY (", select, ") TO STDOUT")));
  columns_ = columns;
  return absl::OkStatus();
}

absl::StatusOr<SnapshotReader::Step> SnapshotReader::Next() {
  ASSIGN_OR_RETURN(const pg::CopyReader::Step step, rows_->Next());
  switch (step) {
    case pg::CopyReader::Step::kRow:
      RETURN_IF_ERROR(
          pg::ReadCopyRow(rows_->mutable_row(), columns_, places_.empty() ? row_ : read_));
      if (!places_.empty()) Rearrange();
      return Step::kRow;
    case pg::CopyReader::Step::kWouldBlock:
      return Step::kWouldBlock;
    case pg::CopyReader::Step::kEnd:
      break;
  }
  rows_.reset();
  return Step::kEnd;
}

void SnapshotReader::Rearrange() {
  row_.assign(places_.size(), ColumnValue::Null());
  for (size_t i = 0; i < places_.size(); ++i) {
    if (places_[i] != kMissing) row_[i] = read_[places_[i]];
  }
}

absl::Status SnapshotReader::Finish() { return connection_.Query("COMMIT").status(); }

}  // namespace walrelay::wal
