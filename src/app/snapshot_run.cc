#include "app/snapshot_run.h"

#include <algorithm>
#include <future>

#include "app/exit_code.h"
#include "app/source_errors.h"
#include "base/crash_point.h"
#include "base/log.h"
#include "pg/catalog.h"
#include "pg/quoting.h"
#include "wal/slot.h"
#include "wal/snapshot.h"

namespace walrelay::app {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using envelope::SnapshotMarker;

constexpr auto kProgressEvery = 5s;
constexpr auto kFlushLimit = 60s;
constexpr auto kWaitNoticeEvery = 5s;
constexpr auto kSlotLimit = 24h;  // Creation waits for open transactions, visibly, and until stop.

struct SnapshotTable {
  std::string schema;
  std::string table;
  int64_t estimated_rows = -1;
};

// A row that waits until it is known whether another one follows: the marker of the last one
// differs.
class HeldRow {
 public:
  bool empty() const { return table_ == nullptr; }
  const CapturedTable& table() const { return *table_; }
  const Tuple& tuple() const { return tuple_; }
  bool first_of_table() const { return first_of_table_; }

  void Hold(const CapturedTable& table, const Tuple& tuple, bool first_of_table) {
    table_ = &table;
    first_of_table_ = first_of_table;
    size_t size = 0;
    for (const ColumnValue& value : tuple) size += value.text.size();
    bytes_.clear();
    bytes_.reserve(size);  // Views into it stay put.
    tuple_.clear();
    for (const ColumnValue& value : tuple) {
      const size_t at = bytes_.size();
      bytes_.append(value.text);
      tuple_.push_back({.kind = value.kind, .text = std::string_view(bytes_).substr(at)});
    }
  }
  void Clear() { table_ = nullptr; }

 private:
  const CapturedTable* table_ = nullptr;
  bool first_of_table_ = false;
  std::string bytes_;
  Tuple tuple_;
};

// Reads the tables one after the other and delivers their rows.
class TableReader {
 public:
  TableReader(CaptureSession& session, wal::SnapshotReader& reader,
              const envelope::EventContext& context)
      : session_(session),
        reader_(reader),
        context_(context),
        begun_(Clock::now()),
        progress_at_(begun_ + kProgressEvery) {}

  absl::Status Read(const std::vector<SnapshotTable>& tables);

 private:
  absl::Status ReadTable(const SnapshotTable& table, bool first_table);
  absl::Status BeginTable(const SnapshotTable& table, const CapturedTable& captured);
  absl::Status CheckEmpty(const SnapshotTable& table);
  absl::Status Emit(SnapshotMarker marker);
  void Progress(const SnapshotTable& table);
  SnapshotMarker MarkerInside() const;

