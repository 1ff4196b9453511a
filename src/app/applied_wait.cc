#include "app/applied_wait.h"

#include <set>
#include <thread>
#include <vector>

namespace walrelay::app {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kPause = 50ms;
// After which a server that writes nothing has flushed what it had inserted.
constexpr auto kFlushedAfter = 3s;
// As many transaction markers as a topic may end with, where the progress cannot pass them.
constexpr int64_t kMostMarkers = 64;

}  // namespace

bool AppliedWait::IsOver(SteadyTime begun) const { return Clock::now() - begun > options_.limit; }

absl::Status AppliedWait::Until(Lsn lsn) {
  const SteadyTime begun = Clock::now();
  RETURN_IF_ERROR(AwaitSlot(lsn, begun));
  ASSIGN_OR_RETURN(Offsets ends, Ends());
  return AwaitProgress(std::move(ends), begun);
}

absl::Status AppliedWait::AwaitSlot(Lsn lsn, SteadyTime begun) {
  const std::string text = ToString(lsn);
  const pg::Parameter parameters[] = {options_.slot, text};
  for (;;) {
    // A position that is inserted may lie behind the header of a page that is not written yet.
    ASSIGN_OR_RETURN(
        const pg::Result slot,
        source_.Execute("SELECT confirmed_flush_lsn >= $2::pg_lsn, confirmed_flush_lsn, active, "
                        "pg_current_wal_insert_lsn() = $2::pg_lsn AND confirmed_flush_lsn >= "
                        "pg_current_wal_flush_lsn() FROM pg_replication_slots WHERE slot_name = $1",
                        parameters));
    if (slot.rows() == 0) {
      return absl::FailedPreconditionError(
          Cat("there is no slot ", options_.slot, ", so nobody knows when the sink has caught up"));
    }
    if (slot.is_true(0, 0)) return absl::OkStatus();
    if (slot.is_true(0, 3) && Clock::now() - begun > kFlushedAfter) return absl::OkStatus();
    if (IsOver(begun)) {
      return absl::DeadlineExceededError(
          Cat("slot ", options_.slot, " stands at ", slot.text(0, 1), " and did not reach ", lsn,
              " in time; ", slot.is_true(0, 2) ? "the capture lags" : "nobody captures from it"));
    }
    std::this_thread::sleep_for(kPause);
  }
}

absl::StatusOr<AppliedWait::Offsets> AppliedWait::Ends() {
  if (topics_ == nullptr) {
    ASSIGN_OR_RETURN(topics_, kafka::Topics::Open(kafka_));
  }
  const pg::Parameter parameters[] = {options_.pipeline, options_.sink};
  ASSIGN_OR_RETURN(const pg::Result rows,
                   sink_.Execute("SELECT topic FROM walrelay.parked_tables WHERE pipeline = $1 AND "
                                 "sink = $2",
                                 parameters));
  std::set<std::string, std::less<>> parked;
  for (int row = 0; row < rows.rows(); ++row) parked.emplace(rows.text(row, 0));
  ASSIGN_OR_RETURN(const auto topics, topics_->List());
  std::vector<TopicPartition> partitions;
  for (const auto& [topic, count] : topics) {
    if (!options_.is_data_topic(topic) || parked.contains(topic)) continue;
    for (int32_t p = 0; p < count; ++p) partitions.push_back({topic, p});
  }
  if (partitions.empty()) return Offsets();
  return topics_->EndOffsets(partitions);
}

absl::Status AppliedWait::AwaitProgress(Offsets ends, SteadyTime begun) {
  for (;;) {
    RETURN_IF_ERROR(DropReached(ends));
    if (ends.empty()) return absl::OkStatus();
    if (IsOver(begun)) {
      const TopicPartition& first = ends.begin()->first;
      return absl::DeadlineExceededError(Cat("the ", options_.sink, " did not read topic ",
                                             first.topic, " partition ", first.partition,
                                             " up to offset ", ends.begin()->second,
                                             " in time; is the pipeline running?"));
    }
    std::this_thread::sleep_for(kPause);
  }
}

absl::Status AppliedWait::DropReached(Offsets& ends) {
  const pg::Parameter parameters[] = {options_.pipeline, options_.sink};
  ASSIGN_OR_RETURN(
      const pg::Result rows,
      sink_.Execute("SELECT topic, partition, next_offset FROM walrelay.progress WHERE pipeline = "
                    "$1 AND sink = $2",
                    parameters));
  Offsets progress;
  for (int row = 0; row < rows.rows(); ++row) {
    progress[{std::string(rows.text(row, 0)), rows.number<int32_t>(row, 1).value_or(0)}] =
        rows.number<int64_t>(row, 2).value_or(0);
  }
  for (auto it = ends.begin(); it != ends.end();) {
    const auto found = progress.find(it->first);
    const int64_t next = found == progress.end() ? 0 : found->second;
    bool is_reached = next >= it->second;
    if (!is_reached && it->second - next <= kMostMarkers) {
      ASSIGN_OR_RETURN(const bool has_records, HasRecords(it->first, next, it->second));
      is_reached = !has_records;
    }
    it = is_reached ? ends.erase(it) : std::next(it);
  }
  return absl::OkStatus();
}

// What is left may be nothing but the markers of transactions, or have expired before it was read.
absl::StatusOr<bool> AppliedWait::HasRecords(const TopicPartition& partition, int64_t from,
                                             int64_t end) {
  if (reader_ == nullptr) {
    ASSIGN_OR_RETURN(reader_, kafka::LogReader::Open(kafka_));
  }
  ASSIGN_OR_RETURN(const auto ranges, reader_->Ranges(partition.topic));
  if (!ranges || static_cast<size_t>(partition.partition) >= ranges->size()) return false;
  const kafka::OffsetRange& held = (*ranges)[static_cast<size_t>(partition.partition)];
  const kafka::OffsetRange range{std::max(from, held.first), std::min(end, held.end)};
  if (range.first >= range.end) return held.end < end;  // A transaction is open.
  bool found = false;
  RETURN_IF_ERROR(reader_->Read({{partition, range}}, [&](const ConsumedRecord&) {
    found = true;
    return absl::OkStatus();
  }));
  return found;
}

}  // namespace walrelay::app
