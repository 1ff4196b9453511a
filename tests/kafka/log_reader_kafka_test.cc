#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <thread>

#include "kafka/log_reader.h"
#include "tests/kafka/kafka_fixture.h"

namespace walrelay::kafka {
namespace {

TEST_F(KafkaTest, ReadsManyPartitionsAtOnce) {
  constexpr int64_t kFirst = 10;
  constexpr int64_t kEnd = 190;
  std::map<TopicPartition, OffsetRange> ranges;
  auto producer = NewProducer();
  for (int t = 0; t < 8; ++t) {
    const std::string topic = NewTopic("many", 3);
    ASSERT_TRUE(producer->Prefetch(topic).ok());
    for (int32_t p = 0; p < 3; ++p) {
      WriteAll(*producer, std::vector<Record>(200, MakeRecord(topic, "k", "value")), p);
      ranges[{topic, p}] = {.first = kFirst, .end = kEnd};
    }
  }
  const auto reader = LogReader::Open(options_);
  ASSERT_TRUE(reader.ok());
  std::map<TopicPartition, int64_t> next;
  const absl::Status read = (*reader)->Read(ranges, [&](const ConsumedRecord& record) {
    const TopicPartition where{std::string(record.topic), record.partition};
    EXPECT_EQ(record.offset, next.try_emplace(where, kFirst).first->second++);
    return absl::OkStatus();
  });
  ASSERT_TRUE(read.ok()) << read;
  ASSERT_EQ(next.size(), ranges.size());
  for (const auto& [where, end] : next) EXPECT_EQ(end, kEnd) << where.topic;
}

// Its queue of 1 MB is always full: forty of them would be forty seconds, which is more than the
// limit.
TEST_F(KafkaTest, ASlowReaderGetsMoreThanOneQueueASecond) {
  constexpr int64_t kRecords = 400;
  const std::string topic = NewTopic("slow", 1);
  const std::string value(100'000, 'x');
  options_["compression.type"] = "none";  // Else all of them come in one answer.
  auto producer = NewProducer();
  ASSERT_TRUE(producer->Prefetch(topic).ok());
  WriteAll(*producer, std::vector<Record>(kRecords, MakeRecord(topic, "k", value)));
  options_["queued.max.messages.kbytes"] = "1024";
  const auto reader = LogReader::Open(options_);
  ASSERT_TRUE(reader.ok());
  int64_t read = 0;
  const absl::Status status =
      (*reader)->Read({{{topic, 0}, {.first = 0, .end = kRecords}}}, [&](const ConsumedRecord&) {
        ++read;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        return absl::OkStatus();
      });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(read, kRecords);
}

}  // namespace
}  // namespace walrelay::kafka
