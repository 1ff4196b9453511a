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
#include "envelope/source_block.h"

namespace walrelay::envelope {

// A key and a value that are begun with their schema blocks.
class RecordBuilder {
 public:
  RecordBuilder(std::string topic, const ConnectSchema& key, const ConnectSchema& value,
                const Options& options);

  Buffer& BeginKey();
  Buffer& BeginValue();
  // The value that was begun.
  Buffer& value() { return value_; }
  // Closes both.
  Record Finish();

 private:
  std::string topic_;
  std::string key_prefix_;
  std::string value_prefix_;
  Buffer key_;
  Buffer value_;
};

class HeartbeatRecord {
 public:
  explicit HeartbeatRecord(const Options& options);
  Record Make(WallTime now);

 private:
  std::string key_;
  RecordBuilder builder_;
};

class MessageRecord {
 public:
  explicit MessageRecord(const Options& options);
  // `transaction`: the JSON of the transaction block (3.6).
  Record Make(const LogicalMessage& message, const EventContext& context,
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
  Record Begin(std::string_view id, int64_t source_ts_micros);
  Record End(std::string_view id, int64_t source_ts_micros, const TransactionCounts& counts);

 private:
  void BeginRecord(std::string_view status, std::string_view id);
  RecordBuilder builder_;
};

}  // namespace walrelay::envelope
