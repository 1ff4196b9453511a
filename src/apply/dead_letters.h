// Records that cannot be applied, on their way into walrelay.dead_letters, in the transaction of
// the batch.
//
// Views of records, which must hold until the batch is written. Source: DESIGN.md §6.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apply/statement_queue.h"
#include "change/record.h"

namespace walrelay::apply {

class DeadLetters {
 public:
  DeadLetters(std::string pipeline, std::string sink)
      : pipeline_(std::move(pipeline)), sink_(std::move(sink)) {}

  void Add(const ConsumedRecord& record, std::string_view reason);
  size_t size() const { return letters_.size(); }
  size_t bytes() const;
  absl::Status Queue(PreparedStatements& prepared, StatementQueue& queue);
  void Clear() { letters_.clear(); }

 private:
  struct Letter {
    std::string topic, partition, offset, reason, headers;
    std::optional<std::string> key, value;  // As bytea input.
  };
  std::string pipeline_;
  std::string sink_;
  std::vector<Letter> letters_;
};

}  // namespace walrelay::apply
