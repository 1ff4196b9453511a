// A first-in-first-out queue in one growing array: no allocation once it has reached its working
// size, and access by position. Not thread-safe.
#pragma once

#include <cstddef>
#include <vector>

#include "base/check.h"

namespace walrelay::kafka {

template <class T>
class Ring {
 public:
  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }

  // The index-th from the front.
  T& operator[](size_t index) { return slots_[(first_ + index) & (slots_.size() - 1)]; }
  T& front() { return (*this)[0]; }
  T& back() { return (*this)[size_ - 1]; }

  void push_back(const T& value) {
    if (size_ == slots_.size()) Grow();
    ++size_;
    back() = value;
  }
  void pop_front() {
    CHECK(size_ > 0);
    first_ = (first_ + 1) & (slots_.size() - 1);
    --size_;
  }

 private:
  void Grow() {
    std::vector<T> larger(slots_.empty() ? 64
                                         : slots_.size() * 2);  // A power of two, for the mask.
    for (size_t i = 0; i < size_; ++i) larger[i] = (*this)[i];
    slots_ = std::move(larger);
    first_ = 0;
  }

  std::vector<T> slots_;
  size_t first_ = 0;
  size_t size_ = 0;
};

}  // namespace walrelay::kafka
