// The queue of what a consumer of librdkafka has fetched ahead, and how fetching goes on when it
// was full.
//
// librdkafka 2.0.2 stops fetching when its queue is full and looks again after a second, whether or
// not the queue has been emptied meanwhile (PROTOCOL.md §3.9): a slow reader would get one queue a
// second. Any request wakes the thread of its broker, which then looks at once. One thread at a
// time, the reader's.
#pragma once

#include <cstddef>
#include <map>
#include <utility>

#include "change/record.h"
#include "kafka/client.h"
#include "kafka/client_options.h"

namespace walrelay::kafka {

class FetchQueue {
 public:
  // Complete options of the consumer: queued.max.messages.kbytes.
  explicit FetchQueue(const ClientOptions& options);

  void Taken(const rd_kafka_message_t& message) { taken_bytes_ += message.key_len + message.len; }
  // To be called when the queue is empty: whether it may have been full before.
  bool WasFull() { return std::exchange(taken_bytes_, 0) >= limit_bytes_ / 2; }
  // Asks the leaders of these partitions something, and does not wait for the answer. The offsets
  // do not matter.
  static void Wake(const Client& client, std::map<TopicPartition, int64_t> partitions);

 private:
  size_t limit_bytes_;
  size_t taken_bytes_ = 0;  // Since the queue was empty.
};

}  // namespace walrelay::kafka
