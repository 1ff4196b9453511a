// What a consumer before us left in the tables of a sink.
#include "apply/takeover.h"

#include <gmock/gmock.h>

#include "tests/apply/sink_fixture.h"

namespace walrelay::apply {
namespace {

using testing::SinkTest;

TEST(TakeoverStart, IsTheFirstOffsetThatIsNotBothCommittedAndStored) {
  const auto start = [](std::optional<int64_t> committed, std::optional<int64_t> stored,
                        std::optional<int64_t> progress = std::nullopt, int64_t oldest = 0) {
    return TakeoverStart({.partition = {},
                          .committed = committed,
                          .progress = progress,
                          .oldest = oldest,
                          .end = 100},
                         stored);
  };
  EXPECT_EQ(start(47, 46), 47);
  EXPECT_EQ(start(47, std::nullopt), 47) << "a target, or a table that keeps no raw events";
  EXPECT_EQ(start(47, 49), 47) << "killed before it committed";
  EXPECT_EQ(start(47, 40), 41) << "tombstones, or what it could not store";
  EXPECT_EQ(start(47, 40, std::nullopt, 44), 44) << "Kafka has no older ones";
  EXPECT_EQ(start(47, 40, std::nullopt, 50), 47) << "Kafka has dropped what it had not read";
  EXPECT_EQ(start(47, 40, 45), 45) << "we had come there";
  EXPECT_EQ(start(std::nullopt, 49), 0) << "its group is forgotten";
  EXPECT_EQ(start(std::nullopt, 49, std::nullopt, 60), std::nullopt) << "nothing of it is left";
  EXPECT_EQ(start(std::nullopt, std::nullopt), std::nullopt);
}

TEST(StoredEvents, KnowTheirOffsets) {
  const TopicPartition partition{"t", 0};
  StoredEvents stored;
  stored.Add(partition, 3, 5);
  stored.Add(partition, 7, 8);
  std::string offsets;
  for (int64_t offset = 0; offset < 10; ++offset)
    if (stored.Contains(partition, offset)) offsets += Cat(offset, " ");
  EXPECT_EQ(offsets, "3 4 7 ");
  EXPECT_FALSE(stored.Contains({"t", 1}, 3));
  stored.Passed(partition, 5);
  EXPECT_TRUE(stored.Contains(partition, 7));
  stored.Passed(partition, 8);
  EXPECT_TRUE(stored.empty());
}

class TakeoverTest : public SinkTest {
 protected:
  void SetUp() override {
    SinkTest::SetUp();
    if (IsSkipped()) return;
    lake->All("CREATE SCHEMA cdc_raw");
    lake->All(
        "CREATE TABLE cdc_raw.cdc_events (id serial PRIMARY KEY, source_table varchar(255), "
        "operation varchar(10), event_key jsonb, before_data jsonb, after_data jsonb, "
        "source_metadata jsonb, kafka_topic varchar(255), kafka_partition int, kafka_offset int, "
        "event_timestamp timestamp, processed_at timestamp DEFAULT now())");
  }
  void Stored(std::initializer_list<int> offsets) {
    for (const int at : offsets) {
      lake->All(Cat("INSERT INTO cdc_raw.cdc_events (kafka_topic, kafka_partition, kafka_offset) "
                    "VALUES ('cdc.public.t', 0, ",
                    at, ")"));
    }
  }
  std::string Raw() {
    return lake->All("SELECT kafka_offset, source_table IS NOT NULL FROM cdc_raw.cdc_events ORDER "
                     "BY 1, id");
  }
  PartitionToTake Partition(std::optional<int64_t> committed) {
    return {.partition = {"cdc.public.t", 0}, .committed = committed, .progress = {}, .oldest = 0,
            .end = 10};
  }
};

TEST_F(TakeoverTest, RawEventsThatAreThereAreNotWrittenAgainAndGapsAreFilled) {
  Stored({0, 1, 2, 2, 4});
  for (int id = 0; id < 6; ++id) Insert(id, R"("a")");
  const auto sink = Open(Options(SinkKind::kLake));
  const PartitionToTake partitions[] = {Partition(2)};
  const auto taken = sink->TakeOver(partitions);
  ASSERT_TRUE(taken.ok()) << Message(taken.status());
  ASSERT_EQ(taken->size(), 1u);
  EXPECT_EQ(taken->front().from, 2);
  EXPECT_EQ(taken->front().stored, 2);
  EXPECT_EQ(MustApply(*sink).events, 4);
  EXPECT_EQ(Raw(), "0|f\n1|f\n2|f\n2|f\n3|t\n4|f\n5|t");
  EXPECT_EQ(lake->One("SELECT string_agg(id::text, ' ' ORDER BY id) FROM cdc_processed.t"),
            "2 3 4 5");
}

TEST_F(TakeoverTest, ANewSessionKnowsThemToo) {
  Stored({0, 1, 2});
  for (int id = 0; id < 4; ++id) Insert(id, R"("a")");
  const PartitionToTake partitions[] = {Partition(1)};
  ASSERT_TRUE(Open(Options(SinkKind::kLake))->TakeOver(partitions).ok());
  const auto sink = Open(Options(SinkKind::kLake));
  EXPECT_EQ(MustApply(*sink).events, 3);
  EXPECT_EQ(Raw(), "0|f\n1|f\n2|f\n3|t");
}

TEST_F(TakeoverTest, ItIsNeverMovedBack) {
  for (int id = 0; id < 4; ++id) Insert(id, R"("a")");
  const auto sink = Open(Options(SinkKind::kLake));
  MustApply(*sink);
  const PartitionToTake partitions[] = {Partition(2)};
  ASSERT_TRUE(sink->TakeOver(partitions).ok());
  EXPECT_EQ(lake->One("SELECT next_offset FROM walrelay.progress"), "4");
}

TEST_F(TakeoverTest, ATopicThatWasMadeAnewStopsIt) {
  Stored({12});
  const auto sink = Open(Options(SinkKind::kLake));
  const PartitionToTake partitions[] = {Partition(2)};
  EXPECT_EQ(sink->TakeOver(partitions).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(lake->One("SELECT count(*) FROM walrelay.progress"), "0");
}

TEST_F(TakeoverTest, APlanNeedsNothingOfOursAndMakesNothing) {
  Stored({0, 1, 2});
  Takeover takeover(lake->connection(), "test", SinkKind::kLake);
  const PartitionToTake partitions[] = {Partition(1)};
  const auto planned = takeover.Plan(partitions);
  ASSERT_TRUE(planned.ok()) << Message(planned.status());
  EXPECT_EQ(planned->front().stored, 2);
  EXPECT_EQ(lake->One("SELECT to_regnamespace('walrelay') IS NULL"), "t");
}

}  // namespace
}  // namespace walrelay::apply
