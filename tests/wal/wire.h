// Builds pgoutput messages and replication frames byte by byte, for tests.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "change/lsn.h"

namespace walrelay::wal {

class Wire {
 public:
  explicit Wire(char tag) { bytes_.push_back(tag); }

  Wire& U8(uint8_t value) { return Put(value, 1); }
  Wire& U16(uint16_t value) { return Put(value, 2); }
  Wire& U32(uint32_t value) { return Put(value, 4); }
  Wire& U64(uint64_t value) { return Put(value, 8); }
  Wire& Str(std::string_view text) {
    bytes_.append(text).push_back('\0');
    return *this;
  }
  Wire& Raw(std::string_view bytes) {
    bytes_.append(bytes);
    return *this;
  }
  // A column of a tuple: none is NULL.
  Wire& Column(std::optional<std::string_view> text) {
    if (!text) return Raw("n");
    return Raw("t").U32(static_cast<uint32_t>(text->size())).Raw(*text);
  }
  Wire& Tuple(const std::vector<std::optional<std::string_view>>& values) {
    U16(static_cast<uint16_t>(values.size()));
    for (const auto& value : values) Column(value);
    return *this;
  }
  operator std::string() const { return bytes_; }  // NOLINT: reads as the message it is.

 private:
  Wire& Put(uint64_t value, int size) {
    for (int i = size - 1; i >= 0; --i) bytes_.push_back(static_cast<char>(value >> (8 * i)));
    return *this;
  }
  std::string bytes_;
};

inline uint64_t PgTime(int64_t unix_micros) {
  return static_cast<uint64_t>(PgMicrosOfUnix(unix_micros));
}

inline std::string BeginMessage(uint64_t final_lsn, uint32_t xid = 7) {
  return Wire('B').U64(final_lsn).U64(PgTime(1'700'000'000'000'000)).U32(xid);
}
inline std::string CommitMessage(uint64_t commit_lsn) {
  return Wire('C').U8(0).U64(commit_lsn).U64(commit_lsn + 8).U64(PgTime(1'700'000'000'000'000));
}
// A table public.t (id int4 key, v text) with this oid.
inline std::string RelationMessage(uint32_t oid, char identity = 'd') {
  return Wire('R')
      .U32(oid)
      .Str("public")
      .Str("t")
      .U8(static_cast<uint8_t>(identity))
      .U16(2)
      .U8(1)
      .Str("id")
      .U32(23)
      .U32(0xFFFFFFFF)
      .U8(0)
      .Str("v")
      .U32(25)
      .U32(0xFFFFFFFF);
}

}  // namespace walrelay::wal
