#include "envelope/calendar.h"

#include <gtest/gtest.h>

#include "envelope/interval.h"

namespace walrelay::envelope {
namespace {

std::optional<int64_t> Day(std::string_view text, Calendar calendar = Calendar::kGregorian) {
  const auto date = ParseDate(text, calendar);
  if (!date || date->finite != Finite::kYes) return std::nullopt;
  return date->day;
}

std::string IsoDate(int64_t day) {
  Buffer out;
  AppendIsoDate(out, day);
  return std::string(out.view());
}

std::string IsoTime(int64_t micros, int digits) {
  Buffer out;
  AppendIsoTime(out, micros, digits);
  return std::string(out.view());
}

TEST(Calendar, ReadsDatesOfAllYears) {
  EXPECT_EQ(Day("1970-01-01"), 0);
  EXPECT_EQ(Day("1969-12-31"), -1);
  EXPECT_EQ(Day("2000-02-29"), 11016);
  EXPECT_EQ(Day("0001-01-01"), -719162);
  EXPECT_EQ(Day("0001-12-31 BC"), -719163);
  EXPECT_EQ(IsoDate(*Day("0044-03-15 BC")), "-0043-03-15");
  EXPECT_EQ(IsoDate(*Day("5874897-12-31")), "+5874897-12-31");
  EXPECT_EQ(IsoDate(*Day("9999-12-31")), "9999-12-31");
  EXPECT_EQ(IsoDate(*Day("0001-01-01 BC")), "0000-01-01");
}

TEST(Calendar, EveryDayIsReadBack) {
  for (int64_t day = -1'000'000; day < 1'000'000; day += 13) {
    std::string text = IsoDate(day);
    if (text[0] == '-' || text.substr(0, 4) == "0000") continue;
    ASSERT_EQ(Day(text), day) << text;
  }
}

TEST(Calendar, KnowsWhatJavaSqlMakesOfOldDates) {
  // GregorianCalendar is Julian before 1582-10-15.
  EXPECT_EQ(IsoDate(*Day("0001-01-01", Calendar::kSqlTimestamp)), "0000-12-30");
  EXPECT_EQ(IsoDate(*Day("1582-10-04", Calendar::kSqlTimestamp)), "1582-10-14");
  EXPECT_EQ(IsoDate(*Day("1582-10-10", Calendar::kSqlTimestamp)), "1582-10-20");
  EXPECT_EQ(IsoDate(*Day("1582-10-15", Calendar::kSqlTimestamp)), "1582-10-15");
  // java.sql.Date keeps the fields, but for the era and the ten days that are missing.
  EXPECT_EQ(IsoDate(*Day("0044-03-15 BC", Calendar::kSqlDate)), "0044-03-15");
  EXPECT_EQ(IsoDate(*Day("1582-10-04", Calendar::kSqlDate)), "1582-10-04");
  EXPECT_EQ(IsoDate(*Day("1582-10-10", Calendar::kSqlDate)), "1582-10-20");
  EXPECT_EQ(Day("0001-02-29 BC", Calendar::kSqlDate), std::nullopt)
      << "there is none in the year 1";
}

TEST(Calendar, ReadsTimes) {
  EXPECT_EQ(ParseTime("00:00:00"), 0);
  EXPECT_EQ(ParseTime("24:00:00"), kMicrosPerDay);
  EXPECT_EQ(ParseTime("11:51:30.1"), 42'690'100'000);
  EXPECT_EQ(ParseTimeWithZone("11:51:30.123789+02"), 35'490'123'789);
  EXPECT_EQ(ParseTimeWithZone("24:00:00+00"), 0);
  EXPECT_EQ(ParseTimeWithZone("00:00:00+05:30:15"), kMicrosPerDay - 19'815 * kMicrosPerSecond);
  EXPECT_EQ(ParseTimeWithZone("23:59:59.999999-15:59"), 57'539'999'999);
}

TEST(Calendar, ReadsTimestampsIntoUtc) {
  const auto value = ParseTimestamp("2020-01-01 01:00:00.5+02", Calendar::kGregorian);
  ASSERT_TRUE(value);
  EXPECT_EQ(IsoDate(value->day), "2019-12-31");
  EXPECT_EQ(value->micros_of_day, (23 * 3600 + 0) * kMicrosPerSecond + 500'000);
  EXPECT_EQ(ParseTimestamp("-infinity", Calendar::kGregorian)->finite, Finite::kMinusInfinity);
  const auto bc = ParseTimestamp("0044-03-15 12:00:00+00 BC", Calendar::kGregorian);
  ASSERT_TRUE(bc);
  EXPECT_EQ(IsoDate(bc->day), "-0043-03-15");
}

TEST(Calendar, RefusesOtherText) {
  for (const char* text :
       {"", "2020", "2020-1-1", "2020-01-01x", "2020-01-01 10", "infinit", "CURRENT_DATE"}) {
    EXPECT_FALSE(ParseDate(text, Calendar::kGregorian)) << text;
    EXPECT_FALSE(ParseTimestamp(text, Calendar::kGregorian)) << text;
  }
  for (const char* text : {"", "1:00", "10", "10:00:00x", "noon"})
    EXPECT_FALSE(ParseTime(text)) << text;
}

TEST(Calendar, PrintsFractionsFixedOrAsShortAsTheyAre) {
  EXPECT_EQ(IsoTime(0, 0), "00:00:00");
  EXPECT_EQ(IsoTime(1, 0), "00:00:00.000001");
  EXPECT_EQ(IsoTime(500'000, 0), "00:00:00.5");
  EXPECT_EQ(IsoTime(500'000, 3), "00:00:00.500");
  EXPECT_EQ(IsoTime(0, 6), "00:00:00.000000");
}

std::string IsoInterval(std::string_view text) {
  Buffer out;
  AppendIsoInterval(out, *ParseInterval(text));
  return std::string(out.view());
}

TEST(Interval, IsReadInEveryStyleOfTheServer) {
  const char* expected = "P1Y2M3DT4H5M6.78S";
  EXPECT_EQ(IsoInterval("1 year 2 mons 3 days 04:05:06.78"), expected);
  EXPECT_EQ(IsoInterval("@ 1 year 2 mons 3 days 4 hours 5 mins 6.78 secs"), expected);
  EXPECT_EQ(IsoInterval("P1Y2M3DT4H5M6.78S"), expected);
  EXPECT_EQ(IsoInterval("@ 1 day 2 secs ago"), "P0Y0M-1DT0H0M-2S");
  EXPECT_EQ(IsoInterval("-1 days -04:05:06.000001"), "P0Y0M-1DT-4H-5M-6.000001S");
  EXPECT_EQ(IsoInterval("1 year -1 mons +1 day -00:00:00.1"), "P1Y-1M1DT0H0M-0.1S");
  EXPECT_EQ(IsoInterval("00:00:00"), "P0Y0M0DT0H0M0S");
  EXPECT_EQ(IsoInterval("infinity"), "P0Y0M0DT0H0M0S");
  EXPECT_FALSE(ParseInterval("2562047788:00:54.775807")) << "more hours than an int holds";
}

TEST(Interval, HasMonthsOfTheAverageLength) {
  EXPECT_EQ(DurationMicros(*ParseInterval("1 mon")), 2'629'800'000'000);
  EXPECT_EQ(DurationMicros(*ParseInterval("1 day")), 86'400'000'000);
  EXPECT_EQ(DurationMicros(*ParseInterval("-00:00:00.1")), -100'000);
  EXPECT_EQ(DurationMicros(*ParseInterval("178000000 years")), INT64_MAX) << "saturates";
  EXPECT_EQ(DurationMicros(*ParseInterval("-178000000 years")), INT64_MIN);
}

}  // namespace
}  // namespace walrelay::envelope
