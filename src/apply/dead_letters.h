// Records that cannot be applied, on their way into walrelay.dead_letters, in the transaction of
// the batch.
//
// Views of records, which must hold until the batch is written. Source: DESIGN.md §6.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apply/parked_keys.h"
#include "apply/statement_queue.h"
#include "change/record.h"

namespace walrelay::apply {

// Behind the reason of a letter whose row a truncate has taken away.
inline constexpr std::string_view kTruncatedSince = "; its table was truncated since";

// Why a record cannot be applied.
struct Refusal {
  std::string reason;
  std::string sqlstate = {};  // Where the server refused it.
  RowId row = {};             // Its key is parked.
  bool is_follower = false;   // It only waits behind another one.
};

class DeadLetters {
 public:
  DeadLetters(std::string pipeline, std::string sink)
      : pipeline_(std::move(pipeline)), sink_(std::move(sink)) {}

  void Add(const ConsumedRecord& record, const Refusal& why);
  // A table was truncated: its letters hold nothing back any more.
  void Unpark(std::string_view source_table);
  size_t size() const { return letters_.size(); }
  size_t bytes() const;
  absl::Status Queue(PreparedStatements& prepared, StatementQueue& queue);
  void Clear() { letters_.clear(); }

 private:
  struct Letter {
    std::string topic, partition, offset, reason, headers;
    std::optional<std::string> key, value;  // As bytea input.
    std::optional<std::string> sqlstate, source_table, parked_key;
  };
  std::string pipeline_;
  std::string sink_;
  std::vector<Letter> letters_;
};

}  // namespace walrelay::apply
