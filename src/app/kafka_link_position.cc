// What the link says of itself in Kafka: the position record and Debezium's offset record, and the
// Kafka transactions that both are part of with `transactional`.
#include <algorithm>

#include "app/exit_code.h"
#include "app/kafka_link.h"
#include "base/check.h"
#include "base/crash_point.h"
#include "kafka/last_record.h"
#include "kafka/murmur2.h"
#include "kafka/position_codec.h"

namespace walrelay::app {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kWriteLimit = 10s;
constexpr auto kReadLimit = 5s;  // Stop is not seen meanwhile.
constexpr auto kFenceLimit = 10s;

}  // namespace

absl::StatusOr<bool> KafkaLink::NeedsFence() {
  // What can be seen at once: what is open was left by a process that Fence() ends.
  ASSIGN_OR_RETURN(kafka::LogReader* const reader, Reader());
  ASSIGN_OR_RETURN(const auto seen, kafka::ReadPosition(*reader, options_.slot, kReadLimit));
  const bool is_new = seen && memory_.Knows(seen);
  if (memory_.has_fenced && options_.transactional && is_new &&
      seen->position.writer != options_.run_id) {
    return ExitError(
        ExitCode::kFenced,
        Cat("another process (run ", seen->position.writer, ") has taken over slot ", options_.slot,
            ", and Kafka refuses what this one has not committed: nothing is lost, it goes on there; "
            "do not start this one again beside it"));
  }
  return options_.transactional || (seen && seen->position.transactional);
}

absl::Status KafkaLink::Fence() {
  if (!transaction_) {
    // The last run wrote in transactions, this one does not.
    ASSIGN_OR_RETURN(const auto former,
                     kafka::Producer::Open(options_.client, TransactionalId(options_.slot)));
    return Explain(former->transactions()->Init(kFenceLimit));
  }
  RETURN_IF_ERROR(Explain(producer_->transactions()->Init(kFenceLimit)));
  // A broker that was just started may not know its topics yet: nothing would be read from it.
  RETURN_IF_ERROR(EnsurePositionsTopic());
  RETURN_IF_ERROR(ReadPosition().status());
  if (!stored_) return absl::OkStatus();
  // Who is fenced asks the position who it was.
  PositionRecord taken = *stored_;
  ++taken.generation;
  taken.claimed = false;
  taken.writer = options_.run_id;
  taken.transactional = true;  // For the next start, should this one leave a transaction open.
  const std::string value = kafka::EncodePosition(taken);
  Record record;
  record.topic = kafka::kPositionsTopic;
  record.key = options_.slot;
  record.value = value;
  RETURN_IF_ERROR(Explain(transaction_->WriteAlone(record, kWriteLimit)));
  // A commit is answered before it can be seen: until then an older record is not believed, by which
  // somebody else would have the pipeline.
  memory_.Durable({.slot = options_.slot,
                   .generation = taken.generation,
                   .offset = kafka::kNoOffset,
                   .end_lsn = taken.end_lsn});
  return absl::OkStatus();
}

absl::StatusOr<kafka::LogEnds> KafkaLink::Ends(const std::string& topic) {
  ASSIGN_OR_RETURN(const auto count, topics_->PartitionCount(topic));
  if (!count) return kafka::LogEnds();
  return topics_->EndOffsets(topic, *count);
}

absl::StatusOr<std::optional<kafka::StoredPosition>> KafkaLink::ReadStored() {
  ASSIGN_OR_RETURN(kafka::LogReader* const reader, Reader());
  ASSIGN_OR_RETURN(const auto ends, Ends(kafka::kPositionsTopic));
  return kafka::ReadPosition(*reader, options_.slot, kReadLimit, ends);
}

absl::StatusOr<std::optional<PositionRecord>> KafkaLink::ReadPosition() {
  ASSIGN_OR_RETURN(auto stored, ReadStored());
  RETURN_IF_ERROR(memory_.Check(stored, Clock::now()));
  stored_ = stored ? std::optional(std::move(stored->position)) : std::nullopt;
  return stored_;
}

