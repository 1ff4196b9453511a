#include "kafka/partitions.h"

#include <limits>

#include "base/check.h"

namespace walrelay::kafka {
namespace {

constexpr PartitionId kNone = std::numeric_limits<PartitionId>::max();

}  // namespace

PartitionId PartitionTable::Intern(std::string_view topic, int32_t partition) {
  CHECK(partition >= 0);
  auto found = ids_.find(topic);
  if (found == ids_.end())
    found = ids_.emplace(std::string(topic), std::vector<PartitionId>()).first;
  std::vector<PartitionId>& ids = found->second;
  const auto index = static_cast<size_t>(partition);
  if (index >= ids.size()) ids.resize(index + 1, kNone);
  if (ids[index] == kNone) {
    ids[index] = static_cast<PartitionId>(partitions_.size());
    partitions_.push_back({.topic = found->first, .partition = partition});
  }
  return ids[index];
}

std::optional<PartitionId> PartitionTable::Find(std::string_view topic, int32_t partition) const {
  const auto found = ids_.find(topic);
  if (partition < 0 || found == ids_.end()) return std::nullopt;
  const auto index = static_cast<size_t>(partition);
  if (index >= found->second.size() || found->second[index] == kNone) return std::nullopt;
  return found->second[index];
}

}  // namespace walrelay::kafka
