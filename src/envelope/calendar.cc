#include "envelope/calendar.h"

namespace walrelay::envelope {
namespace {

// Reads a date or time from front to back; remembers a failure.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool Skip(char c) {
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void Expect(char c) { failed_ = !Skip(c) || failed_; }

  // At least `least` digits.
  int64_t Digits(size_t least, size_t most) {
    int64_t value = 0;
    size_t count = 0;
    while (count < most && !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9') {
      value = value * 10 + (rest_[0] - '0');
      rest_.remove_prefix(1);
      ++count;
    }
    failed_ = count < least || failed_;
    return value;
  }

  // ".ffffff" as microseconds; digits beyond are dropped. 0 when there is none.
  int64_t FractionMicros() {
    if (!Skip('.')) return 0;
    int64_t micros = 0;
    int count = 0;
    while (!rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9') {
      if (count < 6) micros = micros * 10 + (rest_[0] - '0');
      rest_.remove_prefix(1);
      ++count;
    }
    for (; count < 6; ++count) micros *= 10;
    return micros;
  }

  bool Ends(std::string_view suffix) {
    if (rest_ != suffix) return false;
    rest_ = {};
    return true;
  }
  char Peek() const { return rest_.empty() ? '\0' : rest_[0]; }
  bool Finished() const { return !failed_ && rest_.empty(); }
  bool failed() const { return failed_; }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

struct YearMonthDay {
  int64_t year = 0;  // 0 is 1 BC.
  int64_t month = 0;
  int64_t day = 0;
};

int64_t FloorDiv(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

// Days since 1970-01-01, with years that begin in March so that the leap day is the last one.
int64_t GregorianDay(YearMonthDay date) {
  const int64_t year = date.year - (date.month <= 2 ? 1 : 0);
  const int64_t era = FloorDiv(year, 400);
  const int64_t year_of_era = year - era * 400;
  const int64_t day_of_year =
      (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;
  const int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

int64_t JulianDay(YearMonthDay date) {
  const int64_t year = date.year - (date.month <= 2 ? 1 : 0);
  const int64_t era = FloorDiv(year, 4);
  const int64_t day_of_year =
      (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;
  return era * 1461 + (year - era * 4) * 365 + day_of_year - 719470;
}

YearMonthDay GregorianDate(int64_t day) {
  day += 719468;
  const int64_t era = FloorDiv(day, 146097);
  const int64_t day_of_era = day - era * 146097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t shifted = (5 * day_of_year + 2) / 153;
  const int64_t month = shifted + (shifted < 10 ? 3 : -9);
  return {.year = year_of_era + era * 400 + (month <= 2 ? 1 : 0),
          .month = month,
          .day = day_of_year - (153 * shifted + 2) / 5 + 1};
}

constexpr int64_t kGregorianCutover = -141427;  // 1582-10-15.

bool IsLeap(int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

// nullopt where Java's LocalDate.of would refuse the fields.
std::optional<int64_t> Day(YearMonthDay date, Calendar calendar) {
  if (calendar == Calendar::kGregorian || GregorianDay(date) >= kGregorianCutover)
    return GregorianDay(date);
  const int64_t julian = JulianDay(date);
  if (calendar == Calendar::kSqlTimestamp || julian >= kGregorianCutover) return julian;
  if (date.year <= 0) date.year = 1 - date.year;
  if (date.month == 2 && date.day == 29 && !IsLeap(date.year)) return std::nullopt;
  return GregorianDay(date);
}

std::optional<Finite> ParseInfinity(std::string_view text) {
  if (text == "infinity") return Finite::kInfinity;
  if (text == "-infinity") return Finite::kMinusInfinity;
  return std::nullopt;
}

YearMonthDay ScanDate(Scanner& in) {
  YearMonthDay date;
  date.year = in.Digits(4, 9);
  in.Expect('-');
  date.month = in.Digits(2, 2);
  in.Expect('-');
  date.day = in.Digits(2, 2);
  return date;
}

int64_t ScanTime(Scanner& in) {
  int64_t seconds = in.Digits(2, 2) * 3600;
  in.Expect(':');
  seconds += in.Digits(2, 2) * 60;
  if (in.Skip(':')) seconds += in.Digits(2, 2);
  return seconds * kMicrosPerSecond + in.FractionMicros();
}

// "+HH[:MM[:SS]]" in seconds; 0 when there is none.
int64_t ScanOffset(Scanner& in) {
  const bool minus = in.Peek() == '-';
  if (!minus && in.Peek() != '+') return 0;
  in.Skip(in.Peek());
  int64_t seconds = in.Digits(2, 2) * 3600;
  if (in.Skip(':')) seconds += in.Digits(2, 2) * 60;
  if (in.Skip(':')) seconds += in.Digits(2, 2);
  return minus ? -seconds : seconds;
}

void ApplyEra(Scanner& in, YearMonthDay& date) {
  if (in.Ends(" BC")) date.year = 1 - date.year;
}

// `count` digits at `at`; false in `digits` when one is not.
int64_t FixedDigits(std::string_view text, size_t at, size_t count, bool& digits) {
  int64_t value = 0;
  for (size_t i = at; i < at + count; ++i) {
    const auto digit = static_cast<unsigned char>(text[i] - '0');
    digits = digits && digit <= 9;
    value = value * 10 + digit;
  }
  return value;
}

// The form that nearly all timestamps have, read at fixed places: YYYY-MM-DD HH:MM:SS[.f…], perhaps
// +00 behind it, after the Gregorian calendar began. nullopt: read it the long way.
std::optional<TimestampValue> ParseOrdinary(std::string_view text, Calendar calendar) {
  constexpr size_t kWithoutFraction = 19;
  if (text.size() < kWithoutFraction || text[4] != '-' || text[7] != '-' || text[10] != ' ' ||
      text[13] != ':' || text[16] != ':') {
    return std::nullopt;
  }
  if (text.substr(text.size() - 3) == "+00") text.remove_suffix(3);
  bool digits = true;
  const YearMonthDay date = {.year = FixedDigits(text, 0, 4, digits),
                             .month = FixedDigits(text, 5, 2, digits),
                             .day = FixedDigits(text, 8, 2, digits)};
  const int64_t seconds = FixedDigits(text, 11, 2, digits) * 3600 +
                          FixedDigits(text, 14, 2, digits) * 60 + FixedDigits(text, 17, 2, digits);
  int64_t micros = 0;
  if (text.size() > kWithoutFraction) {
    const size_t count = text.size() - kWithoutFraction - 1;
    if (text[kWithoutFraction] != '.' || count > 6) return std::nullopt;
    micros = FixedDigits(text, kWithoutFraction + 1, count, digits);
    for (size_t i = count; i < 6; ++i) micros *= 10;
  }
  const int64_t day = GregorianDay(date);
  if (!digits || (calendar != Calendar::kGregorian && day < kGregorianCutover)) return std::nullopt;
  return TimestampValue{
      .finite = Finite::kYes, .day = day, .micros_of_day = seconds * kMicrosPerSecond + micros};
}

char* TwoDigits(char* at, int64_t value) {
  *at++ = static_cast<char>('0' + value / 10);
  *at++ = static_cast<char>('0' + value % 10);
  return at;
}

}  // namespace

std::optional<DateValue> ParseDate(std::string_view text, Calendar calendar) {
  if (const auto infinite = ParseInfinity(text)) return DateValue{.finite = *infinite, .day = 0};
  Scanner in(text);
  YearMonthDay date = ScanDate(in);
  ApplyEra(in, date);
  if (!in.Finished()) return std::nullopt;
  const auto day = Day(date, calendar);
  if (!day) return std::nullopt;
  return DateValue{.finite = Finite::kYes, .day = *day};
}

std::optional<int64_t> ParseTime(std::string_view text) {
  Scanner in(text);
  const int64_t micros = ScanTime(in);
  if (!in.Finished()) return std::nullopt;
  return micros;
}

std::optional<int64_t> ParseTimeWithZone(std::string_view text) {
  Scanner in(text);
  int64_t micros = ScanTime(in);
  micros -= ScanOffset(in) * kMicrosPerSecond;
  if (!in.Finished()) return std::nullopt;
  return micros - FloorDiv(micros, kMicrosPerDay) * kMicrosPerDay;
}

std::optional<TimestampValue> ParseTimestamp(std::string_view text, Calendar calendar) {
  if (const auto value = ParseOrdinary(text, calendar)) return value;
  if (const auto infinite = ParseInfinity(text))
    return TimestampValue{.finite = *infinite, .day = 0, .micros_of_day = 0};
  Scanner in(text);
  YearMonthDay date = ScanDate(in);
  int64_t micros = 0;
  int64_t offset = 0;
  if (in.Peek() == ' ' && text.size() > 13 && text[text.find(' ') + 1] != 'B') {
    in.Expect(' ');
    micros = ScanTime(in);
    offset = ScanOffset(in);
  }
  ApplyEra(in, date);
  if (!in.Finished()) return std::nullopt;
  const auto day = Day(date, calendar);
  if (!day) return std::nullopt;
  micros -= offset * kMicrosPerSecond;
  const int64_t carry = FloorDiv(micros, kMicrosPerDay);
  return TimestampValue{
      .finite = Finite::kYes, .day = *day + carry, .micros_of_day = micros - carry * kMicrosPerDay};
}

void AppendIsoDate(Buffer& out, int64_t day) {
  const YearMonthDay date = GregorianDate(day);
  const int64_t year = date.year < 0 ? -date.year : date.year;
  char* at = out.Reserve(32);
  if (date.year < 0) *at++ = '-';
  if (date.year > 9999) *at++ = '+';
  if (year <= 9999) {
    at = TwoDigits(TwoDigits(at, year / 100), year % 100);
  } else {
    at = std::to_chars(at, at + 20, year).ptr;
  }
  *at++ = '-';
  at = TwoDigits(at, date.month);
  *at++ = '-';
  at = TwoDigits(at, date.day);
  out.Commit(at);
}

void AppendIsoTime(Buffer& out, int64_t micros_of_day, int digits) {
  const int64_t seconds = micros_of_day / kMicrosPerSecond;
  int64_t fraction = micros_of_day % kMicrosPerSecond;
  char* at = out.Reserve(24);
  at = TwoDigits(at, seconds / 3600);
  *at++ = ':';
  at = TwoDigits(at, seconds / 60 % 60);
  *at++ = ':';
  at = TwoDigits(at, seconds % 60);
  if (digits > 0 || fraction != 0) {
    *at++ = '.';
    int64_t unit = kMicrosPerSecond / 10;
    for (int i = 0; digits > 0 ? i < digits : fraction != 0; ++i, unit /= 10) {
      *at++ = static_cast<char>('0' + (unit == 0 ? 0 : fraction / unit));
      if (unit != 0) fraction %= unit;
    }
  }
  out.Commit(at);
}

}  // namespace walrelay::envelope
