#include "apply/temporal.h"

#include <gtest/gtest.h>

namespace walrelay::apply {
namespace {

std::string Date(int64_t days) {
  std::string text;
  AppendDate(days, text);
  return text;
}
std::string Timestamp(int64_t value, int digits) {
  std::string text;
  AppendTimestamp(value, digits, text);
  return text;
}
std::string Interval(int64_t micros) {
  std::string text;
  AppendInterval(micros, text);
  return text;
}
std::string Iso(std::string_view iso, bool keep_zone = true) {
  std::string text;
  return AppendIsoDateTime(iso, keep_zone, text) ? text : "(refused)";
}

TEST(AppendDate, CountsDaysInBothDirectionsAndAcrossTheEra) {
  EXPECT_EQ(Date(0), "1970-01-01");
  EXPECT_EQ(Date(-1), "1969-12-31");
  EXPECT_EQ(Date(11'016), "2000-02-29");
  EXPECT_EQ(Date(-719'162), "0001-01-01");
  EXPECT_EQ(Date(-719'163), "0001-12-31 BC");
  EXPECT_EQ(Date(-735'160), "0044-03-15 BC");
  EXPECT_EQ(Date(6'585'322), "20000-01-01");
}

TEST(AppendDate, KnowsWhatStandsForInfinity) {
  EXPECT_EQ(Date(-2147472692), "infinity");
  EXPECT_EQ(Date(-2147472691), "-infinity");
  EXPECT_EQ(Date(-622191234), "infinity");
  EXPECT_EQ(Date(-625821272), "-infinity");
}

TEST(AppendTime, EndsWithTheDay) {
  std::string text;
  EXPECT_TRUE(AppendTime(86'400'000'000, text));
  EXPECT_EQ(text, "24:00:00");
  EXPECT_FALSE(AppendTime(86'400'000'001, text));
  EXPECT_FALSE(AppendTime(-1, text));
  text.clear();
  EXPECT_TRUE(AppendTime(42'690'000'001, text));
  EXPECT_EQ(text, "11:51:30.000001");
}

TEST(AppendTimestamp, ReadsEachUnit) {
  EXPECT_EQ(Timestamp(1'577'934'245'987, 3), "2020-01-02 03:04:05.987");
  EXPECT_EQ(Timestamp(1'577'934'245'987'654, 6), "2020-01-02 03:04:05.987654");
  EXPECT_EQ(Timestamp(1'577'934'245'987'654'000, 9), "2020-01-02 03:04:05.987654000");
  EXPECT_EQ(Timestamp(-1, 6), "1969-12-31 23:59:59.999999");
  EXPECT_EQ(Timestamp(-62'135'596'800'001, 3), "0001-12-31 23:59:59.999 BC");
}

TEST(AppendTimestamp, KnowsWhatStandsForInfinity) {
  EXPECT_EQ(Timestamp(9223372036825200000, 6), "infinity");
  EXPECT_EQ(Timestamp(-9223372036832400000, 6), "-infinity");
  EXPECT_EQ(Timestamp(9223372036825200, 3), "infinity");
  EXPECT_EQ(Timestamp(-9223372036832400, 3), "-infinity");
  EXPECT_EQ(Timestamp(INT64_MAX, 9), "infinity");
  EXPECT_EQ(Timestamp(INT64_MIN, 9), "-infinity");
}

TEST(AppendInterval, SignsEveryPartAndTakesWholeMeanMonthsForMonths) {
  EXPECT_EQ(Interval(0), "00:00:00");
  EXPECT_EQ(Interval(86'400'000'000), "1 days");
  EXPECT_EQ(Interval(95'400'000'001), "1 days 02:30:00.000001");
  EXPECT_EQ(Interval(-95'400'000'000), "-1 days -02:30:00");
  EXPECT_EQ(Interval(-1), "-00:00:00.000001");
  EXPECT_EQ(Interval(2'629'800'000'000), "1 mons");
  EXPECT_EQ(Interval(-31'557'600'000'000), "-12 mons");
  EXPECT_EQ(Interval(INT64_MIN), "-106751991 days -04:00:54.775808");
}

TEST(AppendIsoDateTime, TurnsProlepticYearsIntoErasAndLeavesTheRest) {
  EXPECT_EQ(Iso("2018-06-20T13:37:03.000000Z"), "2018-06-20 13:37:03.000000Z");
  EXPECT_EQ(Iso("-0043-03-15T12:00:00.5Z"), "0044-03-15 12:00:00.5Z BC");
  EXPECT_EQ(Iso("0000-01-01T00:00:00Z"), "0001-01-01 00:00:00Z BC");
  EXPECT_EQ(Iso("+20000-01-01T00:00:00Z"), "20000-01-01 00:00:00Z");
  EXPECT_EQ(Iso("2020-01-02Z", false), "2020-01-02");
  EXPECT_EQ(Iso("infinity"), "infinity");
  EXPECT_EQ(Iso("-infinity"), "-infinity");
  EXPECT_EQ(Iso("+294247-01-10T04:00:25.2Z", false), "infinity");
  EXPECT_EQ(Iso("-290308-12-21T19:59:27.6Z", false), "-infinity");
  EXPECT_EQ(Iso("-5877611-06-21Z", false), "infinity");
  EXPECT_EQ(Iso("-5877611-06-22Z", false), "-infinity");
  EXPECT_EQ(Iso("nonsense"), "(refused)");
  EXPECT_EQ(Iso(""), "(refused)");
}

}  // namespace
}  // namespace walrelay::apply
