// Topics of the cluster: which there are, where they end, and creating them.
//
// Every call blocks, up to its limit, and fails with Unavailable when the cluster does not answer
// in time, FailedPrecondition when it refuses. One thread at a time. Owns one connection to the
// cluster. Source: PROTOCOL.md §3.9 (why not query_watermark_offsets); Kafka's CreateTopics,
// Metadata and ListOffsets requests.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "change/record.h"
#include "kafka/client.h"
#include "kafka/client_options.h"

namespace walrelay::kafka {

struct TopicSpec {
  int32_t partitions = -1;          // -1: the broker's default (num.partitions).
  int32_t replication_factor = -1;  // -1: the broker's default (default.replication.factor).
  std::map<std::string, std::string> config;  // Kafka's topic options: cleanup.policy, …
};

// The topic of position records, and how it is made: one partition, compacted, closed soon so that
// a start reads little.
inline constexpr char kPositionsTopic[] = "__walrelay_positions";
TopicSpec PositionsTopicSpec(int32_t replication_factor = -1);

class Topics {
 public:
  static constexpr std::chrono::milliseconds kLimit{10'000};

  static absl::StatusOr<std::unique_ptr<Topics>> Open(const ClientOptions& user);

  // All topics with their partition counts.
  absl::StatusOr<std::map<std::string, int32_t>> List(std::chrono::milliseconds limit = kLimit);
  // The partition count of one topic; nullopt when it does not exist. Does not create it.
  absl::StatusOr<std::optional<int32_t>> PartitionCount(std::string_view topic,
                                                        std::chrono::milliseconds limit = kLimit);
  // Creates a topic, or finds it there, and waits until each partition has a leader. A topic that
  // exists is left as it is. Returns its partition count.
  absl::StatusOr<int32_t> Ensure(std::string_view topic, const TopicSpec& spec,
                                 std::chrono::milliseconds limit = kLimit);
  // By partition: the offset that the next record will have; that of the oldest record still there.
  // Transactions that are open count: this is where a record would be written, not how far a reader
  // sees.
  absl::StatusOr<std::vector<int64_t>> EndOffsets(std::string_view topic, int32_t partitions,
                                                  std::chrono::milliseconds limit = kLimit);
  absl::StatusOr<std::vector<int64_t>> BeginOffsets(std::string_view topic, int32_t partitions,
                                                    std::chrono::milliseconds limit = kLimit);
  // The same of partitions of several topics, in one request a broker.
  absl::StatusOr<std::map<TopicPartition, int64_t>> EndOffsets(
      const std::vector<TopicPartition>& partitions, std::chrono::milliseconds limit = kLimit);
  absl::StatusOr<std::map<TopicPartition, int64_t>> BeginOffsets(
      const std::vector<TopicPartition>& partitions, std::chrono::milliseconds limit = kLimit);

  // Of the oldest record written at that time or later; the end where there is none.
  absl::StatusOr<std::map<TopicPartition, int64_t>> OffsetsAt(
      const std::vector<TopicPartition>& partitions, int64_t unix_ms,
      std::chrono::milliseconds limit = kLimit);

 private:
  explicit Topics(Client client) : client_(std::move(client)) {}

  Client client_;
};

}  // namespace walrelay::kafka
