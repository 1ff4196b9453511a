#include "apply/sink.h"

#include <algorithm>
#include <vector>

#include "apply/dead_letters.h"
#include "apply/envelope_reader.h"
#include "apply/mirror.h"
#include "apply/objects.h"
#include "apply/placeholder.h"
#include "apply/progress.h"
#include "apply/raw_events.h"
#include "apply/table_name.h"
#include "base/crash_point.h"
#include "base/log.h"
#include "base/status.h"
#include "pg/error.h"

namespace walrelay::apply {
namespace {

// What is sent in one go; beyond it raw events and large tables go by COPY.
constexpr size_t kSmallRows = 200;
constexpr size_t kSmallBytes = 256 * 1024;

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

}  // namespace

// Members refer to each other: it stays where it was made.
struct Sink::State {
  SinkOptions options;
  pg::Connection connection;
  ProgressTable progress_table;
  Transaction transaction;
  PreparedStatements prepared;
  Mirror mirror;
  RawEvents raw;
  DeadLetters dead;
  EnvelopeReader reader;
  std::map<TopicPartition, PartitionProgress> progress;
  std::vector<ProgressTable::Statement> moves;  // Of the batch at hand.
  TopicPartition lookup;

  State(SinkOptions given, pg::Connection opened, Placeholder placeholder)
      : options(std::move(given)),
        connection(std::move(opened)),
        progress_table(options.pipeline, std::string(SinkName(options.kind))),
        transaction(connection, [this] { return MoveProgress(); }),
        prepared(connection),
        mirror(connection, options, std::move(placeholder), transaction, prepared),
        dead(options.pipeline, std::string(SinkName(options.kind))) {}

