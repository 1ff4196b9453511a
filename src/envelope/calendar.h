// PostgreSQL's date and time text (DateStyle ISO) as numbers, by the calendars that Java applies to
// it.
//
// Days and microseconds count from 1970-01-01 UTC. Everything is proleptic Gregorian, but for what
// pgjdbc reads into java.sql.Date and java.sql.Timestamp: those are Julian before 1582-10-15. Pure;
// nullopt for text that is not of the form. Source: FORMAT.md §4.2; Java SE, java.time and
// GregorianCalendar.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "envelope/buffer.h"

namespace walrelay::envelope {

inline constexpr int64_t kMicrosPerSecond = 1'000'000;
inline constexpr int64_t kSecondsPerDay = 86'400;
inline constexpr int64_t kMicrosPerDay = kSecondsPerDay * kMicrosPerSecond;

// How a date in text becomes a day.
enum class Calendar {
  kGregorian,  // As it is written, for all years.
  kSqlDate,    // java.sql.Date's fields: the era is lost, the ten days missing in 1582 are skipped.
  kSqlTimestamp,  // java.sql.Timestamp's instant: Julian dates shift.
};

enum class Finite { kYes, kInfinity, kMinusInfinity };

struct DateValue {
  Finite finite = Finite::kYes;
  int64_t day = 0;
};
std::optional<DateValue> ParseDate(std::string_view text, Calendar calendar);

// "HH:MM:SS[.ffffff]", up to 24:00:00: microseconds since midnight.
std::optional<int64_t> ParseTime(std::string_view text);

// The same with an offset: microseconds since midnight UTC, 0 up to a day.
std::optional<int64_t> ParseTimeWithZone(std::string_view text);

struct TimestampValue {
  Finite finite = Finite::kYes;
  int64_t day = 0;
  int64_t micros_of_day = 0;
};
// With or without an offset. With one, the value is in UTC.
std::optional<TimestampValue> ParseTimestamp(std::string_view text, Calendar calendar);

// "2020-01-02", "-0043-03-15", "+20000-01-01".
void AppendIsoDate(Buffer& out, int64_t day);
// "HH:MM:SS" and a fraction: of exactly `digits` digits, or with none (0) as few as are needed.
void AppendIsoTime(Buffer& out, int64_t micros_of_day, int digits);

}  // namespace walrelay::envelope
