#include "kafka/queries.h"

#include <string>

namespace walrelay::kafka {
namespace {

using std::chrono::milliseconds;

// Errors of a partition that pass by themselves: an election, a broker that starts.
bool IsTransient(rd_kafka_resp_err_t error) {
  return CodeOf(error) == absl::StatusCode::kUnavailable;
}

rd_kafka_resp_err_t AskOnce(const Client& client, rd_kafka_topic_partition_list_t* list,
                            const Deadline& deadline) {
  const auto error =
      rd_kafka_offsets_for_times(client.get(), list, std::max(deadline.left_ms(), 1));
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return error;
  for (int i = 0; i < list->cnt; ++i) {
    if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) return list->elems[i].err;
  }
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

// Who asks has heard of the partition from a broker. The client forgets it where another answer says
// that there is no such topic: a broker that comes back answers earlier questions, too.
bool IsForgotten(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
         error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

// The ListOffsets request, one for all partitions of a leader. `asked` holds special offsets; the
// answer real ones.
absl::StatusOr<KafkaPartitionList> Ask(Client& client,
                                       const std::map<TopicPartition, int64_t>& asked,
                                       milliseconds limit) {
  const Deadline deadline(limit);
  while (true) {
    KafkaPartitionList list = ToPartitionList(asked);
    const auto error = AskOnce(client, list.get(), deadline);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return list;
    if ((!IsTransient(error) && !IsForgotten(error)) || deadline.passed()) {
      client.ServeErrors();
      return client.Failed(Cat("asking Kafka for offsets of ", asked.begin()->first.topic), error);
    }
    rd_kafka_poll(client.get(), 10);
  }
}

}  // namespace

absl::StatusOr<KafkaTopic> NewTopicHandle(const Client& client, std::string_view topic) {
  KafkaTopic handle(rd_kafka_topic_new(client.get(), std::string(topic).c_str(), nullptr));
  if (handle == nullptr) return client.Failed(Cat("topic ", topic), rd_kafka_last_error());
  return handle;
}

absl::StatusOr<KafkaMetadata> FetchMetadata(Client& client, rd_kafka_topic_t* topic,
                                            milliseconds limit) {
  const rd_kafka_metadata_t* metadata = nullptr;
  const int all = topic == nullptr ? 1 : 0;
  const auto error =
      rd_kafka_metadata(client.get(), all, topic, &metadata, static_cast<int>(limit.count()));
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    client.ServeErrors();
    const std::string_view what =
        topic == nullptr ? "the list of topics" : rd_kafka_topic_name(topic);
    return client.Failed(Cat("asking Kafka about ", what), error);
  }
  KafkaMetadata answer(metadata);
  if (topic != nullptr && answer->topic_cnt != 1)
    return absl::UnavailableError("Kafka answered for another topic");
  return answer;
}

absl::StatusOr<std::optional<int32_t>> FetchPartitionCount(Client& client, rd_kafka_topic_t* topic,
                                                           milliseconds limit) {
  const Deadline deadline(limit);
  while (true) {
    ASSIGN_OR_RETURN(const KafkaMetadata metadata, FetchMetadata(client, topic, deadline.left()));
    if (metadata->topic_cnt != 1 ||
        metadata->topics[0].err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
      return std::optional<int32_t>();
    }
    const rd_kafka_metadata_topic_t& answer = metadata->topics[0];
    if (answer.err == RD_KAFKA_RESP_ERR_NO_ERROR && answer.partition_cnt > 0) {
      return std::optional<int32_t>(answer.partition_cnt);
    }
    if (!IsTransient(answer.err) || deadline.passed()) {
      return client.Failed(Cat("asking Kafka about ", std::string_view(answer.topic)), answer.err);
    }
    rd_kafka_poll(client.get(), 10);
  }
}

absl::StatusOr<std::map<std::string, int32_t>> FetchKnownTopics(Client& client,
                                                                milliseconds limit) {
  const rd_kafka_metadata_t* answer = nullptr;
  const auto error = rd_kafka_metadata(client.get(), /*all_topics=*/0, /*only_rkt=*/nullptr,
                                       &answer, static_cast<int>(limit.count()));
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return client.Failed("asking Kafka about topics", error);
  const KafkaMetadata metadata(answer);
  std::map<std::string, int32_t> counts;
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    const rd_kafka_metadata_topic_t& topic = metadata->topics[i];
    if (topic.err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
      counts.emplace(topic.topic, topic.partition_cnt);
  }
  return counts;
}

absl::StatusOr<std::vector<int64_t>> FetchOffsets(Client& client, std::string_view topic,
                                                  int32_t partitions, int64_t which,
                                                  milliseconds limit) {
  std::map<TopicPartition, int64_t> asked;
  for (int32_t i = 0; i < partitions; ++i)
    asked[{.topic = std::string(topic), .partition = i}] = which;
  ASSIGN_OR_RETURN(const KafkaPartitionList list, Ask(client, asked, limit));
  std::vector<int64_t> offsets(static_cast<size_t>(partitions));
  for (int i = 0; i < list->cnt; ++i)
    offsets[static_cast<size_t>(list->elems[i].partition)] = list->elems[i].offset;
  return offsets;
}

absl::StatusOr<std::map<TopicPartition, int64_t>> FetchOffsets(
    Client& client, const std::vector<TopicPartition>& partitions, int64_t which,
    milliseconds limit) {
  std::map<TopicPartition, int64_t> offsets;
  for (const TopicPartition& partition : partitions) offsets[partition] = which;
  if (offsets.empty()) return offsets;
  ASSIGN_OR_RETURN(const KafkaPartitionList list, Ask(client, offsets, limit));
  for (int i = 0; i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& answer = list->elems[i];
    offsets[{.topic = answer.topic, .partition = answer.partition}] = answer.offset;
  }
  return offsets;
}

absl::StatusOr<int64_t> FetchOffset(Client& client, const TopicPartition& partition, int64_t which,
                                    milliseconds limit) {
  ASSIGN_OR_RETURN(const KafkaPartitionList list, Ask(client, {{partition, which}}, limit));
  return list->elems[0].offset;
}

absl::StatusOr<std::map<TopicPartition, int64_t>> FetchCommitted(
    Client& client, const std::set<TopicPartition>& partitions, milliseconds limit) {
  std::map<TopicPartition, int64_t> offsets;
  for (const TopicPartition& partition : partitions) offsets[partition] = RD_KAFKA_OFFSET_INVALID;
  const KafkaPartitionList list = ToPartitionList(offsets);
  const auto error =
      rd_kafka_committed(client.get(), list.get(), static_cast<int>(limit.count()));
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return client.Failed("reading group offsets", error);
  offsets.clear();
  for (int i = 0; i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& stored = list->elems[i];
    const std::string_view topic = stored.topic;
    if (stored.err != RD_KAFKA_RESP_ERR_NO_ERROR)
      return client.Failed(Cat("reading group offsets of topic ", topic), stored.err);
    if (stored.offset >= 0)
      offsets[{.topic = stored.topic, .partition = stored.partition}] = stored.offset;
  }
  return offsets;
}

KafkaPartitionList ToPartitionList(const std::map<TopicPartition, int64_t>& offsets) {
  KafkaPartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())));
  for (const auto& [partition, offset] : offsets) {
    rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition)
        ->offset = offset;
  }
  return list;
}

}  // namespace walrelay::kafka
