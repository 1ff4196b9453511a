// Reads parts of partitions once: the tail behind a position, the newest record of a key.
//
// Reads what is committed (isolation.level=read_committed), without a consumer group. Every call
// blocks up to its limit: Unavailable when the cluster does not answer in time or records have
// arrived damaged, DataLoss when an offset is gone, FailedPrecondition when access is refused. One
// thread at a time; owns one connection to the cluster. Source: DESIGN.md §2; PROTOCOL.md §3.9.
#pragma once

#include <absl/functional/function_ref.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "change/record.h"
#include "kafka/client.h"
#include "kafka/client_options.h"
#include "kafka/fetch_queue.h"

namespace walrelay::kafka {

// What one partition holds: first ≤ offset < end.
struct OffsetRange {
  int64_t first = 0;
  int64_t end = 0;
};

class LogReader {
 public:
  static constexpr std::chrono::milliseconds kLimit{10'000};
  // A failure that it returns ends the reading and is passed on. The record's views hold until it
  // returns.
  using OnRecord = absl::FunctionRef<absl::Status(const ConsumedRecord&)>;

  static absl::StatusOr<std::unique_ptr<LogReader>> Open(const ClientOptions& user);

  // By partition, what a topic holds now for a reader of committed records; nullopt when there is
  // no such topic.
  absl::StatusOr<std::optional<std::vector<OffsetRange>>> Ranges(
      std::string_view topic, std::chrono::milliseconds limit = kLimit);
  // Calls on_record for each record with range.first ≤ offset < range.end, in order within a
  // partition. Offsets may be missing (compaction, transaction markers).
  absl::Status Read(const std::map<TopicPartition, OffsetRange>& ranges, OnRecord on_record,
                    std::chrono::milliseconds limit = kLimit);

 private:
  LogReader(Client client, FetchQueue queue) : client_(std::move(client)), queue_(queue) {}

  Client client_;
  FetchQueue queue_;
};

}  // namespace walrelay::kafka
