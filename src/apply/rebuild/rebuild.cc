#include "apply/rebuild/rebuild.h"

#include <utility>

#include "apply/mirror_table.h"
#include "apply/objects.h"
#include "apply/progress.h"
#include "apply/table_name.h"
#include "base/status.h"
#include "pg/quoting.h"

namespace walrelay::apply {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kBeside = "__rebuild";
constexpr size_t kBatchRecords = 10'000;
constexpr size_t kBatchBytes = 16 * 1024 * 1024;
constexpr int64_t kNearly = 10'000;     // Events that the live sinks may have to wait for.
constexpr int kMostRounds = 20;         // Then they wait for as many as there are.
constexpr auto kStatementLimit = 2h;    // The server sorts all events before it gives the first.
constexpr auto kLockLimit = 60s;        // For a batch that is being applied.

absl::StatusOr<pg::Connection> Connect(const SinkOptions& sink, const std::string& table) {
  pg::ConnectionOptions options = sink.connection;
  options.SetDefault("application_name", Cat("walrelay rebuild ", sink.pipeline, " ", table));
  options.AddSetting("search_path", "pg_catalog");
  options.AddSetting("statement_timeout", "0");
  options.AddSetting("lock_timeout", Cat(std::chrono::milliseconds(kLockLimit).count()));
  options.AddSetting("idle_in_transaction_session_timeout", "0");
  options.AddSetting("TimeZone", "UTC");
  options.AddSetting("jit", "off");
  ASSIGN_OR_RETURN(pg::Connection connection,
                   pg::Connection::Connect(options, sink.connect_limit));
  connection.set_limit(kStatementLimit);
  return connection;
}

// $1 pipeline, $2 sink. Session locks of its workers, as ProgressTable::Lock takes them.
constexpr std::string_view kEndSessions = R"(
SELECT pg_terminate_backend(pid) FROM (
  SELECT DISTINCT l.pid FROM pg_locks l
  WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (l.classid::int8 << 32 | l.objid::int8) IN (
      SELECT hashtextextended('walrelay/' || $1 || '/' || $2 || CASE n WHEN 0 THEN '' ELSE '/' || n END, 0)
      FROM generate_series(0, 1023) n)) s
WHERE pid <> pg_backend_pid())";

// $1 pipeline, $2 sink, $3 table of the source.
constexpr std::string_view kCountLetters =
    "SELECT count(*) FROM walrelay.dead_letters WHERE pipeline = $1 AND sink = $2 AND source_table = $3";
constexpr std::string_view kLettersWithoutEvent = R"(
SELECT count(*) FROM walrelay.dead_letters o
WHERE o.pipeline = $1 AND o.sink = $2 AND o.source_table = $3 AND o.parked_key IS NOT NULL AND NOT EXISTS (
  SELECT FROM cdc_raw.cdc_events e WHERE e.kafka_topic = o.kafka_topic AND e.kafka_partition = o.kafka_partition
   AND e.kafka_offset = o.kafka_offset))";

// Letters whose event was applied now are gone. Those that were refused again keep the bytes that
// came from Kafka; those that are no event stay.
constexpr std::string_view kTakeLetterBytes = R"(
UPDATE walrelay.dead_letters n
SET record_key = o.record_key, record_value = o.record_value, record_headers = o.record_headers,
    created_at = o.created_at, retry_at = o.retry_at
FROM walrelay.dead_letters o
WHERE n.pipeline = $2 AND n.sink = $3 AND o.pipeline = $1 AND o.sink = $3 AND o.kafka_topic = n.kafka_topic
  AND o.kafka_partition = n.kafka_partition AND o.kafka_offset = n.kafka_offset)";
constexpr std::string_view kDropLetters = R"(
DELETE FROM walrelay.dead_letters o
WHERE o.pipeline = $1 AND o.sink = $2 AND o.source_table = $3 AND EXISTS (
  SELECT FROM cdc_raw.cdc_events e WHERE e.kafka_topic = o.kafka_topic AND e.kafka_partition = o.kafka_partition
   AND e.kafka_offset = o.kafka_offset))";
