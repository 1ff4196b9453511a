// The tail of one partition: what it holds behind a position, used up from its oldest record on.
//
// The bytes are fetched by its owner, a window at a time, so that a tail of any length takes little
// memory. Offsets that a read passes over without a record are holes: transaction markers, records
// of aborted transactions, and what compaction removed. Cannot fail. Not thread-safe: the capture loop owns it. Source: DESIGN.md §2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "kafka/log_reader.h"
#include "kafka/tail_record.h"

namespace walrelay::kafka {

class Tail {
 public:
  Tail() = default;
  // Offsets next ≤ offset < end.
  Tail(int64_t next, int64_t end) : next_(next), fetched_(next), end_(end) {}

  bool used_up() const { return next_ >= end_; }
  int64_t next() const { return next_; }
  int64_t end() const { return end_; }
  // The partition has grown.
  void Extend(int64_t end);

  // Whether front() needs more to be fetched first.
  bool needs_fetch() const { return window_.empty() && fetched_ < end_; }
  // What has not been fetched.
  OffsetRange unfetched() const { return {.first = fetched_, .end = end_}; }
  // The next record of unfetched(), in order.
  void Add(TailRecord record);
  // All of unfetched() below this offset has been fetched.
  void Fetched(int64_t up_to);
  // Bytes of keys and values in the window.
  size_t bytes() const { return bytes_; }

  // The next record, at or behind next(); null when only holes are left. Not when it needs a fetch.
  const TailRecord* front() const;
  // Uses up the next record and the holes before it, or the holes that are left. Returns the offset
  // of the last one.
  int64_t Pop();

 private:
  int64_t next_ = 0;
  int64_t fetched_ = 0;
  int64_t end_ = 0;
  size_t bytes_ = 0;
  std::deque<TailRecord> window_;  // From next_ on, below fetched_.
};

}  // namespace walrelay::kafka
