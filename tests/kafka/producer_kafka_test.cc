#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <map>

#include "kafka/log_reader.h"
#include "tests/kafka/kafka_fixture.h"

namespace walrelay::kafka {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

class ProducerKafkaTest : public KafkaTest {
 protected:
  struct Read {
    std::optional<std::string> key;
    std::optional<std::string> value;
    int64_t timestamp_ms;
    std::vector<std::pair<std::string, std::optional<std::string>>> headers;
  };

  // Everything that a partition holds.
  std::vector<Read> ReadPartition(const std::string& topic, int32_t partition) {
    std::vector<Read> all;
    const auto own = [](std::optional<std::string_view> text) {
      return text ? std::optional<std::string>(*text) : std::nullopt;
    };
    auto reader = LogReader::Open(options_);
    EXPECT_TRUE(reader.ok());
    const auto ranges = (*reader)->Ranges(topic);
    EXPECT_TRUE(ranges.ok() && ranges->has_value());
    const absl::Status status = (*reader)->Read(
        {{{.topic = topic, .partition = partition}, (**ranges)[static_cast<size_t>(partition)]}},
        [&](const ConsumedRecord& record) {
          all.push_back({.key = own(record.key),
                         .value = own(record.value),
                         .timestamp_ms = record.timestamp_ms,
                         .headers = {}});
          for (const RecordHeader& header : record.headers)
            all.back().headers.emplace_back(header.name, own(header.value));
          return absl::OkStatus();
        });
    EXPECT_TRUE(status.ok()) << status;
    return all;
  }
};

TEST_F(ProducerKafkaTest, WritesEachPartitionInOrderAndReportsTickets) {
  const std::string topic = NewTopic("order", 3);
  auto producer = NewProducer();
  ASSERT_TRUE(producer->Prefetch(topic).ok());
  constexpr uint64_t kRecords = 3000;
  std::map<uint64_t, Delivery> reports;
  const auto take = [&](const Delivery& delivery) {
    EXPECT_TRUE(reports.emplace(delivery.ticket, delivery).second) << "one report a ticket";
  };
  for (uint64_t ticket = 0; ticket < kRecords; ++ticket) {
    ASSERT_TRUE(
        producer
            ->Produce(MakeRecord(topic, "k", Cat(ticket)), static_cast<int32_t>(ticket % 3), ticket)
            .ok());
  }
  EXPECT_EQ(producer->queued_messages(), kRecords);
  EXPECT_GT(producer->queued_bytes(), kRecords);
  ASSERT_TRUE(producer->Flush(In(seconds(20)), take).ok());
  EXPECT_EQ(producer->queued_messages(), 0u);
  EXPECT_EQ(producer->queued_bytes(), 0u);

  ASSERT_EQ(reports.size(), kRecords);
  for (const auto& [ticket, delivery] : reports) {
    EXPECT_EQ(delivery.partition, static_cast<int32_t>(ticket % 3));
    EXPECT_EQ(delivery.offset, static_cast<int64_t>(ticket / 3))
        << "offsets are contiguous from 0 in a new topic";
  }
  for (int32_t partition = 0; partition < 3; ++partition) {
    const auto records = ReadPartition(topic, partition);
    ASSERT_EQ(records.size(), kRecords / 3);
    for (size_t i = 0; i < records.size(); ++i)
      EXPECT_EQ(records[i].value, Cat(i * 3 + static_cast<size_t>(partition)));
  }
}

TEST_F(ProducerKafkaTest, KeepsNullApartFromEmptyAndCarriesHeadersAndTimestamps) {
  const std::string topic = NewTopic("bytes", 1);
  auto producer = NewProducer();
  const std::vector<RecordHeader> headers = {{.name = "a", .value = "1"},
                                             {.name = "b", .value = std::nullopt},
                                             {.name = "c", .value = ""}};
  Record with_headers = MakeRecord(topic, "k", "v");
  with_headers.headers = &headers;
  with_headers.timestamp_ms = 1234567890123;
  Record tombstone_with_headers = MakeRecord(topic, std::nullopt, std::nullopt);
  tombstone_with_headers.headers = &headers;
  WriteAll(*producer,
           {MakeRecord(topic, std::nullopt, "v"), MakeRecord(topic, std::string_view(), "v"),
            MakeRecord(topic, "k", std::nullopt), MakeRecord(topic, "k", std::string_view()),
            with_headers, tombstone_with_headers,
            MakeRecord(topic, std::string_view("\0k", 2), std::string_view("\0v\xff", 3))});

  const auto records = ReadPartition(topic, 0);
  ASSERT_EQ(records.size(), 7u);
  EXPECT_EQ(records[0].key, std::nullopt);
  EXPECT_EQ(records[1].key, "");
  EXPECT_EQ(records[2].value, std::nullopt);
  EXPECT_EQ(records[3].value, "");
  EXPECT_TRUE(records[3].headers.empty());
  const decltype(Read::headers) expected = {{"a", "1"}, {"b", std::nullopt}, {"c", ""}};
  EXPECT_EQ(records[4].headers, expected);
  EXPECT_EQ(records[4].timestamp_ms, 1234567890123);
  EXPECT_EQ(records[5].key, std::nullopt);
  EXPECT_EQ(records[5].value, std::nullopt);
  EXPECT_EQ(records[5].headers, expected);
  EXPECT_EQ(records[6].key, std::string("\0k", 2));
  EXPECT_EQ(records[6].value, std::string("\0v\xff", 3));
}

TEST_F(ProducerKafkaTest, WakesTheEventFdForEveryReport) {
  const std::string topic = NewTopic("wake", 1);
  auto producer = NewProducer();
  ASSERT_TRUE(producer->Prefetch(topic).ok());
  for (uint64_t ticket = 0; ticket < 50; ++ticket) {
    ASSERT_TRUE(producer->Produce(MakeRecord(topic, "k", "v"), 0, ticket).ok());
    bool reported = false;
    while (!reported) {
      pollfd wait = {.fd = producer->event_fd(), .events = POLLIN, .revents = 0};
      ASSERT_EQ(poll(&wait, 1, 10'000), 1) << "a report waits, and the fd is silent";
      ASSERT_TRUE(
          producer->Serve([&](const Delivery& delivery) { reported = delivery.ticket == ticket; })
              .ok());
    }
  }
  pollfd idle = {.fd = producer->event_fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&idle, 1, 0), 0) << "served: silent again";
}

TEST_F(ProducerKafkaTest, SaysFullAndGoesOnWhenServed) {
  const std::string topic = NewTopic("full", 1);
  options_["queue.buffering.max.kbytes"] = "100";
  auto producer = NewProducer();
  const std::string value(10'000, 'x');
  size_t refused = 0;
  uint64_t reported = 0;
  const auto take = [&](const Delivery& delivery) { EXPECT_EQ(delivery.ticket, reported++); };
  for (uint64_t ticket = 0; ticket < 500; ++ticket) {
    absl::Status status = producer->Produce(MakeRecord(topic, "k", value), 0, ticket);
    while (status.code() == absl::StatusCode::kResourceExhausted) {
      ++refused;
      ASSERT_TRUE(producer->Serve(take, seconds(5)).ok());
      status = producer->Produce(MakeRecord(topic, "k", value), 0, ticket);
    }
    ASSERT_TRUE(status.ok()) << status;
    ASSERT_LE(producer->queued_bytes(), 110'000u);
  }
  ASSERT_TRUE(producer->Flush(In(seconds(20)), take).ok());
  EXPECT_EQ(reported, 500u);
  EXPECT_GT(refused, 0u);
}

TEST_F(ProducerKafkaTest, RefusesARecordThatIsTooLargeHere) {
  const std::string topic = NewTopic("large", 1);
  auto producer = NewProducer();
  const absl::Status status =
      producer->Produce(MakeRecord(topic, "k", std::string(1'048'500, 'x')), 0, 0);
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(Message(status)), HasSubstr(topic));
  EXPECT_THAT(std::string(Message(status)), HasSubstr("1048501 bytes"));
  WriteAll(*producer, {MakeRecord(topic, "k", std::string(1'048'000, 'x'))});
}

TEST_F(ProducerKafkaTest, StopsBehindARecordThatTheBrokerFindsTooLarge) {
  const std::string topic = NewTopic("broker-large", 1, {{"max.message.bytes", "2000"}});
  options_["compression.type"] = "none";
  auto producer = NewProducer();
  ASSERT_TRUE(producer->Prefetch(topic).ok());
  WriteAll(*producer, {MakeRecord(topic, "k", "before")});
  ASSERT_TRUE(producer->Produce(MakeRecord(topic, "k", std::string(5000, 'x')), 0, 1).ok());
  ASSERT_TRUE(producer->Produce(MakeRecord(topic, "k", "behind"), 0, 2).ok());
  const absl::Status status =
      producer->Flush(In(seconds(20)), [](const Delivery&) { FAIL() << "nothing may be written"; });
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange) << status;
  EXPECT_THAT(std::string(Message(status)), HasSubstr("5001 bytes"));
  EXPECT_THAT(std::string(Message(status)), HasSubstr(topic));
  EXPECT_EQ(producer->Produce(MakeRecord(topic, "k", "later"), 0, 3), status) << "failed for good";
  EXPECT_EQ(ReadPartition(topic, 0).size(), 1u);
}

TEST_F(ProducerKafkaTest, RefusesATopicOrPartitionThatIsNotThere) {
  auto producer = NewProducer();
  const std::string missing = UniqueName("missing");
  EXPECT_EQ(producer->Prefetch(missing).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(producer->Produce(MakeRecord(missing, "k", "v"), 0, 0).code(),
            absl::StatusCode::kFailedPrecondition);
  const std::string topic = NewTopic("partition", 2);
  EXPECT_EQ(producer->Produce(MakeRecord(topic, "k", "v"), 2, 0).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(producer->Produce(MakeRecord(topic, "k", "v"), -1, 0).code(),
            absl::StatusCode::kFailedPrecondition);
  WriteAll(*producer, {MakeRecord(topic, "k", "v")}, 1);
}

TEST_F(ProducerKafkaTest, AcknowledgesTheFirstRecordAtOnce) {
  auto best = milliseconds::max();  // Of three: the machine may have other things to do.
  for (int i = 0; i < 3; ++i) {
    const std::string topic = NewTopic("first", 1);
    auto producer = NewProducer();
    const SteadyTime start = In(milliseconds(0));
    ASSERT_TRUE(producer->Prefetch(topic).ok());
    WriteAll(*producer, {MakeRecord(topic, "k", "v")});
    best = std::min(best, std::chrono::duration_cast<milliseconds>(In(milliseconds(0)) - start));
  }
  RecordProperty("first_ack_ms", Cat(best.count()));
  EXPECT_LT(best, milliseconds(500))
      << "the look-up that librdkafka does itself takes up to a second";
}

TEST_F(ProducerKafkaTest, IsReachableOnceConnected) {
  auto producer = NewProducer();
  EXPECT_TRUE(Eventually([&] {
    return producer->Serve([](const Delivery&) {}, milliseconds(10)).ok() &&
           !producer->unreachable_since();
  }));
}

TEST_F(ProducerKafkaTest, IsUnreachableSinceOpenWithoutABroker) {
  options_["bootstrap.servers"] = "127.0.0.1:1";
  const SteadyTime before = In(milliseconds(0));
  auto producer = NewProducer();
  const SteadyTime opened = In(milliseconds(0));
  ASSERT_TRUE(Eventually([&] {
    return producer->Serve([](const Delivery&) {}, milliseconds(10)).ok() &&
           !producer->last_error().empty();
  })) << "librdkafka has tried";
  ASSERT_TRUE(producer->unreachable_since().has_value());
  EXPECT_GE(*producer->unreachable_since(), before);
  EXPECT_LE(*producer->unreachable_since(), opened);
}

}  // namespace
}  // namespace walrelay::kafka