// What came before the newest truncate makes no row.
constexpr std::string_view kLastTruncate = R"(
INSERT INTO walrelay.last_truncates (pipeline, sink, source_table, lsn, source_ts_us)
SELECT $2, $3, $4, (source ->> 'lsn')::int8, coalesce((source ->> 'ts_us')::int8, (source ->> 'ts_ms')::int8 * 1000)
FROM (
  SELECT e.source_metadata::jsonb AS source
  FROM cdc_raw.cdc_events e
  JOIN walrelay.progress p ON p.pipeline = $1 AND p.sink = $3 AND p.topic = e.kafka_topic AND p.partition = e.kafka_partition
  WHERE e.source_table = $4 AND e.operation = 't' AND e.kafka_offset < p.next_offset) AS truncate
WHERE source ->> 'lsn' IS NOT NULL
ORDER BY coalesce((source ->> 'ts_us')::int8, (source ->> 'ts_ms')::int8 * 1000) DESC, 4 DESC LIMIT 1)";
constexpr std::string_view kTakeLetters =
    "UPDATE walrelay.dead_letters SET pipeline = $1 WHERE pipeline = $2 AND sink = $3";

}  // namespace

Rebuild::Rebuild(RebuildOptions options, pg::Connection connection, SwapNames names)
    : options_(std::move(options)),
      connection_(std::move(connection)),
      names_(std::move(names)),
      source_table_(Cat(options_.table.schema, ".", options_.table.table)) {
  pipeline_ = Cat(options_.sink.pipeline, "/rebuild ", source_table_);
}

absl::StatusOr<std::unique_ptr<Rebuild>> Rebuild::Open(RebuildOptions options) {
  SwapNames names{.schema = std::string(MirrorSchemaOf(options.sink.kind)),
                  .live = {},
                  .beside = {},
                  .kept = {}};
  ASSIGN_OR_RETURN(names.live, MirrorTableName(options.sink.target_table_format, options.table));
  names.beside = names.live + std::string(kBeside);
  if (options.keep_old) names.kept = names.live + std::string(kKeptSuffix);
  ASSIGN_OR_RETURN(pg::Connection connection, Connect(options.sink, names.live));
  std::unique_ptr<Rebuild> rebuild(
      new Rebuild(std::move(options), std::move(connection), std::move(names)));
  ASSIGN_OR_RETURN(TableSwap swap, TableSwap::Make(rebuild->connection_, rebuild->names_));
  rebuild->swap_ = std::make_unique<TableSwap>(std::move(swap));
  rebuild->history_ = std::make_unique<RawHistory>(
      rebuild->connection_, rebuild->options_.sink.pipeline, rebuild->sink_name(),
      rebuild->source_table_, rebuild->names_.live);
  ASSIGN_OR_RETURN(const bool exists, rebuild->history_->Exists());
  if (!exists) return absl::FailedPreconditionError("there are no raw events: no sink has written any here");
  RETURN_IF_ERROR(rebuild->swap_->CheckReplaceable());
  RETURN_IF_ERROR(rebuild->swap_->CheckBeside());
  RETURN_IF_ERROR(rebuild->CheckLetters());
  return rebuild;
}

std::string Rebuild::sink_name() const { return std::string(SinkName(options_.sink.kind)); }

// What waits behind a record that is not among the raw events would be applied without it.
absl::Status Rebuild::CheckLetters() {
  const std::string sink = sink_name();
  const pg::Parameter parameters[] = {options_.sink.pipeline, sink, source_table_};
  ASSIGN_OR_RETURN(const pg::Result letters, connection_.Execute(kLettersWithoutEvent, parameters));
  if (letters.text(0, 0) == "0") return absl::OkStatus();
  return absl::FailedPreconditionError(
      Cat(letters.text(0, 0), " dead letters of ", source_table_,
          " are not among the raw events, and later changes of their rows wait for them: walrelay "
          "dlq retry or drop first"));
}

absl::StatusOr<RebuildPlan> Rebuild::Plan() {
  RebuildPlan plan{.live = Cat(names_.schema, ".", names_.live), .kept = names_.kept, .history = {}};
  ASSIGN_OR_RETURN(plan.history, history_->Summarize(options_.has_markers));
  ASSIGN_OR_RETURN(plan.replaces, swap_->LiveExists());
  if (!plan.replaces) return plan;
  ASSIGN_OR_RETURN(plan.live_rows, swap_->CountLive());
  return plan;
}

absl::Status Rebuild::Lock() {
  return ProgressTable(Cat(pipeline_, "/lock"), sink_name()).Lock(connection_);
}

