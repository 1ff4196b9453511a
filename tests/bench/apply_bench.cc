// The pure part of a sink (envelope to collapsed plan), and a whole sink where WALRELAY_TEST_LAKE
// and WALRELAY_TEST_TARGET name servers: their schemas cdc_raw, cdc_processed, public.bench_orders
// and walrelay are used.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <sstream>
#include <thread>

#include "apply/envelope_reader.h"
#include "apply/plan.h"
#include "apply/row_mapping.h"
#include "apply/sink.h"
#include "base/check.h"
#include "base/status.h"
#include "pg/connection.h"

namespace walrelay::apply {
namespace {

constexpr std::string_view kRowFields =
    R"({"type":"int32","optional":false,"default":0,"field":"id"},{"type":"int32","optional":true,"field":"customer_id"},)"
    R"({"type":"bytes","optional":true,"name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2","connect.decimal.precision":"10"},"field":"total"},)"
    R"({"type":"string","optional":true,"field":"status"},{"type":"int64","optional":true,"name":"io.debezium.time.MicroTimestamp","version":1,"field":"created_at"})";

struct Batch {
  std::deque<std::string> bytes;
  std::vector<ConsumedRecord> records;
};

// Inserts of `rows` keys from `first_key`, or updates of them; narrow rows with 2 kB of schema, as
// the pipeline's.
Batch MakeBatch(size_t rows, int64_t first_key, int64_t first_offset, bool updates) {
  const std::string row_schema =
      Cat(R"({"type":"struct","fields":[)", kRowFields,
          R"(],"optional":true,"name":"cdc.public.bench_orders.Value","field":")");
  const std::string source_field =
      R"({"type":"struct","fields":[{"type":"string","optional":false,"field":"version"}],"optional":false,"field":"source"})";
  const std::string schema =
      Cat(R"({"type":"struct","fields":[)", row_schema, R"(before"},)", row_schema, R"(after"},)",
          source_field, R"(,{"type":"string","optional":true,"doc":")", std::string(700, 'x'),
          R"(","field":"op"}],"optional":false})");
  Batch batch;
  for (size_t i = 0; i < rows; ++i) {
    const int64_t key = first_key + static_cast<int64_t>(i);
    batch.bytes.push_back(Cat(
        R"({"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"}],"optional":false,"name":"k"},"payload":{"id":)",
        key, "}}"));
    const std::string& key_bytes = batch.bytes.back();
    batch.bytes.push_back(Cat(
        R"({"schema":)", schema, R"(,"payload":{"before":null,"after":{"id":)", key,
        R"(,"customer_id":)", key % 1000,
        R"(,"total":"MDk=","status":"pending","created_at":1700000000123456},"source":{"version":"2.5.0.Final","connector":"postgresql","name":"cdc","ts_ms":1700000000123,"snapshot":"false","db":"source_db","sequence":"[\"23511432\",\"23511704\"]","schema":"public","table":"bench_orders","txId":739,"lsn":)",
        23511704 + key, R"(,"xmin":null},"op":")", updates ? "u" : "c",
        R"(","ts_ms":1700000000456,"transaction":null}})"));
    ConsumedRecord record;
    record.topic = "cdc.public.bench_orders";
    record.offset = first_offset + static_cast<int64_t>(i);
    record.key = key_bytes;
    record.value = batch.bytes.back();
    batch.records.push_back(std::move(record));
  }
  return batch;
}

void BM_Read(benchmark::State& state) {
  const Batch batch = MakeBatch(1000, 0, 0, false);
  EnvelopeReader reader;
  size_t bytes = 0;
  for (auto _ : state) {
    for (const ConsumedRecord& record : batch.records) {
      benchmark::DoNotOptimize(reader.Read(record));
      bytes += record.value->size();
    }
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * batch.records.size()));
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
}
BENCHMARK(BM_Read);

MirrorTable OrdersTable() {
  MirrorTable table;
  for (const auto& [name, type] :
       {std::pair("id", "int4"), std::pair("customer_id", "int4"), std::pair("total", "numeric"),
        std::pair("status", "text"), std::pair("created_at", "timestamp")}) {
    MirrorColumn column;
    column.name = name;
    column.type = MakeColumnType(type, type, false, -1);
    table.columns.push_back(std::move(column));
  }
  table.key = {0};
  return table;
}

