#include "envelope/scalar_codecs.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "base/json_escape.h"
#include "envelope/binary_text.h"
#include "envelope/decimal.h"
#include "envelope/java_text.h"

namespace walrelay::envelope {
namespace {

// A floating-point number as PostgreSQL or Java writes it.
template <class Float>
std::optional<Float> ParseFloat(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  if (text == "NaN") return std::numeric_limits<Float>::quiet_NaN();
  if (text == "Infinity") return std::numeric_limits<Float>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<Float>::infinity();
  if (text.empty() || text.find_first_not_of("0123456789+-.eE") != std::string_view::npos)
    return std::nullopt;
  Float value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    // from_chars does not say which way; a number whose exponent is not negative is too large.
    const bool small = text.find("e-") != std::string_view::npos ||
                       text.find("E-") != std::string_view::npos ||
                       text.find_first_not_of("-0.") == std::string_view::npos ||
                       text.substr(0, 3) == "0.0" || text.substr(0, 4) == "-0.0";
    value = small ? Float{0} : std::numeric_limits<Float>::infinity();
    return text.front() == '-' ? -value : value;
  }
  return value;
}

template <class Write>
void Quoted(Buffer& out, Write write) {
  out.push_back('"');
  write();
  out.push_back('"');
}

// PostgreSQL ≥ 14 has infinite numerics as well.
bool IsSpecialDecimal(std::string_view text) {
  return text == "NaN" || text == "Infinity" || text == "-Infinity";
}

bool AppendDecimal(const Codec& codec, const Decimal& decimal, Buffer& out) {
  if (codec.decimal_numeric) {
    AppendBigDecimal(out, decimal);
  } else {
    AppendUnscaledBase64(out, decimal);
  }
  return true;
}

// "-$1,234.50", "($1.00)", "1.234,50 €": the digits; the last mark with two digits behind it is the
// point.
std::optional<std::string> MoneyText(std::string_view text) {
  std::string digits;
  const bool negative = text.find_first_of("-(") != std::string_view::npos;
  const size_t last = text.find_last_of("0123456789");
  if (last == std::string_view::npos) return std::nullopt;
  for (size_t i = 0; i <= last; ++i) {
    const char c = text[i];
    if (c >= '0' && c <= '9') digits.push_back(c);
    if ((c == '.' || c == ',') && last - i == 2 && !digits.empty()) digits.push_back('.');
  }
  return negative ? "-" + digits : digits;
}

std::optional<double> MoneyDouble(std::string_view text) {
  const auto digits = MoneyText(text);
  return digits ? ParseFloat<double>(*digits) : std::nullopt;
}

// Bytes of a bytea, in `scratch`.
bool ByteaBytes(std::string_view text, Buffer& scratch) {
  scratch.clear();
  return AppendByteaBytes(scratch, text);
}

// Little-endian bytes up to the highest '1'; the last character is bit 0.
void BitBytes(std::string_view text, Buffer& bytes) {
  const size_t first = text.find('1');
  if (first == std::string_view::npos) return;
  const size_t bits = text.size() - first;
  char* const at = bytes.Reserve((bits + 7) / 8);
  std::fill_n(at, (bits + 7) / 8, '\0');
  for (size_t bit = 0; bit < bits; ++bit) {
    if (text[text.size() - 1 - bit] == '1')
      at[bit / 8] = static_cast<char>(at[bit / 8] | 1 << bit % 8);
  }
  bytes.Commit(at + (bits + 7) / 8);
}

void AppendLittleEndian(Buffer& out, double value) {
  auto bits = std::bit_cast<uint64_t>(value);
  for (int i = 0; i < 8; ++i, bits >>= 8) out.push_back(static_cast<char>(bits & 0xFF));
}

// Splits at `separator`, calls item(text) until it returns false.
template <class Item>
bool ForEachPart(std::string_view text, char separator, Item item) {
  while (true) {
    const size_t end = text.find(separator);
    if (!item(text.substr(0, end))) return false;
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + 1);
  }
}

std::string_view Unwrapped(std::string_view text, char open, char close) {
  if (text.size() < 2 || text.front() != open || text.back() != close) return {};
  return text.substr(1, text.size() - 2);
}

template <class Float, class Append>
bool EncodeVector(std::string_view text, Buffer& out, Append append) {
  const std::string_view items = Unwrapped(text, '[', ']');
  if (items.empty()) return false;
  out.push_back('[');
  bool first = true;
  const bool parsed = ForEachPart(items, ',', [&](std::string_view item) {
    const auto value = ParseFloat<Float>(item);
    if (!value) return false;
    if (!first) out.push_back(',');
    first = false;
    append(out, *value);
    return true;
  });
  out.push_back(']');
  return parsed;
}

