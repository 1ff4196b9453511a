// Bytes that are written from front to back again and again: keeps its memory, so that a warm one
// never allocates.
//
// Not a std::string, because encoders want to reserve room once and write through a pointer.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

#include "base/check.h"

namespace walrelay::envelope {

class Buffer {
 public:
  size_t size() const { return size_; }
  std::string_view view() const { return {data_.get(), size_}; }
  std::string_view view(size_t from) const { return view().substr(from); }
  char* data() { return data_.get(); }

  void clear() { size_ = 0; }
  // Forgets what was written after the first `size` bytes.
  void Truncate(size_t size) { size_ = size; }

  // Room for `bytes` more, to be written from the address returned and then Commit()ted.
  char* Reserve(size_t bytes) {
    if (capacity_ - size_ < bytes) Grow(bytes);
    return data_.get() + size_;
  }
  void Commit(const char* end) { size_ = static_cast<size_t>(end - data_.get()); }

  void append(std::string_view text) {
    char* const out = Reserve(text.size());
    if (!text.empty()) std::memcpy(out, text.data(), text.size());
    size_ += text.size();
  }
  void push_back(char c) {
    *Reserve(1) = c;
    ++size_;
  }
  template <std::integral Integer>
  void AppendInt(Integer value) {
    char* const out = Reserve(24);
    Commit(std::to_chars(out, out + 24, value).ptr);
  }

 private:
  struct Free {
    void operator()(char* memory) const { std::free(memory); }
  };

  void Grow(size_t bytes) {
    const size_t wanted = size_ + bytes;
    capacity_ = wanted < 256 ? 256 : wanted + wanted / 2;
    char* const grown = static_cast<char*>(std::realloc(data_.get(), capacity_));
    CHECK(grown != nullptr);
    (void)data_.release();  // realloc has freed or kept it.
    data_.reset(grown);
  }

  std::unique_ptr<char, Free> data_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace walrelay::envelope
