// What the capture loop pays for each record to know what is acknowledged.

#include <benchmark/benchmark.h>

#include "kafka/ack_watermark.h"
#include "kafka/contiguity.h"
#include "kafka/fingerprint.h"
#include "kafka/murmur2.h"
#include "kafka/tail_record.h"

namespace walrelay::kafka {
namespace {

// Records of transactions of range(0) rows over 6 partitions, 10 000 in flight, acknowledged in
// order of sending.
void BM_Watermark(benchmark::State& state) {
  constexpr uint64_t kInFlight = 10'000;
  const auto rows = static_cast<uint64_t>(state.range(0));
  AckWatermark watermark(Lsn{1});
  uint64_t sent = 0;
  for (auto _ : state) {
    watermark.Sent(static_cast<PartitionId>(sent % 6));
    if (++sent % rows == 0) watermark.Committed(Lsn{sent + 1});
    if (sent > kInFlight) watermark.Acknowledged(sent - kInFlight - 1, static_cast<int64_t>(sent));
  }
  benchmark::DoNotOptimize(watermark.position());
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Watermark)->Arg(1)->Arg(1'000'000);

// What exactly-once adds to it once no tail is left; and what recognising a record of a tail costs.
void BM_Contiguity(benchmark::State& state) {
  Contiguity watch;
  for (PartitionId partition = 0; partition < 6; ++partition) watch.Start(partition, 0);
  uint64_t sent = 0;
  for (auto _ : state) {
    const auto partition = static_cast<PartitionId>(sent % 6);
    benchmark::DoNotOptimize(watch.started(partition));
    watch.Sent(partition);
    benchmark::DoNotOptimize(watch.Acknowledged(partition, static_cast<int64_t>(sent / 6)));
    benchmark::DoNotOptimize(watch.doubtful());
    ++sent;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Contiguity);

void BM_IsSameRecord(benchmark::State& state) {
  const std::string key(150, 'k');
  const std::string value(static_cast<size_t>(state.range(0)), 'v');
  Record record;
  record.key = key;
  record.value = value;
  record.volatile_spans.Add(value.size() - 50, 13);
  const TailRecord stored{.offset = 0, .key = key, .value = value, .headers = {}};
  for (auto _ : state) benchmark::DoNotOptimize(IsSameRecord(record, stored));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_IsSameRecord)->Arg(500)->Arg(2500);

void BM_Intern(benchmark::State& state) {
  PartitionTable table;
  int32_t partition = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(
        table.Intern("cdc.public.order_items", partition = (partition + 1) % 6));
}
BENCHMARK(BM_Intern);

void BM_PartitionOf(benchmark::State& state) {
  const std::string key(static_cast<size_t>(state.range(0)), 'k');
  for (auto _ : state) benchmark::DoNotOptimize(PartitionOf(key, 6));
}
BENCHMARK(BM_PartitionOf)->Arg(10)->Arg(150);

void BM_Fingerprint(benchmark::State& state) {
  const std::string key(150, 'k');
  const std::string value(static_cast<size_t>(state.range(0)), 'v');
  Record record;
  record.topic = "cdc.public.order_items";
  record.key = key;
  record.value = value;
  record.volatile_spans.Add(value.size() - 50, 13);
  for (auto _ : state) benchmark::DoNotOptimize(FingerprintOf(record));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Fingerprint)->Arg(500)->Arg(2500);

}  // namespace
}  // namespace walrelay::kafka
