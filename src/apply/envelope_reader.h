// Reads a record of Kafka as a Debezium envelope: ours and the real one's, both versions, schemas
// on or off; also a row that was taken out of its envelope with what is needed (unwrapped.h).
//
// The schema block is four fifths of a record's bytes and the same in all of a topic: it is
// recognised by comparing with the prefix remembered, and parsed only when it is new. Only the
// payload is parsed, in a copy; numbers stay the text that was written. Errors are DataLoss: the
// record is not an envelope. They never hold content. Not thread-safe. Source: FORMAT.md §1.1,
// §2.3, §6; PROTOCOL.md §2.5 (measured).
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "apply/field_type.h"
#include "apply/unwrapped.h"
#include "base/json.h"
#include "change/record.h"

namespace walrelay::apply {

using SharedFields = std::shared_ptr<const Fields>;

// Headers of the two records of a key change.
inline constexpr std::string_view kOldKeyHeader = "__debezium.oldkey";  // Of the `c`.
inline constexpr std::string_view kNewKeyHeader = "__debezium.newkey";  // Of the `d`.

// Text views into the record hold as long as it, values until the reader's next Read.
struct Envelope {
  char op = 0;              // r c u d t m
  std::string_view schema;  // Of the source table; empty for logical messages.
  std::string_view table;
  int64_t source_ts_us = 0;     // When the change was committed, since 1970.
  std::string_view source_lsn;  // Digits; empty in records that have none.
  bool has_old_key = false;     // The `c` of a key change.
  std::string_view old_key;     // Of it, as the header has it.
  bool has_new_key = false;     // The `d` of a key change.
  bool is_unwrapped = false;    // Its JSON texts too hold until the reader's next Read only.

  JsonValue before;
  JsonValue after;
  JsonValue row() const { return op == 'd' ? before : after; }
  JsonValue key;  // kMissing when the record has none, or when it is not JSON (StringConverter):
  bool has_unreadable_key = false;

  // The same as JSON text; empty for null.
  std::string_view before_json;
  std::string_view after_json;
  std::string_view source_json;
  std::string_view key_json;  // Empty too when it is not JSON.

  // What the schema blocks say; null where schemas are off. The pointers change when the schema
  // does.
  const SharedFields* row_fields = nullptr;
  const SharedFields* key_fields = nullptr;

  // The schema blocks themselves, within the record, and numbers that say whether they are those of
  // an earlier record of this reader: equal numbers, equal bytes. Empty and 0 where there is none.
  std::string_view value_schema;
  std::string_view key_schema;
  uint64_t value_schema_id = 0;
  uint64_t key_schema_id = 0;
};

class EnvelopeReader {
 public:
  // The record has a value. Holds until the next call.
  absl::StatusOr<const Envelope*> Read(const ConsumedRecord& record);

 private:
  struct Learned {
    std::string prefix;       // {"schema":…,"payload":
    size_t schema_begin = 0;  // Of … in it,
    size_t schema_size = 0;   // in bytes.
    uint64_t id = 0;
    SharedFields fields;  // Of the row, or of the key; null when the schema is null or no struct.
  };
  struct Topic {
    std::vector<Learned> values;  // The latest match first.
    std::vector<Learned> keys;
  };
  struct Part {  // A key or value without its schema.
    std::string_view payload;
    std::string_view schema = {};
    uint64_t schema_id = 0;
    const SharedFields* fields = nullptr;
  };

  Topic& TopicOf(std::string_view name);
  absl::StatusOr<Part> SplitSchema(std::string_view bytes, std::vector<Learned>& learned,
                                   bool is_key);
  absl::StatusOr<SharedFields> ParseSchema(std::string_view schema, bool is_key);
  absl::Status ReadValue(const Part& part, const ConsumedRecord& record);
  absl::Status ReadRow(JsonValue row, const ConsumedRecord& record);
  absl::Status ReadSource(JsonValue source);
  void ReadKey(const ConsumedRecord& record, Topic& topic);
  void ReadHeaders(const ConsumedRecord& record);

  std::unordered_map<std::string, Topic> topics_;
  std::string last_name_;
  Topic* last_ = nullptr;
  uint64_t last_schema_id_ = 0;
  JsonReader value_reader_;
  JsonReader key_reader_;
  UnwrappedRow unwrapped_;
  JsonReader row_reader_;
  Envelope envelope_;
};

}  // namespace walrelay::apply
