// What tests on a real broker share: where it is, names of their own, and waiting for conditions.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "kafka/client_options.h"
#include "kafka/producer.h"
#include "kafka/topics.h"

namespace walrelay::kafka {

class KafkaTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* servers = std::getenv("WALRELAY_TEST_KAFKA");
    if (servers == nullptr) GTEST_SKIP() << "set WALRELAY_TEST_KAFKA, as in localhost:9092";
    options_ = {{"bootstrap.servers", servers}};
  }

  // A name that no other test or run has.
  static std::string UniqueName(std::string_view purpose) {
    static int count = 0;
    return Cat("test.", purpose, ".", UnixMicrosNow(), ".", ++count);
  }

  std::string NewTopic(std::string_view purpose, int32_t partitions,
                       std::map<std::string, std::string> config = {}) {
    const std::string name = UniqueName(purpose);
    auto topics = Topics::Open(options_);
    EXPECT_TRUE(topics.ok());
    const auto count = (*topics)->Ensure(
        name, {.partitions = partitions, .replication_factor = 1, .config = std::move(config)});
    EXPECT_TRUE(count.ok()) << count.status();
    return name;
  }

  void DeleteTopic(const std::string& name) {
    auto client = Client::Make(RD_KAFKA_PRODUCER, AdminOptions(options_));
    ASSERT_TRUE(client.ok()) << client.status();
    const KafkaQueue queue(rd_kafka_queue_new(client->get()));
    rd_kafka_DeleteTopic_t* doomed = rd_kafka_DeleteTopic_new(name.c_str());
    rd_kafka_DeleteTopics(client->get(), &doomed, 1, nullptr, queue.get());
    const KafkaEvent event(rd_kafka_queue_poll(queue.get(), 20'000));
    rd_kafka_DeleteTopic_destroy(doomed);
    ASSERT_NE(event, nullptr);
    ASSERT_EQ(rd_kafka_event_error(event.get()), RD_KAFKA_RESP_ERR_NO_ERROR);
  }

  std::unique_ptr<Producer> NewProducer() {
    auto producer = Producer::Open(options_);
    EXPECT_TRUE(producer.ok()) << producer.status();
    return *std::move(producer);
  }

  ClientOptions options_;
};

inline Record MakeRecord(std::string_view topic, std::optional<std::string_view> key,
                         std::optional<std::string_view> value) {
  Record record;
  record.topic = topic;
  record.key = key;
  record.value = value;
  return record;
}

inline SteadyTime In(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

// Calls `step` until it says true; false when it does not within the limit.
inline bool Eventually(const std::function<bool()>& step,
                       std::chrono::milliseconds limit = std::chrono::seconds(20)) {
  const SteadyTime deadline = In(limit);
  while (!step()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
  }
  return true;
}

// Writes records to one partition and waits until they are durable.
inline void WriteAll(Producer& producer, const std::vector<Record>& records,
                     int32_t partition = 0) {
  uint64_t ticket = 0;
  for (const Record& record : records) {
    const absl::Status status = producer.Produce(record, partition, ticket++);
    ASSERT_TRUE(status.ok()) << status;
  }
  const absl::Status status = producer.Flush(In(std::chrono::seconds(20)), [](const Delivery&) {});
  ASSERT_TRUE(status.ok()) << status;
}

}  // namespace walrelay::kafka
