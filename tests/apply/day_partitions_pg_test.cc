// cdc_raw.cdc_events in partitions of a day.
#include "apply/day_partitions.h"

#include "apply/objects.h"
#include "tests/apply/sink_fixture.h"

namespace walrelay::apply::testing {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year;

constexpr sys_days kDay = year(2031) / 12 / 30;

class RawDays : public BothSizes {
 protected:
  SinkOptions Days(int64_t keep_days = 0) {
    SinkOptions options = Options(SinkKind::kLake);
    options.raw_days = true;
    options.raw_keep_days = keep_days;
    return options;
  }
  pg::Connection Connect() {
    pg::ConnectionOptions session = lake->options();
    session.AddSetting("search_path", "pg_catalog");
    session.AddSetting("TimeZone", "UTC");
    auto connection = pg::Connection::Connect(session);
    EXPECT_TRUE(connection.ok());
    return *std::move(connection);
  }
  static std::string Partitions() {
    return lake->All(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE "
        "i.inhparent = 'cdc_raw.cdc_events'::regclass ORDER BY 1");
  }
  // A row of a day, as if it had been processed then.
  static void Row(std::string_view day, int offset) {
    lake->All(Cat("INSERT INTO cdc_raw.cdc_events (source_table, operation, kafka_topic, "
                  "kafka_partition, kafka_offset, processed_at) VALUES ('t', 'c', 'topic', 0, ",
                  offset, ", '", day, " 12:00:00+00')"));
  }
};
INSTANTIATE_TEST_SUITE_P(Sink, RawDays, testing::kWays, testing::WayName);

TEST_P(RawDays, TakeEventsAsThePlainTableDoes) {
  auto sink = Open(Days());
  Insert(1, R"("one")");
  Delete(1);
  MaybeMakeLarge();
  MustApply(*sink);
  EXPECT_EQ(lake->All("SELECT operation, kafka_offset, tableoid = to_regclass('cdc_raw.cdc_events_' "
                      "|| to_char(processed_at AT TIME ZONE 'UTC', 'YYYYMMDD')) FROM "
                      "cdc_raw.cdc_events WHERE kafka_offset < 3 ORDER BY id"),
            "c|0|t\nd|1|t");
  EXPECT_EQ(lake->One("SELECT sum(event_count) FROM cdc_raw.cdc_statistics"),
            lake->One("SELECT count(*) FROM cdc_raw.cdc_events"));
  EXPECT_EQ(lake->One("SELECT count(*) FROM pg_inherits WHERE inhparent = "
                      "'cdc_raw.cdc_events'::regclass"),
            Cat(1 + DayPartitions::kDaysAhead));
  // A second start finds it all.
  sink.reset();
  sink = Open(Days());
  EXPECT_EQ(sink->Apply(records.all)->repeated, offset);
}

TEST_P(RawDays, AreMadeAheadAndDroppedWhenTheyAreOld) {
  Open(Days());
  pg::Connection connection = Connect();
  lake->All("DROP TABLE cdc_raw.cdc_events CASCADE");
  ASSERT_TRUE(PrepareObjects(connection, Days()).ok());
  DayPartitions partitions(connection, 2);
  ASSERT_EQ(*partitions.Keep(kDay), 0);
  EXPECT_EQ(Partitions(),
            "cdc_events_20311230\ncdc_events_20311231\ncdc_events_20320101\ncdc_events_20320102");
  Row("2031-12-30", 0);
  Row("2031-12-31", 1);
  Row("2032-01-01", 2);
  ASSERT_EQ(*partitions.Keep(kDay + days(2)), 0);
  EXPECT_EQ(lake->All("SELECT kafka_offset FROM cdc_raw.cdc_events"), "0\n1\n2")
      << "30 December ended a day ago";
  ASSERT_EQ(*partitions.Keep(kDay + days(3)), 0);
  EXPECT_EQ(lake->All("SELECT kafka_offset FROM cdc_raw.cdc_events"), "1\n2");
  EXPECT_EQ(lake->One("SELECT max(c.relname) FROM pg_class c WHERE relname ~ '^cdc_events_[0-9]+$'"),
            "cdc_events_20320105");
  DayPartitions for_ever(connection, 0);
  ASSERT_EQ(*for_ever.Keep(kDay + days(1000)), 0);
  EXPECT_EQ(lake->All("SELECT kafka_offset FROM cdc_raw.cdc_events"), "1\n2");
}

TEST_P(RawDays, WaitForWhoeverReadsThem) {
  Open(Days());
  pg::Connection connection = Connect();
  DayPartitions partitions(connection, 1);
  ASSERT_EQ(*partitions.Keep(kDay), 0);
  Row("2031-12-30", 0);
  pg::Connection reader = Connect();
  ASSERT_TRUE(reader.Query("BEGIN; SELECT count(*) FROM cdc_raw.cdc_events").ok());
  EXPECT_GT(*partitions.Keep(kDay + days(2)), 0);
  EXPECT_EQ(lake->One("SELECT count(*) FROM cdc_raw.cdc_events"), "1");
  ASSERT_TRUE(reader.Query("COMMIT").ok());
  EXPECT_EQ(*partitions.Keep(kDay + days(2)), 0);
  EXPECT_EQ(lake->One("SELECT count(*) FROM cdc_raw.cdc_events"), "0");
}

TEST_P(RawDays, KeepARecordOnceWithinADay) {
  Open(Days());
  pg::Connection connection = Connect();
  ASSERT_EQ(*DayPartitions(connection, 0).Keep(kDay), 0);
  Row("2031-12-30", 0);
  const auto again = lake->connection().Query(
      "INSERT INTO cdc_raw.cdc_events (source_table, operation, kafka_topic, kafka_partition, "
      "kafka_offset, processed_at) VALUES ('t', 'c', 'topic', 0, 0, '2031-12-30 13:00:00+00')");
  EXPECT_FALSE(again.ok());
}

TEST_P(RawDays, TakePartitionsThatOthersHaveMade) {
  Open(Days());
  pg::Connection connection = Connect();
  lake->All(
      "CREATE TABLE cdc_raw.january PARTITION OF cdc_raw.cdc_events FOR VALUES FROM ('2032-01-01 "
      "00:00+00') TO ('2032-02-01 00:00+00')");
  ASSERT_EQ(*DayPartitions(connection, 0).Keep(kDay), 0);
  EXPECT_EQ(lake->All("SELECT relname FROM pg_class WHERE relname ~ '^cdc_events_203[0-9]+$' ORDER "
                      "BY 1"),
            "cdc_events_20311230\ncdc_events_20311231");
  Row("2032-01-03", 0);
  EXPECT_EQ(lake->One("SELECT count(*) FROM cdc_raw.january"), "1");
}

TEST_P(RawDays, AreNotMadeOfAPlainTable) {
  Open(Options(SinkKind::kLake));
  const auto refused = Sink::Open(Days());
  ASSERT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  const std::string_view says = Message(refused.status());
  const size_t what = says.find("ALTER TABLE");
  ASSERT_NE(what, std::string_view::npos) << says;
  lake->All(says.substr(what));
  auto sink = Open(Days());
  Insert(1, R"("one")");
  MaybeMakeLarge();
  MustApply(*sink);
  EXPECT_EQ(lake->One("SELECT event_count > 0 FROM cdc_raw.cdc_statistics"), "t");
  EXPECT_EQ(lake->One("SELECT count(*) FROM cdc_raw.cdc_events_before"), "0");
}

}  // namespace
}  // namespace walrelay::apply::testing
