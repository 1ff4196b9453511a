#include "app/capture_session.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "app/exit_code.h"
#include "app/source_errors.h"
#include "app/supervise.h"
#include "base/check.h"
#include "base/crash_point.h"
#include "base/log.h"
#include "envelope/topic_names.h"
#include "kafka/tail_record.h"
#include "pg/catalog.h"
#include "wal/publication.h"
#include "wal/slot.h"

namespace walrelay::app {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kPositionEvery = 1s;
constexpr auto kPublishEvery = 250ms;
constexpr auto kSampleEvery = 10s;
constexpr auto kLongestChorePause = 1s;
constexpr auto kKafkaMissed = 3s;  // Then who asks is told.
constexpr auto kKafkaAway = 30s;  // Then the replication connection is left (DESIGN.md §2).
constexpr auto kConnectLimit = 10s;
constexpr auto kSlotLimit = 60s;  // Then the supervisor's turn: it asks anew.
constexpr auto kSlotLookEvery = 50ms;
constexpr auto kSlotQuiet = 2s;  // A killed process's walsender is there for less.
constexpr auto kCatalogLimit =
    5s;  // Below the status interval: a look-up must not cost the connection.

// The key of the lock that is held until the slot is.
constexpr std::string_view kLock = "(hashtext('walrelay capture'), hashtext($1))";

// Which records are heartbeats: those that equal one behind the transforms. Has an encoder of its
// own, as it is asked while a record lies in the stream's.
ReplayFilter::IsClocked HeartbeatsOf(const std::shared_ptr<const envelope::Options>& options) {
  const auto encoder = std::make_shared<envelope::Encoder>(options);
  std::string where;  // Nowhere: a transform drops them.
  const absl::Status found = encoder->Heartbeat(WallNow(), [&](const Record& record) {
    where = record.topic;
    return absl::OkStatus();
  });
  if (!found.ok()) log::Warn("heartbeats: ", Message(found));
  return [encoder, where](std::string_view topic, const kafka::TailRecord& stored) {
    if (topic != where) return false;
    bool is_heartbeat = false;
    const absl::Status status = encoder->Heartbeat(WallNow(), [&](const Record& record) {
      is_heartbeat = kafka::IsSameRecord(record, stored);
      return absl::OkStatus();
    });
    return status.ok() && is_heartbeat;
  };
}

// What the board says of a session that streams.
void ShowState(const KafkaLink& link, SteadyTime now, admin::StatusBoard& board) {
  const auto since = link.unreachable_since();
  if (since && now - *since >= kKafkaMissed) {
    board.Set("capture", admin::State::kWaiting,
              Cat("Kafka does not answer: ", link.last_error()));
  } else {
    board.Set("capture", admin::State::kStreaming, Cat("confirmed up to ", link.confirmed()));
  }
}

}  // namespace

CaptureSession::CaptureSession(const CaptureShared& shared)
    : shared_(shared), loop_(shared.stop), offsets_(shared.settings.envelope->compat) {}

absl::Status CaptureSession::Connect() {
  const CaptureSettings& settings = shared_.settings;
  // The source first: it is the one that tells a wrong configuration at once.
  auto catalog = pg::Connection::Connect(
      wal::CaptureSession(settings.source.connection, "Debezium General"), kConnectLimit);
  if (!catalog.ok()) return SourceError(catalog.status(), ExitCode::kSourceRefused);
  catalog_ = *std::move(catalog);
  catalog_->set_limit(kCatalogLimit);
  RETURN_IF_ERROR(BeginAlone());
  ASSIGN_OR_RETURN(
      link_,
      KafkaLink::Open(
          {.client = settings.kafka,
           .slot = settings.source.slot,
           .topic_rules = settings.topic_rules,
           .connect_topic = settings.offset_topic,
           .connect_key =
               envelope::ConnectOffsetKey(settings.pipeline, settings.envelope->topic_prefix),
           .options_hash = settings.options_hash,
           .run_id = settings.envelope->run_id,
           .exactly_once = settings.exactly_once,
           .transactional = settings.transactional,
           .transaction_limits = settings.transaction_limits,
           .accept_mismatch = settings.accept_topic_mismatch,
           .clock_topic = envelope::HeartbeatTopic(*settings.envelope),
           .is_clocked = HeartbeatsOf(settings.envelope),
           .on_topic = [&board = shared_.board](std::string_view topic) { board.AddTopic(topic); }},
          shared_.memory, shared_.counters));
  tables_ = std::make_unique<TableRegistry>(*catalog_, settings.source, settings.envelope,
                                            shared_.counters);
  encoder_ = std::make_unique<envelope::Encoder>(settings.envelope);
  RETURN_IF_ERROR(PrepareTables());
  RETURN_IF_ERROR(EnsurePublication());
  auto stream = wal::ReplicationStream::Connect(settings.source.connection, kConnectLimit);
  if (!stream.ok()) return SourceError(stream.status(), ExitCode::kSourceRefused);
  stream_ = *std::move(stream);
  offset_at_ = Clock::now() + settings.offset_flush_interval;
  return absl::OkStatus();
}

