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

  void Write(const std::string& topic, const std::vector<std::string>& values,
             int32_t partition = 0) {
    auto producer = NewProducer();
    for (const std::string& value : values) {
      Record record;
      record.topic = topic;
      record.key = "1";
      if (!value.empty()) record.value = value;  // Else a tombstone.
      ASSERT_TRUE(producer->Produce(record, partition, 0).ok());
    }
    Flush(*producer);
  }

  // A row at `lsn` of transaction `xid`, which follows the commit `before`.
  static std::string Row(uint64_t before, uint32_t xid = 7, uint64_t lsn = 1) {
    return Cat(R"({"source":{"snapshot":"false","sequence":"[\")", before, R"(\",\")", lsn,
               R"(\"]","txId":)", xid, R"(,"lsn":)", lsn, R"(},"op":"d"})");
  }

  // Writes `count` rows that follow the commit `before`, and a tombstone behind each.
  void WriteRows(const std::string& topic, int32_t partition, int count, uint64_t before,
                 bool tombstones = true) {
    std::vector<std::string> values;
    for (int i = 0; i < count; ++i) {
      values.push_back(Row(before));
      if (tombstones) values.emplace_back();
    }
    Write(topic, values, partition);
  }

  DebeziumTails Find(const std::map<std::string, int32_t>& topics, uint64_t passed,
                     uint64_t begin) {
    auto reader = kafka::LogReader::Open(options_);
    EXPECT_TRUE(reader.ok()) << reader.status();
    auto tails = FindTails(**reader, topics, Lsn{passed}, Lsn{begin});
    EXPECT_TRUE(tails.ok()) << tails.status();
    return tails.ok() ? *std::move(tails) : DebeziumTails();
  }

  TailsByTopic Without(const std::map<std::string, int32_t>& topics, const DebeziumTails& found) {
    auto reader = kafka::LogReader::Open(options_);
    EXPECT_TRUE(reader.ok()) << reader.status();
    auto tails = FindTailsWithout(**reader, topics, found.last_commit, found.doubtful);
    EXPECT_TRUE(tails.ok()) << tails.status();
    return tails.ok() ? *std::move(tails) : TailsByTopic();
  }

  std::vector<int64_t> Tails(const std::string& topic, int32_t partitions, uint64_t commit) {
    const DebeziumTails tails = Find({{topic, partitions}}, commit, commit);
    EXPECT_EQ(tails.last_commit, Lsn{commit});
    EXPECT_TRUE(tails.doubtful.empty());
    return tails.topics.at(topic).next;
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
  Write(topic, {R"({"id":1})"});
  EXPECT_EQ(Tails(topic, 1, 100), (std::vector<int64_t>{1}));
}

TEST_F(DebeziumTailKafka, RecordsThatSayNothingBehindAllOthersAreNoTail) {
  const std::string topic = NewTopic("debezium_tail", 1);
  Write(topic, {Row(50), R"({"id":1})", Row(100), R"({"id":2})"});
  EXPECT_EQ(Tails(topic, 1, 101), (std::vector<int64_t>{4}));
  EXPECT_EQ(Tails(topic, 1, 100), (std::vector<int64_t>{2}));
}

// Transactions 7, 8 and 9 with commits at 100, 200 and 300, written behind the offset's commit 50.
class SlotAhead : public DebeziumTailKafka {
 protected:
  void SetUp() override {
    DebeziumTailKafka::SetUp();
    topic_ = NewTopic("debezium_tail", 2);
    Write(topic_, {Row(40, 6, 45), Row(50, 7, 60), "", Row(100, 8, 110), Row(200, 9, 130)}, 0);
    Write(topic_, {Row(50, 7, 90), Row(200, 9, 290)}, 1);
  }
  DebeziumTails At(uint64_t begin) { return Find({{topic_, 2}}, 50, begin); }

  std::string topic_;
};

using Offsets = std::vector<int64_t>;

TEST_F(SlotAhead, TransactionsBeforeTheBeginningAreNotInTheTail) {
  const DebeziumTails tails = At(105);
  EXPECT_EQ(tails.topics.at(topic_).next, (Offsets{3, 1}));
  EXPECT_EQ(tails.last_commit, Lsn{100});
  EXPECT_TRUE(tails.doubtful.empty()) << "8 has a row behind the beginning";
}

