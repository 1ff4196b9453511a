// Small dense numbers for the partitions that are written, so that per-record bookkeeping is an
// array access.
//
// Ids are given in the order of first use and live as long as the table. Cannot fail. Not
// thread-safe: the capture loop owns it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "change/record.h"

namespace walrelay::kafka {

using PartitionId = uint32_t;

class PartitionTable {
 public:
  // The id of a partition ≥ 0 of a topic, new if there was none.
  PartitionId Intern(std::string_view topic, int32_t partition);
  std::optional<PartitionId> Find(std::string_view topic, int32_t partition) const;

  const TopicPartition& operator[](PartitionId id) const { return partitions_[id]; }
  // All ids are below this.
  size_t size() const { return partitions_.size(); }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  // By topic, then by partition; kNone where a partition has no id yet.
  std::unordered_map<std::string, std::vector<PartitionId>, Hash, std::equal_to<>> ids_;
  std::vector<TopicPartition> partitions_;
};

}  // namespace walrelay::kafka
