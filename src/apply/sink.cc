#include "apply/sink.h"

#include "apply/objects.h"
#include "apply/row_fault.h"
#include "apply/session_role.h"
#include "apply/sink_state.h"
#include "apply/table_fault.h"
#include "apply/table_name.h"
#include "base/check.h"
#include "base/crash_point.h"
#include "base/log.h"
#include "base/status.h"
#include "pg/error.h"

namespace walrelay::apply {
namespace {

pg::ConnectionOptions SessionOptions(const SinkOptions& options) {
  pg::ConnectionOptions session = options.connection;
  session.SetDefault("application_name",
                     Cat("walrelay ", SinkName(options.kind), " ", options.pipeline));
  session.AddSetting("search_path", "pg_catalog");
  session.AddSetting("statement_timeout", Cat(options.statement_limit.count()));
  session.AddSetting("lock_timeout", Cat(options.lock_limit.count()));
  session.AddSetting("idle_in_transaction_session_timeout", Cat(options.statement_limit.count()));
  session.AddSetting("TimeZone", "UTC");
  session.AddSetting("DateStyle", "ISO");
  session.AddSetting("IntervalStyle", "postgres");
  session.AddSetting("jit", "off");
  return session;
}

// Placeholders of uuid arrays hold an MD5; the server has the function.
absl::StatusOr<Placeholder> MakePlaceholder(pg::Connection& connection, std::string_view option) {
  ASSIGN_OR_RETURN(const std::string bytes, Placeholder::Bytes(option));
  std::string hex = "\\x";
  for (const char byte : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    hex += kDigits[static_cast<uint8_t>(byte) >> 4];
    hex += kDigits[static_cast<uint8_t>(byte) & 15];
  }
  const pg::Parameter parameters[] = {hex};
  ASSIGN_OR_RETURN(const pg::Result md5, connection.Execute("SELECT md5($1::bytea)", parameters));
  return Placeholder::Make(option, md5.text(0, 0));
}

// Values of more than 2 kB are compressed by the server, by default with pglz, which costs it more
// than all else that it does with such a row. Columns with a method of their own keep it. Servers
// before 14, or built without lz4, do not have it.
absl::Status UseFastCompression(pg::Connection& connection) {
  return connection
      .Query(
          "SELECT set_config(name, 'lz4', false) FROM pg_settings WHERE name = "
          "'default_toast_compression' AND 'lz4' = ANY (enumvals)")
      .status();
}

// A text or number that its column has no room for.
bool IsTooNarrow(const absl::Status& status) {
  const std::string sqlstate = pg::SqlStateOf(status);
  return sqlstate == "22001" || sqlstate == "22003";
}

}  // namespace

Sink::State::State(SinkOptions given, pg::Connection opened, Placeholder placeholder)
    : options(std::move(given)),
      connection(std::move(opened)),
      progress_table(options.pipeline, std::string(SinkName(options.kind))),
      transaction(connection, [this] { return MoveProgress(); }),
      prepared(connection),
      mirror(connection, options, std::move(placeholder), transaction, prepared),
      dead(options.pipeline, std::string(SinkName(options.kind))),
      days(connection, options.raw_keep_days),
      takeover(connection, options.pipeline, options.kind),
      parked_tables(connection, options.pipeline, std::string(SinkName(options.kind))),
      letters(connection, options.pipeline, std::string(SinkName(options.kind))),
      letter_rate(options.dead_letters_per_minute) {}

Sink::Sink(std::unique_ptr<State> state) : state_(std::move(state)) {}
Sink::~Sink() = default;

absl::StatusOr<std::unique_ptr<Sink>> Sink::Open(SinkOptions options) {
  // A format that cannot work is found before anything is touched.
  RETURN_IF_ERROR(MirrorTableName(options.target_table_format, {"s", "t"}).status());
  ASSIGN_OR_RETURN(pg::Connection connection,
                   pg::Connection::Connect(SessionOptions(options), options.connect_limit));
  connection.set_limit(options.answer_limit());
  RETURN_IF_ERROR(UseFastCompression(connection));
  RETURN_IF_ERROR(PrepareObjects(connection, options));
  ASSIGN_OR_RETURN(const SessionRole role, TakeRole(connection, options));
  ASSIGN_OR_RETURN(Placeholder placeholder,
                   MakePlaceholder(connection, options.unavailable_placeholder));
  auto state =
      std::make_unique<State>(std::move(options), std::move(connection), std::move(placeholder));
  RETURN_IF_ERROR(state->SetRole(role));
  RETURN_IF_ERROR(state->progress_table.Lock(state->connection, state->options.worker,
                                             /*shared=*/!state->options.exclusive));
  RETURN_IF_ERROR(state->KeepDays());
  std::unique_ptr<Sink> sink(new Sink(std::move(state)));
  if (!sink->state_->options.partial) RETURN_IF_ERROR(sink->LoadProgress().status());
  ASSIGN_OR_RETURN(sink->state_->stored_events, sink->state_->takeover.Load());
  RETURN_IF_ERROR(sink->state_->parked_tables.Resume().status());
  RETURN_IF_ERROR(sink->state_->ReadParkedTables());
  RETURN_IF_ERROR(sink->state_->ReadParked());
  if (!sink->state_->parked.empty()) {
    log::Warn(SinkName(sink->state_->options.kind), ": ", sink->state_->parked.size(),
              " rows wait in walrelay.dead_letters; see walrelay dlq list");
  }
  return sink;
}

absl::StatusOr<std::map<TopicPartition, int64_t>> Sink::LoadProgress() {
  ASSIGN_OR_RETURN(state_->progress, state_->progress_table.Load(state_->connection));
  std::map<TopicPartition, int64_t> offsets;
  for (const auto& [partition, progress] : state_->progress)
    offsets[partition] = progress.next_offset;
  return offsets;
}

absl::StatusOr<std::vector<TakenPartition>> Sink::TakeOver(
    std::span<const PartitionToTake> partitions) {
  ASSIGN_OR_RETURN(std::vector<TakenPartition> taken, state_->takeover.Take(partitions));
  state_->connection.set_limit(state_->options.answer_limit());
  RETURN_IF_ERROR(LoadProgress().status());
  ASSIGN_OR_RETURN(state_->stored_events, state_->takeover.Load());
  return taken;
}

absl::StatusOr<std::map<TopicPartition, int64_t>> Sink::LoadProgress(
    const std::set<TopicPartition>& partitions) {
  ASSIGN_OR_RETURN(const auto found,
                   state_->progress_table.Load(state_->connection, partitions));
  std::map<TopicPartition, int64_t> offsets;
  for (const TopicPartition& partition : partitions) {
    state_->progress.erase(partition);
    const auto known = found.find(partition);
    if (known == found.end()) continue;
    state_->progress.insert(*known);
    offsets[partition] = known->second.next_offset;
  }
  // What is remembered of tables and rows may be older than what others did to them.
  if (state_->options.partial) RETURN_IF_ERROR(state_->Forget());
  RETURN_IF_ERROR(state_->ReadParked());
  RETURN_IF_ERROR(state_->ReadParkedTables());
  return offsets;
}

std::string_view Sink::LastFingerprint(const TopicPartition& partition) const {
  const auto found = state_->progress.find(partition);
  return found == state_->progress.end() ? std::string_view()
                                         : std::string_view(found->second.fingerprint);
}

int Sink::backend_pid() const { return state_->connection.backend_pid(); }

absl::StatusOr<BatchResult> Sink::Apply(std::span<const ConsumedRecord> batch, bool more_follows) {
  BatchResult result;
  State::TruncateFirst ordered;  // What `batch` views then.
  using enum State::Ending;
  State::Ending ending = more_follows && state_->stored_events.empty() ? kLeave : kCommit;
  for (;;) {
    const absl::StatusOr<BatchResult> applied = state_->ApplyRows(batch, ending);
    if (applied.ok()) {
      result.Add(*applied);
      result.Add(std::exchange(state_->settled, {}));
      return result;
    }
    // Whatever it is: what came before this batch first.
    const bool is_of_another = state_->undone.has_value();
    ASSIGN_OR_RETURN(const BatchResult before, Settle());
    result.Add(before);
    if (is_of_another) continue;
    if (const auto cut = CutOf(applied.status())) {
      CHECK(*cut > 0 && *cut < batch.size());
      RETURN_IF_ERROR(state_->transaction.Rollback());
      RETURN_IF_ERROR(state_->Forget());
      ASSIGN_OR_RETURN(const BatchResult first, Apply(batch.first(*cut)));
      result.Add(first);
      batch = batch.subspan(*cut);
      continue;
    }
    if (const auto alone = AloneOf(applied.status())) {
      RETURN_IF_ERROR(state_->transaction.Rollback());
      RETURN_IF_ERROR(state_->Forget());
      ordered = State::PutTruncateFirst(batch, *alone);
      ending = kCommit;  // They do not stay.
      batch = ordered.records;
      for (const size_t count : {ordered.before, size_t{1}}) {
        if (count == 0) continue;
        ASSIGN_OR_RETURN(const BatchResult part, Apply(batch.first(count)));
        result.Add(part);
        batch = batch.subspan(count);
      }
      continue;
    }
    const std::optional<std::string> table = FaultyTable(applied.status());
    if (!table || !state_->options.park_tables) return applied;
    ASSIGN_OR_RETURN(const bool parked,
                     state_->ParkTable(batch, *table, Message(applied.status())));
    if (!parked) return applied;
  }
}

absl::StatusOr<BatchResult> Sink::State::ApplyRows(Batch batch, Ending ending) {
  absl::StatusOr<BatchResult> applied = ApplyWhole(batch, ending);
  if (IsTooNarrow(applied.status())) {
    // Longer texts of the same type do not show in a schema block: the source's catalog tells.
    RETURN_IF_ERROR(transaction.Rollback());
    RETURN_IF_ERROR(Forget());
    RETURN_IF_ERROR(prepared.Forget());
    applied = ApplyWhole(batch, Ending::kCommit);
  }
  if (applied.ok() || !IsRowFault(applied.status())) return applied;
  log::Info("looking for the record that was refused, in a batch of ", batch.size(), ": ",
            Message(applied.status()));
  return ApplyWithoutRefused(batch);
}

std::map<std::string, std::string> Sink::ParkedTopics() const {
  std::map<std::string, std::string> topics;
  for (const auto& [topic, table] : state_->parked_topics) topics[topic] = table.reason;
  return topics;
}

absl::StatusOr<Sink::Attended> Sink::Attend() {
  Attended attended;
  RETURN_IF_ERROR(state_->KeepDays());
  ASSIGN_OR_RETURN(attended.letters, state_->Retry());
  ASSIGN_OR_RETURN(attended.incomplete_rows, state_->mirror.IncompleteRowsNow());
  RETURN_IF_ERROR(state_->parked_tables.Resume().status());
  const auto before = ParkedTopics();
  RETURN_IF_ERROR(state_->ReadParkedTables());
  for (const auto& [topic, reason] : before) attended.resumed += !state_->IsParked(topic);
  if (attended.resumed == 0) return attended;
  // Somebody may have altered their tables.
  RETURN_IF_ERROR(state_->Forget());
  RETURN_IF_ERROR(state_->prepared.Forget());
  return attended;
}

absl::StatusOr<BatchResult> Sink::State::ApplyWhole(Batch batch, Ending ending) {
  BatchResult result;
  ASSIGN_OR_RETURN(Selection selection, Select(batch, result));
  if (selection.steps.empty()) {
    RETURN_IF_ERROR(connection.Settle());
    return result;
  }
  if (options.keeps_progress) moves = progress_table.Move(selection.steps);
  for (const uint32_t index : selection.records) {
    RETURN_IF_ERROR(ReadRecord(batch, index, {}, result));
  }
  RETURN_IF_ERROR(CheckRate(result));
  if (result.dead_letters != 0) ending = Ending::kCommit;  // They count once they are there.
  ASSIGN_OR_RETURN(const bool left, WriteOrLeave(batch, ending));
  result.incomplete_rows += static_cast<int64_t>(mirror.incomplete());
  if (left) {
    Sent(batch, selection.steps, result);
    return BatchResult();
  }
  Committed(selection.steps, result);
  return result;
}

void Sink::State::Committed(std::vector<ProgressStep>& steps, const BatchResult& result) {
  CrashPoint("sink-committed");
  moves.clear();
  for (ProgressStep& step : steps) {
    if (!stored_events.empty()) stored_events.Passed(step.partition, step.next.next_offset);
    progress[step.partition] = std::move(step.next);
  }
  letter_rate.Add(result.refused, std::chrono::steady_clock::now());
  Clear();
}

void BatchResult::Add(const BatchResult& other) {
  events += other.events;
  tombstones += other.tombstones;
  repeated += other.repeated;
  dead_letters += other.dead_letters;
  refused += other.refused;
  incomplete_rows += other.incomplete_rows;
  bytes += other.bytes;
  for (const auto& [table, ops] : other.events_by_table) {
    for (const auto& [op, count] : ops) events_by_table[table][op] += count;
  }
  newest_source_ts_us = std::max(newest_source_ts_us, other.newest_source_ts_us);
}

absl::Status Sink::State::SetRole(const SessionRole& role) {
  transaction.set_defers_constraints(role.may_defer);
  mirror.set_role(role);
  if (!options.mirror || options.worker != 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto remarks, RemarksOnRole(connection, options.kind, role));
  for (const std::string& remark : remarks) log::Warn(SinkName(options.kind), ": ", remark);
  return absl::OkStatus();
}

absl::Status Sink::State::KeepDays() {
  if (options.kind != SinkKind::kLake || !options.raw || !options.raw_days) return absl::OkStatus();
  return days.Attend(std::chrono::steady_clock::now());
}

void Sink::State::Clear() {
  mirror.Clear();
  raw.Clear();
  schemas.Clear();
  dead.Clear();
}

absl::Status Sink::State::Forget() {
  Clear();
  mirror.Forget();
  schemas.Forget();
  return ReadParked();
}

absl::Status Sink::State::ReadParked() {
  ASSIGN_OR_RETURN(std::set<RowId> rows, letters.ParkedRows());
  parked.Reset(std::move(rows));
  return absl::OkStatus();
}

std::string RecordFingerprint(const ConsumedRecord& record) {
  // FNV-1a: one record a batch and partition, so its speed does not matter.
  uint64_t hash = 14'695'981'039'346'656'037u;
  const auto mix = [&](std::optional<std::string_view> bytes) {
    hash = (hash ^ (bytes ? 1u : 0u)) * 1'099'511'628'211u;
    for (const char byte : bytes.value_or(""))
      hash = (hash ^ static_cast<uint8_t>(byte)) * 1'099'511'628'211u;
  };
  mix(record.key);
  mix(record.value);
  std::string hex(16, '0');
  for (size_t i = 16; i-- > 0; hash >>= 4) hex[i] = "0123456789abcdef"[hash & 15];
  return hex;
}

}  // namespace walrelay::apply
