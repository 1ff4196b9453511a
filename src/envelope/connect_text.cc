#include "envelope/connect_text.h"

#include <array>
#include <ctime>

#include "base/json.h"
#include "base/status.h"
#include "envelope/binary_text.h"
#include "envelope/calendar.h"
#include "envelope/decimal.h"
#include "envelope/unquoted.h"

namespace walrelay::envelope {
namespace {

constexpr std::string_view kConnectData = "org.apache.kafka.connect.data.";
constexpr int64_t kMillisPerDay = 86'400'000;

bool IsConnect(const ConnectSchema& schema, std::string_view name) {
  return schema.name.size() == kConnectData.size() + name.size() &&
         schema.name.rfind(kConnectData, 0) == 0 &&
         std::string_view(schema.name).substr(kConnectData.size()) == name;
}

// Milliseconds of a java.util.Date, when the value is one.
std::optional<int64_t> DateMillis(const ConnectSchema& schema, JsonValue value) {
  if (IsConnect(schema, "Date")) return value.Int().value_or(0) * kMillisPerDay;
  if (IsConnect(schema, "Time") || IsConnect(schema, "Timestamp")) return value.Int().value_or(0);
  return std::nullopt;
}

int64_t FloorDiv(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

// Values.dateFormatFor: a time below one day, a date at midnight, else both.
std::string HeaderDate(int64_t millis) {
  const int64_t day = FloorDiv(millis, kMillisPerDay);
  const int64_t millis_of_day = millis - day * kMillisPerDay;
  Buffer out;
  if (millis >= kMillisPerDay) {
    Buffer date;
    AppendIsoDate(date, day);
    // SimpleDateFormat has no sign before a year of five digits.
    out.append(date.view().substr(date.view().front() == '+' ? 1 : 0));
    if (millis_of_day == 0) return std::string(out.view());
    out.push_back('T');
  }
  AppendIsoTime(out, millis_of_day * 1000, 3);
  out.push_back('Z');
  return std::string(out.view());
}

// The date of a day in the Julian calendar, which Java has before 1582-10-15. `tm_year` counts from
// 1900, and below it is the year before Christ.
std::tm JulianDate(int64_t day) {
  // Years that begin in March, so that the leap day is the last. Days since March 1 of the year 0.
  const int64_t since = day + 719'470;
  const int64_t cycle = FloorDiv(since, 1461);
  const int64_t day_of_cycle = since - cycle * 1461;
  const int64_t year_of_cycle = (day_of_cycle - day_of_cycle / 1460) / 365;
  const int64_t day_of_year = day_of_cycle - year_of_cycle * 365;
  const int64_t month = (5 * day_of_year + 2) / 153;  // 0 is March.
  int64_t year = cycle * 4 + year_of_cycle + (month >= 10 ? 1 : 0);
  if (year <= 0) year = 1 - year;
  std::tm date{};
  date.tm_mday = static_cast<int>(day_of_year - (153 * month + 2) / 5 + 1);
  date.tm_mon = static_cast<int>((month + 2) % 12);
  date.tm_year = static_cast<int>(year - 1900);
  return date;
}

// java.util.Date.toString in UTC: "Thu Jan 01 00:00:00 UTC 1970".
std::string DateText(int64_t millis) {
  constexpr int64_t kFirstGregorianDay = -141'427;  // 1582-10-15
  const int64_t day = FloorDiv(millis, kMillisPerDay);
  const auto seconds = static_cast<std::time_t>(FloorDiv(millis, 1000));
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  if (day < kFirstGregorianDay) {
    const std::tm julian = JulianDate(day);
    parts.tm_mday = julian.tm_mday;
    parts.tm_mon = julian.tm_mon;
    parts.tm_year = julian.tm_year;
  }
  std::array<char, 64> text{};
  std::strftime(text.data(), text.size(), "%a %b %d %H:%M:%S UTC %Y", &parts);
  return text.data();
}

// BigDecimal.toString of a Decimal in either of the converter's formats.
std::string DecimalText(const ConnectSchema& schema, JsonValue value, bool decimal_numeric) {
  if (decimal_numeric) return std::string(value.text());
  int64_t scale = 0;
  for (const auto& [name, text] : schema.parameters) {
    if (name == "scale") scale = std::strtoll(text.c_str(), nullptr, 10);
  }
  const std::string unscaled = UnscaledText(value.text());
  auto decimal = ParseDecimal(unscaled);
  if (!decimal) return {};
  decimal->scale = scale;
  Buffer out;
  AppendBigDecimal(out, *decimal);
  return std::string(out.view());
}

// The two notations share the walk over the value.
enum class Notation { kHeader, kToString };

class TextWriter {
 public:
  TextWriter(Notation notation, bool decimal_numeric)
      : notation_(notation), decimal_numeric_(decimal_numeric) {}

  void Append(const ConnectSchema& schema, JsonValue value) {
    if (value.is_null()) {
      out += "null";
    } else if (schema.type == "struct") {
      AppendStruct(schema, value, nullptr);
    } else if (schema.type == "array") {
      AppendArray(schema, value);
    } else if (schema.type == "map") {
      AppendMap(schema, value);
    } else {
      AppendScalar(schema, value);
    }
  }

  void AppendStruct(const ConnectSchema& schema, JsonValue value, const NullMask* nulls) {
    out += header() ? "{" : "Struct{";
    bool first = true;
    for (size_t i = 0; i < schema.fields.size(); ++i) {
      const auto& [name, field] = schema.fields[i];
      const JsonValue member = value[name];
      if (!header() && (member.is_null() || (nulls != nullptr && (*nulls)[i]))) continue;
      if (!first) out += ',';
      first = false;
      if (header()) {
        AppendQuoted(name);
        out += ':';
      } else {
        out += name;
        out += '=';
      }
      Append(field, member);
    }
    out += '}';
  }

  std::string out;

 private:
  bool header() const { return notation_ == Notation::kHeader; }

  void AppendQuoted(std::string_view text) {
    out += '"';
    for (const char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }

  void AppendArray(const ConnectSchema& schema, JsonValue value) {
    out += '[';
    bool first = true;
    for (const JsonValue item : value) {
      if (!first) out += header() ? "," : ", ";
      first = false;
      Append(schema.items[0], item);
    }
    out += ']';
  }

  void AppendMap(const ConnectSchema& schema, JsonValue value) {
    out += '{';
    bool first = true;
    for (auto member = value.begin(); member != value.end(); ++member) {
      if (!first) out += header() ? "," : ", ";
      first = false;
      if (header()) {
        AppendQuoted(member.name());
        out += ':';
      } else {
        out += member.name();
        out += '=';
      }
      Append(schema.items[1], *member);
    }
    out += '}';
  }

  void AppendScalar(const ConnectSchema& schema, JsonValue value) {
    if (const auto millis = DateMillis(schema, value)) {
      out += header() ? HeaderDate(*millis) : DateText(*millis);
    } else if (IsConnect(schema, "Decimal")) {
      out += DecimalText(schema, value, decimal_numeric_);
    } else if (schema.type == "bytes" && !header()) {
      const size_t size = DecodeBase64(value.text()).size();
      out += Cat("java.nio.HeapByteBuffer[pos=0 lim=", size, " cap=", size, "]");
    } else if (value.Bool()) {
      out += *value.Bool() ? "true" : "false";
    } else if (header() && (schema.type == "string" || schema.type == "bytes")) {
      AppendQuoted(value.text());
    } else {
      out += value.text();  // Numbers, NaN without its quotes, and text as it is.
    }
  }

  const Notation notation_;
  const bool decimal_numeric_;
};

}  // namespace

std::string HeaderText(const ConnectSchema& key, std::string_view json, bool decimal_numeric) {
  JsonReader reader;
  const auto value = reader.Parse(json);
  TextWriter writer(Notation::kHeader, decimal_numeric);
  if (value.ok()) writer.Append(key, *value);
  return std::move(writer.out);
}

std::string KeyText(const ConnectSchema& key, std::string_view json, const NullMask& nulls,
                    bool decimal_numeric) {
  JsonReader reader;
  const auto value = reader.Parse(json);
  TextWriter writer(Notation::kToString, decimal_numeric);
  if (value.ok()) writer.AppendStruct(key, *value, &nulls);
  return std::move(writer.out);
}

std::string_view HeaderValueText(const ConnectSchema& schema, std::string_view json,
                                 bool decimal_numeric, Buffer& out) {
  const bool nested = schema.type == "struct" || schema.type == "array" || schema.type == "map";
  if (!nested && schema.name.rfind(kConnectData, 0) != 0) return Unquoted(json, out);
  out.append(HeaderText(schema, json, decimal_numeric));
  return out.view();
}

std::string ObjectText(const ConnectSchema& schema, std::string_view json, bool decimal_numeric) {
  JsonReader reader;
  const auto value = reader.Parse(json);
  TextWriter writer(Notation::kToString, decimal_numeric);
  if (value.ok()) writer.Append(schema, *value);
  return std::move(writer.out);
}

}  // namespace walrelay::envelope
