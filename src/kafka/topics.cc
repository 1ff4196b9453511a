#include "kafka/topics.h"

#include <algorithm>

#include "kafka/queries.h"

namespace walrelay::kafka {
namespace {

using std::chrono::milliseconds;

absl::Status CreationFailed(std::string_view topic, rd_kafka_resp_err_t error,
                            std::string_view reason) {
  return absl::Status(CodeOf(error), Cat("creating topic ", topic, ": ", reason));
}

absl::StatusOr<KafkaNewTopic> NewTopic(const std::string& topic, const TopicSpec& spec) {
  char reason[512];
  KafkaNewTopic description(rd_kafka_NewTopic_new(topic.c_str(), spec.partitions,
                                                  spec.replication_factor, reason, sizeof(reason)));
  if (description == nullptr) return CreationFailed(topic, RD_KAFKA_RESP_ERR__INVALID_ARG, reason);
  for (const auto& [name, value] : spec.config) {
    const auto error = rd_kafka_NewTopic_set_config(description.get(), name.c_str(), value.c_str());
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
      return CreationFailed(topic, error, Cat("option ", name));
  }
  return description;
}

// Sends the request and waits for its answer. A topic that exists already is as good as created.
absl::Status Create(Client& client, const std::string& topic, const TopicSpec& spec,
                    milliseconds limit) {
  ASSIGN_OR_RETURN(const KafkaNewTopic description, NewTopic(topic, spec));
  const KafkaAdminOptions options(
      rd_kafka_AdminOptions_new(client.get(), RD_KAFKA_ADMIN_OP_CREATETOPICS));
  const int limit_ms = static_cast<int>(limit.count());
  char reason[512];
  for (auto set :
       {rd_kafka_AdminOptions_set_request_timeout, rd_kafka_AdminOptions_set_operation_timeout}) {
    const auto error = set(options.get(), limit_ms, reason, sizeof(reason));
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return CreationFailed(topic, error, reason);
  }

  const KafkaQueue queue(rd_kafka_queue_new(client.get()));
  rd_kafka_NewTopic_t* descriptions[] = {description.get()};
  rd_kafka_CreateTopics(client.get(), descriptions, 1, options.get(), queue.get());
  const KafkaEvent event(rd_kafka_queue_poll(queue.get(), limit_ms));
  client.ServeErrors();
  if (event == nullptr)
    return client.Failed(Cat("creating topic ", topic), RD_KAFKA_RESP_ERR__TIMED_OUT);
  if (const auto error = rd_kafka_event_error(event.get()); error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return client.Failed(Cat("creating topic ", topic), error);
  }

  size_t count = 0;
  const auto* results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  for (size_t i = 0; i < count; ++i) {
    const auto error = rd_kafka_topic_result_error(results[i]);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
      continue;
    const char* text = rd_kafka_topic_result_error_string(results[i]);
    return CreationFailed(topic, error, text == nullptr ? rd_kafka_err2str(error) : text);
  }
  return absl::OkStatus();
}

bool HasAllLeaders(const rd_kafka_metadata_topic_t& topic) {
  auto* const end = topic.partitions + topic.partition_cnt;
  return topic.err == RD_KAFKA_RESP_ERR_NO_ERROR && topic.partition_cnt > 0 &&
         std::all_of(topic.partitions, end,
                     [](const auto& partition) { return partition.leader >= 0; });
}

}  // namespace

TopicSpec PositionsTopicSpec(int32_t replication_factor) {
  return {.partitions = 1,
          .replication_factor = replication_factor,
          .config = {{"cleanup.policy", "compact"},
                     {"segment.bytes", "16777216"},
                     // Only closed segments are compacted.
                     {"segment.ms", "600000"},
                     {"min.cleanable.dirty.ratio", "0.1"}}};
}

absl::StatusOr<std::unique_ptr<Topics>> Topics::Open(const ClientOptions& user) {
  ASSIGN_OR_RETURN(Client client, Client::Make(RD_KAFKA_CONSUMER, AdminOptions(user)));
  return std::unique_ptr<Topics>(new Topics(std::move(client)));
}

absl::StatusOr<std::map<std::string, int32_t>> Topics::List(milliseconds limit) {
  ASSIGN_OR_RETURN(const KafkaMetadata metadata, FetchMetadata(client_, nullptr, limit));
  std::map<std::string, int32_t> topics;
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    topics.emplace(metadata->topics[i].topic, metadata->topics[i].partition_cnt);
  }
  return topics;
}

absl::StatusOr<std::optional<int32_t>> Topics::PartitionCount(std::string_view topic,
                                                              milliseconds limit) {
  ASSIGN_OR_RETURN(const KafkaTopic handle, NewTopicHandle(client_, topic));
  return FetchPartitionCount(client_, handle.get(), limit);
}

absl::StatusOr<int32_t> Topics::Ensure(std::string_view topic, const TopicSpec& spec,
                                       milliseconds limit) {
  const Deadline deadline(limit);
  ASSIGN_OR_RETURN(const KafkaTopic handle, NewTopicHandle(client_, topic));
  bool created = false;
  while (true) {
    ASSIGN_OR_RETURN(const KafkaMetadata metadata,
                     FetchMetadata(client_, handle.get(), deadline.left()));
    const rd_kafka_metadata_topic_t& found = metadata->topics[0];
    if (HasAllLeaders(found)) return found.partition_cnt;
    if (found.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
      if (!created) RETURN_IF_ERROR(Create(client_, std::string(topic), spec, deadline.left()));
      created = true;
    } else if (CodeOf(found.err) == absl::StatusCode::kFailedPrecondition) {
      return client_.Failed(Cat("topic ", topic), found.err);
    }
    if (deadline.passed()) {
      return absl::UnavailableError(
          Cat("topic ", topic, " has no leader for all partitions within ", limit.count(), " ms"));
    }
    rd_kafka_poll(client_.get(), 10);  // Brokers learn of a new topic one after the other.
  }
}

absl::StatusOr<std::vector<int64_t>> Topics::EndOffsets(std::string_view topic, int32_t partitions,
                                                        milliseconds limit) {
  return FetchOffsets(client_, topic, partitions, RD_KAFKA_OFFSET_END, limit);
}

absl::StatusOr<std::vector<int64_t>> Topics::BeginOffsets(std::string_view topic,
                                                          int32_t partitions, milliseconds limit) {
  return FetchOffsets(client_, topic, partitions, RD_KAFKA_OFFSET_BEGINNING, limit);
}

absl::StatusOr<std::map<TopicPartition, int64_t>> Topics::EndOffsets(
    const std::vector<TopicPartition>& partitions, milliseconds limit) {
  return FetchOffsets(client_, partitions, RD_KAFKA_OFFSET_END, limit);
}

absl::StatusOr<std::map<TopicPartition, int64_t>> Topics::BeginOffsets(
    const std::vector<TopicPartition>& partitions, milliseconds limit) {
  return FetchOffsets(client_, partitions, RD_KAFKA_OFFSET_BEGINNING, limit);
}

absl::StatusOr<std::map<TopicPartition, int64_t>> Topics::OffsetsAt(
    const std::vector<TopicPartition>& partitions, int64_t unix_ms, milliseconds limit) {
  ASSIGN_OR_RETURN(auto offsets, FetchOffsets(client_, partitions, unix_ms, limit));
  ASSIGN_OR_RETURN(const auto ends, EndOffsets(partitions, limit));
  for (auto& [partition, offset] : offsets) {
    if (offset < 0) offset = ends.at(partition);
  }
  return offsets;
}

}  // namespace walrelay::kafka
