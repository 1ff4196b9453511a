// The queue of what a consumer of librdkafka has fetched ahead, and how fetching goes on when it
// was full.
//
// librdkafka 2.0.2 stops fetching when its queue is full and looks again after a second, whether or
// not the queue has been emptied meanwhile (PROTOCOL.md §3.9): a slow reader would get one queue a
// second. Any request wakes the thread of its broker, which then looks at once. One thread at a
// time, the reader's.
#pragma once

#include <absl/functional/function_ref.h>

#include <chrono>
#include <cstddef>
#include <map>

#include "change/record.h"
#include "kafka/client.h"
#include "kafka/client_options.h"

namespace walrelay::kafka {

class FetchQueue {
 public:
  // Complete options of the consumer: queued.max.messages.kbytes.
  explicit FetchQueue(const ClientOptions& options);

  // The next message, or null when none comes within the limit. `poll` takes one from the queue and
  // waits so many ms for it. `partitions` are those that are fetched; their offsets do not matter.
  KafkaMessage Next(absl::FunctionRef<rd_kafka_message_t*(int)> poll, const Client& client,
                    const std::map<TopicPartition, int64_t>& partitions,
                    std::chrono::milliseconds limit);

 private:
  size_t limit_bytes_;
  size_t taken_bytes_ = 0;  // Since the queue was empty.
};

}  // namespace walrelay::kafka
