#include "admin/health.h"

#include <algorithm>

#include "base/status.h"

namespace walrelay::admin {
namespace {

int64_t Seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration_cast<std::chrono::seconds>(duration).count();
}

std::string Described(const StageStatus& stage) {
  const std::string what = Cat(stage.name, " is ", ToString(stage.state));
  return stage.detail.empty() ? what : Cat(what, ": ", stage.detail);
}

// Stages that are at work publish every second; the others may have nothing to say.
bool ShouldReport(State state) { return state == State::kSnapshot || state == State::kStreaming; }

Health JudgeState(const StageStatus& stage, WallTime now) {
  switch (stage.state) {
    case State::kFailed:
      return {Verdict::kUnhealthy, Described(stage)};
    case State::kWaiting: {
      const bool long_since = now - stage.since > kPatience;
      const std::string since = Cat(" (for ", Seconds(now - stage.since), " s)");
      return {long_since ? Verdict::kUnhealthy : Verdict::kDegraded, Described(stage) + since};
    }
    case State::kStarting:
    case State::kSnapshot:
    case State::kStreaming:
    case State::kStopped:
      return {Verdict::kHealthy, Described(stage)};
  }
  return {Verdict::kUnhealthy, Described(stage)};
}

// A stage that says it works, but whose loop has not turned for long.
Health JudgeSilence(const StageStatus& stage, const MetricsView& metrics, WallTime now) {
  if (!ShouldReport(stage.state)) return {};
  WallTime oldest = WallTime::max();
  if (stage.name == kCaptureStage) {
    if (metrics.capture) oldest = metrics.capture->published;
  } else if (const auto sink = FindSink(metrics, stage.name)) {
    for (const auto& [id, worker] : sink->workers) {
      oldest = std::min(oldest, worker.published);
    }
  }
  // Before the first report, the stage's own state says since when to wait for one.
  oldest = std::max(oldest == WallTime::max() ? stage.since : oldest, stage.since);
  if (now - oldest <= kPatience) return {};
  return {Verdict::kUnhealthy, Cat(stage.name, " says it is ", ToString(stage.state),
                                   " but has not reported for ", Seconds(now - oldest), " s")};
}

Health JudgeStall(const StageStatus& stage, const MetricsView& metrics, WallTime now) {
  if (stage.name != kCaptureStage || stage.state != State::kStreaming || !metrics.capture)
    return {};
  const auto stalled = metrics.capture->lag.Stalled(now);
  if (stalled <= kPatience) return {};
  return {Verdict::kUnhealthy,
          Cat("capture has received nothing for ", Seconds(stalled), " s while its lag grew to ",
              LagBytes(metrics.capture->counters).value_or(0), " bytes")};
}

}  // namespace

std::string_view ToString(Verdict verdict) {
  switch (verdict) {
    case Verdict::kHealthy:
      return "healthy";
    case Verdict::kDegraded:
      return "degraded";
    case Verdict::kUnhealthy:
      return "unhealthy";
  }
  return "unhealthy";
}

Health Judge(const std::vector<StageStatus>& stages, const MetricsView& metrics, WallTime now) {
  Health worst;
  std::string all;
  for (const StageStatus& stage : stages) {
    const Health state = JudgeState(stage, now);
    all += Cat(all.empty() ? "" : "; ", state.message);
    for (const Health& one :
         {state, JudgeSilence(stage, metrics, now), JudgeStall(stage, metrics, now)}) {
      if (one.verdict > worst.verdict) worst = one;
    }
  }
  if (worst.verdict == Verdict::kHealthy) worst.message = all;
  return worst;
}

bool Ready(const std::vector<StageStatus>& stages) {
  return !stages.empty() && std::ranges::all_of(stages, [](const StageStatus& stage) {
    return stage.state == State::kSnapshot || stage.state == State::kStreaming;
  });
}

}  // namespace walrelay::admin
