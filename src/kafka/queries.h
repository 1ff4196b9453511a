// Questions to the cluster that several classes ask: metadata, partition counts, offsets at an end.
//
// Each blocks up to its limit. Unavailable when no answer came, FailedPrecondition when it was a
// refusal. Internal to this folder. Source: Kafka's Metadata and ListOffsets requests.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "change/record.h"
#include "kafka/client.h"
#include "kafka/handles.h"

namespace walrelay::kafka {

// Counts a time limit down over several calls.
class Deadline {
 public:
  explicit Deadline(std::chrono::milliseconds limit)
      : end_(std::chrono::steady_clock::now() + limit) {}
  explicit Deadline(SteadyTime end) : end_(end) {}

  // Not negative: librdkafka takes -1 for ever.
  std::chrono::milliseconds left() const {
    const auto left = end_ - std::chrono::steady_clock::now();
    return std::max(std::chrono::ceil<std::chrono::milliseconds>(left),
                    std::chrono::milliseconds(0));
  }
  int left_ms() const { return static_cast<int>(left().count()); }
  bool passed() const { return std::chrono::steady_clock::now() >= end_; }

 private:
  SteadyTime end_;
};

absl::StatusOr<KafkaTopic> NewTopicHandle(const Client& client, std::string_view topic);

// Of one topic, or of all with null.
absl::StatusOr<KafkaMetadata> FetchMetadata(Client& client, rd_kafka_topic_t* topic,
                                            std::chrono::milliseconds limit);
// nullopt when there is no such topic.
absl::StatusOr<std::optional<int32_t>> FetchPartitionCount(Client& client, rd_kafka_topic_t* topic,
                                                           std::chrono::milliseconds limit);
// Partition counts of the topics that the client works with, without those that do not exist.
absl::StatusOr<std::map<std::string, int32_t>> FetchKnownTopics(Client& client,
                                                                std::chrono::milliseconds limit);
// By partition; `which` is RD_KAFKA_OFFSET_END or RD_KAFKA_OFFSET_BEGINNING. Ends are those of the
// client's isolation.level.
absl::StatusOr<std::vector<int64_t>> FetchOffsets(Client& client, std::string_view topic,
                                                  int32_t partitions, int64_t which,
                                                  std::chrono::milliseconds limit);

// Of any partitions, in one request a leader.
absl::StatusOr<std::map<TopicPartition, int64_t>> FetchOffsets(
    Client& client, const std::vector<TopicPartition>& partitions, int64_t which,
    std::chrono::milliseconds limit);

// Of one partition.
absl::StatusOr<int64_t> FetchOffset(Client& client, const TopicPartition& partition, int64_t which,
                                    std::chrono::milliseconds limit);

// What the client's group has committed, of those that it has committed; it need not be a member.
absl::StatusOr<std::map<TopicPartition, int64_t>> FetchCommitted(
    Client& client, const std::set<TopicPartition>& partitions, std::chrono::milliseconds limit);

KafkaPartitionList ToPartitionList(const std::map<TopicPartition, int64_t>& offsets);

}  // namespace walrelay::kafka
