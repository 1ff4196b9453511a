// The events of a batch for cdc_raw.cdc_events: every enveloped record, as it came, without its
// schema block.
//
// Views of records, which must hold until the batch is written. Not thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apply/cell.h"
#include "apply/envelope_reader.h"
#include "apply/statement_queue.h"
#include "change/record.h"
#include "pg/connection.h"

namespace walrelay::apply {

class RawEvents {
 public:
  void Add(const ConsumedRecord& record, const Envelope& envelope, uint32_t index);
  size_t size() const { return rows_.size(); }
  size_t bytes() const { return bytes_; }
  void Clear();

  // One INSERT a row, for few of them.
  absl::Status Queue(PreparedStatements& prepared, StatementQueue& queue);
  // COPY. With `later` its answer is left for that (pg::Connection::Settle).
  absl::Status Copy(pg::Connection& connection, const pg::Later& later = nullptr);

 private:
  struct Row {
    std::string_view table;
    char op = 0;
    std::string_view key = {}, before = {}, after = {}, source = {};  // JSON; empty: null.
    std::string_view topic = {};
    std::string_view place = {};  // Partition, tab, offset.
    std::string_view timestamp = {};
    uint32_t record = 0;
  };
  std::vector<Row> rows_;
  Arena texts_;
  std::string scratch_;
  std::string_view last_table_text_;
  size_t bytes_ = 0;
};

// "2020-01-02 03:04:05.987654+00".
void AppendUtcTimestamp(int64_t micros, std::string& out);

}  // namespace walrelay::apply