// Argument: how many keys the rows of a batch share.
void BM_ReadAndPlan(benchmark::State& state) {
  const Batch batch = MakeBatch(5000, 0, 0, true);
  const MirrorTable table = OrdersTable();
  const auto placeholder = Placeholder::Make("__debezium_unavailable_value", "");
  EnvelopeReader reader;
  RowMapping mapping;
  ValueText values{SchemalessFormat()};
  TableBatch rows(table.key);
  Arena texts;
  std::vector<Cell> cells;
  for (auto _ : state) {
    for (const ConsumedRecord& record : batch.records) {
      const auto read = reader.Read(record);
      const Envelope& envelope = **read;
      if (!mapping.Fits(envelope.after, envelope.row_fields)) {
        mapping.Make(envelope.after, envelope.row_fields, table, SchemalessFormat());
      }
      texts.Clear();
      cells.assign(table.columns.size(), Cell());
      CHECK(mapping.Read(envelope.after, table, &*placeholder, values, texts, cells).ok());
      const std::string hot = Cat(record.offset % state.range(0));
      cells[0].text = hot;
      ChangeInfo info;
      info.op = envelope.op;
      rows.Upsert(cells, info);
    }
    benchmark::DoNotOptimize(rows.MakePlan());
    rows.Clear();
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * batch.records.size()));
}
BENCHMARK(BM_ReadAndPlan)->Arg(5000)->Arg(100);

std::unique_ptr<Sink> OpenSink(SinkKind kind, bool fresh, RawPayload payload = RawPayload::kJsonb) {
  const char* server =
      std::getenv(kind == SinkKind::kLake ? "WALRELAY_TEST_LAKE" : "WALRELAY_TEST_TARGET");
  if (server == nullptr) return nullptr;
  SinkOptions options;
  options.connection = *pg::ConnectionOptions::Parse(server);
  options.kind = kind;
  options.pipeline = "bench";
  options.raw_payload = payload;
  if (fresh && kind == SinkKind::kLake) {
    auto connection = pg::Connection::Connect(options.connection);
    CHECK(connection.ok());
    CHECK(connection->Query("DROP SCHEMA IF EXISTS cdc_raw CASCADE").ok());
  }
  auto sink = Sink::Open(options);
  CHECK(sink.ok());
  if (fresh) {
    auto connection = pg::Connection::Connect(options.connection);
    CHECK(connection.ok());
    CHECK(connection->Query("DELETE FROM walrelay.progress WHERE pipeline = 'bench'").ok());
    CHECK(connection
              ->Query(kind == SinkKind::kLake ? "DROP TABLE IF EXISTS cdc_processed.bench_orders"
                                              : "DROP TABLE IF EXISTS public.bench_orders")
              .ok());
    CHECK((*sink)->LoadProgress().ok());
  }
  return *std::move(sink);
}

double ThreadCpuSeconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

