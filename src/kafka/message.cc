#include "kafka/message.h"

#include <algorithm>

namespace walrelay::kafka {
namespace {

// A null pointer is Kafka's null, as opposed to empty.
std::optional<std::string_view> Text(const void* bytes, size_t size) {
  if (bytes == nullptr) return std::nullopt;
  return std::string_view(static_cast<const char*>(bytes), size);
}

std::vector<RecordHeader> HeadersOf(const rd_kafka_message_t& message) {
  std::vector<RecordHeader> headers;
  rd_kafka_headers_t* list = nullptr;  // Stays the message's.
  if (rd_kafka_message_headers(&message, &list) != RD_KAFKA_RESP_ERR_NO_ERROR) return headers;
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  for (size_t i = 0;
       rd_kafka_header_get_all(list, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
    headers.push_back({.name = name, .value = Text(value, size)});
  }
  return headers;
}

}  // namespace

int64_t ConsumedMessage::timestamp_ms() const {
  return std::max<int64_t>(0, rd_kafka_message_timestamp(message_.get(), nullptr));
}

absl::Status DamageOf(const rd_kafka_message_t& message) {
  switch (message.err) {
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
    case RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED:
      return absl::UnavailableError(
          Cat("records of ", message.rkt == nullptr ? "a topic" : rd_kafka_topic_name(message.rkt),
              " have arrived damaged: ", rd_kafka_message_errstr(&message)));
    default:
      return absl::OkStatus();
  }
}

ConsumedRecord ViewOf(const rd_kafka_message_t& message) {
  return {
      .topic = rd_kafka_topic_name(message.rkt),
      .partition = message.partition,
      .offset = message.offset,
      .timestamp_ms = rd_kafka_message_timestamp(&message, nullptr),
      .key = Text(message.key, message.key_len),
      .value = Text(message.payload, message.len),
      .headers = HeadersOf(message),
  };
}

}  // namespace walrelay::kafka