absl::Status KafkaLink::Claim() {
  if (!once_) {
    if (base_.claimed) return absl::OkStatus();
    base_.claimed = true;
    return WritePositionNow();
  }
  const absl::Status moved = absl::UnavailableError(
      Cat("another process has moved the position of slot ", options_.slot, " meanwhile"));
  ASSIGN_OR_RETURN(const auto before, ReadStored());
  if (base_.claimed) {
    if (!before || before->position.generation != base_.generation) return moved;
    if (replay_until_ == kNoLsn) reader_.reset();  // A new incarnation: there is nothing to read.
    return absl::OkStatus();
  }
  if (before.has_value() != stored_.has_value() || (before && before->position != *stored_))
    return moved;
  RETURN_IF_ERROR(WritePositionNow());
  ASSIGN_OR_RETURN(const auto chosen, ReadStored());
  if (!chosen || chosen->offset != last_position_offset_) return moved;
  base_.claimed = true;
  RememberPosition();
  return absl::OkStatus();
}

absl::StatusOr<std::optional<StoredRecord>> KafkaLink::ReadConnectRecord() {
  if (options_.connect_topic.empty()) return std::nullopt;
  ASSIGN_OR_RETURN(kafka::LogReader* const reader, Reader());
  ASSIGN_OR_RETURN(const auto ends, Ends(options_.connect_topic));
  ASSIGN_OR_RETURN(auto record, kafka::ReadLast(*reader, options_.connect_topic,
                                                options_.connect_key, kReadLimit, ends));
  if (!record || !record->value) return std::nullopt;
  return StoredRecord{.offset = record->offset, .value = *std::move(record->value)};
}

void KafkaLink::SetPhase(PositionPhase phase, const Epoch& epoch) {
  base_.phase = phase;
  base_.epoch = epoch;
}

absl::Status KafkaLink::EnsurePositionsTopic() {
  if (positions_topic_ready_) return absl::OkStatus();
  RETURN_IF_ERROR(
      topics_
          ->Ensure(kafka::kPositionsTopic,
                   kafka::PositionsTopicSpec(options_.topic_rules.by_default().replication_factor))
          .status());
  RETURN_IF_ERROR(producer_->Prefetch(kafka::kPositionsTopic));
  positions_topic_ready_ = true;
  return absl::OkStatus();
}

PositionRecord KafkaLink::CurrentPosition() const {
  const kafka::AckedPosition& acked = watermark_->position();
  PositionRecord record = base_;
  record.end_lsn = acked.end_lsn;
  record.last_commit_lsn = acked.last_commit_lsn;
  record.last_commit_micros = acked.last_commit_micros;
  record.connect_offset = connect_offset_;
  record.written_at_ms = UnixMicrosNow() / 1000;
  for (const auto& [name, topic] : by_name_) {
    TopicPosition& position = record.topics[name];
    position.next.resize(static_cast<size_t>(topic.partitions), kafka::kNoOffset);
    for (size_t p = 0; p < topic.ids.size(); ++p) {
      if (topic.ids[p] < acked.next.size()) position.next[p] = acked.next[topic.ids[p]];
    }
  }
  return record;
}

absl::Status KafkaLink::ProduceInternal(const Record& record, int32_t partition, uint64_t ticket) {
  const SteadyTime deadline = Clock::now() + kWriteLimit;
  for (;;) {
    const absl::Status status = producer_->Produce(record, partition, ticket);
    if (!absl::IsResourceExhausted(status)) return status;
    if (Clock::now() > deadline)
      return absl::UnavailableError("Kafka takes no records: the producer's queue stays full");
    RETURN_IF_ERROR(Serve(10ms));
  }
}

absl::Status KafkaLink::JoinTransaction() {
  return transaction_ ? transaction_->Join(Clock::now()) : absl::OkStatus();
}

// Goes on towards the end of the Kafka transaction, where it ends.
absl::Status KafkaLink::AdvanceTransaction() {
  using enum KafkaTransaction::Stage;
  transaction_->EndWhenDue(Clock::now());
  if (transaction_->stage() == kFlushing && producer_->queued_messages() == 0) {
    for (const kafka::PartitionId id : transaction_->touched()) {
      watermark_->Marked(id);
      if (once_->is_open(id)) once_->Marked(id);
    }
    transaction_->PositionSent();
    RETURN_IF_ERROR(SendPosition());
  }
  if (transaction_->stage() == kPosition && position_reported_) transaction_->Commit();
  if (transaction_->stage() != kCommitting) return absl::OkStatus();
  const auto outcome = transaction_->TakeOutcome();
  if (!outcome) return absl::OkStatus();
  RETURN_IF_ERROR(Explain(*outcome));
  PositionDurable();
  return absl::OkStatus();
}