// CPU of a server's process on this machine; 0 elsewhere.
double ServerCpuSeconds(int pid) {
  std::ifstream in(Cat("/proc/", pid, "/stat"));
  std::string text;
  std::getline(in, text);
  std::istringstream fields(text.substr(std::min(text.rfind(')') + 1, text.size())));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0, system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

struct Cpu {
  double ours = 0;
  double server = 0;
};

// 40 batches of 5000: all inserts, half of them updates, or all updates.
constexpr int kBatches = 40;
Cpu Run(Sink& sink, int update_percent) {
  Cpu cpu;
  int64_t offset = 0;
  const double server = ServerCpuSeconds(sink.backend_pid());
  const int inserts = kBatches * (100 - update_percent) / 100;
  for (int i = 0; i < kBatches; ++i) {
    const bool updates = i >= inserts;
    const Batch batch = MakeBatch(5000, (updates ? i - inserts : i) * 5000, offset, updates);
    offset += 5000;
    const double before = ThreadCpuSeconds();
    const auto applied = sink.Apply(batch.records);
    cpu.ours += ThreadCpuSeconds() - before;
    CHECK(applied.ok());
  }
  cpu.server = ServerCpuSeconds(sink.backend_pid()) - server;
  return cpu;
}

void Report(benchmark::State& state, const Cpu& cpu) {
  const double rows = static_cast<double>(state.iterations()) * kBatches * 5000;
  state.counters["rows/s"] = benchmark::Counter(rows, benchmark::Counter::kIsRate);
  state.counters["our_us/row"] = cpu.ours * 1e6 / rows;
  state.counters["server_us/row"] = cpu.server * 1e6 / rows;
}

// Arguments: 0 lake alone (raw and mirror), 1 target alone, 2 both at once, a thread each; the type
// of the raw payload; percent of updates.
void BM_Sinks(benchmark::State& state) {
  const int updates = static_cast<int>(state.range(2));
  const auto payload = static_cast<RawPayload>(state.range(1));
  Cpu cpu;
  for (auto _ : state) {
    state.PauseTiming();
    auto lake = state.range(0) != 1 ? OpenSink(SinkKind::kLake, true, payload) : nullptr;
    auto target = state.range(0) != 0 ? OpenSink(SinkKind::kTarget, true) : nullptr;
    if (lake == nullptr && target == nullptr)
      return state.SkipWithError("set WALRELAY_TEST_LAKE and WALRELAY_TEST_TARGET");
    state.ResumeTiming();
    Cpu of_lake;
    std::jthread other([&] {
      if (lake != nullptr) of_lake = Run(*lake, updates);
    });
    Cpu of_target;
    if (target != nullptr) of_target = Run(*target, updates);
    other.join();
    cpu.ours += of_lake.ours + of_target.ours;
    cpu.server += of_lake.server + of_target.server;
  }
  Report(state, cpu);
}
BENCHMARK(BM_Sinks)
    ->ArgNames({"sink", "payload", "updates"})
    ->Args({0, 0, 50})
    ->Args({0, 1, 50})
    ->Args({0, 2, 50})
    ->Args({1, 0, 0})
    ->Args({1, 0, 50})
    ->Args({1, 0, 100})
    ->Args({2, 0, 50})
    ->Args({2, 1, 50})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->Iterations(1)
    ->MeasureProcessCPUTime();

// One row a batch: the sink's part of the latency. Argument: 0 lake, 1 target.
void BM_LoneRow(benchmark::State& state) {
  const SinkKind kind = state.range(0) == 0 ? SinkKind::kLake : SinkKind::kTarget;
  auto sink = OpenSink(kind, true);
  if (sink == nullptr)
    return state.SkipWithError("set WALRELAY_TEST_LAKE and WALRELAY_TEST_TARGET");
  int64_t offset = 0;
  for (auto _ : state) {
    const Batch batch = MakeBatch(1, offset, offset, false);
    ++offset;
    CHECK(sink->Apply(batch.records).ok());
  }
}
BENCHMARK(BM_LoneRow)->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond)->UseRealTime();

// Argument: rows of a batch; for the thresholds of ChooseMethod().
void BM_BatchOf(benchmark::State& state) {
  auto sink = OpenSink(SinkKind::kTarget, true);
  if (sink == nullptr) return state.SkipWithError("set WALRELAY_TEST_TARGET");
  int64_t offset = 0;
  const auto rows = static_cast<size_t>(state.range(0));
  for (auto _ : state) {
    state.PauseTiming();
    const Batch batch = MakeBatch(rows, offset % 100'000, offset, true);
    offset += state.range(0);
    state.ResumeTiming();
    CHECK(sink->Apply(batch.records).ok());
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * rows));
}
BENCHMARK(BM_BatchOf)
    ->Arg(50)
    ->Arg(100)
    ->Arg(200)
    ->Arg(201)
    ->Arg(400)
    ->Arg(1000)
    ->Arg(5000)
    ->Unit(benchmark::kMicrosecond)
    ->UseRealTime();

}  // namespace
}  // namespace walrelay::apply
