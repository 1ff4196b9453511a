#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "kafka/consumer.h"
#include "tests/kafka/kafka_fixture.h"

namespace walrelay::kafka {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

class ConsumerKafkaTest : public KafkaTest {
 protected:
  std::unique_ptr<Consumer> NewConsumer() {
    auto consumer = Consumer::Open(options_, UniqueName("group"));
    EXPECT_TRUE(consumer.ok()) << consumer.status();
    return *std::move(consumer);
  }
  // A topic whose partition p holds `count` records with their offsets as values.
  std::string NumberedTopic(std::string_view purpose, int32_t partitions, int count) {
    const std::string topic = NewTopic(purpose, partitions);
    auto producer = NewProducer();
    std::vector<std::string> values;
    for (int i = 0; i < count; ++i) values.push_back(Cat(i));
    for (int32_t partition = 0; partition < partitions; ++partition) {
      std::vector<Record> records;
      for (const std::string& value : values) records.push_back(MakeRecord(topic, "k", value));
      WriteAll(*producer, records, partition);
    }
    return topic;
  }
  // Polls `count` messages and checks that each partition's follow each other from `next` on.
  void ExpectNumbered(Consumer& consumer, std::map<TopicPartition, int64_t> next, size_t count) {
    for (size_t seen = 0; seen < count; ++seen) {
      auto message = consumer.Poll(seconds(20));
      ASSERT_TRUE(message.ok()) << message.status();
      ASSERT_TRUE(message->has_value()) << "only " << seen;
      const ConsumedRecord record = (*message)->record();
      const TopicPartition partition{.topic = std::string(record.topic),
                                     .partition = record.partition};
      ASSERT_TRUE(next.contains(partition)) << partition.partition;
      EXPECT_EQ(record.offset, next[partition]);
      EXPECT_EQ(record.value, Cat(next[partition]));
      ++next[partition];
    }
  }
};

TEST_F(ConsumerKafkaTest, ReadsFromTheOffsetsGiven) {
  const std::string topic = NumberedTopic("from", 2, 100);
  auto consumer = NewConsumer();
  const std::map<TopicPartition, int64_t> next = {{{.topic = topic, .partition = 0}, 10},
                                                  {{.topic = topic, .partition = 1}, 95}};
  ASSERT_TRUE(consumer->Assign(next).ok());
  ExpectNumbered(*consumer, next, 95);
  const auto more = consumer->Poll(milliseconds(200));
  ASSERT_TRUE(more.ok());
  EXPECT_FALSE(more->has_value());
  EXPECT_FALSE(consumer->unreachable_since().has_value());
}

TEST_F(ConsumerKafkaTest, MessagesOutliveTheNextPollAndMoves) {
  const std::string topic = NumberedTopic("own", 1, 3);
  auto consumer = NewConsumer();
  ASSERT_TRUE(consumer->Assign({{{.topic = topic, .partition = 0}, 0}}).ok());
  std::vector<ConsumedMessage> kept;
  std::vector<ConsumedRecord> views;
  while (kept.size() < 3) {
    auto message = consumer->Poll(seconds(20));
    ASSERT_TRUE(message.ok() && message->has_value());
    kept.push_back(std::move(**message));
    views.push_back(kept.back().record());
  }
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(views[i].value, Cat(i));
  EXPECT_EQ(kept[0].size(), 2u);
}

TEST_F(ConsumerKafkaTest, AddsPartitionsWithoutDisturbingTheOthers) {
  const std::string topic = NumberedTopic("add", 2, 50);
  auto consumer = NewConsumer();
  const TopicPartition first{.topic = topic, .partition = 0};
  const TopicPartition second{.topic = topic, .partition = 1};
  ASSERT_TRUE(consumer->Assign({{first, 0}}).ok());
  ExpectNumbered(*consumer, {{first, 0}}, 20);
  const absl::Status added = consumer->Add({{second, 5}});
  ASSERT_TRUE(added.ok()) << added;
  ExpectNumbered(*consumer, {{first, 20}, {second, 5}}, 30 + 45);
}

TEST_F(ConsumerKafkaTest, AssignsAnewFromEarlierOffsets) {
  const std::string topic = NumberedTopic("anew", 1, 50);
  auto consumer = NewConsumer();
  const TopicPartition partition{.topic = topic, .partition = 0};
  for (int64_t from : {0, 30, 3}) {
    ASSERT_TRUE(consumer->Assign({{partition, from}}).ok());
    ExpectNumbered(*consumer, {{partition, from}}, 15);
  }
}

TEST_F(ConsumerKafkaTest, HoldsAPausedPartitionBackAndKeepsItsPlace) {
  const std::string topic = NumberedTopic("pause", 2, 30);
  auto consumer = NewConsumer();
  const TopicPartition first{.topic = topic, .partition = 0};
  const TopicPartition second{.topic = topic, .partition = 1};
  ASSERT_TRUE(consumer->Assign({{first, 0}, {second, 0}}).ok());
  ASSERT_TRUE(consumer->Pause(first).ok());
  ExpectNumbered(*consumer, {{second, 0}}, 30);
  ASSERT_TRUE(consumer->Resume(first).ok());
  ExpectNumbered(*consumer, {{first, 0}}, 30);
}

TEST_F(ConsumerKafkaTest, StopsAtAnOffsetThatIsNotThere) {
  const std::string topic = NumberedTopic("gone", 1, 10);
  auto consumer = NewConsumer();
  ASSERT_TRUE(consumer->Assign({{{.topic = topic, .partition = 0}, 77}}).ok());
  absl::Status status;
  ASSERT_TRUE(Eventually([&] {
    status = consumer->Poll(milliseconds(500)).status();
    return !status.ok();
  }));
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  const std::string text(Message(status));
  EXPECT_THAT(text, HasSubstr(topic));
  EXPECT_THAT(text, HasSubstr("partition 0"));
  EXPECT_THAT(text, HasSubstr("offset 77"));
  EXPECT_THAT(text, HasSubstr("it ends at 10"));
}

TEST_F(ConsumerKafkaTest, IsNotHeldUpByAQueueThatWasFull) {
  const std::string topic = NewTopic("queue", 1);
  options_["queued.max.messages.kbytes"] = "256";
  options_["compression.type"] = "none";  // Else one response holds everything.
  auto producer = NewProducer();
  const std::string value(5000, 'x');
  WriteAll(*producer, std::vector<Record>(2000, MakeRecord(topic, "k", value)));
  auto consumer = NewConsumer();
  ASSERT_TRUE(consumer->Assign({{{.topic = topic, .partition = 0}, 0}}).ok());
  const SteadyTime start = In(milliseconds(0));
  for (int seen = 0; seen < 2000; ++seen) {
    // As a sink does between batches; the queue fills meanwhile.
    if (seen % 100 == 0) std::this_thread::sleep_for(milliseconds(20));
    const auto message = consumer->Poll(seconds(20));
    ASSERT_TRUE(message.ok() && message->has_value());
  }
  EXPECT_LT(In(milliseconds(0)) - start, seconds(20))
      << "10 MB through a queue of 256 kB, with a second's wait each time: that is 40 s";
}

TEST_F(ConsumerKafkaTest, FindsOutThatATopicIsDeletedAndCanStillEnd) {
  const std::string topic = NumberedTopic("deleted", 1, 10);
  const TopicPartition partition{.topic = topic, .partition = 0};
  auto consumer = NewConsumer();
  ASSERT_TRUE(consumer->Assign({{partition, 0}}).ok());
  ExpectNumbered(*consumer, {{partition, 0}}, 10);
  ASSERT_TRUE(consumer->CheckTopics(seconds(5)).ok());
  DeleteTopic(topic);
  absl::Status status;
  ASSERT_TRUE(Eventually([&] {
    (void)consumer->Poll(milliseconds(50));
    status = consumer->CheckTopics(seconds(5));
    return status.code() == absl::StatusCode::kFailedPrecondition;
  })) << status;
  EXPECT_THAT(std::string(Message(status)), HasSubstr(topic));
  const SteadyTime start = In(milliseconds(0));
  consumer.reset();
  EXPECT_LT(In(milliseconds(0)) - start, seconds(5));
}

TEST_F(ConsumerKafkaTest, FindsOutThatATopicWasNeverThere) {
  auto consumer = NewConsumer();
  ASSERT_TRUE(consumer->Assign({{{.topic = UniqueName("missing"), .partition = 0}, 0}}).ok());
  EXPECT_EQ(consumer->CheckTopics(seconds(5)).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(ConsumerKafkaTest, ShowsOffsetsToDashboards) {
  const std::string topic = NumberedTopic("dashboard", 1, 10);
  const std::string group = UniqueName("group");
  auto consumer = Consumer::Open(options_, group);
  ASSERT_TRUE(consumer.ok());
  const TopicPartition partition{.topic = topic, .partition = 0};
  ASSERT_TRUE((*consumer)->Assign({{partition, 0}}).ok());
  const auto committed = [&] {
    (*consumer)->CommitForDashboards({{partition, 7}});
    (void)(*consumer)->Poll(milliseconds(100));
    auto stored = (*consumer)->GroupOffsets({partition}, milliseconds(2000));
    return stored.ok() && stored->contains(partition) && stored->at(partition) == 7;
  };
  EXPECT_TRUE(Eventually(committed));
}

TEST(Consumer, IsUnreachableWithoutABroker) {
  auto consumer = Consumer::Open({{"bootstrap.servers", "127.0.0.1:1"}}, "g");
  ASSERT_TRUE(consumer.ok());
  ASSERT_TRUE((*consumer)->Assign({{{.topic = "t", .partition = 0}, 0}}).ok());
  EXPECT_TRUE(Eventually([&] {
    const auto message = (*consumer)->Poll(milliseconds(50));
    EXPECT_TRUE(message.ok()) << "a lost connection is no error";
    return !(*consumer)->last_error().empty();
  }));
  EXPECT_TRUE((*consumer)->unreachable_since().has_value());
}

}  // namespace
}  // namespace walrelay::kafka