absl::StatusOr<RebuildResult> Rebuild::Run() {
  absl::Status done = Prepare();
  if (done.ok()) done = Fill();
  if (done.ok()) done = Finish();
  if (done.ok()) {
    ASSIGN_OR_RETURN(result_.rows, swap_->CountLive());
    return result_;
  }
  sink_.reset();
  if (!connection_.is_lost()) {
    // What is left behind is removed by the next rebuild.
    if (connection_.in_transaction()) (void)connection_.Query("ROLLBACK");
    (void)Discard();
  }
  return done;
}

absl::Status Rebuild::Discard() {
  RETURN_IF_ERROR(swap_->DropBeside());
  const std::string sink = sink_name();
  for (const std::string_view table : {"dead_letters", "moved_rows", "incomplete_rows",
                                        "known_schemas", "last_truncates"}) {
    const pg::Parameter parameters[] = {pipeline_, sink};
    RETURN_IF_ERROR(
        connection_
            .Execute(Cat("DELETE FROM walrelay.", table, " WHERE pipeline = $1 AND sink = $2"),
                     parameters)
            .status());
  }
  return absl::OkStatus();
}

// What a table would wait for was decided by somebody then, and is not asked again: no column goes.
SchemaPolicies Rebuild::Decided(SchemaPolicies policies) {
  const auto decide = [](SchemaPolicy& policy, SchemaPolicy otherwise) {
    if (policy == SchemaPolicy::kPark || policy == SchemaPolicy::kStop) policy = otherwise;
  };
  policies.table_created = SchemaPolicy::kApply;
  decide(policies.column_dropped, SchemaPolicy::kIgnore);
  for (SchemaPolicy* policy : {&policies.column_added, &policies.column_widened,
                               &policies.column_retyped, &policies.column_nullable})
    decide(*policy, SchemaPolicy::kApply);
  return policies;
}

absl::Status Rebuild::Prepare() {
  RETURN_IF_ERROR(PrepareObjects(connection_, options_.sink));  // An older version did not have all.
  RETURN_IF_ERROR(Discard());
  RETURN_IF_ERROR(swap_->CreateBeside());
  const std::string sink = sink_name();
  const pg::Parameter parameters[] = {options_.sink.pipeline, sink, source_table_};
  ASSIGN_OR_RETURN(const pg::Result letters, connection_.Execute(kCountLetters, parameters));
  SinkOptions beside = options_.sink;
  beside.pipeline = pipeline_;
  beside.target_table_format += kBeside;
  beside.raw = false;
  beside.keeps_progress = false;
  beside.exclusive = true;
  beside.partial = false;
  beside.worker = 0;
  beside.park_tables = false;
  beside.schema = Decided(beside.schema);
  // What was refused before is refused again, in a shorter time.
  beside.dead_letters_per_minute += letters.number<int64_t>(0, 0).value_or(0);
  ASSIGN_OR_RETURN(sink_, Sink::Open(std::move(beside)));
  // Soft deletes keep the rows that came before: they change as long as they are there, and are
  // marked when the truncate comes.
  if (options_.sink.soft_deletes) return absl::OkStatus();
  const pg::Parameter names[] = {options_.sink.pipeline, pipeline_, sink, source_table_};
  return connection_.Execute(kLastTruncate, names).status();
}

absl::Status Rebuild::Fill() {
  for (int round = 0; round < kMostRounds; ++round) {
    RETURN_IF_ERROR(
        connection_.Query("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").status());
    ASSIGN_OR_RETURN(const int64_t events, ReadRound());
    RETURN_IF_ERROR(connection_.Commit());
    if (events <= kNearly) break;
  }
  ASSIGN_OR_RETURN(const bool exists, swap_->BesideExists());
  if (!exists) return absl::OkStatus();
  RETURN_IF_ERROR(swap_->MarkBeside());
  return swap_->AnalyzeBeside();
}

absl::StatusOr<int64_t> Rebuild::ReadRound() {
  ASSIGN_OR_RETURN(const int64_t events, history_->ReadNew([&](RawRecord record) -> absl::Status {
    batch_bytes_ += record.bytes();
    batch_.push_back(std::move(record));
    if (batch_.size() < kBatchRecords && batch_bytes_ < kBatchBytes) return absl::OkStatus();
    return ApplyBatch();
  }));
  RETURN_IF_ERROR(ApplyBatch());
  return events;
}

