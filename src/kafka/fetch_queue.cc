#include "kafka/fetch_queue.h"

#include <cstdlib>

#include "kafka/queries.h"

namespace walrelay::kafka {

FetchQueue::FetchQueue(const ClientOptions& options)
    : limit_bytes_(1024 *
                   std::strtoul(options.at("queued.max.messages.kbytes").c_str(), nullptr, 10)) {}

void FetchQueue::Wake(const Client& client, std::map<TopicPartition, int64_t> partitions) {
  for (auto& [partition, offset] : partitions) offset = RD_KAFKA_OFFSET_END;
  rd_kafka_offsets_for_times(client.get(), ToPartitionList(partitions).get(), /*timeout_ms=*/1);
}

}  // namespace walrelay::kafka