  CaptureSession& session_;
  wal::SnapshotReader& reader_;
  envelope::EventContext context_;
  SteadyTime begun_;
  SteadyTime progress_at_;
  std::vector<std::unique_ptr<CapturedTable>> tables_;  // Held rows point to them.
  HeldRow held_;
  bool held_in_first_table_ = false;
  uint64_t rows_ = 0;
};

// The marker of a held row that others of its table follow.
SnapshotMarker TableReader::MarkerInside() const {
  if (!held_.first_of_table()) return SnapshotMarker::kTrue;
  return held_in_first_table_ ? SnapshotMarker::kFirst : SnapshotMarker::kFirstInDataCollection;
}

absl::Status TableReader::Emit(SnapshotMarker marker) {
  context_.marker = marker;
  context_.now = WallNow();
  RETURN_IF_ERROR(session_.encoder().Snapshot(
      *held_.table().plan, held_.tuple(), context_,
      [this](const Record& record) { return session_.Deliver(record, *held_.table().plan); }));
  held_.table().counts->Add(admin::Op::kRead);
  ++rows_;
  CrashPoint("snapshot-row");
  session_.counters().snapshot.rows = rows_;
  return absl::OkStatus();
}

void TableReader::Progress(const SnapshotTable& table) {
  admin::SnapshotProgress& progress = session_.counters().snapshot;
  progress.seconds = std::chrono::duration<double>(Clock::now() - begun_).count();
  const double rate = static_cast<double>(rows_) / std::max(progress.seconds, 0.001);
  std::string eta;
  if (progress.rows_estimated > rows_ && rate > 0) {
    eta = Cat(", about ",
              static_cast<int64_t>(static_cast<double>(progress.rows_estimated - rows_) / rate) + 1,
              " s left");
  }
  const std::string text =
      Cat(table.schema, ".", table.table, ": table ", progress.tables_done + 1, " of ",
          progress.tables, ", ", rows_, " of about ", progress.rows_estimated, " rows, ",
          static_cast<int64_t>(rate), " rows/s", eta);
  log::Info("snapshot of ", text);
  session_.shared().board.Set("capture", admin::State::kSnapshot, text);
}

absl::Status TableReader::BeginTable(const SnapshotTable& table, const CapturedTable& captured) {
  const auto& selects = session_.settings().source.snapshot.selects;
  const auto select = selects.find(Cat(table.schema, ".", table.table));
  const std::vector<std::string>& columns = captured.plan->snapshot_columns();
  if (select == selects.end()) return reader_.BeginTable(table.schema, table.table, columns);
  std::vector<std::string> known;
  for (const RelationColumn& column : captured.relation->columns) known.push_back(column.name);
  return Annotate(reader_.BeginSelect(select->second, columns, known),
                  Cat("snapshot.select.statement.overrides.", select->first));
}

absl::Status TableReader::CheckEmpty(const SnapshotTable& table) {
  ASSIGN_OR_RETURN(const bool is_rewritten,
                   reader_.IsRewritten(session_.catalog(), table.schema, table.table));
  if (!is_rewritten) return absl::OkStatus();
  return absl::UnavailableError(
      Cat("snapshot: ", table.schema, ".", table.table,
          " was rewritten by ALTER TABLE since the snapshot began, which does not see its rows any "
          "more; it is taken anew"));
}

absl::Status TableReader::ReadTable(const SnapshotTable& table, bool first_table) {
  auto described = session_.tables().ForSnapshot(table.schema, table.table);
  if (absl::IsNotFound(described.status())) {
    log::Warn("snapshot: ", Message(described.status()), " before it was read");
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(described.status());
  const CapturedTable& captured =
      *tables_.emplace_back(std::make_unique<CapturedTable>(*std::move(described)));
  RETURN_IF_ERROR(BeginTable(table, captured));
  bool first_row = true;
  for (uint32_t count = 0;; ++count) {
    ASSIGN_OR_RETURN(const auto step, reader_.Next());
    if (step == wal::SnapshotReader::Step::kEnd)
      return first_row ? CheckEmpty(table) : absl::OkStatus();
    if (step == wal::SnapshotReader::Step::kWouldBlock) {
      RETURN_IF_ERROR(session_.Tend());
      RETURN_IF_ERROR(session_.loop().Wait(
          {{.fd = reader_.socket()}, {.fd = session_.link().event_fd()}}, session_.next_chore()));
      continue;
    }
    if (!held_.empty()) {
      // The held row is the last of its table when this one is the first of the next.
      RETURN_IF_ERROR(Emit(!first_row ? MarkerInside()
                           : held_in_first_table_ && held_.first_of_table()
                               ? SnapshotMarker::kFirst
                               : SnapshotMarker::kLastInDataCollection));
    }
    held_.Hold(captured, reader_.row(), first_row);
    held_in_first_table_ = first_table;
    first_row = false;
    if (count % 1024 == 0) {
      RETURN_IF_ERROR(session_.Tend());
      RETURN_IF_ERROR(session_.shared().stop.Check());
      if (Clock::now() >= progress_at_) {
        Progress(table);
        progress_at_ = Clock::now() + kProgressEvery;
      }
    }
  }
}

absl::Status TableReader::Read(const std::vector<SnapshotTable>& tables) {
  for (const SnapshotTable& table : tables) {
    RETURN_IF_ERROR(ReadTable(table, &table == &tables.front()));
    ++session_.counters().snapshot.tables_done;
  }
  if (!held_.empty()) RETURN_IF_ERROR(Emit(SnapshotMarker::kLast));
  const double seconds = std::chrono::duration<double>(Clock::now() - begun_).count();
  log::Info("snapshot finished: ", rows_, " rows of ", tables.size(), " tables in ",
            static_cast<int64_t>(seconds * 1000), " ms (",
            static_cast<int64_t>(static_cast<double>(rows_) / std::max(seconds, 0.001)),
            " rows/s)");
  return absl::OkStatus();
}

// The captured tables in Debezium's order: by the place of the first expression that matches, then
// by name.
absl::StatusOr<std::vector<SnapshotTable>> ListSnapshotTables(CaptureSession& session) {
  const CaptureOptions& source = session.settings().source;
  ASSIGN_OR_RETURN(const auto all, pg::ListTables(session.catalog()));
  std::vector<std::pair<size_t, SnapshotTable>> placed;
  for (const pg::ListedTable& table : all) {
    if (!source.table_captured(table.name.schema, table.name.table)) continue;
    if (!source.snapshot.takes(table.name.schema, table.name.table)) continue;
    const size_t place = source.include_place
                             ? source.include_place(table.name.schema, table.name.table).value_or(0)
                             : 0;
    placed.push_back({place,
                      {.schema = table.name.schema,
                       .table = table.name.table,
                       .estimated_rows = table.estimated_rows}});
  }
  RETURN_IF_ERROR(source.filter_health->status());
  std::stable_sort(placed.begin(), placed.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first
                              : Cat(a.second.schema, ".", a.second.table) <
                                    Cat(b.second.schema, ".", b.second.table);
  });
  std::vector<SnapshotTable> tables;
  for (auto& [place, table] : placed) tables.push_back(std::move(table));
  return tables;
}

void ShowWhoBlocks(CaptureSession& session) {
  const auto open = wal::ListOpenTransactions(session.catalog());
  if (!open.ok() || open->empty()) return;
  const wal::OpenTransaction& oldest = open->front();
  const std::string text =
      Cat("creating slot ", session.settings().source.slot, " waits for ", open->size(),
          " open transactions; the oldest: pid ", oldest.pid, " (", oldest.user, ", ",
          oldest.application, "), ", oldest.state, " for ", oldest.age_seconds, " s");
  log::Info(text);
  session.shared().board.Set("capture", admin::State::kStarting, text);
}

// Ends our CREATE_REPLICATION_SLOT from outside, so that stop need not wait for somebody's
// transaction.
void CancelCreation(CaptureSession& session) {
  const auto prefix =
      pg::QuoteLiteral(Cat("CREATE_REPLICATION_SLOT \"", session.settings().source.slot, "\"%"));
  if (!prefix.ok()) return;
  const auto cancelled = session.catalog().Query(
      Cat("SELECT pg_catalog.pg_cancel_backend(pid) FROM pg_catalog.pg_stat_activity WHERE "
          "backend_type = 'walsender' AND query LIKE ",
          *prefix));
  if (!cancelled.ok())
    log::Warn("could not cancel the creation of the slot: ", Message(cancelled.status()));
}

// Creation blocks until every open transaction has ended: another thread waits for it, this one
// says for whom, and sees stop.
absl::StatusOr<wal::CreatedSlot> CreateSlot(CaptureSession& session) {
  auto creation = std::async(std::launch::async, [&session] {
    return session.stream().CreateSlot(session.settings().source.slot,
                                       {.export_snapshot = true,
                                        .failover = session.settings().source.failover_slot,
                                        .limit = kSlotLimit});
  });
  SteadyTime notice_at = Clock::now() + kWaitNoticeEvery;
  bool cancelled = false;
  while (creation.wait_for(20ms) != std::future_status::ready) {
    if (session.shared().stop.asked() && !cancelled) {
      CancelCreation(session);
      cancelled = true;
    }
    if (Clock::now() >= notice_at) {
      ShowWhoBlocks(session);
      notice_at = Clock::now() + kWaitNoticeEvery;
    }
  }
  RETURN_IF_ERROR(session.shared().stop.Check());
  auto created = creation.get();
  if (!created.ok()) return StreamError(created.status());
  return created;
}

absl::Status DropUnfinishedSlot(CaptureSession& session) {
  log::Info("dropping slot ", session.settings().source.slot,
            ", which a snapshot that was not finished, or lost, left behind");
  return wal::DropSlot(session.catalog(), session.settings().source.slot);
}

}  // namespace

