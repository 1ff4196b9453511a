#include "envelope/time_codecs.h"

#include <limits>
#include <optional>

#include "envelope/interval.h"

namespace walrelay::envelope {
namespace {

constexpr int64_t kMillisPerDay = 86'400'000;

// ±infinity as Debezium's streaming decoder (LocalDate of -5877611) and java.sql.Date (an int
// overflow) have it.
constexpr int64_t kInfinityDay = -2147472692;
constexpr int64_t kMinusInfinityDay = -2147472691;
constexpr int64_t kSqlInfinityDay = -622191234;
constexpr int64_t kSqlMinusInfinityDay = -625821272;

// pgjdbc's PGStatement.DATE_POSITIVE_INFINITY and DATE_NEGATIVE_INFINITY, in milliseconds, as
// Debezium's LocalDateTime constants give them in microseconds.
constexpr int64_t kInfinityMicros = 9'223'372'036'825'200'000;
constexpr int64_t kMinusInfinityMicros = -9'223'372'036'832'400'000;

int64_t DayOf(const DateValue& date, Calendar calendar) {
  const bool sql = calendar != Calendar::kGregorian;
  switch (date.finite) {
    case Finite::kYes:
      return date.day;
    case Finite::kInfinity:
      return sql ? kSqlInfinityDay : kInfinityDay;
    case Finite::kMinusInfinity:
      return sql ? kSqlMinusInfinityDay : kMinusInfinityDay;
  }
  return 0;
}

// TimeUnit.SECONDS.toMicros saturates; adding the microseconds then wraps.
int64_t EpochMicros(const TimestampValue& value) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  const int64_t seconds = value.day * kSecondsPerDay + value.micros_of_day / kMicrosPerSecond;
  int64_t micros = 0;
  if (__builtin_mul_overflow(seconds, kMicrosPerSecond, &micros))
    micros = seconds > 0 ? kMax : kMin;
  return static_cast<int64_t>(static_cast<uint64_t>(micros) +
                              static_cast<uint64_t>(value.micros_of_day % kMicrosPerSecond));
}

void AppendQuotedIso(Buffer& out, int64_t day, int64_t micros_of_day, int digits) {
  out.push_back('"');
  AppendIsoDate(out, day);
  out.push_back('T');
  AppendIsoTime(out, micros_of_day, digits);
  out.append("Z\"");
}

void AppendQuotedTime(Buffer& out, int64_t micros_of_day) {
  out.push_back('"');
  AppendIsoTime(out, micros_of_day % kMicrosPerDay, 0);
  out.append("Z\"");
}

// java.sql.Time: milliseconds of one day.
std::optional<int64_t> SqlTimeMillis(std::string_view text) {
  const auto micros = ParseTime(text);
  if (!micros) return std::nullopt;
  return *micros / 1000 % kMillisPerDay;
}

}  // namespace

bool EncodeDate(const Codec& codec, std::string_view text, Buffer& out) {
  const auto date = ParseDate(text, codec.calendar);
  if (!date) return false;
  out.AppendInt(DayOf(*date, codec.calendar));
  return true;
}

bool EncodeIsoDate(const Codec& codec, std::string_view text, Buffer& out) {
  const auto date = ParseDate(text, codec.calendar);
  if (!date) return false;
  out.push_back('"');
  if (date->finite == Finite::kYes || codec.calendar == Calendar::kGregorian) {
    AppendIsoDate(out, DayOf(*date, codec.calendar));
  } else {
    out.append(date->finite == Finite::kInfinity ? "+292278994-08-16" : "+292269055-12-02");
  }
  out.append("Z\"");
  return true;
}

bool EncodeTimeMillis(const Codec&, std::string_view text, Buffer& out) {
  const auto micros = ParseTime(text);
  if (!micros) return false;
  out.AppendInt(*micros / 1000);
  return true;
}

bool EncodeTimeMicros(const Codec&, std::string_view text, Buffer& out) {
  const auto micros = ParseTime(text);
  if (!micros) return false;
  out.AppendInt(*micros);
  return true;
}

bool EncodeTimeNanos(const Codec&, std::string_view text, Buffer& out) {
  const auto micros = ParseTime(text);
  if (!micros) return false;
  out.AppendInt(*micros * 1000);
  return true;
}

bool EncodeIsoTime(const Codec&, std::string_view text, Buffer& out) {
  const auto micros = ParseTime(text);
  if (!micros) return false;
  AppendQuotedTime(out, *micros);
  return true;
}

bool EncodeArrayTimeMillis(const Codec&, std::string_view text, Buffer& out) {
  const auto millis = SqlTimeMillis(text);
  if (!millis) return false;
  out.AppendInt(*millis);
  return true;
}

bool EncodeArrayTimeMicros(const Codec&, std::string_view text, Buffer& out) {
  const auto millis = SqlTimeMillis(text);
  if (!millis) return false;
  out.AppendInt(*millis * 1000);
  return true;
}

bool EncodeArrayTimeNanos(const Codec&, std::string_view text, Buffer& out) {
  const auto millis = SqlTimeMillis(text);
  if (!millis) return false;
  out.AppendInt(*millis * 1'000'000);
  return true;
}

