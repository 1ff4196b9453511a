// Encoding one event, next to a plain copy of the bytes that come out: events/s on one core,
// allocations per event.
//
//
// Narrow: orders of the pipeline (7 columns). Wide: 50 columns of the common types. Run in a
// release build.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <cstring>
#include <new>

#include "envelope/encoder.h"
#include "tests/envelope/fixture.h"

namespace {

size_t allocations = 0;

}  // namespace

[[gnu::noinline]] void* operator new(size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  std::abort();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace walrelay::envelope {
namespace {

Table Narrow() {
  Table table("public", "orders");
  table.Column("id", "int4").NotNull().Default("nextval('orders_id_seq'::regclass)").Key();
  table.Column("customer_id", "int4").NotNull();
  table.Column("order_date", "timestamp").Default("now()");
  table.Column("status", "varchar", 54).NotNull().Default("'pending'::character varying");
  table.Column("total_amount", "numeric", NumericTypmod(10, 2)).NotNull();
  table.Column("created_at", "timestamp").Default("now()");
  table.Column("updated_at", "timestamp").Default("now()");
  return table;
}

const std::vector<const char*> kNarrowRow = {"123456",
                                             "4711",
                                             "2024-02-03 10:00:00.123456",
                                             "completed",
                                             "2450.00",
                                             "2024-02-03 10:00:00.123456",
                                             "2024-02-03 10:00:00.123456"};

struct WideColumn {
  const char* type;
  const char* text;
};
constexpr WideColumn kWide[] = {{"int8", "9876543210"},
                                {"text", "the quick brown fox jumps over the lazy dog"},
                                {"bool", "t"},
                                {"timestamptz", "2024-02-03 10:00:00.123456+00"},
                                {"float8", "3.141592653589793"},
                                {"uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
                                {"jsonb", R"({"a": [1, 2, 3], "b": "text"})"},
                                {"date", "2024-02-03"},
                                {"numeric", "12345.6789"},
                                {"varchar", "grüße"}};

Table Wide() {
  Table table("public", "wide");
  table.Column("id", "int4").NotNull().Key();
  for (int i = 0; i < 49; ++i) table.Column("column_" + std::to_string(i), kWide[i % 10].type);
  return table;
}

std::vector<const char*> WideRow() {
  std::vector<const char*> row = {"1"};
  for (int i = 0; i < 49; ++i) row.push_back(kWide[i % 10].text);
  return row;
}

std::shared_ptr<Options> BenchOptions(bool schemas, Compat compat) {
  auto options = std::make_shared<Options>(TestOptions(compat));
  options->key_schemas = schemas;
  options->value_schemas = schemas;
  return options;
}

void Encode(benchmark::State& state, const Table& table, const std::vector<const char*>& texts,
            Compat compat, std::vector<TransformStep> transforms = {}) {
  const auto options = BenchOptions(state.range(0) != 0, compat);
  options->transforms = std::move(transforms);
  Encoder encoder(options);
  const auto plan = table.Plan(*options);
  walrelay::Insert change;
  change.relation = table.relation();
  for (const char* text : texts) change.new_tuple.push_back(ColumnValue::Text(text));
  EventContext context = TestContext();

  size_t bytes = 0;
  const auto sink = [&](const Record& record) {
    bytes += record.key->size() + record.value->size();
    benchmark::DoNotOptimize(record.value->data());
    return absl::OkStatus();
  };
  CHECK(encoder.Insert(*plan, change, context, sink).ok());
  bytes = 0;
  const size_t before = allocations;
  for (auto _ : state) {
    context.lsn = Lsn{Number(context.lsn) + 8};
    CHECK(encoder.Insert(*plan, change, context, sink).ok());
  }
  state.counters["allocations"] = benchmark::Counter(static_cast<double>(allocations - before),
                                                     benchmark::Counter::kAvgIterations);
  state.counters["bytes_per_event"] =
      benchmark::Counter(static_cast<double>(bytes), benchmark::Counter::kAvgIterations);
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
}

// The same bytes, copied.
void Copy(benchmark::State& state, const Table& table, const std::vector<const char*>& texts) {
  const auto options = BenchOptions(state.range(0) != 0, Compat::k2_5_0);
  Encoder encoder(options);
  walrelay::Insert change;
  for (const char* text : texts) change.new_tuple.push_back(ColumnValue::Text(text));
  std::string key;
  std::string value;
  const auto plan = table.Plan(*options);
  CHECK(encoder
            .Insert(*plan, change, TestContext(),
                    [&](const Record& record) {
                      key = *record.key;
                      value = *record.value;
                      return absl::OkStatus();
                    })
            .ok());
  std::string target(key.size() + value.size(), '\0');
  for (auto _ : state) {
    std::memcpy(target.data(), key.data(), key.size());
    std::memcpy(target.data() + key.size(), value.data(), value.size());
    benchmark::DoNotOptimize(target.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(target.size()));
}

void BM_EncodeNarrow25(benchmark::State& state) {
  Encode(state, Narrow(), kNarrowRow, Compat::k2_5_0);
}
void BM_EncodeNarrow36(benchmark::State& state) {
  Encode(state, Narrow(), kNarrowRow, Compat::k3_6_1);
}
void BM_CopyNarrow(benchmark::State& state) { Copy(state, Narrow(), kNarrowRow); }
void BM_EncodeWide25(benchmark::State& state) { Encode(state, Wide(), WideRow(), Compat::k2_5_0); }
void BM_CopyWide(benchmark::State& state) { Copy(state, Wide(), WideRow()); }
// ExtractNewRecordState with what is usually added.
std::vector<TransformStep> Unwrapped() {
  UnwrapOptions unwrap;
  unwrap.deletes = UnwrapOptions::Deletes::kRewrite;
  unwrap.fields = {{"", "op", "__op"},
                   {"source", "table", "__table"},
                   {"source", "lsn", "__lsn"},
                   {"source", "ts_ms", "__source_ts_ms"}};
  return {{.name = "unwrap", .transform = unwrap, .predicate = std::nullopt, .negate = false}};
}
// ByLogicalTableRouter: the envelope stays, the key grows.
std::vector<TransformStep> Routed() {
  TableRouterOptions router;
  router.topic = [](std::string_view) -> absl::StatusOr<std::optional<std::string>> {
    return "cdc.public.all";
  };
  return {{.name = "route", .transform = router, .predicate = std::nullopt, .negate = false}};
}
void BM_UnwrapNarrow25(benchmark::State& state) {
  Encode(state, Narrow(), kNarrowRow, Compat::k2_5_0, Unwrapped());
}
void BM_UnwrapWide25(benchmark::State& state) {
  Encode(state, Wide(), WideRow(), Compat::k2_5_0, Unwrapped());
}
void BM_RouteNarrow25(benchmark::State& state) {
  Encode(state, Narrow(), kNarrowRow, Compat::k2_5_0, Routed());
}
BENCHMARK(BM_UnwrapNarrow25)->ArgName("schemas")->Arg(1)->Arg(0);
BENCHMARK(BM_UnwrapWide25)->ArgName("schemas")->Arg(1)->Arg(0);
BENCHMARK(BM_RouteNarrow25)->ArgName("schemas")->Arg(1)->Arg(0);
BENCHMARK(BM_EncodeNarrow25)->ArgName("schemas")->Arg(1)->Arg(0);
BENCHMARK(BM_EncodeNarrow36)->ArgName("schemas")->Arg(1)->Arg(0);
BENCHMARK(BM_CopyNarrow)->ArgName("schemas")->Arg(1)->Arg(0);
BENCHMARK(BM_EncodeWide25)->ArgName("schemas")->Arg(1)->Arg(0);
BENCHMARK(BM_CopyWide)->ArgName("schemas")->Arg(1)->Arg(0);

}  // namespace
}  // namespace walrelay::envelope
