// Producer and consumer against a real broker: kafka_bench SERVERS RECORDS VALUE_BYTES PARTITIONS
// [NAME=VALUE…]
//
// Writes envelope-like records (a constant schema block, then a row with random digits), one thread
// as in the capture loop, waits for all reports, reads them back. Prints records/s, and CPU of this
// process per record. The options are librdkafka's, for both. A warm-up of a tenth is not counted.

#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>

#include "kafka/consumer.h"
#include "kafka/murmur2.h"
#include "kafka/producer.h"
#include "kafka/topics.h"

namespace walrelay::kafka {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Load {
  ClientOptions options;
  uint64_t records = 0;
  size_t value_size = 0;
  int32_t partitions = 0;
  uint64_t read_rate = 0;  // 0: as fast as it goes.
  std::string topic = Cat("bench.", UnixMicrosNow());
};

double CpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

long MaxRssMb() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

class Stopwatch {
 public:
  explicit Stopwatch(const char* what) : what_(what) {}
  void Print(uint64_t records) const {
    const auto count = static_cast<double>(records);
    const double wall =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    const double cpu = CpuSeconds() - cpu_;
    std::printf(
        "%-8s %8.0f records/s  %5.2f us CPU/record  (%llu records, %.1f s, max RSS %ld MB)\n",
        what_, count / wall, cpu / count * 1e6, static_cast<unsigned long long>(records), wall,
        MaxRssMb());
  }

 private:
  const char* what_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  double cpu_ = CpuSeconds();
};

// Values differ in their last 300 bytes at most, as rows under one schema do.
class Rows {
 public:
  explicit Rows(size_t size) {
    std::mt19937 random(1);
    for (std::string& value : values_) {
      while (value.size() + 300 < size)
        value +=
            R"({"type":"string","optional":true,"default":null,"field":"column_of_the_schema"},)";
      while (value.size() < size) value += Cat(R"("f":)", random(), ',');
      value.resize(size);
    }
  }
  std::string_view operator[](uint64_t index) const { return values_[index % std::size(values_)]; }

 private:
  std::string values_[1000];
};

absl::Status Write(Producer& producer, const Load& load, const Rows& rows, uint64_t count) {
  uint64_t reported = 0;
  const auto take = [&](const Delivery&) { ++reported; };
  for (uint64_t i = 0; i < count; ++i) {
    const std::string key = Cat(R"({"id":)", i, '}');
    Record record;
    record.topic = load.topic;
    record.key = key;
    record.value = rows[i];
    absl::Status status = producer.Produce(record, PartitionOf(key, load.partitions), i);
    while (status.code() == absl::StatusCode::kResourceExhausted) {
      RETURN_IF_ERROR(producer.Serve(take, seconds(1)));
      status = producer.Produce(record, PartitionOf(key, load.partitions), i);
    }
    RETURN_IF_ERROR(status);
    if (i % 256 == 0) RETURN_IF_ERROR(producer.Serve(take));
  }
  RETURN_IF_ERROR(producer.Flush(std::chrono::steady_clock::now() + seconds(60), take));
  return reported == count ? absl::OkStatus() : absl::InternalError("reports are missing");
}

// What a sink does between batches: nothing is polled meanwhile.
void ApplyBatch(uint64_t seen, uint64_t rate) {
  constexpr uint64_t kBatch = 2000;
  if (rate > 0 && seen % kBatch == 0)
    std::this_thread::sleep_for(
        std::chrono::duration<double>(static_cast<double>(kBatch) / static_cast<double>(rate)));
}

absl::Status Read(const Load& load, uint64_t count) {
  ASSIGN_OR_RETURN(auto consumer, Consumer::Open(load.options, "bench"));
  std::map<TopicPartition, int64_t> next;
  for (int32_t i = 0; i < load.partitions; ++i) next[{.topic = load.topic, .partition = i}] = 0;
  RETURN_IF_ERROR(consumer->Assign(next));
  RETURN_IF_ERROR(consumer->Poll(seconds(20)).status());
  const Stopwatch watch("consume");
  size_t bytes = 0;
  for (uint64_t seen = 1; seen < count; ++seen) {
    ApplyBatch(seen, load.read_rate);
    const auto message = consumer->Poll(seconds(20));
    RETURN_IF_ERROR(message.status());
    if (!message->has_value()) return absl::UnavailableError("records are missing");
    bytes += (*message)->record().value->size();
  }
  watch.Print(count);
  return bytes > 0 ? absl::OkStatus() : absl::InternalError("nothing was read");
}

absl::Status Run(const Load& load) {
  ASSIGN_OR_RETURN(const auto topics, Topics::Open(load.options));
  RETURN_IF_ERROR(
      topics
          ->Ensure(load.topic,
                   {.partitions = load.partitions, .replication_factor = 1, .config = {}})
          .status());
  const Rows rows(load.value_size);
  {
    ASSIGN_OR_RETURN(const auto producer, Producer::Open(load.options));
    RETURN_IF_ERROR(producer->Prefetch(load.topic));
    RETURN_IF_ERROR(Write(*producer, load, rows, load.records / 10));
    const Stopwatch watch("produce");
    RETURN_IF_ERROR(Write(*producer, load, rows, load.records));
    watch.Print(load.records);
  }
  return Read(load, load.records + load.records / 10);
}

}  // namespace
}  // namespace walrelay::kafka

int main(int argc, char** argv) {
  using namespace walrelay;
  if (argc < 5) {
    std::fprintf(stderr, "usage: %s SERVERS RECORDS VALUE_BYTES PARTITIONS [NAME=VALUE…]\n",
                 argv[0]);
    return 2;
  }
  kafka::Load load;
  load.options["bootstrap.servers"] = argv[1];
  load.records = std::strtoull(argv[2], nullptr, 10);
  load.value_size = std::strtoull(argv[3], nullptr, 10);
  load.partitions = static_cast<int32_t>(std::strtol(argv[4], nullptr, 10));
  for (int i = 5; i < argc; ++i) {
    const std::string option(argv[i]);
    const size_t equals = option.find('=');
    if (equals == std::string::npos) continue;
    const std::string name = option.substr(0, equals);
    if (name == "read.rate") {
      load.read_rate = std::strtoull(option.c_str() + equals + 1, nullptr, 10);
    } else {
      load.options[name] = option.substr(equals + 1);
    }
  }
  const absl::Status status = kafka::Run(load);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
