#include "kafka/fetch_queue.h"

#include <cstdlib>
#include <utility>

#include "kafka/queries.h"

namespace walrelay::kafka {
namespace {

// Asks the leaders of these partitions something, and does not wait for the answer.
void Wake(const Client& client, std::map<TopicPartition, int64_t> partitions) {
  for (auto& [partition, offset] : partitions) offset = RD_KAFKA_OFFSET_END;
  rd_kafka_offsets_for_times(client.get(), ToPartitionList(partitions).get(), /*timeout_ms=*/1);
}

}  // namespace

FetchQueue::FetchQueue(const ClientOptions& options)
    : limit_bytes_(1024 *
                   std::strtoul(options.at("queued.max.messages.kbytes").c_str(), nullptr, 10)) {}

KafkaMessage FetchQueue::Next(absl::FunctionRef<rd_kafka_message_t*(int)> poll,
                              const Client& client,
                              const std::map<TopicPartition, int64_t>& partitions,
                              std::chrono::milliseconds limit) {
  KafkaMessage message(poll(0));
  if (message == nullptr) {
    if (std::exchange(taken_bytes_, 0) >= limit_bytes_ / 2) Wake(client, partitions);
    message.reset(poll(static_cast<int>(limit.count())));
  }
  if (message != nullptr) taken_bytes_ += message->key_len + message->len;
  return message;
}

}  // namespace walrelay::kafka
