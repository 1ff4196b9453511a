#include "envelope/interval.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <string>

#include "envelope/decimal.h"
#include "envelope/java_text.h"

namespace walrelay::envelope {
namespace {

template <class Number>
bool Parse(std::string_view text, Number& value) {
  if (text.empty()) {  // pgjdbc's nullSafe…Get.
    value = 0;
    return true;
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

// PGInterval keeps whole seconds and microseconds apart.
double RoundedSeconds(double seconds) {
  const double whole = std::trunc(seconds);
  const double micros = std::floor((seconds - whole) * 1e6 + 0.5);  // Math.round
  return whole + micros / 1e6;
}

// "[-]HH:MM[:SS.ffffff]"; the sign holds for all parts.
bool ParseClock(std::string_view token, IntervalValue& out) {
  const bool negative = token[0] == '-';
  if (negative) token.remove_prefix(1);
  const size_t colon = token.find(':');
  if (!Parse(token.substr(0, colon), out.hours)) return false;
  token.remove_prefix(colon + 1);
  if (!Parse(token.substr(0, 2), out.minutes)) return false;
  const size_t second_colon = token.find(':');
  if (second_colon != std::string_view::npos && !Parse(token.substr(second_colon + 1), out.seconds))
    return false;
  if (negative) {
    out.hours = -out.hours;
    out.minutes = -out.minutes;
    out.seconds = -out.seconds;
  }
  return true;
}

bool ParseUnit(std::string_view unit, std::string_view number, IntervalValue& out) {
  if (unit.substr(0, 4) == "year") return Parse(number, out.years);
  if (unit.substr(0, 3) == "mon") return Parse(number, out.months);
  if (unit.substr(0, 3) == "day") return Parse(number, out.days);
  if (unit.substr(0, 4) == "hour") return Parse(number, out.hours);
  if (unit.substr(0, 3) == "min") return Parse(number, out.minutes);
  if (unit.substr(0, 3) == "sec") return Parse(number, out.seconds);
  return true;
}

// "P1Y2M3DT4H5M6.78S"
bool ParseIso(std::string_view text, IntervalValue& out) {
  bool time = false;
  std::string_view number;
  size_t start = 1;
  for (size_t i = 1; i < text.size(); ++i) {
    const char c = text[i];
    if (c == 'T') {
      time = true;
      start = i + 1;
      continue;
    }
    if (c < 'A' || c > 'Z') continue;
    number = text.substr(start, i - start);
    start = i + 1;
    bool parsed = true;
    if (c == 'Y') parsed = Parse(number, out.years);
    if (c == 'M') parsed = Parse(number, time ? out.minutes : out.months);
    if (c == 'D') parsed = Parse(number, out.days);
    if (c == 'H') parsed = Parse(number, out.hours);
    if (c == 'S') parsed = Parse(number, out.seconds);
    if (!parsed) return false;
  }
  return true;
}

IntervalValue Negated(const IntervalValue& value) {
  return {.years = -value.years,
          .months = -value.months,
          .days = -value.days,
          .hours = -value.hours,
          .minutes = -value.minutes,
          .seconds = -value.seconds};
}

// "1 year -2 mons +3 days -04:05:06.78", "@ 1 year 2 mons ago": a number and its unit in turn, or a
// clock.
bool ParseWords(std::string_view text, IntervalValue& out) {
  std::string_view number;
  bool expect_unit = false;
  bool ago = false;
  while (!text.empty()) {
    if (text[0] == ' ' || text[0] == '+' || text[0] == '@') {
      text.remove_prefix(1);
      continue;
    }
    const size_t end = std::min(text.find_first_of(" +@"), text.size());
    const std::string_view token = text.substr(0, end);
    text.remove_prefix(end);
    if (token == "ago") {
      ago = true;
    } else if (expect_unit) {
      if (!ParseUnit(token, number, out)) return false;
      expect_unit = false;
    } else if (token.find(':') != std::string_view::npos) {
      if (!ParseClock(token, out)) return false;
    } else {
      number = token;
      expect_unit = true;
    }
  }
  if (ago) out = Negated(out);
  return true;
}

}  // namespace

std::optional<IntervalValue> ParseInterval(std::string_view text) {
  IntervalValue value;
  if (text == "infinity" || text == "-infinity") return value;
  const bool parsed =
      !text.empty() && text[0] == 'P' ? ParseIso(text, value) : ParseWords(text, value);
  if (!parsed) return std::nullopt;
  value.seconds = RoundedSeconds(value.seconds);
  return value;
}

int64_t DurationMicros(const IntervalValue& interval) {
  constexpr double kDaysPerMonth = 365.25 / 12.0;
  const auto months =
      static_cast<int32_t>(static_cast<uint32_t>(interval.years) * 12u +
                           static_cast<uint32_t>(interval.months));  // Wraps as Java's int.
  const double days = months * kDaysPerMonth + interval.days;
  const double seconds =
      (((days * 24 + interval.hours) * 60) + interval.minutes) * 60 + interval.seconds;
  const double micros = seconds * 1e6;
  if (micros >= 9223372036854775807.0) return std::numeric_limits<int64_t>::max();
  if (micros <= -9223372036854775808.0) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(micros);
}

void AppendIsoInterval(Buffer& out, const IntervalValue& interval) {
  out.push_back('P');
  out.AppendInt(interval.years);
  out.push_back('Y');
  out.AppendInt(interval.months);
  out.push_back('M');
  out.AppendInt(interval.days);
  out.append("DT");
  out.AppendInt(interval.hours);
  out.push_back('H');
  out.AppendInt(interval.minutes);
  out.push_back('M');
  Buffer seconds;
  AppendJavaDouble(seconds, interval.seconds);
  if (const auto decimal = ParseDecimal(seconds.view())) AppendPlain(out, Stripped(*decimal));
  out.push_back('S');
}

}  // namespace walrelay::envelope
