#include "app/supervise.h"

#include <poll.h>

#include <algorithm>
#include <random>

#include "base/log.h"

namespace walrelay::app {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kFirstDelay = 200ms;
constexpr auto kLongestDelay = 5'000ms;
constexpr auto kHealthyAfter = 30s;  // A session that lived as long starts the back-off anew.

// Doubles from kFirstDelay to kLongestDelay, then somewhere between half and all of it, so that
// stages that failed together do not come back together.
std::chrono::milliseconds Delay(int failures, std::minstd_rand& random) {
  const auto full = std::min(kLongestDelay, kFirstDelay * (1 << std::min(failures, 10)));
  return std::chrono::milliseconds(
      std::uniform_int_distribution<int64_t>(full.count() / 2, full.count())(random));
}

void SleepUnlessStopped(const StopSignal& stop, std::chrono::milliseconds delay) {
  pollfd watched{.fd = stop.fd(), .events = POLLIN, .revents = 0};
  poll(&watched, 1, static_cast<int>(delay.count()));
}

}  // namespace

bool IsTransient(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
      return true;
    default:
      return false;
  }
}

absl::Status Supervise(const std::string& stage, admin::StatusBoard& board, const StopSignal& stop,
                       const std::function<absl::Status()>& session, int64_t max_retries) {
  std::minstd_rand random(std::random_device{}());
  int failures = 0;
  board.Set(stage, admin::State::kStarting);
  for (;;) {
    const auto begun = Clock::now();
    const absl::Status status = session();
    if (status.ok() || absl::IsCancelled(status) || stop.asked()) {
      board.Set(stage, admin::State::kStopped);
      // A permanent error that came up while stopping still counts.
      return stop.asked() && !status.ok() && !absl::IsCancelled(status) && !IsTransient(status)
                 ? status
                 : absl::OkStatus();
    }
    if (!IsTransient(status)) {
      board.Set(stage, admin::State::kFailed, Message(status));
      return status;
    }
    failures = Clock::now() - begun > kHealthyAfter ? 1 : failures + 1;
    if (max_retries >= 0 && failures > max_retries) {
      board.Set(stage, admin::State::kFailed, Message(status));
      return Annotate(status, Cat("given up after ", max_retries, " tries in a row"));
    }
    const auto delay = Delay(failures - 1, random);
    log::Warn(stage, ": ", Message(status), "; next try in ", delay.count(), " ms");
    board.Set(stage, admin::State::kWaiting, Message(status), WallNow() + delay);
    SleepUnlessStopped(stop, delay);
    if (stop.asked()) {
      board.Set(stage, admin::State::kStopped);
      return absl::OkStatus();
    }
    // It waits, for as long as the board says, until the session says that it works.
    board.Set(stage, admin::State::kWaiting, Message(status));
  }
}

}  // namespace walrelay::app
