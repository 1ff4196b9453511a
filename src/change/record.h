// A Kafka record as our encoder makes it: bytes, where they go, and which of them no two runs share.
//
// Views point into the encoder's buffers and hold until its next call; the producer copies. The *volatile spans* are the
// bytes of the value or of header values that depend on the wall clock or the run (ts_* of the envelope, xmin, runId). All
// other bytes are a function of the stream and the options, so that a restart can recognise what it has already written
// (DESIGN.md §2: fingerprint).
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace walrelay {

struct VolatileSpan {
  uint32_t offset = 0;  // In the value.
  uint32_t size = 0;
};

// Room for xmin, ts_ms, ts_us and ts_ns of one envelope and four that a transform may have added. They are added from the
// front of the value to its end; when there are more, the last one takes in everything up to the end of the newest.
struct VolatileSpans {
  std::array<VolatileSpan, 8> spans;
  uint8_t count = 0;
  void Add(size_t offset, size_t size) {
    if (count == spans.size()) {
      spans.back().size = static_cast<uint32_t>(offset + size) - spans.back().offset;
    } else {
      spans[count++] = {static_cast<uint32_t>(offset), static_cast<uint32_t>(size)};
    }
  }
};

struct RecordHeader {
  std::string_view name;
  std::optional<std::string_view> value;  // None: a header with a null value.
  bool is_volatile = false;               // Not part of the fingerprint (runId).
};

struct Record {
  std::string_view topic;
  std::optional<std::string_view> key;
  std::optional<std::string_view> value;  // None: a tombstone.
  const std::vector<RecordHeader>* headers = nullptr;  // Null or empty: none.
  VolatileSpans volatile_spans;
  std::optional<int32_t> partition;       // Set where Debezium sets it (heartbeats: 0); else chosen by the key.
  std::optional<int64_t> timestamp_ms;    // Set where a transform sets it; else the producer's clock.
  const void* topic_cache = nullptr;      // Any address that always goes with this topic: lets the producer look it up once.
};

// Takes records in the order in which they must be written. A failure stops the stream.
using RecordSink = absl::FunctionRef<absl::Status(const Record&)>;

// A record as it was read from Kafka. Views point into the message and hold as long as its owner says.
struct ConsumedRecord {
  std::string_view topic;
  int32_t partition = 0;
  int64_t offset = 0;
  int64_t timestamp_ms = 0;
  std::optional<std::string_view> key;
  std::optional<std::string_view> value;  // None: a tombstone.
  std::vector<RecordHeader> headers;
};

// A partition of a topic, by name.
struct TopicPartition {
  std::string topic;
  int32_t partition = 0;
  auto operator<=>(const TopicPartition&) const = default;
};

}  // namespace walrelay
