#include "admin/metrics_page.h"

#include <prometheus/text_serializer.h>

#include <array>
#include <sstream>

#include "admin/family_set.h"

namespace walrelay::admin {
namespace {

constexpr std::array<std::string_view, kOps> kOpNames = {"read",   "create",   "update",
                                                         "delete", "truncate", "message"};
constexpr std::array<State, 6> kStates = {State::kStarting, State::kSnapshot, State::kStreaming,
                                          State::kWaiting,  State::kStopped,  State::kFailed};
constexpr std::array<std::string_view, 4> kWalStatuses = {"reserved", "extended", "unreserved",
                                                          "lost"};

double Real(uint64_t value) { return static_cast<double>(value); }
double Real(int64_t value) { return static_cast<double>(value); }
double Real(bool value) { return value ? 1 : 0; }
double Real(Lsn lsn) { return static_cast<double>(Number(lsn)); }

void AddStates(FamilySet& out, const std::vector<StageStatus>& stages) {
  for (const StageStatus& stage : stages) {
    for (const State state : kStates) {
      out.Gauge("walrelay_state", "1 for the state that the stage is in, 0 for the others.",
                {{"stage", stage.name}, {"state", ToString(state)}}, Real(stage.state == state));
    }
    out.Gauge("walrelay_state_since_timestamp_seconds", "When the stage's state began.",
              {{"stage", stage.name}}, Real(UnixNanos(stage.since)) / 1e9);
  }
}

void AddEvents(FamilySet& out, std::string_view stage, const TableCounts& events) {
  for (const auto& [table, counts] : events.tables()) {
    for (size_t op = 0; op < kOps; ++op) {
      if (counts.count[op] == 0) continue;
      out.Counter("walrelay_events_total", "Change events that the stage has handled.",
                  {{"stage", stage}, {"table", table}, {"op", kOpNames[op]}}, counts.count[op]);
    }
  }
}

// What every stage has: the same names, told apart by the label.
struct StageNumbers {
  std::string_view stage;
  uint64_t records = 0;
  uint64_t record_bytes = 0;
  uint64_t reconnects = 0;
  bool connected = false;
  double lag_seconds = 0;
  int64_t last_event_micros = 0;
};

void AddStageNumbers(FamilySet& out, const StageNumbers& numbers) {
  const std::string_view stage = numbers.stage;
  out.Counter("walrelay_records_total",
              "Kafka records produced (capture) or applied (sinks), tombstones and heartbeats too.",
              {{"stage", stage}}, numbers.records);
  out.Counter("walrelay_record_bytes_total", "Keys and values of those records, uncompressed.",
              {{"stage", stage}}, numbers.record_bytes);
  out.Counter("walrelay_reconnects_total", "Database connections made after the first one.",
              {{"stage", stage}}, numbers.reconnects);
  out.Gauge("walrelay_connected", "1 while the stage's database connection is up.",
            {{"stage", stage}}, Real(numbers.connected));
  out.Gauge(
      "walrelay_lag_seconds",
      "Age of the oldest change not yet acknowledged by Kafka (capture) or committed (sinks).",
      {{"stage", stage}}, numbers.lag_seconds);
  if (numbers.last_event_micros == 0) return;
  out.Gauge("walrelay_last_event_timestamp_seconds", "Source commit time of the newest event.",
            {{"stage", stage}}, Real(numbers.last_event_micros) / 1e6);
}

void AddSlot(FamilySet& out, const SlotSample& slot) {
  out.Gauge("walrelay_server_lsn", "The source's end of WAL when it was last asked.", {},
            Real(slot.server_end));
  out.Gauge("walrelay_slot_restart_lsn", "From where the slot keeps WAL.", {},
            Real(slot.restart_lsn));
  out.Gauge("walrelay_slot_confirmed_lsn", "The slot's confirmed_flush_lsn.", {},
            Real(slot.confirmed_flush));
  out.Gauge("walrelay_slot_retained_bytes", "WAL that the slot keeps on the source's disk.", {},
            Real(slot.retained_bytes));
  if (slot.safe_wal_size_bytes) {
    out.Gauge("walrelay_slot_safe_wal_size_bytes",
              "WAL that may still be written before the server gives the slot up.", {},
              Real(*slot.safe_wal_size_bytes));
  }
  out.Gauge("walrelay_slot_active", "1 while a walsender uses the slot.", {}, Real(slot.active));
  if (slot.wal_status.empty()) return;
  for (const std::string_view status : kWalStatuses) {
    out.Gauge("walrelay_slot_wal_status", "1 for the slot's wal_status, 0 for the others.",
              {{"wal_status", status}}, Real(slot.wal_status == status));
  }
}

void AddSnapshot(FamilySet& out, const SnapshotProgress& snapshot) {
  out.Gauge("walrelay_snapshot_running", "1 while the initial snapshot is read.", {},
            Real(snapshot.running));
  out.Gauge("walrelay_snapshot_tables", "Tables of the snapshot.", {}, Real(snapshot.tables));
  out.Gauge("walrelay_snapshot_tables_done", "Tables that are complete.", {},
            Real(snapshot.tables_done));
  out.Gauge("walrelay_snapshot_rows", "Rows read so far.", {}, Real(snapshot.rows));
  out.Gauge("walrelay_snapshot_rows_estimated",
            "Rows of all its tables, by the source's statistics.", {},
            Real(snapshot.rows_estimated));
  out.Gauge("walrelay_snapshot_duration_seconds", "How long it has taken so far.", {},
            snapshot.seconds);
}

void AddCapture(FamilySet& out, const CaptureView& view, WallTime now) {
  const CaptureCounters& capture = view.counters;
  AddEvents(out, "capture", capture.events);
  AddStageNumbers(out, {.stage = "capture",
                        .records = capture.records,
                        .record_bytes = capture.record_bytes,
                        .reconnects = capture.reconnects,
                        .connected = capture.connected,
                        .lag_seconds = LagSeconds(view, now),
                        .last_event_micros = capture.last_event_micros});
  out.Counter("walrelay_filtered_events_total",
              "Changes that filters or skipped.operations dropped.", {}, capture.filtered_events);
  out.Counter("walrelay_transactions_total", "Source transactions passed.", {},
              capture.transactions);
  out.Counter("walrelay_received_bytes_total", "Bytes received on the replication connection.", {},
              capture.wal_bytes);
  out.Counter("walrelay_records_acknowledged_total", "Records that Kafka has acknowledged.", {},
              capture.records_acknowledged);
  out.Counter("walrelay_replayed_records_total",
              "Records made again after a start, up to where the WAL ended then.", {},
              capture.replayed_records);
  out.Counter("walrelay_skipped_records_total",
              "Of the replayed records, those that Kafka had already.", {},
              capture.skipped_records);
  out.Counter("walrelay_unexpected_records_total",
              "Records of somebody else in our topics, where ours should be.", {},
              capture.unexpected_records);
  out.Counter("walrelay_positions_written_total", "Position records that Kafka has acknowledged.",
              {}, capture.positions_written);
  out.Histogram("walrelay_produce_delay_seconds",
                "From the commit in the source to Kafka's acknowledgement.", {},
                capture.produce_delay);
  if (const auto lag = LagBytes(capture)) {
    out.Gauge("walrelay_lag_bytes", "WAL beyond the acknowledged position.", {{"stage", "capture"}},
              Real(*lag));
  }
  out.Gauge("walrelay_received_lsn", "End of the WAL received.", {}, Real(capture.received));
  out.Gauge("walrelay_position_lsn", "Up to where a position record is acknowledged.", {},
            Real(capture.position));
  out.Gauge("walrelay_confirmed_lsn", "What was last confirmed to the server.", {},
            Real(capture.confirmed));
  out.Gauge("walrelay_kafka_queue_records", "Records waiting in the producer.", {},
            Real(capture.kafka_queue_records));
  out.Gauge("walrelay_kafka_queue_bytes", "Bytes waiting in the producer.", {},
            Real(capture.kafka_queue_bytes));
  if (capture.slot) AddSlot(out, *capture.slot);
  if (capture.snapshot.tables > 0) AddSnapshot(out, capture.snapshot);
}

void AddSink(FamilySet& out, std::string_view stage, const SinkView& view, WallTime now) {
  const SinkCounters sink = Sum(view);
  AddEvents(out, stage, sink.events);
  AddStageNumbers(out, {.stage = stage,
                        .records = sink.records,
                        .record_bytes = sink.record_bytes,
                        .reconnects = sink.reconnects,
                        .connected = sink.connected,
                        .lag_seconds = LagSeconds(view, now),
                        .last_event_micros = sink.last_event_micros});
  const LabelList labels = {{"stage", stage}};
  out.Counter("walrelay_apply_batches_total", "Database transactions committed.", labels,
              sink.batches);
  out.Counter("walrelay_apply_rows_total", "Rows written or deleted.", labels, sink.rows);
  out.Counter("walrelay_apply_retries_total",
              "Failures (a refused batch, a lost connection, …) after which it tries again.", labels,
              sink.retries);
  out.Counter("walrelay_dead_letters_total", "Records put aside in walrelay.dead_letters.", labels,
              sink.dead_letters);
  out.Histogram("walrelay_apply_batch_seconds", "Duration of one batch with its commit.", labels,
                sink.batch_duration);
  out.Histogram("walrelay_apply_delay_seconds", "From the commit in the source to the commit here.",
                labels, sink.apply_delay);
  out.Gauge("walrelay_apply_partitions", "Kafka partitions that this process applies.", labels,
            Real(sink.partitions));
  out.Gauge("walrelay_incomplete_rows",
            "Rows that lack a value which was not sent; see walrelay.incomplete_rows.", labels,
            Real(sink.incomplete_rows));
  out.Gauge("walrelay_parked_topics",
            "Topics of tables that wait for walrelay apply resume, and are not in the lag.", labels,
            Real(sink.parked_topics));
  if (sink.lag_records) {
    out.Gauge("walrelay_lag_records", "Records in Kafka that are not applied yet.", labels,
              Real(*sink.lag_records));
  }
}

void AddProcess(FamilySet& out, const ProcessStats& process) {
  out.Counter("process_cpu_seconds_total", "User and system CPU time.", {}, process.cpu_seconds);
  out.Gauge("process_resident_memory_bytes", "Resident memory size.", {},
            Real(process.resident_bytes));
  out.Gauge("process_virtual_memory_bytes", "Virtual memory size.", {},
            Real(process.virtual_bytes));
  out.Gauge("process_threads", "Number of threads.", {}, Real(process.threads));
  out.Gauge("process_open_fds", "Number of open file descriptors.", {}, Real(process.open_files));
  out.Gauge("process_start_time_seconds", "When the process started, since 1970.", {},
            process.start_time_seconds);
}

// Debezium's names in the shape of the usual JMX exporter rules. MilliSecondsBehindSource keeps its
// last value there when nothing arrives; ours is the honest lag.
void AddDebeziumNames(FamilySet& out, const CaptureView& view, std::string_view prefix,
                      WallTime now) {
  const CaptureCounters& capture = view.counters;
  const LabelList labels = {{"plugin", "postgres"}, {"name", prefix}, {"context", "streaming"}};
  OpCounts events;
  uint64_t total = 0;
  for (const auto& [table, counts] : capture.events.tables()) {
    for (size_t op = 0; op < kOps; ++op) {
      events.count[op] += counts.count[op];
      total += counts.count[op];
    }
  }
  const auto count = [&events](Op op) { return Real(events.count[static_cast<size_t>(op)]); };
  const std::string base = "debezium_metrics_";
  const char* help = "As Debezium's connector metric of that name.";
  out.Gauge(base + "Connected", help, labels, Real(capture.connected));
  out.Gauge(base + "MilliSecondsBehindSource", help, labels, LagSeconds(view, now) * 1e3);
  out.Gauge(base + "MilliSecondsSinceLastEvent", help, labels,
            capture.last_event_micros == 0
                ? -1
                : Real(UnixNanos(now) / 1'000'000 - capture.last_event_micros / 1000));
  out.Gauge(base + "TotalNumberOfEventsSeen", help, labels, Real(total + capture.filtered_events));
  out.Gauge(base + "TotalNumberOfCreateEventsSeen", help, labels, count(Op::kCreate));
  out.Gauge(base + "TotalNumberOfUpdateEventsSeen", help, labels, count(Op::kUpdate));
  out.Gauge(base + "TotalNumberOfDeleteEventsSeen", help, labels, count(Op::kDelete));
  out.Gauge(base + "NumberOfEventsFiltered", help, labels, Real(capture.filtered_events));
  out.Gauge(base + "NumberOfCommittedTransactions", help, labels, Real(capture.transactions));
}

}  // namespace

std::string MetricsPage(const MetricsView& view, const std::vector<StageStatus>& stages,
                        const PageLabels& labels, const ProcessStats& process, WallTime now) {
  FamilySet out;
  out.Gauge("walrelay_info", "1; the labels say what runs.",
            {{"pipeline", labels.pipeline}, {"version", labels.version}}, 1);
  AddStates(out, stages);
  if (view.capture) AddCapture(out, *view.capture, now);
  for (const auto& [stage, sink] : view.sinks) AddSink(out, stage, sink, now);
  if (view.capture) AddDebeziumNames(out, *view.capture, labels.topic_prefix, now);
  AddProcess(out, process);

  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, out.families());
  return std::move(text).str();
}

}  // namespace walrelay::admin
