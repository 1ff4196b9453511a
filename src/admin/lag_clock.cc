#include "admin/lag_clock.h"

#include <algorithm>

namespace walrelay::admin {

void LagClock::Observe(WallTime now, Lsn server_end, Lsn position, uint64_t received_bytes) {
  lag_ = server_end > position ? Number(server_end) - Number(position) : 0;
  if (mark_ == kNoLsn || position >= mark_) {
    mark_ = lag_ > 0 ? server_end : kNoLsn;
    mark_seen_ = now;
  }
  const bool first = received_at_ == WallTime{};
  if (first || received_bytes != received_bytes_) {
    received_bytes_ = received_bytes;
    received_at_ = now;
    lag_when_received_ = lag_;
  }
}

std::chrono::nanoseconds LagClock::Behind(WallTime now) const {
  if (mark_ == kNoLsn) return {};
  return std::max(std::chrono::nanoseconds{}, now - mark_seen_);
}

std::chrono::nanoseconds LagClock::Stalled(WallTime now) const {
  if (received_at_ == WallTime{} || lag_ <= lag_when_received_) return {};
  return std::max(std::chrono::nanoseconds{}, now - received_at_);
}

}  // namespace walrelay::admin
