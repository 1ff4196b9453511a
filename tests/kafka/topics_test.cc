// Questions about topics against librdkafka's mock cluster, which changes its answers on command.
#include "kafka/topics.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/kafka/mock_cluster.h"

namespace walrelay::kafka {
namespace {

using std::chrono::milliseconds;

class TopicsTest : public MockClusterTest,
                   public testing::WithParamInterface<rd_kafka_resp_err_t> {};

// A broker that comes back answers in no order: a client that knows a topic may hear, as the answer
// to an earlier question, that it is not there or has no leader.
TEST_P(TopicsTest, WaitsForAPartitionThatTheClientHasForgotten) {
  const auto topics = Topics::Open({{"bootstrap.servers", brokers()}});
  ASSERT_TRUE(topics.ok()) << topics.status();
  const auto count = (*topics)->PartitionCount(kTopic);
  ASSERT_TRUE(count.ok()) << count.status();
  rd_kafka_mock_topic_set_error(cluster_.get(), kTopic, GetParam());
  std::thread back([this] {
    std::this_thread::sleep_for(milliseconds(400));
    rd_kafka_mock_topic_set_error(cluster_.get(), kTopic, RD_KAFKA_RESP_ERR_NO_ERROR);
  });
  const auto ends = (*topics)->EndOffsets(kTopic, 1);
  back.join();
  ASSERT_TRUE(ends.ok()) << ends.status();
  EXPECT_EQ(*ends, std::vector<int64_t>{0});
}

INSTANTIATE_TEST_SUITE_P(, TopicsTest,
                         testing::Values(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
                                         RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE));

}  // namespace
}  // namespace walrelay::kafka
