// What each stage is doing now: written by the stages, read by HTTP, `top` and the log.
//
// A stage ("capture", "lake", "target") sets its state when it changes and its detail as often as
// it likes; the board keeps since when the state lasts. Details are for people: names, counts and
// reasons, never column values. Thread-safe; every call takes one short lock. Cannot fail. Source:
// DESIGN.md §4, "Each stage has a visible state".
#pragma once

#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace walrelay::admin {

enum class State { kStarting, kSnapshot, kStreaming, kWaiting, kStopped, kFailed };

// "starting", "snapshot", …
std::string_view ToString(State state);

// The stage that reads the source. The others are sinks and bear their configuration section's
// name.
inline constexpr std::string_view kCaptureStage = "capture";

struct StageStatus {
  std::string name;  // "capture", "lake", "target".
  State state = State::kStarting;
  std::string detail;                // Table and percentage, why it waits, why it failed: one line.
  WallTime since{};                  // When `state` began. Left unset: the board fills it in.
  std::optional<WallTime> next_try;  // With kWaiting: when it tries again.
};

class StatusBoard {
 public:
  // Replaces the stage's status. `since` is kept while the state stays the same.
  void Set(StageStatus status);
  void Set(std::string_view stage, State state, std::string_view detail = "",
           std::optional<WallTime> next_try = std::nullopt);
  // All stages, in the order in which they first appeared.
  std::vector<StageStatus> Read() const;

  // Names a topic that was written to, once or again: Connect's "active topics".
  void AddTopic(std::string_view topic);
  // All of them, sorted.
  std::vector<std::string> Topics() const;

 private:
  mutable std::mutex mutex_;
  std::vector<StageStatus> stages_;
  std::set<std::string, std::less<>> topics_;
};

}  // namespace walrelay::admin
