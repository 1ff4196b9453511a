// The program's log: one line an event on standard error, through spdlog.
//
// Lines carry names, counts and LSNs, never column values or passwords. An error is logged once, where it is handled.
// Thread-safe.
#pragma once

#include <string_view>

#include "base/status.h"

namespace walrelay::log {

enum class Level { kDebug, kInfo, kWarn, kError };

// Sets the lowest level that is written ("debug", "info", "warn", "error") and the form ("text" or "json").
absl::Status Configure(std::string_view level, std::string_view format);

void Write(Level level, std::string_view message);

template <class... Pieces>
void Debug(const Pieces&... pieces) {
  Write(Level::kDebug, Cat(pieces...));
}
template <class... Pieces>
void Info(const Pieces&... pieces) {
  Write(Level::kInfo, Cat(pieces...));
}
template <class... Pieces>
void Warn(const Pieces&... pieces) {
  Write(Level::kWarn, Cat(pieces...));
}
template <class... Pieces>
void Error(const Pieces&... pieces) {
  Write(Level::kError, Cat(pieces...));
}

}  // namespace walrelay::log
