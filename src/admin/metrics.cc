#include "admin/metrics.h"

#include <algorithm>
#include <cstdlib>

namespace walrelay::admin {
namespace {

double SecondsSince(int64_t unix_micros, WallTime now) {
  if (unix_micros == 0) return 0;
  return std::max(0.0, static_cast<double>(UnixNanos(now) / 1000 - unix_micros) / 1e6);
}

}  // namespace

TableCounts& TableCounts::operator+=(const TableCounts& other) {
  for (const auto& [table, counts] : other.tables()) {
    OpCounts& sum = Of(table);
    for (size_t op = 0; op < kOps; ++op) sum.count[op] += counts.count[op];
  }
  return *this;
}

DurationCounts& DurationCounts::operator+=(const DurationCounts& other) {
  for (size_t i = 0; i < count.size(); ++i) count[i] += other.count[i];
  sum_seconds += other.sum_seconds;
  return *this;
}

void Metrics::Publish(const CaptureCounters& counters, WallTime now) {
  const Lsn end = counters.slot ? counters.slot->server_end : kNoLsn;
  const std::lock_guard lock(mutex_);
  if (!view_.capture) view_.capture.emplace();
  view_.capture->counters = counters;
  view_.capture->published = now;
  view_.capture->lag.Observe(now, end, counters.position, counters.wal_bytes);
}

void Metrics::Publish(std::string_view stage, int worker, const SinkCounters& counters,
                      WallTime now) {
  const std::lock_guard lock(mutex_);
  view_.sinks[std::string(stage)].workers[worker] = {.counters = counters, .published = now};
}

MetricsView Metrics::Read() const {
  const std::lock_guard lock(mutex_);
  return view_;
}

std::optional<uint64_t> LagBytes(const CaptureCounters& counters) {
  if (!counters.slot) return std::nullopt;
  const Lsn end = std::max(counters.slot->server_end, counters.received);
  return end > counters.position ? Number(end) - Number(counters.position) : 0;
}

double LagSeconds(const CaptureView& capture, WallTime now) {
  const double behind = std::chrono::duration<double>(capture.lag.Behind(now)).count();
  return std::max(behind, SecondsSince(capture.counters.oldest_open_commit_micros, now));
}

double LagSeconds(const SinkView& sink, WallTime now) {
  double lag = 0;
  for (const auto& [id, worker] : sink.workers) {
    lag = std::max(lag, SecondsSince(worker.counters.oldest_waiting_micros, now));
  }
  return lag;
}

std::optional<SinkView> FindSink(const MetricsView& metrics, const std::string& stage) {
  if (const auto sink = metrics.sinks.find(stage); sink != metrics.sinks.end()) return sink->second;
  const size_t dash = stage.rfind('-');
  if (dash == std::string::npos) return std::nullopt;
  const auto sink = metrics.sinks.find(stage.substr(0, dash));
  if (sink == metrics.sinks.end()) return std::nullopt;
  const auto worker = sink->second.workers.find(std::atoi(stage.c_str() + dash + 1) - 1);
  if (worker == sink->second.workers.end()) return std::nullopt;
  return SinkView{.workers = {*worker}};
}

SinkCounters Sum(const SinkView& sink) {
  SinkCounters sum;
  sum.connected = !sink.workers.empty();
  for (const auto& [id, worker] : sink.workers) {
    const SinkCounters& one = worker.counters;
    sum.events += one.events;
    sum.batches += one.batches;
    sum.records += one.records;
    sum.record_bytes += one.record_bytes;
    sum.rows += one.rows;
    sum.dead_letters += one.dead_letters;
    sum.retries += one.retries;
    sum.reconnects += one.reconnects;
    sum.batch_duration += one.batch_duration;
    sum.apply_delay += one.apply_delay;
    sum.connected = sum.connected && one.connected;
    sum.partitions += one.partitions;
    sum.incomplete_rows = std::max(sum.incomplete_rows, one.incomplete_rows);
    sum.parked_topics = std::max(sum.parked_topics, one.parked_topics);
    if (one.lag_records) sum.lag_records = sum.lag_records.value_or(0) + *one.lag_records;
    sum.last_event_micros = std::max(sum.last_event_micros, one.last_event_micros);
  }
  return sum;
}

}  // namespace walrelay::admin