absl::Status Rebuild::ApplyBatch() {
  if (batch_.empty()) return absl::OkStatus();
  std::vector<ConsumedRecord> records;
  records.reserve(batch_.size());
  for (const RawRecord& raw : batch_) records.push_back(raw.record());
  ASSIGN_OR_RETURN(const BatchResult applied, sink_->Apply(records));
  result_.events += static_cast<int64_t>(records.size());
  result_.dead_letters += applied.dead_letters;
  batch_.clear();
  batch_bytes_ = 0;
  if (options_.progress) options_.progress(result_.events);
  return absl::OkStatus();
}

absl::Status Rebuild::Finish() {
  RETURN_IF_ERROR(connection_.Query("BEGIN").status());
  // Also what a sink reads its progress by when it opens: that waits, and sees all of this.
  RETURN_IF_ERROR(connection_.Query("LOCK TABLE walrelay.progress IN EXCLUSIVE MODE").status());
  const std::string sink = sink_name();
  const pg::Parameter parameters[] = {options_.sink.pipeline, sink};
  RETURN_IF_ERROR(connection_.Execute(kEndSessions, parameters).status());
  RETURN_IF_ERROR(ReadRound().status());
  ASSIGN_OR_RETURN(const bool has_made, swap_->BesideExists());
  if (!has_made) return absl::FailedPreconditionError(Cat("no event made a row of ", source_table_));
  ASSIGN_OR_RETURN(const bool replaces, swap_->LiveExists());
  if (replaces) {
    RETURN_IF_ERROR(swap_->LockLive());
    RETURN_IF_ERROR(CheckLost());
    RETURN_IF_ERROR(DropGoneColumns());
  }
  RETURN_IF_ERROR(swap_->Swap());
  RETURN_IF_ERROR(TakeBookkeeping());
  return connection_.Commit();
}

// A column that the source has dropped, and the live table too, is brought back by older events.
absl::Status Rebuild::DropGoneColumns() {
  const std::string sink = sink_name();
  const pg::Parameter parameters[] = {options_.sink.pipeline, sink, source_table_};
  ASSIGN_OR_RETURN(const pg::Result known,
                   connection_.Execute("SELECT column_names FROM walrelay.known_schemas WHERE "
                                       "pipeline = $1 AND sink = $2 AND source_table = $3",
                                       parameters));
  return known.rows() == 0 ? absl::OkStatus() : swap_->DropGoneColumns(known.text(0, 0));
}

absl::Status Rebuild::CheckLost() {
  ASSIGN_OR_RETURN(result_.lost_rows, swap_->CountLost());
  if (result_.lost_rows == 0 || options_.partial) return absl::OkStatus();
  return absl::DataLossError(
      Cat(result_.lost_rows, " rows of ", names_.schema, ".", names_.live,
          " would be gone: no raw event has made them. Either events are missing, or the rows do "
          "not belong there; walrelay verify --sink ", sink_name(), " --table ", source_table_,
          " tells. Nothing was replaced; --partial does it all the same"));
}

// What waits for rows of the old table, and what is known of rows of the new one.
absl::Status Rebuild::TakeBookkeeping() {
  const std::string sink = sink_name();
  const std::string_view live = options_.sink.pipeline;
  const auto run = [&](std::string_view sql, std::initializer_list<std::string_view> texts) {
    return connection_.Execute(sql, std::vector<pg::Parameter>(texts.begin(), texts.end())).status();
  };
  RETURN_IF_ERROR(run(kTakeLetterBytes, {live, pipeline_, sink}));
  RETURN_IF_ERROR(run(kDropLetters, {live, sink, source_table_}));
  RETURN_IF_ERROR(run(kTakeLetters, {live, pipeline_, sink}));
  for (const std::string_view table : {"known_schemas", "last_truncates"}) {
    RETURN_IF_ERROR(run(Cat("DELETE FROM walrelay.", table, " WHERE pipeline = $1 AND sink = $2"),
                        {pipeline_, sink}));
  }
  for (const std::string_view table : {"moved_rows", "incomplete_rows"}) {
    RETURN_IF_ERROR(run(
        Cat("DELETE FROM walrelay.", table, " WHERE pipeline = $1 AND sink = $2 AND table_name = $3"),
        {live, sink, names_.live}));
    RETURN_IF_ERROR(run(Cat("UPDATE walrelay.", table,
                            " SET pipeline = $1, table_name = $4 WHERE pipeline = $2 AND sink = $3"),
                        {live, pipeline_, sink, names_.live}));
  }
  return absl::OkStatus();
}

}  // namespace walrelay::apply
