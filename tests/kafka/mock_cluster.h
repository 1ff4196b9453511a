// librdkafka's mock cluster with one broker and one topic: it fails, and changes its answers, on
// command.
#pragma once

#include <gtest/gtest.h>
#include <librdkafka/rdkafka_mock.h>

#include <memory>

#include "kafka/handles.h"

namespace walrelay::kafka {

using MockCluster =
    std::unique_ptr<rd_kafka_mock_cluster_t, Releaser<rd_kafka_mock_cluster_destroy>>;

class MockClusterTest : public testing::Test {
 protected:
  static constexpr char kTopic[] = "mocked";

  MockClusterTest() { rd_kafka_mock_topic_create(cluster_.get(), kTopic, 1, 1); }

  const char* brokers() const { return rd_kafka_mock_cluster_bootstraps(cluster_.get()); }

  // Whose thread runs the cluster.
  KafkaClient host_{rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), nullptr, 0)};
  MockCluster cluster_{rd_kafka_mock_cluster_new(host_.get(), 1)};
};

}  // namespace walrelay::kafka
