#include "app/run_id.h"

#include <cstdio>
#include <random>

namespace walrelay::app {

std::string NewRunId(WallTime now) {
  std::random_device random;
  const uint64_t millis = static_cast<uint64_t>(UnixNanos(now) / 1'000'000);
  const uint32_t a = random() & 0x0fff;
  const uint32_t b = (random() & 0x3fff) | 0x8000;
  const uint64_t c = (uint64_t{random()} << 16 ^ random()) & 0xffff'ffff'ffff;
  char text[37];
  std::snprintf(text, sizeof(text), "%08x-%04x-7%03x-%04x-%012lx",
                static_cast<uint32_t>(millis >> 16), static_cast<uint32_t>(millis & 0xffff), a, b,
                static_cast<unsigned long>(c));
  return text;
}

}  // namespace walrelay::app
