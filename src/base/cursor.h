// Reads big-endian integers and strings from a message, in a straight line.
//
// The first short read is remembered and every later read yields zeros, so a decoder reads all its fields and asks
// once, with Finished() or failed(). Views that it returns point into the bytes given. Loops over a count that was read
// must also stop when failed(). Never throws, never reads outside. Not thread-safe.
// Source: PostgreSQL manual, "Message Data Types".
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace walrelay {

class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : rest_(bytes), size_(bytes.size()) {}

  // An integer in network byte order; 0 after a short read.
  template <std::integral T>
  T Int() {
    if (rest_.size() < sizeof(T)) return Fail<T>();
    std::make_unsigned_t<T> value;
    std::memcpy(&value, rest_.data(), sizeof(T));
    rest_.remove_prefix(sizeof(T));
    if constexpr (sizeof(T) == 2) value = __builtin_bswap16(value);
    if constexpr (sizeof(T) == 4) value = __builtin_bswap32(value);
    if constexpr (sizeof(T) == 8) value = __builtin_bswap64(value);
    return static_cast<T>(value);
  }

  // Exactly `size` bytes; a negative size is a short read.
  std::string_view Bytes(int64_t size) {
    if (size < 0 || static_cast<uint64_t>(size) > rest_.size()) return Fail<std::string_view>();
    const std::string_view bytes = rest_.substr(0, static_cast<size_t>(size));
    rest_.remove_prefix(static_cast<size_t>(size));
    return bytes;
  }

  // A string up to its NUL byte, without it.
  std::string_view String() {
    const size_t end = rest_.find('\0');
    if (end == std::string_view::npos) return Fail<std::string_view>();
    const std::string_view text = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return text;
  }

  // What has not been read.
  std::string_view rest() const { return rest_; }
  bool failed() const { return failed_; }
  // Bytes read so far; after a short read, where it was.
  size_t position() const { return failed_ ? failed_at_ : size_ - rest_.size(); }
  // True when everything was there and nothing is left over.
  bool Finished() const { return !failed_ && rest_.empty(); }

 private:
  template <class T>
  T Fail() {
    if (!failed_) failed_at_ = size_ - rest_.size();
    failed_ = true;
    rest_ = {};
    return T{};
  }

  std::string_view rest_;
  size_t size_;
  size_t failed_at_ = 0;
  bool failed_ = false;
};

}  // namespace walrelay
