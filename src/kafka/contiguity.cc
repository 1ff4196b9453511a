#include "kafka/contiguity.h"

#include <utility>

#include "base/check.h"
#include "kafka/ack_watermark.h"

namespace walrelay::kafka {

void Contiguity::Start(PartitionId partition, int64_t next) {
  CHECK(next >= 0);
  if (partition >= partitions_.size()) partitions_.resize(partition + 1);
  CHECK(partitions_[partition].in_flight == 0);
  partitions_[partition] = {.next = next, .counted = 0, .in_flight = 0};
}

std::optional<OffsetGap> Contiguity::Acknowledged(PartitionId partition, int64_t offset) {
  CHECK(started(partition));
  Partition& state = partitions_[partition];
  CHECK(state.in_flight > 0);
  --state.in_flight;
  if (offset == kNoOffset) {
    if (state.counted++ == 0) in_doubt_.push_back(partition);
    return std::nullopt;
  }
  PassOverMarker(partition, offset);
  std::optional<OffsetGap> gap;
  if (offset != state.next + state.counted) {
    gap = OffsetGap{
        .partition = partition, .first = state.next, .end = offset, .ours = state.counted};
  }
  state.next = offset + 1;
  state.counted = 0;
  return gap;
}

// `seen`: where the next record of ours, or the end, really is.
void Contiguity::PassOverMarker(PartitionId partition, int64_t seen) {
  Partition& state = partitions_[partition];
  if (state.behind_marker && seen == state.next + state.counted - 1) {
    --state.next;
    unmarked_.push_back(partition);
  }
  state.behind_marker = false;
}

std::optional<PartitionId> Contiguity::doubtful() {
  for (size_t i = 0; i < in_doubt_.size();) {
    const Partition& state = partitions_[in_doubt_[i]];
    if (state.counted == 0) {  // A later report has settled it.
      in_doubt_[i] = in_doubt_.back();
      in_doubt_.pop_back();
    } else if (state.in_flight == 0) {
      return in_doubt_[i];
    } else {
      ++i;
    }
  }
  return std::nullopt;
}

std::optional<OffsetGap> Contiguity::Ends(PartitionId partition, int64_t end) {
  Partition& state = partitions_[partition];
  PassOverMarker(partition, end);
  const int64_t expected = state.next + state.counted;
  std::optional<OffsetGap> gap;
  if (end != expected) {
    gap = OffsetGap{.partition = partition, .first = state.next, .end = end, .ours = state.counted};
  }
  state.next = end;
  state.counted = 0;
  return gap;
}

}  // namespace walrelay::kafka