absl::Status CaptureSession::BeginAlone() {
  const std::string& name = shared_.settings.source.slot;
  ASSIGN_OR_RETURN(const auto slot, wal::ReadSlot(*catalog_, name));
  if (slot && slot->active) return absl::OkStatus();
  const pg::Parameter parameters[] = {name};
  ASSIGN_OR_RETURN(const pg::Result taken,
                   catalog_->Execute(Cat("SELECT pg_catalog.pg_try_advisory_lock", kLock), parameters));
  if (!taken.is_true(0, 0)) {
    return absl::UnavailableError(Cat("another process of this pipeline is about to begin with slot ",
                                      name, ", or takes its snapshot: it is waited for"));
  }
  begins_alone_ = true;
  return absl::OkStatus();
}

absl::Status CaptureSession::CheckAlone() const {
  if (begins_alone_) return absl::OkStatus();
  return absl::UnavailableError(
      Cat("slot ", shared_.settings.source.slot, " is in use by another process: it is waited for"));
}

absl::Status CaptureSession::LetOthersBegin() {
  if (!begins_alone_) return absl::OkStatus();
  begins_alone_ = false;
  const pg::Parameter parameters[] = {shared_.settings.source.slot};
  return catalog_->Execute(Cat("SELECT pg_catalog.pg_advisory_unlock", kLock), parameters).status();
}

absl::Status CaptureSession::Identify() {
  auto identity = stream_->IdentifySystem();
  if (!identity.ok()) return SourceError(identity.status(), ExitCode::kSourceUnsuitable);
  identity_ = *std::move(identity);
  status_interval_ = shared_.settings.source.status_interval;
  if (identity_.wal_sender_timeout.count() > 0)
    status_interval_ = std::min(status_interval_, identity_.wal_sender_timeout / 3);
  return absl::OkStatus();
}

absl::Status CaptureSession::PrepareTables() {
  const CaptureOptions& source = shared_.settings.source;
  if (source.replica_identities.empty() && source.guardrail.max_tables == 0) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(auto tables, pg::ListTables(*catalog_));
  std::erase_if(tables, [&](const pg::ListedTable& table) {
    return !source.table_captured(table.name.schema, table.name.table);
  });
  RETURN_IF_ERROR(CheckGuardrail(source.guardrail, tables.size()));
  RETURN_IF_ERROR(SetReplicaIdentities(*catalog_, source.replica_identities, tables));
  return source.filter_health->status();
}

absl::Status CaptureSession::EnsurePublication() {
  const CaptureOptions& source = shared_.settings.source;
  wal::PublicationRequest request{.name = source.publication,
                                  .mode = source.publication_mode,
                                  .tables = {},
                                  .operations = {},
                                  .via_partition_root = source.publish_via_partition_root};
  if (source.publication_mode == wal::AutoCreate::kFiltered) {
    ASSIGN_OR_RETURN(const auto all, pg::ListTables(*catalog_));
    for (const pg::ListedTable& table : all) {
      if (source.table_captured(table.name.schema, table.name.table))
        request.tables.push_back(table.name);
    }
    RETURN_IF_ERROR(source.filter_health->status());
  }
  catalog_->set_limit(request.statement_timeout);
  auto executed = wal::EnsurePublication(*catalog_, request);
  catalog_->set_limit(kCatalogLimit);
  if (!executed.ok()) return PublicationError(executed.status());
  for (const std::string& statement : *executed) log::Info("source: ", statement);
  return absl::OkStatus();
}

Epoch CaptureSession::EpochFrom(Lsn incarnation) const {
  return {.system_identifier = identity_.system_identifier,
          .timeline = identity_.timeline,
          .incarnation = incarnation};
}

