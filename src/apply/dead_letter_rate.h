// Counts records that could not be applied, and says when they are so many that the cause cannot
// be in the records.
//
// Pure: the caller gives the time. Not thread-safe. Source: FAULTS.md §3 "Poison message".
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>

#include "base/clock.h"

namespace walrelay::apply {

class DeadLetterRate {
 public:
  static constexpr std::chrono::minutes kWindow{1};

  explicit DeadLetterRate(int64_t limit) : limit_(limit) {}

  int64_t limit() const { return limit_; }
  // Whether so many more would exceed the limit of a minute.
  bool WouldExceed(int64_t more, SteadyTime now) {
    while (!counted_.empty() && now - counted_.front().at >= kWindow) {
      total_ -= counted_.front().count;
      counted_.pop_front();
    }
    return total_ + more > limit_;
  }
  void Add(int64_t count, SteadyTime now) {
    if (count == 0) return;
    counted_.push_back({now, count});
    total_ += count;
  }

 private:
  struct Counted {
    SteadyTime at;
    int64_t count;
  };
  int64_t limit_;
  int64_t total_ = 0;
  std::deque<Counted> counted_;
};

}  // namespace walrelay::apply