bool EncodeArrayIsoTime(const Codec&, std::string_view text, Buffer& out) {
  const auto millis = SqlTimeMillis(text);
  if (!millis) return false;
  AppendQuotedTime(out, *millis * 1000);
  return true;
}

bool EncodeTimeWithZone(const Codec&, std::string_view text, Buffer& out) {
  const auto micros = ParseTimeWithZone(text);
  if (!micros) return false;
  AppendQuotedTime(out, *micros);
  return true;
}

bool EncodeArrayTimeWithZone(const Codec&, std::string_view text, Buffer& out) {
  const auto micros = ParseTimeWithZone(text);
  if (!micros) return false;
  AppendQuotedTime(out, *micros - *micros % kMicrosPerSecond);
  return true;
}

bool EncodeTimestampMillis(const Codec& codec, std::string_view text, Buffer& out) {
  const auto value = ParseTimestamp(text, codec.calendar);
  if (!value) return false;
  switch (value->finite) {
    case Finite::kYes:
      out.AppendInt(value->day * kMillisPerDay + value->micros_of_day / 1000);
      break;
    case Finite::kInfinity:
      out.AppendInt(kInfinityMicros / 1000);
      break;
    case Finite::kMinusInfinity:
      out.AppendInt(kMinusInfinityMicros / 1000);
      break;
  }
  return true;
}

bool EncodeTimestampMicros(const Codec& codec, std::string_view text, Buffer& out) {
  const auto value = ParseTimestamp(text, codec.calendar);
  if (!value) return false;
  switch (value->finite) {
    case Finite::kYes:
      out.AppendInt(EpochMicros(*value));
      break;
    case Finite::kInfinity:
      out.AppendInt(kInfinityMicros);
      break;
    case Finite::kMinusInfinity:
      out.AppendInt(kMinusInfinityMicros);
      break;
  }
  return true;
}

bool EncodeTimestampNanos(const Codec& codec, std::string_view text, Buffer& out) {
  const auto value = ParseTimestamp(text, codec.calendar);
  if (!value) return false;
  int64_t nanos = value->finite == Finite::kInfinity ? std::numeric_limits<int64_t>::max()
                                                     : std::numeric_limits<int64_t>::min();
  if (value->finite == Finite::kYes) {
    // Midnight and the time of day are each checked for range, so the last part of the first day
    // that would fit fails too.
    if (__builtin_mul_overflow(value->day, kMicrosPerDay * 1000, &nanos)) return false;
    if (__builtin_add_overflow(nanos, value->micros_of_day * 1000, &nanos)) return false;
  }
  out.AppendInt(nanos);
  return true;
}

bool EncodeArrayTimestampNanos(const Codec& codec, std::string_view text, Buffer& out) {
  const size_t start = out.size();
  if (EncodeTimestampNanos(codec, text, out)) return true;
  if (!ParseTimestamp(text, codec.calendar)) return false;
  out.Truncate(start);
  out.append("null");  // Out of range: that element only.
  return true;
}

bool EncodeIsoTimestamp(const Codec& codec, std::string_view text, Buffer& out) {
  const auto value = ParseTimestamp(text, codec.calendar);
  if (!value) return false;
  switch (value->finite) {
    case Finite::kYes:
      AppendQuotedIso(out, value->day, value->micros_of_day, 0);
      break;
    case Finite::kInfinity:
      out.append("\"+294247-01-10T04:00:25.2Z\"");
      break;
    case Finite::kMinusInfinity:
      out.append("\"-290308-12-21T19:59:27.6Z\"");
      break;
  }
  return true;
}

bool EncodeTimestampWithZone(const Codec& codec, std::string_view text, Buffer& out) {
  const auto value = ParseTimestamp(text, codec.calendar);
  if (!value) return false;
  switch (value->finite) {
    case Finite::kYes:
      AppendQuotedIso(out, value->day, value->micros_of_day, codec.scale);
      break;
    case Finite::kInfinity:
      out.append("\"infinity\"");
      break;
    case Finite::kMinusInfinity:
      out.append("\"-infinity\"");
      break;
  }
  return true;
}

bool EncodeArrayTimestampWithZone(const Codec& codec, std::string_view text, Buffer& out) {
  const auto value = ParseTimestamp(text, codec.calendar);
  if (!value) return false;
  if (value->finite == Finite::kYes) {
    AppendQuotedIso(out, value->day, value->micros_of_day, codec.scale);
    return true;
  }
  // The converter knows java.sql's positive infinity only.
  if (value->finite == Finite::kInfinity) {
    out.append("\"infinity\"");
    return true;
  }
  out.append("\"+292269055-12-02T");
  AppendIsoTime(out, 23 * 3600 * kMicrosPerSecond, codec.scale);
  out.append("Z\"");
  return true;
}

bool EncodeIntervalMicros(const Codec&, std::string_view text, Buffer& out) {
  const auto interval = ParseInterval(text);
  if (!interval) return false;
  out.AppendInt(DurationMicros(*interval));
  return true;
}

bool EncodeIntervalText(const Codec&, std::string_view text, Buffer& out) {
  const auto interval = ParseInterval(text);
  if (!interval) return false;
  out.push_back('"');
  AppendIsoInterval(out, *interval);
  out.push_back('"');
  return true;
}

}  // namespace walrelay::envelope