absl::StatusOr<Lsn> CaptureSession::ConfirmedFlush() {
  const std::string& name = shared_.settings.source.slot;
  ASSIGN_OR_RETURN(const auto slot, wal::ReadSlot(*catalog_, name));
  if (!slot) return absl::UnavailableError(Cat("slot ", name, " is gone"));
  return slot->confirmed_flush;
}

absl::StatusOr<std::optional<uint64_t>> CaptureSession::Xmin(SteadyTime now) {
  const CaptureOptions& source = shared_.settings.source;
  if (source.xmin_interval.count() == 0 || now < xmin_at_) return xmin_;
  xmin_at_ = now + source.xmin_interval;
  ASSIGN_OR_RETURN(const auto slot, wal::ReadSlot(*catalog_, source.slot));
  xmin_ = slot ? std::optional<uint64_t>(slot->catalog_xmin) : std::nullopt;
  return xmin_;
}

void CaptureSession::ShowBusy(const absl::Status& busy, SteadyTime since) {
  shared_.board.Set("capture", admin::State::kWaiting, Message(busy));
  if (has_said_busy_ || Clock::now() < since + kSlotQuiet) return;
  has_said_busy_ = true;
  log::Info("waiting for the slot: ", Message(busy));
}

absl::Status CaptureSession::Pause(std::chrono::milliseconds pause) {
  const SteadyTime until = Clock::now() + pause;
  while (Clock::now() < until) {
    RETURN_IF_ERROR(loop_.Wait({{.fd = link_->event_fd()}}, std::min(until, next_chore())));
    RETURN_IF_ERROR(Tend());
  }
  return absl::OkStatus();
}

// A process that streams has the slot, and is left alone: to fence it at every start of another one
// would have the two take turns for ever. One that was frozen or cut off loses its slot by
// wal_sender_timeout; one that was killed, at once.
absl::Status CaptureSession::FenceWhenSlotIsFree() {
  ASSIGN_OR_RETURN(const bool needed, link_->NeedsFence());
  if (!needed) return absl::OkStatus();
  const std::string& name = shared_.settings.source.slot;
  for (const SteadyTime begun = Clock::now();;) {
    ASSIGN_OR_RETURN(const auto slot, wal::ReadSlot(*catalog_, name));
    if (!slot || !slot->active) break;
    const absl::Status busy = absl::UnavailableError(
        Cat("slot ", name, " is in use by backend ", slot->active_pid));
    if (Clock::now() > begun + kSlotLimit) return busy;
    ShowBusy(busy, begun);
    RETURN_IF_ERROR(loop_.Wait({}, Clock::now() + kSlotLookEvery));
  }
  if (!begins_alone_) RETURN_IF_ERROR(BeginAlone());
  RETURN_IF_ERROR(CheckAlone());  // Somebody else was quicker.
  RETURN_IF_ERROR(link_->NeedsFence().status());  // While it waited.
  RETURN_IF_ERROR(link_->Fence());
  shared_.memory.has_fenced = true;
  return absl::OkStatus();
}

absl::StatusOr<StartDecision> CaptureSession::Decide() {
  RETURN_IF_ERROR(FenceWhenSlotIsFree());
  const CaptureSettings& settings = shared_.settings;
  StartFacts facts;
  facts.mode = settings.source.snapshot_mode;
  facts.slot_name = settings.source.slot;
  facts.trust_slot = settings.source.trust_slot;
  facts.database = settings.source.database;
  facts.options_hash = settings.options_hash;

  ASSIGN_OR_RETURN(const auto slot, wal::ReadSlot(*catalog_, facts.slot_name));
  if (slot) {
    facts.slot =
        SlotFacts{.plugin = slot->plugin,
                  .database = slot->database,
                  .lost = slot->is_lost(),
                  .lost_reason = slot->invalidation_reason.empty() ? slot->wal_status
                                                                   : slot->invalidation_reason,
                  .restart_lsn = slot->restart_lsn,
                  .confirmed_flush = slot->confirmed_flush};
  }
  // In this order: another process may stream, and what was asked for later is ahead.
  ASSIGN_OR_RETURN(facts.position, link_->ReadPosition());
  ASSIGN_OR_RETURN(facts.connect, ReadConnectFacts());
  RETURN_IF_ERROR(Identify());
  facts.system_identifier = identity_.system_identifier;
  facts.timeline = identity_.timeline;
  facts.server_flush = identity_.flush_lsn;
  if (facts.position && facts.position->epoch.timeline != facts.timeline) {
    ASSIGN_OR_RETURN(const auto history, stream_->TimelineHistory(facts.timeline));
    for (const auto& line : history)
      facts.timeline_history.push_back({line.timeline, line.switch_lsn});
  }
  ASSIGN_OR_RETURN(facts.partition_counts, link_->topics().List());
  if (!facts.position) {
    ASSIGN_OR_RETURN(facts.topics_with_records, TopicsWithRecords(facts.partition_counts));
  }
  facts.exactly_once = settings.exactly_once;
  facts.accept_topic_mismatch = settings.accept_topic_mismatch;
  if (facts.position) {
    ASSIGN_OR_RETURN(facts.tails, link_->ReadTails(*facts.position, facts.partition_counts));
  }
  stored_position_ = facts.position;
  partition_counts_ = facts.partition_counts;
  if (!settings.offset_topic.empty())
    connect_offset_ = facts.connect ? facts.connect->offset : kNoConnectRecord;
  return DecideStart(facts);
}