absl::StatusOr<Lsn> RunSnapshot(CaptureSession& session, const TakeSnapshot& action) {
  const SnapshotOptions& options = session.settings().source.snapshot;
  session.shared().board.Set("capture", admin::State::kSnapshot, "preparing");
  RETURN_IF_ERROR(session.Pause(options.delay));
  if (action.drop_slot_first) RETURN_IF_ERROR(DropUnfinishedSlot(session));

  // Old topics stay pinned as they were: a new incarnation writes behind what is there.
  PositionRecord intent;
  if (session.stored_position()) intent.topics = session.stored_position()->topics;
  intent.phase = PositionPhase::kSnapshotIntent;
  intent.epoch = session.EpochFrom(action.create_slot ? kNoLsn : action.stream_from);
  session.NameConnectRecord(intent);
  session.link().Begin(intent, Earlier::kNothing);
  RETURN_IF_ERROR(session.link().Claim());
  CrashPoint("snapshot-intent");

  wal::CreatedSlot created{.consistent_point = action.stream_from, .snapshot_name = ""};
  if (action.create_slot) {
    ASSIGN_OR_RETURN(created, CreateSlot(session));
    log::Info("slot ", session.settings().source.slot, " created at ", created.consistent_point);
    CrashPoint("snapshot-slot-created");
    // A restart drops a slot only where it is known to be this one, and unread.
    session.link().SetPhase(PositionPhase::kSnapshotSlot,
                            session.EpochFrom(created.consistent_point));
    RETURN_IF_ERROR(session.link().WritePositionNow());
    CrashPoint("snapshot-slot-recorded");
  }
  ASSIGN_OR_RETURN(wal::SnapshotReader reader,
                   wal::SnapshotReader::Open(session.settings().source.connection,
                                             created.snapshot_name, options.isolation));
  ASSIGN_OR_RETURN(const wal::SnapshotFacts facts, reader.ReadFacts());
  ASSIGN_OR_RETURN(const auto tables, ListSnapshotTables(session));

  if (options.lock_tables) {
    for (const SnapshotTable& table : tables) {
      RETURN_IF_ERROR(reader.LockTable(table.schema, table.table, options.lock_timeout));
    }
  }

  admin::SnapshotProgress& progress = session.counters().snapshot;
  progress = {.tables = tables.size(), .running = true};
  for (const SnapshotTable& table : tables)
    progress.rows_estimated += static_cast<uint64_t>(std::max<int64_t>(0, table.estimated_rows));
  log::Info("snapshot of ", tables.size(), " tables, about ", progress.rows_estimated, " rows");

  const Lsn lsn = action.create_slot ? created.consistent_point : facts.wal_lsn;
  envelope::EventContext context;
  context.lsn = lsn;
  context.tx_id = facts.transaction_id;
  context.source_ts_micros = facts.timestamp_micros;
  TableReader table_reader(session, reader, context);
  RETURN_IF_ERROR(table_reader.Read(tables));
  RETURN_IF_ERROR(reader.Finish());
  progress.running = false;
  progress.seconds = 0;

  if (action.stream_after) {
    session.link().SetPhase(PositionPhase::kStreaming, session.EpochFrom(created.consistent_point));
    session.link().Committed(created.consistent_point, kNoLsn, 0);
  }
  // Debezium stores its offset with a record: an empty snapshot leaves none.
  if (progress.rows > 0) {
    session.offsets().SnapshotFinished(lsn, facts.transaction_id, facts.timestamp_micros,
                                       created.consistent_point);
  }
  RETURN_IF_ERROR(session.link().Flush(Clock::now() + kFlushLimit));
  CrashPoint("snapshot-flushed");
  if (action.stream_after) RETURN_IF_ERROR(session.link().WritePositionNow());
  session.link().ForgetTopicCache();  // The plans' addresses may come again.
  if (action.stream_after) RETURN_IF_ERROR(session.Pause(options.streaming_delay));
  return created.consistent_point;
}

}  // namespace walrelay::app