std::optional<int16_t> ParseShort(std::string_view text) {
  int16_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

void AppendJsonText(Buffer& out, std::string_view text) {
  out.Reserve(text.size() + 2);
  out.push_back('"');
  AppendJsonEscaped(out, text);
  out.push_back('"');
}

bool EncodeBool(const Codec&, std::string_view text, Buffer& out) {
  out.append(text == "t" || text == "true" ? "true" : "false");
  return true;
}

bool EncodeInteger(const Codec&, std::string_view text, Buffer& out) {
  out.append(text);
  return !text.empty();
}

bool EncodeFloat(const Codec&, std::string_view text, Buffer& out) {
  const auto value = ParseFloat<float>(text);
  if (!value) return false;
  AppendJsonFloat(out, *value);
  return true;
}

bool EncodeDouble(const Codec&, std::string_view text, Buffer& out) {
  const auto value = ParseFloat<double>(text);
  if (!value) return false;
  AppendJsonDouble(out, *value);
  return true;
}

bool EncodeText(const Codec&, std::string_view text, Buffer& out) {
  AppendJsonText(out, text);
  return true;
}

bool EncodeDecimal(const Codec& codec, std::string_view text, Buffer& out) {
  if (!codec.decimal_numeric && AppendSmallUnscaledBase64(out, text, codec.scale)) return true;
  const auto decimal = ParseDecimal(text);
  if (!decimal) return false;
  const auto scaled = WithScale(*decimal, codec.scale);
  return scaled && AppendDecimal(codec, *scaled, out);
}

bool EncodeVariableDecimal(const Codec&, std::string_view text, Buffer& out) {
  const auto decimal = ParseDecimal(text);
  if (!decimal) return false;
  const Decimal stripped = Stripped(*decimal);
  out.append("{\"scale\":");
  out.AppendInt(stripped.scale);
  out.append(",\"value\":");
  AppendUnscaledBase64(out, stripped);
  out.push_back('}');
  return true;
}

bool EncodeDecimalDouble(const Codec&, std::string_view text, Buffer& out) {
  const auto value = ParseFloat<double>(text);
  if (!value) return false;
  AppendJsonDouble(out, *value == 0 ? 0.0 : *value);  // A BigDecimal has no negative zero.
  return true;
}

bool EncodeDecimalText(const Codec& codec, std::string_view text, Buffer& out) {
  if (IsSpecialDecimal(text)) {
    out.append(text == "NaN"    ? "\"NAN\""
               : text[0] == '-' ? "\"NEGATIVE_INFINITY\""
                                : "\"POSITIVE_INFINITY\"");
    return true;
  }
  auto decimal = ParseDecimal(text);
  if (!decimal) return false;
  if (decimal->scale < codec.scale) decimal = WithScale(*decimal, codec.scale);
  Quoted(out, [&] { AppendPlain(out, *decimal); });
  return true;
}

bool EncodeFiniteDecimalDouble(const Codec& codec, std::string_view text, Buffer& out) {
  return !IsSpecialDecimal(text) && EncodeDecimalDouble(codec, text, out);
}

bool EncodeFiniteDecimalText(const Codec& codec, std::string_view text, Buffer& out) {
  return !IsSpecialDecimal(text) && EncodeDecimalText(codec, text, out);
}

bool EncodeMoney(const Codec& codec, std::string_view text, Buffer& out) {
  const auto digits = MoneyText(text);
  const auto decimal = digits ? ParseDecimal(*digits) : std::nullopt;
  if (!decimal) return false;
  std::string scratch;
  return AppendDecimal(codec, RoundedHalfUp(*decimal, codec.scale, scratch), out);
}

bool EncodeMoneyDouble(const Codec&, std::string_view text, Buffer& out) {
  const auto value = MoneyDouble(text);
  if (!value) return false;
  AppendJsonDouble(out, *value);
  return true;
}

bool EncodeMoneyText(const Codec&, std::string_view text, Buffer& out) {
  const auto digits = MoneyText(text);
  const auto decimal = digits ? ParseDecimal(*digits) : std::nullopt;
  if (!decimal) return false;
  Quoted(out, [&] { AppendPlain(out, *decimal); });
  return true;
}

bool EncodeMoneyViaDouble(const Codec& codec, std::string_view text, Buffer& out) {
  const auto value = MoneyDouble(text);
  if (!value) return false;
  Buffer java;
  AppendJavaDouble(java, *value);
  const auto decimal = ParseDecimal(java.view());
  if (!decimal) return false;
  std::string scratch;
  return AppendDecimal(codec, RoundedHalfUp(*decimal, codec.scale, scratch), out);
}

bool EncodeMoneyTextViaDouble(const Codec&, std::string_view text, Buffer& out) {
  const auto value = MoneyDouble(text);
  if (!value) return false;
  Quoted(out, [&] { AppendJavaDouble(out, *value); });
  return true;
}

bool EncodeByteaBase64(const Codec&, std::string_view text, Buffer& out) {
  Buffer bytes;
  if (!ByteaBytes(text, bytes)) return false;
  Quoted(out, [&] { AppendBase64(out, bytes.view()); });
  return true;
}

bool EncodeByteaUrlSafe(const Codec&, std::string_view text, Buffer& out) {
  Buffer bytes;
  if (!ByteaBytes(text, bytes)) return false;
  Quoted(out, [&] { AppendBase64(out, bytes.view(), true); });
  return true;
}

bool EncodeByteaHex(const Codec&, std::string_view text, Buffer& out) {
  Buffer bytes;
  if (!ByteaBytes(text, bytes)) return false;
  Quoted(out, [&] { AppendHex(out, bytes.view()); });
  return true;
}

bool EncodeRawBase64(const Codec&, std::string_view text, Buffer& out) {
  Quoted(out, [&] { AppendBase64(out, text); });
  return true;
}

bool EncodeRawUrlSafe(const Codec&, std::string_view text, Buffer& out) {
  Quoted(out, [&] { AppendBase64(out, text, true); });
  return true;
}

bool EncodeRawHex(const Codec&, std::string_view text, Buffer& out) {
  Quoted(out, [&] { AppendHex(out, text); });
  return true;
}

bool EncodeBit(const Codec&, std::string_view text, Buffer& out) {
  if (text.empty() || text.find_first_not_of("01") != std::string_view::npos) return false;
  out.append(text.find('1') == std::string_view::npos ? "false" : "true");
  return true;
}

bool EncodeBits(const Codec&, std::string_view text, Buffer& out) {
  Buffer bytes;
  BitBytes(text, bytes);
  Quoted(out, [&] { AppendBase64(out, bytes.view()); });
  return true;
}

bool EncodePoint(const Codec&, std::string_view text, Buffer& out) {
  const std::string_view pair = Unwrapped(text, '(', ')');
  const size_t comma = pair.find(',');
  if (comma == std::string_view::npos) return false;
  const auto x = ParseFloat<double>(pair.substr(0, comma));
  const auto y = ParseFloat<double>(pair.substr(comma + 1));
  if (!x || !y) return false;
  Buffer wkb;
  wkb.append(std::string_view("\x01\x01\x00\x00\x00", 5));  // Little-endian, a point.
  AppendLittleEndian(wkb, *x);
  AppendLittleEndian(wkb, *y);
  out.append("{\"x\":");
  AppendJsonDouble(out, *x);
  out.append(",\"y\":");
  AppendJsonDouble(out, *y);
  out.append(",\"wkb\":");
  Quoted(out, [&] { AppendBase64(out, wkb.view()); });
  out.append(",\"srid\":null}");
  return true;
}

bool EncodeGeometry(const Codec&, std::string_view text, Buffer& out) {
  Buffer ewkb;
  if (!AppendUnhexed(ewkb, text) || ewkb.size() < 9) return false;
  constexpr uint32_t kHasSrid = 0x20000000;
  const bool little = ewkb.view()[0] != 0;
  const auto word = [&](size_t at) {
    uint32_t value = 0;
    for (size_t i = 0; i < 4; ++i) {
      value = value << 8 | static_cast<unsigned char>(ewkb.view()[at + (little ? 3 - i : i)]);
    }
    return value;
  };
  out.append("{\"wkb\":");
  Quoted(out, [&] { AppendBase64(out, ewkb.view()); });
  out.append(",\"srid\":");
  if ((word(1) & kHasSrid) != 0) {
    out.AppendInt(static_cast<int32_t>(word(5)));
  } else {
    out.append("null");
  }
  out.push_back('}');
  return true;
}

bool EncodeDoubleVector(const Codec&, std::string_view text, Buffer& out) {
  return EncodeVector<double>(text, out, AppendJsonDouble);
}

bool EncodeFloatVector(const Codec&, std::string_view text, Buffer& out) {
  return EncodeVector<float>(text, out, AppendJsonFloat);
}

// "{1:1.5,3:2}/5"
bool EncodeSparseVector(const Codec&, std::string_view text, Buffer& out) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return false;
  const auto dimensions = ParseShort(text.substr(slash + 1));
  const std::string_view braces = text.substr(0, slash);
  if (!dimensions || braces.size() < 2 || braces.front() != '{' || braces.back() != '}')
    return false;
  const std::string_view items = Unwrapped(braces, '{', '}');

  std::vector<int16_t> indexes;
  std::vector<double> values;
  const bool parsed = items.empty() || ForEachPart(items, ',', [&](std::string_view item) {
                        const size_t colon = item.find(':');
                        if (colon == std::string_view::npos) return false;
                        const auto index = ParseShort(item.substr(0, colon));
                        const auto value = ParseFloat<double>(item.substr(colon + 1));
                        if (!index || !value) return false;
                        indexes.push_back(*index);
                        values.push_back(*value);
                        return true;
                      });
  if (!parsed) return false;

  std::vector<uint32_t> hashes;  // Short.hashCode is the number.
  for (const int16_t index : indexes) hashes.push_back(static_cast<uint32_t>(int32_t{index}));
  out.append("{\"dimensions\":");
  out.AppendInt(*dimensions);
  out.append(",\"vector\":[");
  bool first = true;
  for (const size_t i : HashMapOrderOfHashes(hashes)) {
    if (!first) out.push_back(',');
    first = false;
    out.push_back('[');
    out.AppendInt(indexes[i]);
    out.push_back(',');
    AppendJsonDouble(out, values[i]);
    out.push_back(']');
  }
  out.append("]}");
  return true;
}

bool EncodeNothing(const Codec&, std::string_view, Buffer&) { return false; }

}  // namespace walrelay::envelope