absl::StatusOr<std::optional<ConnectFacts>> CaptureSession::ReadConnectFacts() {
  ASSIGN_OR_RETURN(const auto record, link_->ReadConnectRecord());
  if (!record) return std::nullopt;
  const auto offset = envelope::ParseConnectOffset(record->value);
  if (!offset.ok())
    return Annotate(offset.status(), Cat("record at offset ", record->offset, " of ",
                                         shared_.settings.offset_topic));
  return MakeConnectFacts(*offset, record->offset);
}

absl::StatusOr<std::vector<std::string>> CaptureSession::TopicsWithRecords(
    const std::map<std::string, int32_t>& topics) {
  std::vector<std::string> filled;
  for (const auto& [topic, partitions] : OwnTopics(topics)) {
    ASSIGN_OR_RETURN(const auto begins, link_->topics().BeginOffsets(topic, partitions));
    ASSIGN_OR_RETURN(const auto ends, link_->topics().EndOffsets(topic, partitions));
    if (begins != ends) filled.push_back(topic);
  }
  return filled;
}

std::map<std::string, int32_t> CaptureSession::OwnTopics(
    const std::map<std::string, int32_t>& topics) const {
  const std::string prefix =
      shared_.settings.envelope->topic_prefix + shared_.settings.envelope->topic_delimiter;
  std::map<std::string, int32_t> own;
  for (const auto& [topic, partitions] : topics) {
    if (topic.starts_with(prefix)) own.emplace(topic, partitions);
  }
  return own;
}

void CaptureSession::NameConnectRecord(PositionRecord& position) const {
  if (connect_offset_) position.connect_offset = connect_offset_;
}

absl::Status CaptureSession::TakeOver(PositionRecord& position, Lsn passed) {
  position.last_commit_lsn = passed;
  if (!shared_.settings.exactly_once) return absl::OkStatus();
  ASSIGN_OR_RETURN(DebeziumTails tails, link_->FindDebeziumTails(OwnTopics(partition_counts_),
                                                                 passed, position.end_lsn));
  position.last_commit_lsn = tails.last_commit;
  position.topics = std::move(tails.topics);
  if (!tails.doubtful.empty()) doubt_ = {.xids = std::move(tails.doubtful), .position = position};
  return link_->ReadTails(position, partition_counts_).status();
}

absl::Status CaptureSession::Settle(std::optional<Xid> first) {
  CHECK(doubt_.has_value());
  Doubt doubt = *std::exchange(doubt_, std::nullopt);
  if (first) doubt.xids.erase(*first);
  if (doubt.xids.empty()) return absl::OkStatus();
  PositionRecord& position = doubt.position;
  ASSIGN_OR_RETURN(position.topics,
                   link_->FindDebeziumTailsWithout(OwnTopics(partition_counts_),
                                                   position.last_commit_lsn, doubt.xids));
  RETURN_IF_ERROR(link_->ReadTails(position, partition_counts_).status());
  link_->Begin(position, Earlier::kOurs, server_flush());
  return absl::OkStatus();
}

absl::Status CaptureSession::Deliver(const Record& record) {
  absl::Status status = link_->Send(record);
  if (!absl::IsResourceExhausted(status)) return status;
  // The record lies in the encoder's buffers: no chore may encode another one meanwhile.
  delivering_ = true;
  while (absl::IsResourceExhausted(status)) {
    status = Tend();
    if (status.ok()) status = loop_.Wait({{.fd = link_->event_fd()}}, next_chore());
    if (status.ok()) status = link_->Send(record);
  }
  delivering_ = false;
  return status;
}

