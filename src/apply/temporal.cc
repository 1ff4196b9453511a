#include "apply/temporal.h"

#include <charconv>

#include "base/status.h"

namespace walrelay::apply {
namespace {

constexpr int64_t kMicrosPerSecond = 1'000'000;
constexpr int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;
constexpr int64_t kMicrosPerMonth = 2'629'800'000'000;  // 365.25 / 12 days, as Debezium counts.

// LocalDate -5877611-06-21 and -22 (streaming), java.sql.Date of ±infinity (snapshot and arrays).
constexpr int64_t kInfinityDays = -2147472692, kMinusInfinityDays = -2147472691;
constexpr int64_t kSqlInfinityDays = -622191234, kSqlMinusInfinityDays = -625821272;
// pgjdbc's ±infinity in milliseconds.
constexpr int64_t kInfinityMillis = 9223372036825200, kMinusInfinityMillis = -9223372036832400;

struct CivilDate {
  int64_t year;
  unsigned month, day;
};

// Proleptic Gregorian; "chrono-Compatible Low-Level Date Algorithms", civil_from_days. Exact for
// all days that any of Debezium's numbers can mean.
CivilDate CivilFromDays(int64_t days) {
  days += 719'468;
  const int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const auto day_of_era = static_cast<uint64_t>(days - era * 146'097);
  const uint64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const uint64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const uint64_t shifted_month = (5 * day_of_year + 2) / 153;
  const auto day = static_cast<unsigned>(day_of_year - (153 * shifted_month + 2) / 5 + 1);
  const auto month =
      static_cast<unsigned>(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
  return {static_cast<int64_t>(year_of_era) + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

void AppendPadded(int64_t value, int width, std::string& out) {
  char digits[24];
  const char* end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  for (auto missing = width - (end - digits); missing > 0; --missing) out.push_back('0');
  out.append(digits, static_cast<size_t>(end - digits));
}

// Leaves the " BC" to the caller: it comes after the time.
bool AppendCivil(int64_t days, std::string& out) {
  const CivilDate date = CivilFromDays(days);
  const bool before_christ = date.year <= 0;
  AppendPadded(before_christ ? 1 - date.year : date.year, 4, out);
  out.push_back('-');
  AppendPadded(date.month, 2, out);
  out.push_back('-');
  AppendPadded(date.day, 2, out);
  return before_christ;
}

void AppendClock(int64_t seconds, int64_t fraction, int digits, std::string& out) {
  AppendPadded(seconds / 3600, 2, out);
  out.push_back(':');
  AppendPadded(seconds / 60 % 60, 2, out);
  out.push_back(':');
  AppendPadded(seconds % 60, 2, out);
  if (fraction == 0) return;
  out.push_back('.');
  AppendPadded(fraction, digits, out);
}

int64_t PowerOfTen(int digits) {
  return digits == 3 ? 1'000 : digits == 6 ? 1'000'000 : 1'000'000'000;
}

bool IsInfinity(int64_t value, int digits, bool* negative) {
  const int64_t plus = digits == 3   ? kInfinityMillis
                       : digits == 6 ? kInfinityMillis * 1000
                                     : INT64_MAX;
  const int64_t minus = digits == 3   ? kMinusInfinityMillis
                        : digits == 6 ? kMinusInfinityMillis * 1000
                                      : INT64_MIN;
  *negative = value == minus;
  return value == plus || value == minus;
}

}  // namespace

void AppendDate(int64_t days, std::string& out) {
  if (days == kInfinityDays || days == kSqlInfinityDays) {
    out.append("infinity");
  } else if (days == kMinusInfinityDays || days == kSqlMinusInfinityDays) {
    out.append("-infinity");
  } else if (AppendCivil(days, out)) {
    out.append(" BC");
  }
}

bool AppendTime(int64_t micros, std::string& out) {
  if (micros < 0 || micros > kMicrosPerDay) return false;
  AppendClock(micros / kMicrosPerSecond, micros % kMicrosPerSecond, 6, out);
  return true;
}

void AppendTimestamp(int64_t value, int digits, std::string& out) {
  bool negative = false;
  if (IsInfinity(value, digits, &negative)) {
    out.append(negative ? "-infinity" : "infinity");
    return;
  }
  const int64_t units = PowerOfTen(digits);
  int64_t seconds = value / units;
  int64_t fraction = value % units;
  if (fraction < 0) {
    fraction += units;
    --seconds;
  }
  int64_t days = seconds / 86'400;
  int64_t clock = seconds % 86'400;
  if (clock < 0) {
    clock += 86'400;
    --days;
  }
  const bool before_christ = AppendCivil(days, out);
  out.push_back(' ');
  AppendClock(clock, fraction, digits, out);
  if (before_christ) out.append(" BC");
}

void AppendInterval(int64_t micros, std::string& out) {
  if (micros != 0 && micros % kMicrosPerMonth == 0) {
    AppendPadded(micros / kMicrosPerMonth, 1, out);
    out.append(" mons");
    return;
  }
  // Debezium's days have 24 hours. Every part carries its own sign.
  const int64_t days = micros / kMicrosPerDay;
  if (days != 0) out.append(Cat(days, " days"));
  const int64_t clock = micros % kMicrosPerDay;
  if (clock == 0 && days != 0) return;
  if (days != 0) out.push_back(' ');
  if (clock < 0) out.push_back('-');
  const int64_t magnitude = clock < 0 ? -clock : clock;
  AppendClock(magnitude / kMicrosPerSecond, magnitude % kMicrosPerSecond, 6, out);
}

bool AppendIsoDateTime(std::string_view iso, bool keep_zone, std::string& out) {
  if (iso == "infinity" || iso == "-infinity") {
    out.append(iso);
    return true;
  }
  const bool negative = iso.starts_with('-');
  std::string_view rest = iso;
  if (negative || iso.starts_with('+')) rest.remove_prefix(1);
  const size_t year_digits = rest.find('-');
  int64_t year = 0;
  if (year_digits == std::string_view::npos ||
      std::from_chars(rest.data(), rest.data() + year_digits, year).ptr !=
          rest.data() + year_digits) {
    return false;
  }
  // Java's last instants: +292278994 and +294247 stand for infinity, -290308 and +292269055 (the
  // era is lost in arrays) for -infinity. LocalDate's -5877611-06-21 is +infinity, the day before
  // -infinity: the wrong way round.
  if (year == 292'278'994 || (!negative && rest == "294247-01-10T04:00:25.2Z") ||
      (negative && rest.starts_with("5877611-06-21"))) {
    out.append("infinity");
    return true;
  }
  if (year == 292'269'055 || (negative && (year == 290'308 || year == 5'877'611))) {
    out.append("-infinity");
    return true;
  }
  const bool before_christ = negative || year == 0;
  AppendPadded(before_christ ? year + 1 : year, 4, out);
  for (char c : rest.substr(year_digits)) {
    if (c == 'Z' && !keep_zone) continue;
    out.push_back(c == 'T' ? ' ' : c);
  }
  if (before_christ) out.append(" BC");
  return true;
}

}  // namespace walrelay::apply