void KafkaLink::PositionDurable() {
  position_in_flight_ = false;
  CHECK(written_ >= confirmed_ && written_ <= watermark_->position().end_lsn);
  confirmed_ = written_;
  ++counters_.positions_written;
  if (base_.claimed) RememberPosition();
}

void KafkaLink::RememberPosition() {
  memory_.Durable({.slot = options_.slot,
                   .generation = base_.generation,
                   .offset = last_position_offset_,
                   .end_lsn = confirmed_});
}

absl::Status KafkaLink::SendPosition() {
  RETURN_IF_ERROR(EnsurePositionsTopic());
  CrashPoint("before-position-record");
  const std::string value = kafka::EncodePosition(CurrentPosition());
  Record record;
  record.topic = kafka::kPositionsTopic;
  record.key = options_.slot;
  record.value = value;
  position_ticket_ = kInternal | ++internal_tickets_;
  position_in_flight_ = true;
  position_reported_ = false;
  bytes_since_position_ = 0;
  written_ = watermark_->position().end_lsn;
  recorded_connect_offset_ = connect_offset_;
  return ProduceInternal(record, 0, position_ticket_);
}

absl::Status KafkaLink::WritePosition() {
  const bool says_it_all = reachable() == written_ && recorded_connect_offset_ == connect_offset_;
  if (position_in_flight_ || says_it_all) return absl::OkStatus();
  if (!transaction_) return SendPosition();
  RETURN_IF_ERROR(JoinTransaction());
  transaction_->End();
  return absl::OkStatus();
}

// Waits until no Kafka transaction is open.
absl::Status KafkaLink::CommitNow(SteadyTime deadline) {
  transaction_->End();
  while (transaction_->is_open()) {
    if (Clock::now() > deadline) {
      return absl::UnavailableError(
          Cat("Kafka did not commit a transaction in time: ", last_error()));
    }
    RETURN_IF_ERROR(Serve(5ms));
  }
  return absl::OkStatus();
}

absl::Status KafkaLink::WritePositionNow() {
  if (transaction_) {
    RETURN_IF_ERROR(CommitNow(Clock::now() + kWriteLimit));  // What is open says less.
    RETURN_IF_ERROR(JoinTransaction());
    return CommitNow(Clock::now() + kWriteLimit);
  }
  RETURN_IF_ERROR(WaitWhile(position_in_flight_, "a position record"));  // One of before says less.
  RETURN_IF_ERROR(SendPosition());
  return WaitWhile(position_in_flight_, "a position record");
}

absl::Status KafkaLink::WaitWhile(const bool& in_flight, std::string_view what) {
  const SteadyTime deadline = Clock::now() + kWriteLimit;
  while (in_flight) {
    if (Clock::now() > deadline) {
      return absl::UnavailableError(
          Cat("Kafka did not acknowledge ", what, " within 10 s: ", last_error()));
    }
    RETURN_IF_ERROR(Serve(10ms));
  }
  return absl::OkStatus();
}

absl::Status KafkaLink::WriteConnectRecord(const std::string& value) {
  if (options_.connect_topic.empty()) return absl::OkStatus();
  if (connect_partitions_ == 0) {
    // As Connect makes it: 25 partitions (offset.storage.partitions), compacted.
    ASSIGN_OR_RETURN(
        connect_partitions_,
        topics_->Ensure(options_.connect_topic,
                        {.partitions = 25,
                         .replication_factor = options_.topic_rules.by_default().replication_factor,
                         .config = {{"cleanup.policy", "compact"}}}));
  }
  Record record;
  record.topic = options_.connect_topic;
  record.key = options_.connect_key;
  record.value = value;
  if (transaction_ && transaction_->stage() > KafkaTransaction::Stage::kOpen)
    RETURN_IF_ERROR(CommitNow(Clock::now() + kWriteLimit));
  RETURN_IF_ERROR(JoinTransaction());
  connect_ticket_ = kInternal | ++internal_tickets_;
  connect_in_flight_ = true;
  return ProduceInternal(record, kafka::PartitionOf(options_.connect_key, connect_partitions_),
                         connect_ticket_);
}

absl::Status KafkaLink::WriteConnectRecordNow(const std::string& value) {
  RETURN_IF_ERROR(WriteConnectRecord(value));
  if (transaction_) return CommitNow(Clock::now() + kWriteLimit);
  return WaitWhile(connect_in_flight_, "Debezium's offset record");
}

}  // namespace walrelay::app
