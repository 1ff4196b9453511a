#include "kafka/consumer_group.h"

#include <gmock/gmock.h>

#include "kafka/consumer.h"
#include "tests/kafka/kafka_fixture.h"

namespace walrelay::kafka {
namespace {

using std::chrono::milliseconds;

class ConsumerGroupKafkaTest : public KafkaTest {
 protected:
  // A member as other programs are: it subscribes, and the group gives it partitions.
  Client Member(const std::string& group, const std::string& topic) {
    ClientOptions options = options_;
    options["group.id"] = group;
    options["client.id"] = "somebody";
    options["session.timeout.ms"] = "6000";
    auto client = Client::Make(RD_KAFKA_CONSUMER, options);
    EXPECT_TRUE(client.ok()) << client.status();
    rd_kafka_poll_set_consumer(client->get());
    const KafkaPartitionList list(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
    EXPECT_EQ(rd_kafka_subscribe(client->get(), list.get()), RD_KAFKA_RESP_ERR_NO_ERROR);
    return *std::move(client);
  }
};

TEST_F(ConsumerGroupKafkaTest, OneThatDoesNotExistIsEmpty) {
  const auto group = ReadConsumerGroup(options_, UniqueName("group"), {});
  ASSERT_TRUE(group.ok()) << group.status();
  EXPECT_TRUE(group->members.empty());
  EXPECT_TRUE(group->committed.empty());
}

TEST_F(ConsumerGroupKafkaTest, ItsOffsetsStayWhenItsMembersLeave) {
  const std::string topic = NewTopic("group", 2);
  const std::string name = UniqueName("group");
  {
    const Client member = Member(name, topic);
    const auto has_topic = [&] {
      (void)KafkaMessage(rd_kafka_consumer_poll(member.get(), 50));
      const auto group = ReadConsumerGroup(options_, name, {{topic, 0}, {topic, 1}});
      EXPECT_TRUE(group.ok()) << group.status();
      return group.ok() && group->members.size() == 1 &&
             group->members[0].client_id == "somebody" && group->members[0].topics.contains(topic);
    };
    ASSERT_TRUE(Eventually(has_topic, std::chrono::seconds(40)));
    const KafkaPartitionList done(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(done.get(), topic.c_str(), 1)->offset = 42;
    ASSERT_EQ(rd_kafka_commit(member.get(), done.get(), 0), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_consumer_close(member.get());
  }
  const auto group = ReadConsumerGroup(options_, name, {{topic, 0}, {topic, 1}});
  ASSERT_TRUE(group.ok()) << group.status();
  EXPECT_TRUE(group->members.empty());
  EXPECT_THAT(group->committed, testing::ElementsAre(testing::Pair(
                                    TopicPartition{.topic = topic, .partition = 1}, 42)));
}

TEST_F(ConsumerGroupKafkaTest, WithoutABrokerItGivesUp) {
  options_["bootstrap.servers"] = "127.0.0.1:1";
  const auto group = ReadConsumerGroup(options_, "g", {}, milliseconds(500));
  EXPECT_EQ(group.status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace walrelay::kafka
