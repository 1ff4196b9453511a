// A raw event with its schema blocks, as the record of Kafka that it was.
//
// Equal to that record in all that an apply reads: jsonb has its own order of members and its own
// blanks, a `ts_ms` is made up, and of the headers there are only those of a key change. Pure.
// Not thread-safe. Source: FORMAT.md §1.1, §2.3, §6.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "change/record.h"

namespace walrelay::apply {

// As in cdc_raw.cdc_events; JSON texts, none is NULL.
struct RawEvent {
  std::string_view topic;
  int32_t partition = 0;
  int64_t offset = 0;
  std::string_view op;
  std::optional<std::string_view> key, before, after, source;
  std::string_view ts_ms;      // Digits.
  bool changes_key = false;    // The `d` or `c` of a key change.
};

// As in walrelay.schemas. Empty: the records have none.
struct SchemaBlocks {
  std::string_view key, value;
};

// Owns its bytes.
class RawRecord {
 public:
  size_t bytes() const { return key_.size() + value_.size(); }
  ConsumedRecord record() const;  // Holds as long as this is neither moved nor gone.

 private:
  friend class RawRecordMaker;
  std::string topic_;
  int32_t partition_ = 0;
  int64_t offset_ = 0;
  bool has_key_ = false;
  std::string_view key_header_;  // Empty: none.
  std::string key_;
  std::string value_;
};

class RawRecordMaker {
 public:
  RawRecord Make(const RawEvent& event, const SchemaBlocks& schema);

 private:
  const std::vector<std::string>& KeyFields(std::string_view key_schema);
  std::string KeyText(std::string_view key, std::string_view key_schema);

  std::map<std::string, std::vector<std::string>, std::less<>> key_fields_;  // By schema block.
  JsonReader reader_;
};

}  // namespace walrelay::apply
