#include "kafka/murmur2.h"

#include <cstring>

#include "base/check.h"

namespace walrelay::kafka {

uint32_t Murmur2(std::string_view bytes) {
  constexpr uint32_t kSeed = 0x9747b28c;
  constexpr uint32_t kMultiplier = 0x5bd1e995;
  constexpr int kShift = 24;

  const char* data = bytes.data();
  size_t left = bytes.size();
  uint32_t hash = kSeed ^ static_cast<uint32_t>(bytes.size());
  for (; left >= 4; data += 4, left -= 4) {
    uint32_t word;
    std::memcpy(&word, data, 4);  // Little-endian, as Java assembles it.
    word *= kMultiplier;
    word ^= word >> kShift;
    word *= kMultiplier;
    hash *= kMultiplier;
    hash ^= word;
  }

  uint32_t tail = 0;
  for (size_t i = left; i > 0; --i) tail = tail << 8 | static_cast<uint8_t>(data[i - 1]);
  if (left > 0) hash = (hash ^ tail) * kMultiplier;

  hash ^= hash >> 13;
  hash *= kMultiplier;
  hash ^= hash >> 15;
  return hash;
}

int32_t PartitionOf(std::string_view key, int32_t count) {
  CHECK(count > 0);
  return static_cast<int32_t>((Murmur2(key) & 0x7fffffffu) % static_cast<uint32_t>(count));
}

}  // namespace walrelay::kafka
