// One consumed message, owned, and how it is read.
#pragma once

#include <utility>

#include "base/status.h"
#include "change/record.h"
#include "kafka/handles.h"

namespace walrelay::kafka {

// A librdkafka message as a record: views into the message.
ConsumedRecord ViewOf(const rd_kafka_message_t& message);

// Unavailable where the message reports a batch that cannot be read: a wrong checksum, a format or
// a compression that does not exist. It must be asked for by a new client: librdkafka 2.0.2 goes on
// behind such a batch, behind its first record or at an offset that it finds in its bytes. What has
// changed on its way is whole the next time. A batch's own offset is not covered by its checksum.
// Source: librdkafka 2.0.2, rdkafka_msgset_reader.c; Kafka documentation, "Record Batch".
absl::Status DamageOf(const rd_kafka_message_t& message);

// Move-only. Views that record() returns hold as long as the ConsumedMessage, wherever it is moved
// to, and its client live.
class ConsumedMessage {
 public:
  explicit ConsumedMessage(KafkaMessage message) : message_(std::move(message)) {}

  ConsumedRecord record() const { return ViewOf(*message_); }
  int32_t partition() const { return message_->partition; }
  int64_t offset() const { return message_->offset; }
  // When it was produced or, by the topic's settings, stored; since 1970. 0: not known.
  int64_t timestamp_ms() const;
  // Bytes of key and value.
  size_t size() const { return message_->key_len + message_->len; }

 private:
  KafkaMessage message_;
};

}  // namespace walrelay::kafka
