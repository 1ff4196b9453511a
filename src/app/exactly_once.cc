#include "app/exactly_once.h"

#include <algorithm>
#include <utility>

#include "app/event_identity.h"
#include "app/exit_code.h"
#include "base/check.h"
#include "base/log.h"

namespace walrelay::app {
namespace {

// What tails hold in memory together; each gets at least the second.
constexpr size_t kTailBytes = size_t{64} << 20;
constexpr size_t kLeastBytes = size_t{256} << 10;

// A gap may be as long as what a zombie had in its queue.
constexpr int64_t kMostNamed = 10'000;

constexpr std::string_view kRepairLost =
    "; bring the records back, or start once with --set source.snapshot.mode=when_needed for a new "
    "snapshot; to go on with the topics as they are, start once with --set "
    "pipeline.topic.mismatch=accept";

}  // namespace

ExactlyOnce::ExactlyOnce(TopicDoor& door, const kafka::PartitionTable& partitions, bool accept,
                         ReplayFilter::IsClocked is_clocked)
    : door_(door),
      partitions_(partitions),
      accept_(accept),
      filter_(
          [this](const TopicPartition& partition, kafka::Tail& tail) {
            return Fetch({{partition, &tail}});
          },
          accept, std::move(is_clocked)) {}

absl::Status ExactlyOnce::ReadAhead() {
  return filter_.done() ? absl::OkStatus() : Fetch(filter_.OpenTails());
}

// Up to where there is no more room, or all are read.
absl::Status ExactlyOnce::Fetch(const std::map<TopicPartition, kafka::Tail*>& tails) {
  const size_t held = filter_.bytes();
  const size_t room = std::max(kLeastBytes, kTailBytes - std::min(kTailBytes, held));
  std::map<TopicPartition, kafka::OffsetRange> ranges;
  for (const auto& [partition, tail] : tails) ranges.emplace(partition, tail->unfetched());
  size_t bytes = 0;
  const absl::Status status = door_.Read(ranges, [&](const ConsumedRecord& record) {
    kafka::Tail& tail =
        *tails.at({.topic = std::string(record.topic), .partition = record.partition});
    kafka::TailRecord copy = kafka::CopyOf(record);
    bytes += copy.size();
    tail.Add(std::move(copy));
    return bytes >= room ? absl::CancelledError("there is no more room") : absl::OkStatus();
  });
  if (bytes >= room) return absl::OkStatus();
  RETURN_IF_ERROR(status);
  for (const auto& [partition, tail] : tails) tail->Fetched(ranges.at(partition).end);
  return absl::OkStatus();
}

void ExactlyOnce::Start(kafka::PartitionId id, int64_t next, int64_t end) {
  if (id >= end_.size()) end_.resize(id + 1, 0);
  end_[id] = end;
  filter_.Add(partitions_[id], next, end);
}

absl::StatusOr<std::optional<ReplayFilter::Place>> ExactlyOnce::Find(const Record& record,
                                                                     kafka::PartitionId id) {
  RETURN_IF_ERROR(failure_);
  for (;;) {
    if (!filter_.done()) {
      auto place = filter_.Offer(record, partitions_[id].partition);
      if (!place.ok() || *place) return place;
    }
    if (watch_.started(id)) return std::nullopt;
    ASSIGN_OR_RETURN(const bool grown, Open(id));
    if (!grown) return std::nullopt;
  }
}

// Before the first record of ours: true when the partition holds more than was known.
absl::StatusOr<bool> ExactlyOnce::Open(kafka::PartitionId id) {
  const TopicPartition& partition = partitions_[id];
  ASSIGN_OR_RETURN(const int64_t end, door_.EndOffset(partition));
  if (end > end_[id]) {
    filter_.Add(partition, end_[id], end);
    end_[id] = end;
    return true;
  }
  if (end < end_[id] && !accept_) {
    return ExitError(
        ExitCode::kRecordsMissing,
        Cat("partition ", partition.partition, " of topic ", partition.topic, " ends at offset ",
            end, ", but records of ours stood up to offset ", end_[id] - 1, kRepairLost));
  }
  watch_.Start(id, end);
  return false;
}

int64_t ExactlyOnce::Acknowledged(kafka::PartitionId id, int64_t offset) {
  const int64_t expected = watch_.expected(id);
  const auto gap = watch_.Acknowledged(id, offset);
  if (gap && !gap_) gap_ = gap;
  return offset < 0 ? expected : offset;
}

absl::Status ExactlyOnce::Check() {
  RETURN_IF_ERROR(failure_);
  while (const auto doubtful = watch_.doubtful()) {
    ASSIGN_OR_RETURN(const int64_t end, door_.EndOffset(partitions_[*doubtful]));
    const auto gap = watch_.Ends(*doubtful, end);
    if (gap && !gap_) gap_ = gap;
  }
  for (const kafka::PartitionId id : watch_.TakeUnmarked()) {
    log::Warn("Kafka has committed a transaction and left no marker in partition ",
              partitions_[id].partition, " of topic ", partitions_[id].topic,
              ": what was committed there is seen with the next transaction");
  }
  if (!gap_) return absl::OkStatus();
  failure_ = Report(*gap_);
  gap_.reset();
  return failure_;
}

absl::Status ExactlyOnce::Report(const kafka::OffsetGap& gap) {
  const TopicPartition& partition = partitions_[gap.partition];
  const std::string where = Cat("partition ", partition.partition, " of topic ", partition.topic);
  const int64_t foreign = gap.end - gap.first - gap.ours;
  if (foreign < 0) {
    const std::string what =
        Cat(where, " goes on at offset ", gap.end, ", but records of ours stood up to offset ",
            gap.first + gap.ours - 1, ": the broker has lost them, or the topic was made again");
    if (!accept_) return ExitError(ExitCode::kRecordsMissing, Cat(what, kRepairLost));
    log::Error(what);
    return absl::OkStatus();
  }
  foreign_ += static_cast<uint64_t>(foreign);
  JsonReader json;
  const absl::Status named = door_.Read(
      {{partition, {.first = gap.first, .end = std::min(gap.end, gap.first + kMostNamed)}}},
      [&](const ConsumedRecord& record) {
        log::Error("offset ", record.offset, " of ", where, ": ",
                   DescribeRecord(json, record.value));
        return absl::OkStatus();
      });
  if (!named.ok()) log::Warn("the records in between could not be read: ", Message(named));
  const std::string what = Cat(
      foreign, " records of somebody else stand between ours in ", where, ", among offsets ",
      gap.first, " to ", gap.end - 1,
      " (each named above): a process that was thought dead, or another pipeline, writes there");
  if (!accept_) {
    return ExitError(
        ExitCode::kRecordsDiffer,
        Cat(what, "; end it, then start once with --set pipeline.topic.mismatch=accept"));
  }
  log::Error(what);
  return absl::OkStatus();
}

}  // namespace walrelay::app
