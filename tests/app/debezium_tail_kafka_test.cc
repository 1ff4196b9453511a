#include "app/debezium_tail.h"

#include "tests/kafka/kafka_fixture.h"

namespace walrelay::app {
namespace {

class DebeziumTailKafka : public kafka::KafkaTest {
 protected:
  static void Flush(kafka::Producer& producer) {
    const auto ignore = [](const kafka::Delivery&) {};
    ASSERT_TRUE(
        producer.Flush(std::chrono::steady_clock::now() + std::chrono::seconds(20), ignore).ok());
  }

  // Writes `count` rows that follow the commit `before`, and a tombstone behind each.
  void WriteRows(const std::string& topic, int32_t partition, int count, uint64_t before,
                 bool tombstones = true) {
    auto producer = NewProducer();
    const std::string value =
        Cat(R"({"source":{"snapshot":"false","sequence":"[\")", before, R"(\",\"1\"]"},"op":"d"})");
    for (int i = 0; i < count; ++i) {
      Record record;
      record.topic = topic;
      record.key = "1";
      record.value = value;
      ASSERT_TRUE(producer->Produce(record, partition, 0).ok());
      record.value = std::nullopt;
      if (!tombstones) continue;
      ASSERT_TRUE(producer->Produce(record, partition, 0).ok());
    }
    Flush(*producer);
  }

  std::vector<int64_t> Tails(const std::string& topic, int32_t partitions, uint64_t commit) {
    auto reader = kafka::LogReader::Open(options_);
    EXPECT_TRUE(reader.ok()) << reader.status();
    const auto tails = FindTails(**reader, {{topic, partitions}}, Lsn{commit});
    EXPECT_TRUE(tails.ok()) << tails.status();
    return tails->at(topic).next;
  }
};

TEST_F(DebeziumTailKafka, BeginsBehindTheLastRecordThatCameBeforeInEachPartition) {
  const std::string topic = NewTopic("debezium_tail", 3);
  WriteRows(topic, 0, 500, 50);
  WriteRows(topic, 0, 400, 100);  // Longer than the first window.
  WriteRows(topic, 1, 3, 50);
  EXPECT_EQ(Tails(topic, 3, 100), (std::vector<int64_t>{1000, 6, 0}));
  EXPECT_EQ(Tails(topic, 3, 101), (std::vector<int64_t>{1800, 6, 0}));
  EXPECT_EQ(Tails(topic, 3, 50), (std::vector<int64_t>{0, 0, 0}));
}

TEST_F(DebeziumTailKafka, ATombstoneAtTheEdgeOfAWindowGoesWithItsRow) {
  const std::string topic = NewTopic("debezium_tail", 1);
  WriteRows(topic, 0, 10, 50);
  WriteRows(topic, 0, 63, 100);
  WriteRows(topic, 0, 1, 100, false);  // The first window of 128 begins inside of the pair before it.
  EXPECT_EQ(Tails(topic, 1, 100), (std::vector<int64_t>{20}));
}

TEST_F(DebeziumTailKafka, RecordsThatSayNothingHaveNoTail) {
  const std::string topic = NewTopic("debezium_tail", 1);
  auto producer = NewProducer();
  Record record;
  record.topic = topic;
  record.value = R"({"id":1})";
  ASSERT_TRUE(producer->Produce(record, 0, 0).ok());
  Flush(*producer);
  EXPECT_EQ(Tails(topic, 1, 100), (std::vector<int64_t>{1}));
}

TEST_F(DebeziumTailKafka, ATopicThatIsGoneHasNoTail) {
  auto reader = kafka::LogReader::Open(options_);
  ASSERT_TRUE(reader.ok());
  const auto tails = FindTails(**reader, {{UniqueName("gone"), 1}}, Lsn{100});
  ASSERT_TRUE(tails.ok()) << tails.status();
  EXPECT_TRUE(tails->empty());
}

}  // namespace
}  // namespace walrelay::app
