#include "admin/status_board.h"

#include <algorithm>

namespace walrelay::admin {

std::string_view ToString(State state) {
  switch (state) {
    case State::kStarting:
      return "starting";
    case State::kSnapshot:
      return "snapshot";
    case State::kStreaming:
      return "streaming";
    case State::kWaiting:
      return "waiting";
    case State::kStopped:
      return "stopped";
    case State::kFailed:
      return "failed";
  }
  return "failed";
}

void StatusBoard::Set(StageStatus status) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(stages_, status.name, &StageStatus::name);
  if (status.since == WallTime{}) {
    const bool same = found != stages_.end() && found->state == status.state;
    status.since = same ? found->since : WallNow();
  }
  if (found == stages_.end()) {
    stages_.push_back(std::move(status));
  } else {
    *found = std::move(status);
  }
}

void StatusBoard::Set(std::string_view stage, State state, std::string_view detail,
                      std::optional<WallTime> next_try) {
  Set({.name = std::string(stage),
       .state = state,
       .detail = std::string(detail),
       .since = {},
       .next_try = next_try});
}

std::vector<StageStatus> StatusBoard::Read() const {
  const std::lock_guard lock(mutex_);
  return stages_;
}

void StatusBoard::AddTopic(std::string_view topic) {
  const std::lock_guard lock(mutex_);
  if (!topics_.contains(topic)) topics_.emplace(topic);
}

std::vector<std::string> StatusBoard::Topics() const {
  const std::lock_guard lock(mutex_);
  return {topics_.begin(), topics_.end()};
}

}  // namespace walrelay::admin
