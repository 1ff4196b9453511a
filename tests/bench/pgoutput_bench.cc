// How fast the pgoutput decoder is, and what it allocates once it is warm.
#include <benchmark/benchmark.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "tests/wal/wire.h"
#include "wal/pgoutput.h"

namespace {
std::atomic<uint64_t> allocations{0};
}  // namespace

// Not inlined: g++ takes the pair for a mismatch where it sees through one of the two.
[[gnu::noinline]] void* operator new(size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  void* memory = std::malloc(size);
  if (memory == nullptr) std::abort();
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace walrelay::wal {
namespace {

constexpr uint32_t kTable = 16'400;

// Rows of `columns` columns with values as long as in the measurements of a narrow (4) and a wide
// (20) table.
struct Messages {
  std::string relation;
  std::string insert;
  std::string update_full;
};
Messages MakeMessages(int columns) {
  Wire relation =
      Wire('R').U32(kTable).Str("public").Str("bench").U8('f').U16(static_cast<uint16_t>(columns));
  std::vector<std::optional<std::string_view>> values;
  static constexpr std::array<std::string_view, 4> kTexts = {
      "1234567", "42", "some text of thirty characters", "2024-06-07 12:34:56.789012+00"};
  for (int i = 0; i < columns; ++i) {
    relation.U8(i == 0 ? 1 : 0).Str(std::to_string(i)).U32(25).U32(0xFFFFFFFF);
    values.emplace_back(kTexts[static_cast<size_t>(i) % kTexts.size()]);
  }
  return {.relation = relation,
          .insert = Wire('I').U32(kTable).Raw("N").Tuple(values),
          .update_full = Wire('U').U32(kTable).Raw("O").Tuple(values).Raw("N").Tuple(values)};
}

void MustDecode(Decoder& decoder, const std::string& message) {
  const auto change = decoder.Decode(message);
  if (!change.ok()) std::abort();
  benchmark::DoNotOptimize(*change);
}

void Decode(benchmark::State& state, const std::string& relation, const std::string& message) {
  Decoder decoder;
  MustDecode(decoder, BeginMessage(0x1000));
  MustDecode(decoder, relation);
  MustDecode(decoder, message);
  const uint64_t before = allocations.load();
  for (auto _ : state) MustDecode(decoder, message);
  const auto iterations = static_cast<double>(state.iterations());
  state.counters["allocations"] = static_cast<double>(allocations.load() - before) / iterations;
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(message.size()));
}

void DecodeInsert(benchmark::State& state) {
  const Messages messages = MakeMessages(static_cast<int>(state.range(0)));
  Decode(state, messages.relation, messages.insert);
}
BENCHMARK(DecodeInsert)->ArgName("columns")->Arg(4)->Arg(20);

void DecodeUpdateFull(benchmark::State& state) {
  const Messages messages = MakeMessages(static_cast<int>(state.range(0)));
  Decode(state, messages.relation, messages.update_full);
}
BENCHMARK(DecodeUpdateFull)->ArgName("columns")->Arg(4)->Arg(20);

// One row a transaction.
void DecodeSmallTransactions(benchmark::State& state) {
  const Messages messages = MakeMessages(4);
  Decoder decoder;
  uint64_t lsn = 0x1000;
  MustDecode(decoder, messages.relation);
  std::vector<std::string> begins;
  std::vector<std::string> commits;
  for (auto _ : state) {
    state.PauseTiming();
    begins.clear();
    commits.clear();
    for (int i = 0; i < 1000; ++i, lsn += 0x100) {
      begins.push_back(BeginMessage(lsn));
      commits.push_back(CommitMessage(lsn));
    }
    state.ResumeTiming();
    for (size_t i = 0; i < begins.size(); ++i) {
      MustDecode(decoder, begins[i]);
      MustDecode(decoder, messages.insert);
      MustDecode(decoder, commits[i]);
    }
  }
  state.SetItemsProcessed(state.iterations() * 1000);
}
BENCHMARK(DecodeSmallTransactions);

}  // namespace
}  // namespace walrelay::wal
