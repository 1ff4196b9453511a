#include "kafka/tail.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace walrelay::kafka {

void Tail::Extend(int64_t end) { end_ = std::max(end_, end); }

void Tail::Add(TailRecord record) {
  CHECK(record.offset >= fetched_);
  CHECK(record.offset < end_);
  bytes_ += record.size();
  fetched_ = record.offset + 1;
  window_.push_back(std::move(record));
}

void Tail::Fetched(int64_t up_to) { fetched_ = std::max(fetched_, std::min(up_to, end_)); }

const TailRecord* Tail::front() const {
  CHECK(!needs_fetch());
  return window_.empty() ? nullptr : &window_.front();
}

int64_t Tail::Pop() {
  if (front() == nullptr) {
    next_ = end_;
  } else {
    next_ = window_.front().offset + 1;
    bytes_ -= window_.front().size();
    window_.pop_front();
  }
  return next_ - 1;
}

}  // namespace walrelay::kafka
