// Transactions against librdkafka's mock cluster: each class of error where it may come, and what a
// new producer finds then.
#include "kafka/transactions.h"

#include <gtest/gtest.h>

#include "kafka/producer.h"
#include "tests/kafka/kafka_fixture.h"
#include "tests/kafka/mock_cluster.h"

namespace walrelay::kafka {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Of the protocol.
constexpr int16_t kProduce = 0;
constexpr int16_t kFindCoordinator = 10;
constexpr int16_t kInitProducerId = 22;
constexpr int16_t kAddPartitions = 24;
constexpr int16_t kEndTransaction = 26;

class TransactionsTest : public MockClusterTest {
 protected:
  std::unique_ptr<Producer> Open() {
    const ClientOptions options = {{"bootstrap.servers", brokers()}, {"retry.backoff.ms", "10"}};
    auto producer = Producer::Open(options, "id");
    EXPECT_TRUE(producer.ok()) << producer.status();
    return *std::move(producer);
  }
  void Fail(int16_t request, rd_kafka_resp_err_t error) {
    rd_kafka_mock_push_request_errors(cluster_.get(), request, 1, error);
  }
  static absl::Status Init(Producer& producer) {
    return producer.transactions()->Init(seconds(10));
  }
  static absl::Status Write(Producer& producer) {
    absl::Status status = producer.transactions()->Begin();
    if (status.ok()) status = producer.Prefetch(kTopic);
    if (status.ok()) status = producer.Produce(MakeRecord(kTopic, "k", "v"), 0, 0);
    if (status.ok()) status = producer.Flush(In(seconds(10)), [](const Delivery&) {});
    return status;
  }
  static absl::Status Commit(Producer& producer) {
    producer.transactions()->StartCommit();
    const SteadyTime until = In(seconds(20));
    while (std::chrono::steady_clock::now() < until) {
      if (const auto outcome = producer.transactions()->TakeOutcome()) return *outcome;
      std::this_thread::sleep_for(milliseconds(1));
    }
    return absl::InternalError("no outcome");
  }
  static absl::Status Run(Producer& producer) {
    absl::Status status = Write(producer);
    return status.ok() ? Commit(producer) : status;
  }
  // Whatever has become of the former one.
  void ExpectANewProducerGoesOn() {
    const auto producer = Open();
    EXPECT_TRUE(Init(*producer).ok());
    const absl::Status status = Run(*producer);
    EXPECT_TRUE(status.ok()) << status;
  }
};

TEST_F(TransactionsTest, WaitsForWhatPassesByItself) {
  const std::pair<int16_t, rd_kafka_resp_err_t> errors[] = {
      {kFindCoordinator, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE},
      {kInitProducerId, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS},
      {kInitProducerId, RD_KAFKA_RESP_ERR_NOT_COORDINATOR},
      {kInitProducerId, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS},
      {kAddPartitions, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS},
      {kAddPartitions, RD_KAFKA_RESP_ERR_NOT_COORDINATOR},
      {kProduce, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION},
      {kEndTransaction, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS},
      {kEndTransaction, RD_KAFKA_RESP_ERR_NOT_COORDINATOR},
      {kEndTransaction, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS},
  };
  for (const auto& [request, error] : errors) {
    SCOPED_TRACE(Cat(request, " ", rd_kafka_err2name(error)));
    const auto producer = Open();
    Fail(request, error);
    absl::Status status = Init(*producer);
    ASSERT_TRUE(status.ok()) << status;
    for (int transaction = 0; transaction < 2; ++transaction) {
      status = Run(*producer);
      EXPECT_TRUE(status.ok()) << status;
    }
  }
}

TEST_F(TransactionsTest, StopsForAnOperatorWhereANewProducerDoesNotHelp) {
  for (const auto error : {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
                           RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT}) {
    const auto producer = Open();
    Fail(kInitProducerId, error);
    EXPECT_EQ(Init(*producer).code(), absl::StatusCode::kFailedPrecondition)
        << rd_kafka_err2name(error);
  }
  const auto producer = Open();
  ASSERT_TRUE(Init(*producer).ok());
  Fail(kEndTransaction, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
  EXPECT_EQ(Run(*producer).code(), absl::StatusCode::kFailedPrecondition);
}

// Fatal: librdkafka lets nothing more be done with this producer.
TEST_F(TransactionsTest, AsksForANewProducerWhenItIsFenced) {
  for (const auto error :
       {RD_KAFKA_RESP_ERR_PRODUCER_FENCED, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
        RD_KAFKA_RESP_ERR_INVALID_TXN_STATE}) {
    SCOPED_TRACE(rd_kafka_err2name(error));
    const auto producer = Open();
    ASSERT_TRUE(Init(*producer).ok());
    Fail(kEndTransaction, error);
    EXPECT_EQ(Run(*producer).code(), absl::StatusCode::kUnavailable);
    EXPECT_FALSE(producer->transactions()->Begin().ok()) << "it is of no more use";
    ExpectANewProducerGoesOn();
  }
}

// Abortable: nothing of it counts, in whichever step it shows.
TEST_F(TransactionsTest, DoesNotCommitWhatLacksARecord) {
  const std::pair<int16_t, rd_kafka_resp_err_t> errors[] = {
      {kAddPartitions, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING},
      {kAddPartitions, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED},
      {kProduce, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED},
      {kProduce, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER},
      {kEndTransaction, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING},
  };
  for (const auto& [request, error] : errors) {
    SCOPED_TRACE(Cat(request, " ", rd_kafka_err2name(error)));
    auto producer = Open();
    ASSERT_TRUE(Init(*producer).ok());
    Fail(request, error);
    const absl::Status status = Run(*producer);
    const bool needs_operator = error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    EXPECT_EQ(status.code(), needs_operator ? absl::StatusCode::kFailedPrecondition
                                            : absl::StatusCode::kUnavailable)
        << status;
    producer.reset();
    ExpectANewProducerGoesOn();
  }
}

TEST_F(TransactionsTest, CanBeMadeVoid) {
  const auto producer = Open();
  ASSERT_TRUE(Init(*producer).ok());
  ASSERT_TRUE(Write(*producer).ok());
  ASSERT_TRUE(producer->transactions()->Abort(seconds(10)).ok());
  EXPECT_TRUE(Run(*producer).ok());
}

// The outcome of a commit without an answer is not made up: it is open until there is one.
TEST_F(TransactionsTest, LeavesAnUnknownOutcomeOpen) {
  auto producer = Open();
  ASSERT_TRUE(Init(*producer).ok());
  ASSERT_TRUE(Write(*producer).ok());
  rd_kafka_mock_broker_set_down(cluster_.get(), 1);
  producer->transactions()->StartCommit();
  std::this_thread::sleep_for(milliseconds(1200));  // More than one slice of waiting.
  EXPECT_EQ(producer->transactions()->TakeOutcome(), std::nullopt);
  EXPECT_TRUE(producer->transactions()->committing_since());
  rd_kafka_mock_broker_set_up(cluster_.get(), 1);
  const SteadyTime until = In(seconds(10));
  std::optional<absl::Status> outcome;
  while (!outcome && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(milliseconds(10));
    outcome = producer->transactions()->TakeOutcome();
  }
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(outcome->ok()) << *outcome;
  EXPECT_FALSE(producer->transactions()->committing_since());

  ASSERT_TRUE(Write(*producer).ok());
  rd_kafka_mock_broker_set_down(cluster_.get(), 1);
  producer->transactions()->StartCommit();
  const SteadyTime begun = std::chrono::steady_clock::now();
  producer.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, seconds(5)) << "given up";
  rd_kafka_mock_broker_set_up(cluster_.get(), 1);
  ExpectANewProducerGoesOn();
}

}  // namespace
}  // namespace walrelay::kafka
