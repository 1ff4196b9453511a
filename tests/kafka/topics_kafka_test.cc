#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kafka/topics.h"
#include "tests/kafka/kafka_fixture.h"

namespace walrelay::kafka {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;

class TopicsKafkaTest : public KafkaTest {
 protected:
  void SetUp() override {
    KafkaTest::SetUp();
    if (IsSkipped()) return;
    auto topics = Topics::Open(options_);
    ASSERT_TRUE(topics.ok()) << topics.status();
    topics_ = *std::move(topics);
  }
  std::unique_ptr<Topics> topics_;
};

TEST_F(TopicsKafkaTest, CreatesATopicOnceAndLeavesOneThatExists) {
  const std::string name = UniqueName("ensure");
  EXPECT_EQ(*topics_->PartitionCount(name), std::nullopt);
  EXPECT_EQ(*topics_->Ensure(name, {.partitions = 3, .replication_factor = 1, .config = {}}), 3);
  EXPECT_EQ(*topics_->PartitionCount(name), 3);
  EXPECT_EQ(*topics_->Ensure(name, {.partitions = 5, .replication_factor = 1, .config = {}}), 3);
  EXPECT_EQ(*topics_->PartitionCount(name), 3);
  EXPECT_EQ(topics_->List()->at(name), 3);
}

TEST_F(TopicsKafkaTest, DoesNotCreateATopicByAskingForIt) {
  const std::string name = UniqueName("asked");
  EXPECT_EQ(*topics_->PartitionCount(name), std::nullopt);
  EXPECT_FALSE(topics_->EndOffsets(name, 1, milliseconds(500)).ok());
  EXPECT_FALSE(topics_->List()->contains(name));
}

TEST_F(TopicsKafkaTest, TakesTheBrokersDefaults) {
  const std::string name = UniqueName("defaults");
  const auto count = topics_->Ensure(name, {});
  ASSERT_TRUE(count.ok()) << count.status();
  EXPECT_GE(*count, 1);
  EXPECT_EQ(**topics_->PartitionCount(name), *count);
}

TEST_F(TopicsKafkaTest, RefusesWhatTheBrokerRefuses) {
  EXPECT_EQ(topics_->Ensure("not a name", {.partitions = 1, .replication_factor = 1, .config = {}})
                .status()
                .code(),
            absl::StatusCode::kFailedPrecondition);
  const absl::Status replicas =
      topics_
          ->Ensure(UniqueName("replicas"),
                   {.partitions = 1, .replication_factor = 99, .config = {}})
          .status();
  EXPECT_EQ(replicas.code(), absl::StatusCode::kFailedPrecondition) << replicas;
  const absl::Status option =
      topics_
          ->Ensure(
              UniqueName("option"),
              {.partitions = 1, .replication_factor = 1, .config = {{"cleanup.policy", "burn"}}})
          .status();
  EXPECT_EQ(option.code(), absl::StatusCode::kFailedPrecondition) << option;
}

TEST_F(TopicsKafkaTest, AcceptsTheTopicOfPositionRecords) {
  const absl::Status status =
      topics_->Ensure(UniqueName("positions"), PositionsTopicSpec(1)).status();
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(TopicsKafkaTest, KnowsWhereEachPartitionBeginsAndEnds) {
  const std::string name = NewTopic("offsets", 3);
  EXPECT_THAT(*topics_->EndOffsets(name, 3), ElementsAre(0, 0, 0));
  auto producer = NewProducer();
  WriteAll(*producer, {MakeRecord(name, "k", "1"), MakeRecord(name, "k", "2")}, 1);
  EXPECT_THAT(*topics_->EndOffsets(name, 3), ElementsAre(0, 2, 0));
  EXPECT_THAT(*topics_->BeginOffsets(name, 3), ElementsAre(0, 0, 0));
}

TEST(Topics, GivesUpAtItsLimitWhenNoBrokerAnswers) {
  auto topics = Topics::Open({{"bootstrap.servers", "127.0.0.1:1"}});
  ASSERT_TRUE(topics.ok());
  const SteadyTime start = In(milliseconds(0));
  const absl::Status status = (*topics)->List(milliseconds(300)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(Message(status)), testing::HasSubstr("refused"))
      << "says what the connection says";
  EXPECT_LT(In(milliseconds(0)) - start, std::chrono::seconds(3));
  EXPECT_EQ((*topics)->Ensure("t", {}, milliseconds(300)).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ((*topics)->EndOffsets("t", 1, milliseconds(300)).status().code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace walrelay::kafka
