// One value on its way into a table: text for the column's input function, or why there is none.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace walrelay::apply {

enum class CellState : uint8_t {
  kAbsent,  // The record does not have this column: leave it alone.
  // An unchanged TOAST value: the row keeps what it has. Its text: the LSN of the key change that
  // brings it from the old row; empty: the row itself has it.
  kUnsent,
  kNull,
  kText,
};

struct Cell {
  CellState state = CellState::kAbsent;
  std::string_view text;
  bool is_known() const { return state == CellState::kNull || state == CellState::kText; }
  bool operator==(const Cell&) const = default;
};

using Cells = std::span<const Cell>;

// Bytes that stay where they are until Clear(). Memory is kept for the next batch.
class Arena {
 public:
  std::string_view Copy(std::string_view text) {
    if (text.empty()) return {};
    if (used_ + text.size() > capacity_) Grow(text.size());
    char* at = blocks_[block_].data.get() + used_;
    std::memcpy(at, text.data(), text.size());
    used_ += text.size();
    total_ += text.size();
    return {at, text.size()};
  }
  size_t size() const { return total_; }
  void Clear() {
    // One block is kept: a batch of usual size needs no allocation, an unusual one leaves nothing
    // behind.
    if (blocks_.size() > kKeptBlocks) blocks_.resize(kKeptBlocks);
    block_ = 0;
    used_ = total_ = 0;
    capacity_ = blocks_.empty() ? 0 : blocks_[0].size;
  }

 private:
  static constexpr size_t kBlock = 256 * 1024;
  static constexpr size_t kKeptBlocks = 16;
  struct Block {
    std::unique_ptr<char[]> data;
    size_t size = 0;
  };
  void Grow(size_t wanted) {
    while (block_ + 1 < blocks_.size()) {
      ++block_;
      used_ = 0;
      capacity_ = blocks_[block_].size;
      if (wanted <= capacity_) return;
    }
    const size_t size = wanted > kBlock ? wanted : kBlock;
    blocks_.push_back({std::make_unique<char[]>(size), size});
    block_ = blocks_.size() - 1;
    used_ = 0;
    capacity_ = size;
  }

  std::vector<Block> blocks_;
  size_t block_ = 0;
  size_t used_ = 0;
  size_t capacity_ = 0;
  size_t total_ = 0;
};

}  // namespace walrelay::apply
