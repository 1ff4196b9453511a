// The newest numbers of all stages, and the lags that follow from them.
//
// Stages publish copies of their counters (admin/counters.h) about once a second; /metrics and
// /health are made from the copies when they are asked for. Lag in seconds therefore keeps growing
// while a stage hangs: it is the age of the oldest open commit, not a number of the last event that
// happened to arrive.
// Thread-safe; Publish() copies under a short lock. Cannot fail.
// Source: OPTIONS.md §4 (Debezium's numbers and what they miss).
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/counters.h"
#include "admin/lag_clock.h"
#include "admin/status_board.h"
#include "base/clock.h"

namespace walrelay::admin {

// The newest numbers of the capture loop.
struct CaptureView {
  CaptureCounters counters;
  LagClock lag;
  WallTime published{};
};

// The newest numbers of one sink, one entry a worker.
struct SinkWorkerView {
  SinkCounters counters;
  WallTime published{};
};
struct SinkView {
  std::map<int, SinkWorkerView> workers;
};

struct MetricsView {
  std::optional<CaptureView> capture;
  std::map<std::string, SinkView> sinks;  // By stage name.
};

class Metrics {
 public:
  // Called by the capture loop, about once a second, also while it is idle or waits: /health takes
  // a working stage that is silent for kPatience for one that hangs.
  void Publish(const CaptureCounters& counters, WallTime now = WallNow());
  // The same for worker `worker` (0, 1, …) of sink `stage` ("lake", "target").
  void Publish(std::string_view stage, int worker, const SinkCounters& counters,
               WallTime now = WallNow());

  MetricsView Read() const;

 private:
  mutable std::mutex mutex_;
  MetricsView view_;
};

// The bytes that not yet acknowledged WAL takes, by the newest sample of the server's end; none
// before the first.
std::optional<uint64_t> LagBytes(const CaptureCounters& counters);
// 0 when everything is acknowledged; never negative, whatever the clocks say.
double LagSeconds(const CaptureView& capture, WallTime now);
double LagSeconds(const SinkView& sink, WallTime now);
// The sink of a stage, with all its workers; of a stage that is one of several workers ("lake-2")
// with that one alone. Nullopt before it has published.
std::optional<SinkView> FindSink(const MetricsView& metrics, const std::string& stage);
// All workers together: counters added up, `connected` only when all are, the newest last event.
SinkCounters Sum(const SinkView& sink);

}  // namespace walrelay::admin
