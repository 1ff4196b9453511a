// Records whose schema never changes: heartbeats, logical decoding messages, BEGIN and END of
// transaction metadata.
//
// Each class holds prepared prefixes and its buffers; a record's views hold until its next call.
// Source: FORMAT.md §6.1, §7.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "change/record.h"
#include "envelope/buffer.h"
#include "envelope/encoder.h"
#include "envelope/options.h"
#include "envelope/row_plan.h"
#include "envelope/source_block.h"

namespace walrelay::envelope {

// A record with what transforms want to know of it.
struct FixedRecord {
  Record record;
  const ConnectSchema* key_schema = nullptr;
  std::string_view key_json;  // Of the one field that each such key has.
  const ConnectSchema* value_schema = nullptr;
  const std::vector<FieldSpan>* spans = nullptr;  // Of the value's fields, in record.value.
  const EventContext* context = nullptr;          // Of what is in its `source`, if it has one.
  const SourceBlock* source = nullptr;
};

// A key of one text field and a value, begun with their schema blocks.
class RecordBuilder {
 public:
  RecordBuilder(std::string topic, ConnectSchema key, ConnectSchema value, const Options& options);

  // Begins a record with this key.
  void Begin(std::string_view key_text);
  // The next field of the value: its JSON is to be appended; '{' or ',' stands before `lead`.
  Buffer& Field(std::string_view lead);
  // The field at hand is null.
  void Null() { spans_.back().is_null = true; }
  FixedRecord Finish();

 private:
  void EndField();

  std::string topic_;
  ConnectSchema key_schema_;
  ConnectSchema value_schema_;
  bool string_keys_;
  std::string key_prefix_;
  std::string value_prefix_;
  Buffer key_;
  Buffer key_json_;
  Buffer value_;
  std::vector<FieldSpan> spans_;
};

class HeartbeatRecord {
 public:
  explicit HeartbeatRecord(const Options& options);
  FixedRecord Make(WallTime now);

 private:
  std::string name_;
  RecordBuilder builder_;
};

class MessageRecord {
 public:
  explicit MessageRecord(const Options& options);
  // `transaction`: the JSON of the transaction block (3.6).
  FixedRecord Make(const LogicalMessage& message, const EventContext& context,
                   std::string_view transaction);

 private:
  const bool with_transaction_;
  const BinaryMode binary_;
  SourceBlock source_;
  RecordBuilder builder_;
};

class TransactionRecord {
 public:
  explicit TransactionRecord(const Options& options);
  FixedRecord Begin(std::string_view id, int64_t source_ts_micros);
  FixedRecord End(std::string_view id, int64_t source_ts_micros, const TransactionCounts& counts);

 private:
  void BeginRecord(std::string_view status, std::string_view id);
  RecordBuilder builder_;
};

}  // namespace walrelay::envelope
