#include "app/kafka_transaction.h"

#include <thread>

#include "base/check.h"
#include "base/crash_point.h"
#include "base/log.h"

namespace walrelay::app {

using Clock = std::chrono::steady_clock;

absl::Status KafkaTransaction::Join(SteadyTime now) {
  if (stage_ == Stage::kOpen && bytes_ >= limits_.bytes) End();
  if (stage_ == Stage::kOpen) return absl::OkStatus();
  if (stage_ != Stage::kNone)
    return absl::ResourceExhaustedError("a Kafka transaction is being committed");
  RETURN_IF_ERROR(producer_.transactions()->Begin());
  stage_ = Stage::kOpen;
  begun_ = now;
  bytes_ = 0;
  return absl::OkStatus();
}

void KafkaTransaction::Sent(kafka::PartitionId partition, size_t bytes) {
  whole_ = false;
  bytes_ += bytes;
  if (partition >= is_touched_.size()) is_touched_.resize(partition + 1, false);
  if (is_touched_[partition]) return;
  is_touched_[partition] = true;
  touched_.push_back(partition);
}

void KafkaTransaction::End() {
  if (stage_ == Stage::kOpen) stage_ = Stage::kFlushing;
}

void KafkaTransaction::EndWhenDue(SteadyTime now) {
  if (const auto at = due(); at && now >= *at) End();
}

std::optional<SteadyTime> KafkaTransaction::due() const {
  if (stage_ != Stage::kOpen) return std::nullopt;
  return begun_ + (whole_ ? limits_.interval : limits_.longest);
}

void KafkaTransaction::Commit() {
  CrashPoint("before-kafka-commit");
  stage_ = Stage::kCommitting;
  producer_.transactions()->StartCommit();
}

std::optional<absl::Status> KafkaTransaction::TakeOutcome() {
  auto outcome = producer_.transactions()->TakeOutcome();
  if (!outcome || !outcome->ok()) return outcome;
  CrashPoint("after-kafka-commit");
  stage_ = Stage::kNone;
  for (const kafka::PartitionId partition : touched_) is_touched_[partition] = false;
  touched_.clear();
  return outcome;
}

absl::Status KafkaTransaction::WriteAlone(const Record& record, std::chrono::milliseconds limit) {
  CHECK(stage_ == Stage::kNone);
  const SteadyTime deadline = Clock::now() + limit;
  RETURN_IF_ERROR(producer_.transactions()->Begin());
  RETURN_IF_ERROR(producer_.Produce(record, 0, 0));
  RETURN_IF_ERROR(producer_.Flush(deadline, [](const kafka::Delivery&) {}));
  CrashPoint("before-kafka-commit");
  producer_.transactions()->StartCommit();
  for (;;) {
    if (const auto outcome = producer_.transactions()->TakeOutcome()) return *outcome;
    if (Clock::now() > deadline)
      return absl::UnavailableError("Kafka did not commit a position record in time");
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

void KafkaTransaction::Abandon(std::chrono::milliseconds limit) {
  const SteadyTime deadline = Clock::now() + limit;
  // What is being committed is whole, or a part that the next start knows what to do with.
  while (stage_ == Stage::kCommitting && Clock::now() < deadline) {
    if (const auto outcome = TakeOutcome(); outcome && !outcome->ok()) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  if (stage_ == Stage::kNone || stage_ == Stage::kCommitting) return;
  const absl::Status status = producer_.Abort(limit);
  if (status.ok()) {
    log::Info("the Kafka transaction at hand was aborted; its changes come again");
  } else {
    log::Warn(Message(status), "; the broker ends it at its timeout, or the next start does");
  }
}

}  // namespace walrelay::app