absl::Status CaptureSession::Deliver(const Record& record, const envelope::TablePlan& plan) {
  const absl::Status status = Deliver(record);
  if (ExitCodeOf(status) != ExitCode::kRecordTooLarge) return status;
  return ExitError(ExitCode::kRecordTooLarge,
                   Cat("a row of ", Describe(plan), " at ", received, ": ", Message(status)));
}

absl::Status CaptureSession::NameTable(const absl::Status& status) const {
  const ExitCode code = ExitCodeOf(status);
  const bool refused = code == ExitCode::kRecordTooLarge || code == ExitCode::kKafkaRefused;
  if (!refused || link_ == nullptr || link_->failed_topic().empty()) return status;
  const std::string table = tables_->DescribeTopic(link_->failed_topic());
  return table.empty() ? status : ExitError(code, Cat("a row of ", table, ": ", Message(status)));
}

absl::Status CaptureSession::SendStatus() {
  if (!streaming) return absl::OkStatus();
  CHECK(link_->confirmed() >= confirmed_sent_);  // And is what a durable position says.
  confirmed_sent_ = link_->confirmed();
  shared_.counters.confirmed = confirmed_sent_;
  status_at_ = Clock::now() + status_interval_;
  CrashPoint("before-status");
  // Written may run ahead; flushed is what moves the slot.
  RETURN_IF_ERROR(stream_->SendStatus({.written = std::max(received, confirmed_sent_),
                                       .flushed = confirmed_sent_,
                                       .applied = confirmed_sent_,
                                       .client_time_micros = UnixMicrosNow(),
                                       .reply_requested = false}));
  CrashPoint("after-status");
  return absl::OkStatus();
}

absl::Status CaptureSession::LeaveIfKafkaIsAway(SteadyTime now) {
  const auto since = link_->unreachable_since();
  if (!since || now - *since < kKafkaAway) return absl::OkStatus();
  return absl::UnavailableError(
      Cat("Kafka is away since ",
          std::chrono::duration_cast<std::chrono::seconds>(now - *since).count(), " s (",
          link_->last_error(),
          "); the replication connection is left so that the source can shut down"));
}

// Debezium's offset record never says more than a position that is durable: one that does was
// written by Debezium (start_decision.h).
absl::Status CaptureSession::WriteDueOffset(SteadyTime now) {
  if (!due_offset_ && now >= offset_at_) {
    if (const auto frozen = offsets_.Frozen()) {
      due_offset_ = {.state = *frozen, .end = offsets_.frozen_end()};
      offset_at_ = now + shared_.settings.offset_flush_interval;
    }
  }
  if (!due_offset_ || due_offset_->end > link_->confirmed()) return absl::OkStatus();
  return link_->WriteConnectRecord(
      OffsetRecord(std::exchange(due_offset_, std::nullopt)->state));
}

std::string CaptureSession::OffsetRecord(const OffsetState& state) {
  offsets_.Written(state);
  return envelope::EncodeConnectOffset(ToConnectOffset(state), shared_.settings.envelope->compat);
}

absl::Status CaptureSession::SampleSlot(SteadyTime now) {
  if (now < sample_at_) return absl::OkStatus();
  sample_at_ = now + kSampleEvery;
  ASSIGN_OR_RETURN(const auto slot, wal::ReadSlot(*catalog_, shared_.settings.source.slot));
  if (!slot) return absl::OkStatus();  // The stream itself will tell.
  admin::SlotSample sample;
  sample.server_end = Lsn{Number(slot->confirmed_flush) +
                          static_cast<uint64_t>(std::max<int64_t>(0, slot->behind_bytes))};
  sample.restart_lsn = slot->restart_lsn;
  sample.confirmed_flush = slot->confirmed_flush;
  sample.retained_bytes = slot->retained_bytes;
  sample.safe_wal_size_bytes = slot->safe_wal_size;
  sample.wal_status = slot->wal_status;
  sample.active = slot->active;
  shared_.counters.slot = sample;
  return absl::OkStatus();
}

