// Encoders against slow, obvious second implementations, on random values: digits by halving, days
// by counting years, bits one by one. What is tabled elsewhere (infinity, NaN, the placeholders) is
// not repeated here.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "base/status.h"
#include "tests/envelope/codec_fixture.h"

namespace walrelay::envelope {
namespace {

constexpr int kRounds = 2000;

class Chance {
 public:
  int64_t Between(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random_);
  }
  bool OneIn(int n) { return Between(1, n) == 1; }
  uint64_t Bits() { return random_(); }
  std::string Digits(size_t count) {
    std::string digits;
    while (digits.size() < count) digits += static_cast<char>('0' + Between(0, 9));
    return digits;
  }

 private:
  std::mt19937_64 random_{20260101};
};

std::string Printf(const char* format, auto... values) {
  char text[400];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

// --- Bytes, base64 ---

using Bits = std::vector<bool>;  // The most significant first.

Bits BitsOf(const std::vector<uint8_t>& bytes) {
  Bits bits;
  for (const uint8_t byte : bytes) {
    for (int bit = 7; bit >= 0; --bit) bits.push_back((byte >> bit & 1) != 0);
  }
  return bits;
}

std::string Base64(const Bits& of) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  Bits bits = of;
  while (bits.size() % 6 != 0) bits.push_back(false);
  std::string text;
  for (size_t at = 0; at < bits.size(); at += 6) {
    size_t value = 0;
    for (size_t i = at; i < at + 6; ++i) value = value * 2 + (bits[i] ? 1 : 0);
    text += kAlphabet[value];
  }
  while (text.size() % 4 != 0) text += '=';
  return "\"" + text + "\"";
}

// --- Decimals: long division by hand ---

// Halves a number of decimal digits; its remainder.
int Halve(std::string& digits) {
  int carry = 0;
  for (char& digit : digits) {
    const int value = carry * 10 + (digit - '0');
    digit = static_cast<char>('0' + value / 2);
    carry = value % 2;
  }
  return carry;
}

// The shortest two's complement of a signed decimal integer, in whole bytes.
Bits TwosComplement(std::string digits, bool negative) {
  Bits bits;  // The least significant first.
  while (digits.find_first_not_of('0') != std::string::npos) bits.push_back(Halve(digits) != 0);
  bits.push_back(false);  // The sign.
  if (negative) {
    bool carry = true;
    for (size_t i = 0; i < bits.size(); ++i) {
      const bool inverted = !bits[i];
      bits[i] = inverted != carry;
      carry = inverted && carry;
    }
  }
  while (bits.size() > 1 && bits[bits.size() - 1] == bits[bits.size() - 2]) bits.pop_back();
  while (bits.size() % 8 != 0) bits.push_back(bits.back());
  return {bits.rbegin(), bits.rend()};
}

TEST(Reference, Decimals) {
  Chance chance;
  for (int round = 0; round < kRounds; ++round) {
    const size_t whole = static_cast<size_t>(chance.Between(1, 40));
    const size_t scale = static_cast<size_t>(chance.Between(0, 20));
    std::string left = chance.Digits(whole);
    if (left[0] == '0') left[0] = '1';
    if (chance.OneIn(4)) left = "0";
    const std::string right = chance.Digits(scale);
    const bool negative =
        chance.OneIn(2) && (left + right).find_first_not_of('0') != std::string::npos;
    const std::string text = Cat(negative ? "-" : "", left, scale == 0 ? "" : ".", right);
    const Bits bits = TwosComplement(left + right, negative);
    EXPECT_EQ(Encoded("numeric", text, NumericTypmod(60, static_cast<int32_t>(scale))),
              Base64(bits))
        << text;
    // Without a scale it is the text's, zeros at its end left out.
    std::string kept = right;
    while (!kept.empty() && kept.back() == '0') kept.pop_back();
    const std::string digits = left + kept;
    if (digits.find_first_not_of('0') == std::string::npos) continue;  // Zero is tabled.
    EXPECT_EQ(Encoded("numeric", text), Cat(R"({"scale":)", kept.size(), R"(,"value":)",
                                            Base64(TwosComplement(digits, negative)), "}"))
        << text;
  }
}

TEST(Reference, Money) {
  Chance chance;
  for (int round = 0; round < kRounds; ++round) {
    const int64_t cents = chance.Between(1, chance.OneIn(2) ? 100'000 : 1'000'000'000'000'000);
    const bool negative = chance.OneIn(2);
    std::string whole = std::to_string(cents / 100);
    for (int at = static_cast<int>(whole.size()) - 3; at > 0; at -= 3)
      whole.insert(static_cast<size_t>(at), ",");
    const std::string text =
        Cat(negative ? "-" : "", "$", whole, Printf(".%02d", static_cast<int>(cents % 100)));
    EXPECT_EQ(Encoded("money", text), Base64(TwosComplement(std::to_string(cents), negative)))
        << text;
  }
}

// --- Floating point: the first precision that reads back ---

// As Java: at least two digits, plain from a thousandth to ten millions, else one digit before the
// point.
std::string JavaText(std::string scientific) {  // "-d.ddde+XX"
  const size_t e = scientific.find('e');
  const int exponent = std::atoi(scientific.c_str() + e + 1);
  const bool negative = scientific[0] == '-';
  std::string digits;
  for (const char c : scientific.substr(0, e)) {
    if (c >= '0' && c <= '9') digits += c;
  }
  while (digits.size() > 1 && digits.back() == '0') digits.pop_back();
  std::string text;
  if (exponent >= -3 && exponent < 7) {
    while (static_cast<int>(digits.size()) < exponent + 2) digits += '0';
    const size_t before = exponent < 0 ? 0 : static_cast<size_t>(exponent) + 1;
    text = exponent < 0 ? Cat("0.", std::string(static_cast<size_t>(-exponent - 1), '0'), digits)
                        : Cat(digits.substr(0, before), ".", digits.substr(before));
    if (exponent < 0 && text.back() == '0' && text.size() > 3) text.pop_back();
  } else {
    text = Cat(digits.substr(0, 1), ".", digits.size() > 1 ? digits.substr(1) : "0", "E", exponent);
  }
  return negative ? "-" + text : text;
}

TEST(Reference, Doubles) {
  Chance chance;
  for (int round = 0; round < kRounds; ++round) {
    double value = std::bit_cast<double>(chance.Bits());
    if (chance.OneIn(2))
      value = static_cast<double>(chance.Between(-1'000'000'000, 1'000'000'000)) /
              std::pow(10, chance.Between(0, 12));
    if (!std::isfinite(value) || value == 0) continue;
    std::string shortest;
    for (int precision = 1; precision < 18; ++precision) {
      shortest = Printf("%.*e", precision, value);
      if (std::strtod(shortest.c_str(), nullptr) == value) break;
    }
    EXPECT_EQ(Encoded("float8", Printf("%.17g", value)), JavaText(shortest)) << shortest;
  }
}

TEST(Reference, Floats) {
  Chance chance;
  for (int round = 0; round < kRounds; ++round) {
    float value = std::bit_cast<float>(static_cast<uint32_t>(chance.Bits()));
    if (chance.OneIn(2)) value = static_cast<float>(chance.Between(-1'000'000, 1'000'000)) / 1000;
    if (!std::isfinite(value) || value == 0) continue;
    std::string shortest;
    for (int precision = 1; precision < 9; ++precision) {
      shortest = Printf("%.*e", precision, static_cast<double>(value));
      if (std::strtof(shortest.c_str(), nullptr) == value) break;
    }
    EXPECT_EQ(Encoded("float4", Printf("%.9g", static_cast<double>(value))), JavaText(shortest))
        << shortest;
  }
}

// --- Time: days counted year by year, month by month ---

bool IsLeap(int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

int64_t DaysOfMonth(int64_t year, int64_t month) {
  const int days[] = {31, IsLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return days[month - 1];
}

int64_t DaysSince1970(int64_t year, int64_t month, int64_t day) {
  int64_t days = day - 1;
  for (int64_t m = 1; m < month; ++m) days += DaysOfMonth(year, m);
  for (int64_t y = 1970; y < year; ++y) days += IsLeap(y) ? 366 : 365;
  for (int64_t y = year; y < 1970; ++y) days -= IsLeap(y) ? 366 : 365;
  return days;
}

struct Moment {
  int64_t year, month, day, micros;

  explicit Moment(Chance& chance, int64_t from = 1600, int64_t to = 9999)
      : year(chance.OneIn(3) ? chance.Between(1960, 2040) : chance.Between(from, to)),
        month(chance.Between(1, 12)),
        day(chance.Between(1, DaysOfMonth(year, month))),
        micros(chance.Between(0, 86'399'999'999)) {
    if (chance.OneIn(2)) micros -= micros % 1'000'000;
    if (chance.OneIn(2)) micros -= micros % 1000;
  }
  int64_t Days() const { return DaysSince1970(year, month, day); }
  int64_t Micros() const { return Days() * 86'400'000'000 + micros; }
  std::string Date() const { return Printf("%04ld-%02ld-%02ld", year, month, day); }
  // As PostgreSQL: zeros at the end of the fraction left out.
  std::string Time() const {
    std::string text =
        Printf("%02ld:%02ld:%02ld.%06ld", micros / 3'600'000'000, micros / 60'000'000 % 60,
               micros / 1'000'000 % 60, micros % 1'000'000);
    while (text.back() == '0') text.pop_back();
    if (text.back() == '.') text.pop_back();
    return text;
  }
};

TEST(Reference, DatesAndTimes) {
  Chance chance;
  for (int round = 0; round < kRounds; ++round) {
    const Moment moment(chance);
    const std::string stamp = Cat(moment.Date(), " ", moment.Time());
    EXPECT_EQ(Encoded("date", moment.Date()), std::to_string(moment.Days()));
    EXPECT_EQ(InSnapshot("date", moment.Date()), std::to_string(moment.Days()));
    EXPECT_EQ(Encoded("time", moment.Time()), std::to_string(moment.micros)) << moment.Time();
    EXPECT_EQ(Encoded("timestamp", stamp), std::to_string(moment.Micros())) << stamp;
    EXPECT_EQ(InSnapshot("timestamp", stamp), std::to_string(moment.Micros())) << stamp;
    const int64_t into = (moment.Micros() % 1000 + 1000) % 1000;
    if (into == 0) {
      EXPECT_EQ(Encoded("timestamp", stamp, 3), std::to_string(moment.Micros() / 1000)) << stamp;
    }
  }
}

TEST(Reference, ZonedTimestampsAreTheMomentInUtc) {
  Chance chance;
  for (int round = 0; round < kRounds; ++round) {
    const Moment utc(chance);
    const int64_t quarters = chance.Between(-48, 56);  // Offset from UTC.
    // The local wall clock, a day before or after where it must be.
    Moment local = utc;
    local.micros += quarters * 900'000'000;
    if (local.micros >= 86'400'000'000) {
      local.micros -= 86'400'000'000;
      if (++local.day > DaysOfMonth(local.year, local.month)) {
        local.day = 1;
        if (++local.month > 12) local.month = 1, ++local.year;
      }
    } else if (local.micros < 0) {
      local.micros += 86'400'000'000;
      if (--local.day < 1) {
        if (--local.month < 1) local.month = 12, --local.year;
        local.day = DaysOfMonth(local.year, local.month);
      }
    }
    if (local.year > 9999) continue;
    std::string zone = Printf("%c%02ld", quarters < 0 ? '-' : '+', std::labs(quarters) / 4);
    if (quarters % 4 != 0) zone += Printf(":%02ld", std::labs(quarters) % 4 * 15);
    const std::string text = Cat(local.Date(), " ", local.Time(), zone);
    const std::string digits = Printf("%06ld", utc.micros % 1'000'000);
    EXPECT_EQ(Encoded("timestamptz", text),
              Cat("\"", utc.Date(), "T", utc.Time().substr(0, 8), ".", digits, "Z\""))
        << text;
    EXPECT_EQ(Encoded("timetz", Cat(local.Time(), zone)), Cat("\"", utc.Time(), "Z\"")) << text;
  }
}

TEST(Reference, Intervals) {
  Chance chance;
  for (int round = 0; round < kRounds; ++round) {
    const int64_t years = chance.Between(-100, 100), months = chance.Between(-11, 11),
                  days = chance.Between(-400, 400);
    const int64_t seconds = chance.Between(0, 86399);
    const std::string text = Printf("%ld years %ld mons %ld days %02ld:%02ld:%02ld", years, months,
                                    days, seconds / 3600, seconds / 60 % 60, seconds % 60);
    // A month has the twelfth of 365.25 days.
    const int64_t expected = (years * 12 + months) * (36525 * 864 / 12) + days * 86'400 + seconds;
    EXPECT_EQ(Encoded("interval", text), std::to_string(expected * 1'000'000)) << text;
  }
}

// --- Bytes, bits, text, containers ---

TEST(Reference, BytesAndBits) {
  Chance chance;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<uint8_t> bytes(static_cast<size_t>(chance.Between(0, 40)));
    std::string hex = "\\x";
    for (uint8_t& byte : bytes) {
      byte = static_cast<uint8_t>(chance.Between(0, 255));
      hex += Printf("%02x", byte);
    }
    EXPECT_EQ(Encoded("bytea", hex), Base64(BitsOf(bytes)));

    // Little-endian, zero bytes at its end left out.
    std::string text;
    for (int64_t left = chance.Between(2, 70); left > 0; --left)
      text += chance.OneIn(2) ? '1' : '0';
    std::vector<uint8_t> little;
    std::string rest = text;
    while (!rest.empty()) {
      const size_t take = std::min<size_t>(8, rest.size());
      little.push_back(
          static_cast<uint8_t>(std::strtol(rest.substr(rest.size() - take).c_str(), nullptr, 2)));
      rest.resize(rest.size() - take);
    }
    while (!little.empty() && little.back() == 0) little.pop_back();
    EXPECT_EQ(Encoded("bit", text, static_cast<int32_t>(text.size())), Base64(BitsOf(little)))
        << text;
  }
}

// Jackson's, in ASCII beyond U+007F by UTF-16 units only where it must.
std::string JsonText(const std::u32string& text) {
  std::string json = "\"";
  for (const char32_t c : text) {
    if (c == '"' || c == '\\') {
      json += '\\';
      json += static_cast<char>(c);
    } else if (c == '\n') {
      json += "\\n";
    } else if (c == '\t') {
      json += "\\t";
    } else if (c < 0x20) {
      json += Printf("\\u%04X", static_cast<unsigned>(c));
    } else if (c < 0x80) {
      json += static_cast<char>(c);
    } else if (c < 0x800) {
      json += static_cast<char>(0xc0 | c >> 6);
      json += static_cast<char>(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
      json += static_cast<char>(0xe0 | c >> 12);
      json += static_cast<char>(0x80 | (c >> 6 & 0x3f));
      json += static_cast<char>(0x80 | (c & 0x3f));
    } else {
      json += Printf("\\u%04X\\u%04X", static_cast<unsigned>(0xd800 + ((c - 0x10000) >> 10)),
                     static_cast<unsigned>(0xdc00 + ((c - 0x10000) & 0x3ff)));
    }
  }
  return json + "\"";
}

std::string Utf8(const std::u32string& text) {
  std::string bytes;
  for (const char32_t c : text) {
    if (c < 0x80) {
      bytes += static_cast<char>(c);
      continue;
    }
    const int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    bytes += static_cast<char>((more == 1 ? 0xc0 : more == 2 ? 0xe0 : 0xf0) | c >> (6 * more));
    for (int i = more - 1; i >= 0; --i) bytes += static_cast<char>(0x80 | (c >> (6 * i) & 0x3f));
  }
  return bytes;
}

std::u32string RandomText(Chance& chance) {
  const char32_t letters[] = {U'a', U'"',   U'\\',  U'\n',   U'\t',    1,    0x1f, 0x7f,
                              U'ä', 0x2028, 0xfffd, 0x1f600, 0x10ffff, U'{', U',', U' '};
  std::u32string text;
  for (int64_t left = chance.Between(0, 12); left > 0; --left)
    text += letters[chance.Between(0, std::size(letters) - 1)];
  return text;
}

TEST(Reference, Texts) {
  Chance chance;
  for (int round = 0; round < kRounds; ++round) {
    const std::u32string text = RandomText(chance);
    EXPECT_EQ(Encoded("text", Utf8(text)), JsonText(text));
  }
}

TEST(Reference, Arrays) {
  Chance chance;
  for (int round = 0; round < kRounds; ++round) {
    std::string numbers = "{", numbers_json = "[", texts = "{", texts_json = "[";
    for (int64_t left = chance.Between(0, 6); left > 0; --left) {
      const bool null = chance.OneIn(5);
      const std::string number = std::to_string(chance.Between(INT32_MIN, INT32_MAX));
      const std::u32string text = RandomText(chance);
      std::string quoted = "\"";
      for (const char c : Utf8(text)) {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c;
      }
      const std::string comma = left > 1 ? "," : "";
      numbers += (null ? "NULL" : number) + comma;
      numbers_json += (null ? "null" : number) + comma;
      texts += (null ? "NULL" : quoted + "\"") + comma;
      texts_json += (null ? "null" : JsonText(text)) + comma;
    }
    EXPECT_EQ(Encoded("_int4", numbers + "}"), numbers_json + "]");
    EXPECT_EQ(Encoded("_text", texts + "}"), texts_json + "]") << texts;
  }
}

// The order of a java.util.HashMap of short ASCII keys: by the hash's low bits in a table that
// doubles beyond three quarters, and in a bucket by insertion.
TEST(Reference, HstoreInHashMapOrder) {
  Chance chance;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<std::string> keys;
    for (int64_t left = chance.Between(0, 30); left > 0; --left) {
      std::string key;
      for (int64_t length = chance.Between(1, 3); length > 0; --length)
        key += static_cast<char>('a' + chance.Between(0, 25));
      if (std::ranges::find(keys, key) == keys.end()) keys.push_back(key);
    }
    size_t buckets = 16;
    while (keys.size() * 4 > buckets * 3) buckets *= 2;
    std::map<size_t, std::vector<std::string>> table;
    std::string text;
    for (const std::string& key : keys) {
      uint32_t hash = 0;
      for (const char c : key) hash = hash * 31 + static_cast<uint32_t>(c);
      table[(hash ^ hash >> 16) % buckets].push_back(key);
      text += Cat(text.empty() ? "" : ", ", "\"", key, "\"=>\"", key, "v\"");
    }
    std::string json = "{";
    for (const auto& [bucket, in_order] : table) {
      for (const std::string& key : in_order)
        json += Cat(json.size() == 1 ? "" : ",", "\"", key, "\":\"", key, "v\"");
    }
    EXPECT_EQ(Encoded("hstore", text, -1, Compat::k2_5_0,
                      [](Options& options) { options.hstore = HstoreMode::kMap; }),
              json + "}")
        << text;
  }
}

}  // namespace
}  // namespace walrelay::envelope