  absl::StatusOr<std::vector<uint32_t>> Step(std::span<const ConsumedRecord> batch,
                                             std::vector<ProgressStep>& steps, BatchResult& result);
  absl::Status Read(std::span<const ConsumedRecord> batch, std::span<const uint32_t> fresh,
                    BatchResult& result);
  absl::Status ReadRecord(const ConsumedRecord& record, uint32_t index, BatchResult& result);
  bool Advance(const ConsumedRecord& record, std::map<TopicPartition, size_t>& at,
               std::vector<ProgressStep>& steps);
  absl::Status CheckSameTopic(const ConsumedRecord& repeated) const;
  absl::Status Write(std::span<const ConsumedRecord> batch);
  absl::Status WriteTogether(RowError failed);
  absl::Status WriteLarge(RowError failed);
  absl::Status MoveProgress();
  absl::Status QueueProgress(StatementQueue& queue);
  void Clear();
};

Sink::Sink(std::unique_ptr<State> state) : state_(std::move(state)) {}
Sink::~Sink() = default;

absl::StatusOr<std::unique_ptr<Sink>> Sink::Open(SinkOptions options) {
  // A format that cannot work is found before anything is touched.
  RETURN_IF_ERROR(MirrorTableName(options.target_table_format, {"s", "t"}).status());
  ASSIGN_OR_RETURN(pg::Connection connection,
                   pg::Connection::Connect(SessionOptions(options), options.connect_limit));
  connection.set_limit(options.statement_limit);
  RETURN_IF_ERROR(UseFastCompression(connection));
  RETURN_IF_ERROR(PrepareObjects(connection, options.kind, options.raw_payload));
  ASSIGN_OR_RETURN(Placeholder placeholder,
                   MakePlaceholder(connection, options.unavailable_placeholder));
  auto state =
      std::make_unique<State>(std::move(options), std::move(connection), std::move(placeholder));
  if (state->options.exclusive) RETURN_IF_ERROR(state->progress_table.Lock(state->connection));
  std::unique_ptr<Sink> sink(new Sink(std::move(state)));
  RETURN_IF_ERROR(sink->LoadProgress().status());
  return sink;
}

absl::StatusOr<std::map<TopicPartition, int64_t>> Sink::LoadProgress() {
  ASSIGN_OR_RETURN(state_->progress, state_->progress_table.Load(state_->connection));
  std::map<TopicPartition, int64_t> offsets;
  for (const auto& [partition, progress] : state_->progress)
    offsets[partition] = progress.next_offset;
  return offsets;
}

std::string_view Sink::LastFingerprint(const TopicPartition& partition) const {
  const auto found = state_->progress.find(partition);
  return found == state_->progress.end() ? std::string_view()
                                         : std::string_view(found->second.fingerprint);
}

int Sink::backend_pid() const { return state_->connection.backend_pid(); }

absl::StatusOr<BatchResult> Sink::Apply(std::span<const ConsumedRecord> batch) {
  BatchResult result;
  std::vector<ProgressStep> steps;
  ASSIGN_OR_RETURN(const std::vector<uint32_t> fresh, state_->Step(batch, steps, result));
  if (steps.empty()) return result;
  state_->moves = state_->progress_table.Move(steps);
  RETURN_IF_ERROR(state_->Read(batch, fresh, result));
  RETURN_IF_ERROR(state_->mirror.MakePlans());
  result.incomplete_rows = static_cast<int64_t>(state_->mirror.incomplete());
  RETURN_IF_ERROR(state_->Write(batch));
  CrashPoint("sink-committed");
  for (ProgressStep& step : steps) state_->progress[step.partition] = std::move(step.next);
  state_->Clear();
  return result;
}

// What is new in the batch, and how far that moves each partition. Known before the first record is read, as reading may begin
// the transaction (a table is made), and the progress comes first in it.
absl::StatusOr<std::vector<uint32_t>> Sink::State::Step(std::span<const ConsumedRecord> batch,
                                                        std::vector<ProgressStep>& steps,
                                                        BatchResult& result) {
  std::map<TopicPartition, size_t> at;
  std::vector<uint32_t> fresh;
  fresh.reserve(batch.size());
  for (uint32_t index = 0; index < batch.size(); ++index) {
    if (Advance(batch[index], at, steps)) {
      fresh.push_back(index);
    } else {
      RETURN_IF_ERROR(CheckSameTopic(batch[index]));
      ++result.repeated;
    }
  }
  // Only the last record of each partition needs its fingerprint.
  for (auto it = batch.rbegin(); it != batch.rend(); ++it) {
    const auto found = at.find({std::string(it->topic), it->partition});
    if (found == at.end()) continue;
    PartitionProgress& next = steps[found->second].next;
    if (next.next_offset == it->offset + 1 && next.fingerprint.empty())
      next.fingerprint = RecordFingerprint(*it);
    if (at.size() == 1 && !next.fingerprint.empty()) break;
  }
  return fresh;
}

absl::Status Sink::State::Read(std::span<const ConsumedRecord> batch,
                               std::span<const uint32_t> fresh, BatchResult& result) {
  for (const uint32_t index : fresh) {
    const ConsumedRecord& record = batch[index];
    result.bytes +=
        static_cast<int64_t>(record.key.value_or("").size() + record.value.value_or("").size());
    if (!record.value || *record.value == "null") {
      ++result.tombstones;  // A record with a schema but without a value prints as the text null.
      continue;
    }
    RETURN_IF_ERROR(ReadRecord(record, index, result));
  }
  return absl::OkStatus();
}

// False for a record that was applied before.
bool Sink::State::Advance(const ConsumedRecord& record, std::map<TopicPartition, size_t>& at,
                          std::vector<ProgressStep>& steps) {
  if (lookup.topic != record.topic) lookup.topic.assign(record.topic);
  lookup.partition = record.partition;
  auto found = at.find(lookup);
  if (found == at.end()) {
    const auto stored = progress.find(lookup);
    ProgressStep step{.partition = lookup, .is_first = stored == progress.end()};
    if (!step.is_first) {
      step.expected = stored->second.next_offset;
      if (record.offset < step.expected) return false;
    }
    found = at.emplace(lookup, steps.size()).first;
    steps.push_back(std::move(step));
  } else if (record.offset < steps[found->second].next.next_offset) {
    return false;
  }
  steps[found->second].next.next_offset = record.offset + 1;
  return true;
}

// Topics have no id here (DESIGN.md §2): one that was deleted and made anew has other records at
// the offsets that were applied. Only the last of them is known.
absl::Status Sink::State::CheckSameTopic(const ConsumedRecord& repeated) const {
  const auto stored = progress.find(lookup);
  if (stored == progress.end() || repeated.offset + 1 != stored->second.next_offset ||
      stored->second.fingerprint.empty() ||
      stored->second.fingerprint == RecordFingerprint(repeated)) {
    return absl::OkStatus();
  }
  return absl::DataLossError(Cat(
      "topic ", repeated.topic, " partition ", repeated.partition, " has another record at offset ",
      repeated.offset, " than the one that was applied: the topic was made anew. To read it from ",
      "its start, delete its rows from walrelay.progress"));
}

absl::Status Sink::State::ReadRecord(const ConsumedRecord& record, uint32_t index,
                                     BatchResult& result) {
  const absl::StatusOr<const Envelope*> read = reader.Read(record);
  if (!read.ok()) {
    dead.Add(record, Message(read.status()));
    ++result.dead_letters;
    return absl::OkStatus();
  }
  const Envelope& envelope = **read;
  ++result.events;
  result.newest_source_ts_us = std::max(result.newest_source_ts_us, envelope.source_ts_us);
  ++result.events_by_table[Cat(envelope.schema, ".", envelope.table)][envelope.op];
  if (options.kind == SinkKind::kLake && options.raw) raw.Add(record, envelope, index);
  if (!options.mirror || envelope.op == 'm') return absl::OkStatus();
  const absl::Status added = mirror.Add(envelope, index);
  if (added.code() != absl::StatusCode::kDataLoss) return added;
  dead.Add(record, Message(added));
  ++result.dead_letters;
  return absl::OkStatus();
}

absl::Status Sink::State::Write(std::span<const ConsumedRecord> batch) {
  const auto failed = [&](const StatementQueue::Purpose& purpose,
                          const absl::Status& error) -> absl::Status {
    if (purpose.moves_progress) return ProgressTable::MoveError(error);
    if (purpose.record == StatementQueue::kNoRecord)
      return Annotate(error, Cat("cannot write to ", purpose.what));
    const ConsumedRecord& record = batch[purpose.record];
    return Annotate(error,
                    Cat("cannot write to ", purpose.what, " the record of topic ", record.topic,
                        " partition ", record.partition, " offset ", record.offset));
  };
  const size_t rows = raw.size() + mirror.rows() + dead.size();
  const size_t bytes = raw.bytes() + mirror.bytes() + dead.bytes();
  if (rows <= kSmallRows && bytes <= kSmallBytes) return WriteTogether(failed);
  return WriteLarge(failed);
}

// Everything in one flight. Without an open transaction it is one by itself, and the last answer is
// its commit.
absl::Status Sink::State::WriteTogether(RowError failed) {
  StatementQueue queue;
  const bool commits = !transaction.is_open();
  if (commits) RETURN_IF_ERROR(QueueProgress(queue));
  RETURN_IF_ERROR(raw.Queue(prepared, queue));
  RETURN_IF_ERROR(mirror.Queue(queue));
  RETURN_IF_ERROR(dead.Queue(prepared, queue));
  if (commits) CrashPoint("sink-small-batch");
  const absl::Status written = queue.Run(connection, failed);
  if (commits && !written.ok() && connection.is_lost()) {
    return absl::UnknownError(Cat("the connection was lost during COMMIT: ", Message(written)));
  }
  RETURN_IF_ERROR(written);
  return commits ? absl::OkStatus() : transaction.Commit();
}

absl::Status Sink::State::WriteLarge(RowError failed) {
  RETURN_IF_ERROR(transaction.Begin());
  RETURN_IF_ERROR(raw.Copy(connection));
  CrashPoint("sink-raw-copied");
  RETURN_IF_ERROR(mirror.Write(failed));
  StatementQueue queue;
  RETURN_IF_ERROR(dead.Queue(prepared, queue));
  RETURN_IF_ERROR(queue.Run(connection, failed));
  CrashPoint("sink-before-commit");
  return transaction.Commit();
}

// Comes before the rows, in every transaction: of two processes with the same records one waits here for the other, and then
// ends with the error that says so, instead of meeting the other's rows and tables.
absl::Status Sink::State::MoveProgress() {
  StatementQueue queue;
  RETURN_IF_ERROR(QueueProgress(queue));
  return queue.Run(connection, [](const StatementQueue::Purpose&, const absl::Status& error) {
    return ProgressTable::MoveError(error);
  });
}

absl::Status Sink::State::QueueProgress(StatementQueue& queue) {
  for (const ProgressTable::Statement& move : moves) {
    ASSIGN_OR_RETURN(const std::string* name, prepared.Name(move.sql));
    queue.Begin(*name, {.what = "table walrelay.progress", .moves_progress = true});
    for (const std::string& text : move.texts) queue.Add(std::string_view(text));
  }
  return absl::OkStatus();
}

void Sink::State::Clear() {
  mirror.Clear();
  raw.Clear();
  dead.Clear();
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