absl::Status CaptureSession::Heartbeat(SteadyTime now) {
  const auto interval = shared_.settings.source.heartbeat_interval;
  if (interval.count() == 0 || now < heartbeat_at_ || in_transaction || delivering_) {
    return absl::OkStatus();
  }
  heartbeat_at_ = now + interval;
  bool sent = false;  // No transform has dropped it.
  RETURN_IF_ERROR(encoder_->Heartbeat(WallNow(), [&](const Record& record) {
    if (!link_->TakesClocked(record)) return absl::OkStatus();
    sent = true;
    return Deliver(record);
  }));
  if (sent) offsets_.Heartbeat();
  link_->CommittedAgain();
  const std::string& query = shared_.settings.source.heartbeat_query;
  if (query.empty()) return absl::OkStatus();
  const auto result = catalog_->Query(query);
  if (result.ok()) return absl::OkStatus();
  if (absl::IsUnavailable(result.status()))
    return Annotate(result.status(), "heartbeat.action.query");
  log::Warn("heartbeat.action.query failed: ", Message(result.status()));
  return absl::OkStatus();
}

absl::Status CaptureSession::Tend() {
  const SteadyTime now = Clock::now();
  RETURN_IF_ERROR(link_->Serve());
  if (streaming) {
    if (now >= position_at_ || link_->position_is_due()) {
      RETURN_IF_ERROR(link_->WritePosition());
      position_at_ = now + kPositionEvery;
    }
    if (now >= status_at_ || link_->confirmed() != confirmed_sent_) RETURN_IF_ERROR(SendStatus());
    RETURN_IF_ERROR(WriteDueOffset(now));
    RETURN_IF_ERROR(SampleSlot(now));
    RETURN_IF_ERROR(Heartbeat(now));
  }
  if (now >= publish_at_) {
    if (streaming) ShowState(*link_, now, shared_.board);
    link_->PublishQueue();
    shared_.counters.received = received;
    shared_.metrics.Publish(shared_.counters);
    publish_at_ = now + kPublishEvery;
  }
  return LeaveIfKafkaIsAway(now);
}

absl::Status CaptureSession::WriteOffsetNow() {
  const auto frozen = offsets_.Frozen();
  if (!frozen || offsets_.frozen_end() > link_->confirmed()) return absl::OkStatus();
  due_offset_.reset();
  return link_->WriteConnectRecordNow(OffsetRecord(*frozen));
}

absl::Status CaptureSession::AdvanceIdle(Lsn lsn) {
  link_->Advanced(lsn);
  CrashPoint("idle-position");
  RETURN_IF_ERROR(link_->WritePositionNow());
  // The slot must not pass what Debezium's record knows (DESIGN.md §2, "Two-way door").
  if (!shared_.settings.offset_topic.empty()) {
    offsets_.Idle(lsn);
    RETURN_IF_ERROR(WriteOffsetNow());
  }
  return SendStatus();
}

absl::Status CaptureSession::Leave(absl::Status status) {
  if (!link_) return status;
  link_->Leave();
  const bool permanent = !status.ok() && !absl::IsCancelled(status) && !IsTransient(status);
  if (!permanent || !shared_.memory.has_fenced) return status;
  const absl::Status asked = link_->NeedsFence().status();
  return ExitCodeOf(asked) == ExitCode::kFenced ? asked : status;
}

absl::Status CaptureSession::DropSlot() {
  stream_.reset();
  absl::Status status;
  for (int attempt = 0; attempt < 3; ++attempt) {
    status = wal::DropSlot(*catalog_, shared_.settings.source.slot);
    if (!absl::IsUnavailable(status)) break;
    std::this_thread::sleep_for(300ms);  // The server needs a moment to see that we have left.
  }
  if (status.ok()) log::Info("dropped slot ", shared_.settings.source.slot, " (slot.drop.on.stop)");
  return status;
}

SteadyTime CaptureSession::next_chore() const {
  SteadyTime next = Clock::now() + kLongestChorePause;
  if (streaming) next = std::min(next, status_at_);
  if (const auto due = link_->due()) next = std::min(next, *due);
  // Inside of a transaction none is sent: it is due behind the commit then, which wakes us anyway.
  const bool beats = streaming && shared_.settings.source.heartbeat_interval.count() > 0;
  if (beats && !in_transaction && !delivering_) next = std::min(next, heartbeat_at_);
  // Metrics tell soon that something has come, and then that all of it has.
  if (received != shared_.counters.received) next = std::min(next, publish_at_);
  return next;
}

absl::Status CaptureSession::FlushAndRecord(std::chrono::milliseconds limit) {
  RETURN_IF_ERROR(link_->Flush(Clock::now() + limit));
  if (link_->reachable() > link_->confirmed()) RETURN_IF_ERROR(link_->WritePositionNow());
  RETURN_IF_ERROR(WriteOffsetNow());
  return link_->is_recorded() ? absl::OkStatus() : link_->WritePositionNow();
}

}  // namespace walrelay::app