TEST_F(SlotAhead, ATransactionThatMayHaveEndedBeforeTheBeginningIsInDoubt) {
  const DebeziumTails tails = At(150);
  EXPECT_EQ(tails.topics.at(topic_).next, (Offsets{3, 1}));
  EXPECT_EQ(tails.last_commit, Lsn{100});
  EXPECT_EQ(tails.doubtful, std::set{Xid{8}});
  EXPECT_EQ(Without({{topic_, 2}}, tails).at(topic_).next, (Offsets{4, 1}));
}

TEST_F(SlotAhead, SoIsTheLastOne) {
  const DebeziumTails tails = At(1000);
  EXPECT_EQ(tails.topics.at(topic_).next, (Offsets{4, 1}));
  EXPECT_EQ(tails.last_commit, Lsn{200});
  EXPECT_EQ(tails.doubtful, std::set{Xid{9}});
  EXPECT_EQ(Without({{topic_, 2}}, tails).at(topic_).next, (Offsets{5, 2}));
}

TEST_F(SlotAhead, NotWhereTheBeginningIsTheCommitBefore) {
  const DebeziumTails tails = At(100);
  EXPECT_EQ(tails.topics.at(topic_).next, (Offsets{3, 1}));
  EXPECT_TRUE(tails.doubtful.empty());
}

TEST_F(SlotAhead, AllThatNameTheSameCommitAreInDoubt) {
  Write(topic_, {Row(200, 10, 1010)}, 1);  // Started again behind its offset.
  const DebeziumTails tails = At(1000);
  EXPECT_EQ(tails.topics.at(topic_).next, (Offsets{4, 1}));
  EXPECT_EQ(tails.doubtful, (std::set{Xid{9}, Xid{10}}));
  DebeziumTails without_9 = tails;
  without_9.doubtful.erase(Xid{10});
  EXPECT_EQ(Without({{topic_, 2}}, without_9).at(topic_).next, (Offsets{5, 2}));
}

TEST_F(SlotAhead, TheTransactionTopicTellsWhereOneEnds) {
  const std::string transactions = NewTopic("debezium_tail_transaction", 1);
  const auto boundary = [](std::string_view status, std::string_view id) {
    return Cat(R"({"status":")", status, R"(","id":")", id, R"("})");
  };
  Write(transactions, {boundary("BEGIN", "8:110"), boundary("END", "8:200"),
                       boundary("BEGIN", "9:130"), boundary("END", "9:300")});
  const DebeziumTails tails = Find({{topic_, 2}, {transactions, 1}}, 50, 1000);
  EXPECT_EQ(tails.topics.at(topic_).next, (Offsets{5, 2}));
  EXPECT_EQ(tails.topics.at(transactions).next, (Offsets{4}));
  EXPECT_EQ(tails.last_commit, Lsn{300});
  EXPECT_TRUE(tails.doubtful.empty());

  const DebeziumTails in_doubt = Find({{topic_, 2}, {transactions, 1}}, 50, 250);
  EXPECT_EQ(in_doubt.topics.at(transactions).next, (Offsets{2}));
  EXPECT_TRUE(in_doubt.doubtful.empty()) << "9 has a row behind the beginning";
}

TEST_F(SlotAhead, BeginAndEndOfATransactionInDoubtGoWithIt) {
  const std::string transactions = NewTopic("debezium_tail_transaction", 1);
  Write(transactions, {R"({"status":"END","id":"8:200"})", R"({"status":"BEGIN","id":"9:130"})"});
  const DebeziumTails tails = Find({{topic_, 2}, {transactions, 1}}, 50, 1000);
  EXPECT_EQ(tails.topics.at(transactions).next, (Offsets{1}));
  EXPECT_EQ(tails.doubtful, std::set{Xid{9}});
  EXPECT_EQ(Without({{topic_, 2}, {transactions, 1}}, tails).at(transactions).next, (Offsets{2}));
}

TEST_F(DebeziumTailKafka, ATopicThatIsGoneHasNoTail) {
  auto reader = kafka::LogReader::Open(options_);
  ASSERT_TRUE(reader.ok());
  const auto tails = FindTails(**reader, {{UniqueName("gone"), 1}}, Lsn{100}, Lsn{100});
  ASSERT_TRUE(tails.ok()) << tails.status();
  EXPECT_TRUE(tails->topics.empty());
}

}  // namespace
}  // namespace walrelay::app
