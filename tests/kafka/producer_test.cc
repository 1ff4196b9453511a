// The producer against librdkafka's mock cluster, which fails on command.
#include "kafka/producer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kafka/kafka_fixture.h"
#include "tests/kafka/mock_cluster.h"

namespace walrelay::kafka {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr int16_t kProduceRequest = 0;

class ProducerTest : public MockClusterTest {
 protected:
  std::unique_ptr<Producer> NewProducer(ClientOptions options = {}) {
    options["bootstrap.servers"] = brokers();
    auto producer = Producer::Open(options);
    EXPECT_TRUE(producer.ok()) << producer.status();
    const absl::Status known = (*producer)->Prefetch(kTopic);
    EXPECT_TRUE(known.ok()) << known;
    return *std::move(producer);
  }
  void FailProduceRequests(size_t count, rd_kafka_resp_err_t error) {
    const std::vector<rd_kafka_resp_err_t> errors(count, error);
    rd_kafka_mock_push_request_errors_array(cluster_.get(), kProduceRequest, count, errors.data());
  }
  // Produces `count` records and returns the tickets reported, in order.
  std::vector<uint64_t> Write(Producer& producer, uint64_t count, absl::Status& status) {
    std::vector<uint64_t> tickets;
    for (uint64_t ticket = 0; ticket < count && status.ok(); ++ticket) {
      status = producer.Produce(MakeRecord(kTopic, "k", "v"), 0, ticket);
    }
    if (status.ok()) {
      status = producer.Flush(
          In(seconds(20)), [&](const Delivery& delivery) { tickets.push_back(delivery.ticket); });
    }
    return tickets;
  }
};

TEST_F(ProducerTest, RepeatsWhatPassesByItselfInOrder) {
  for (const auto error :
       {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR__TRANSPORT}) {
    auto producer = NewProducer({{"retry.backoff.ms", "10"}});
    FailProduceRequests(3, error);
    absl::Status status;
    const auto tickets = Write(*producer, 100, status);
    EXPECT_TRUE(status.ok()) << rd_kafka_err2name(error) << " " << status;
    ASSERT_EQ(tickets.size(), 100u);
    EXPECT_TRUE(std::ranges::is_sorted(tickets));
  }
}

TEST_F(ProducerTest, StopsForAnOperatorWhereRepeatingDoesNotHelp) {
  for (const auto error :
       {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
        RD_KAFKA_RESP_ERR_INVALID_RECORD}) {
    auto producer = NewProducer();
    FailProduceRequests(1, error);
    absl::Status status;
    const auto tickets = Write(*producer, 10, status);
    EXPECT_EQ(status.code(), error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE
                                 ? absl::StatusCode::kOutOfRange
                                 : absl::StatusCode::kFailedPrecondition)
        << rd_kafka_err2name(error) << " " << status;
    EXPECT_THAT(std::string(Message(status)), HasSubstr(kTopic));
    EXPECT_TRUE(tickets.empty());
    EXPECT_EQ(producer->Produce(MakeRecord(kTopic, "k", "v"), 0, 99), status);
    EXPECT_EQ(producer->Serve([](const Delivery&) {}), status);
  }
}

TEST_F(ProducerTest, AsksForANewProducerAfterASequenceError) {
  auto producer = NewProducer();
  FailProduceRequests(1, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
  absl::Status status;
  EXPECT_TRUE(Write(*producer, 10, status).empty());
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  auto next = NewProducer();
  status = absl::OkStatus();
  EXPECT_EQ(Write(*next, 10, status).size(), 10u) << status;
}

TEST_F(ProducerTest, KeepsATimedOutRecordFromBeingSkipped) {
  auto producer = NewProducer({{"message.timeout.ms", "300"}, {"socket.timeout.ms", "250"}});
  rd_kafka_mock_broker_set_down(cluster_.get(), 1);
  absl::Status status = producer->Produce(MakeRecord(kTopic, "k", "v"), 0, 0);
  ASSERT_TRUE(status.ok()) << status;
  ASSERT_TRUE(Eventually([&] {
    status = producer->Serve([](const Delivery&) { ADD_FAILURE(); }, milliseconds(50));
    return !status.ok();
  }));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_EQ(producer->Produce(MakeRecord(kTopic, "k", "next"), 0, 1), status);
}

TEST_F(ProducerTest, KnowsSinceWhenTheClusterIsAwayAndThatItIsBack) {
  auto producer = NewProducer();
  EXPECT_FALSE(producer->unreachable_since().has_value());
  const SteadyTime before = In(milliseconds(0));
  rd_kafka_mock_broker_set_down(cluster_.get(), 1);
  size_t reported = 0;
  const auto serve = [&] {
    EXPECT_TRUE(producer->Serve([&](const Delivery&) { ++reported; }, milliseconds(10)).ok());
  };
  ASSERT_TRUE(Eventually([&] {
    serve();
    return producer->unreachable_since().has_value();
  }));
  EXPECT_GE(*producer->unreachable_since(), before);
  ASSERT_TRUE(producer->Produce(MakeRecord(kTopic, "k", "v"), 0, 0).ok());
  const absl::Status flushed = producer->Flush(In(milliseconds(100)), [](const Delivery&) {});
  EXPECT_EQ(flushed.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(Message(flushed)), HasSubstr("1 records"));

  rd_kafka_mock_broker_set_up(cluster_.get(), 1);
  ASSERT_TRUE(Eventually([&] {
    serve();
    return reported == 1;
  })) << "what was queued is written when the broker is back";
  EXPECT_FALSE(producer->unreachable_since().has_value());
}

TEST_F(ProducerTest, ComesBackWithNothingToWrite) {
  auto producer = NewProducer();
  rd_kafka_mock_broker_set_down(cluster_.get(), 1);
  const auto away = [&] {
    EXPECT_TRUE(producer->Serve([](const Delivery&) {}, milliseconds(10)).ok());
    return producer->unreachable_since().has_value();
  };
  ASSERT_TRUE(Eventually(away));
  rd_kafka_mock_broker_set_up(cluster_.get(), 1);
  EXPECT_TRUE(Eventually([&] { return !away(); }));
}

TEST_F(ProducerTest, TakesABrokerThatHangsForOneThatIsAway) {
  auto producer = NewProducer();
  rd_kafka_mock_broker_set_rtt(cluster_.get(), 1, 3000);
  ASSERT_TRUE(producer->Produce(MakeRecord(kTopic, "k", "v"), 0, 0).ok());
  size_t reported = 0;
  const auto serve = [&] {
    EXPECT_TRUE(producer->Serve([&](const Delivery&) { ++reported; }, milliseconds(10)).ok());
  };
  ASSERT_TRUE(Eventually([&] {
    serve();
    return producer->unreachable_since().has_value();
  }));
  EXPECT_EQ(reported, 0u);
  rd_kafka_mock_broker_set_rtt(cluster_.get(), 1, 0);
  ASSERT_TRUE(Eventually([&] {
    serve();
    return reported == 1;
  }));
  EXPECT_FALSE(producer->unreachable_since().has_value());
}

TEST_F(ProducerTest, EndsQuicklyWithRecordsThatCannotBeWritten) {
  auto producer = NewProducer();
  rd_kafka_mock_broker_set_down(cluster_.get(), 1);
  for (uint64_t ticket = 0; ticket < 1000; ++ticket) {
    ASSERT_TRUE(producer->Produce(MakeRecord(kTopic, "k", "v"), 0, ticket).ok());
  }
  const SteadyTime start = In(milliseconds(0));
  producer.reset();
  EXPECT_LT(In(milliseconds(0)) - start, seconds(3));
}

}  // namespace
}  // namespace walrelay::kafka
