#include "envelope/decimal.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <vector>

#include "envelope/binary_text.h"

namespace walrelay::envelope {
namespace {

__extension__ using Uint128 = unsigned __int128;

bool IsDigits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool IsZero(const Decimal& decimal) {
  const auto zero = [](char c) { return c == '0'; };
  return decimal.whole.empty() &&
         std::all_of(decimal.fraction.begin(), decimal.fraction.end(), zero);
}

// Writes `size` bytes of a two's complement number, most significant first, without the redundant
// ones at the front.
void AppendShortest(Buffer& out, const unsigned char* bytes, size_t size) {
  size_t skip = 0;
  while (skip + 1 < size && ((bytes[skip] == 0x00 && bytes[skip + 1] < 0x80) ||
                             (bytes[skip] == 0xFF && bytes[skip + 1] >= 0x80))) {
    ++skip;
  }
  AppendBase64(out, {reinterpret_cast<const char*>(bytes) + skip, size - skip});
}

// Up to 37 digits: less than 2^127.
void AppendSmall(Buffer& out, const Decimal& decimal) {
  Uint128 value = 0;
  for (const char c : decimal.whole) value = value * 10 + static_cast<unsigned>(c - '0');
  for (const char c : decimal.fraction) value = value * 10 + static_cast<unsigned>(c - '0');
  for (size_t i = 0; i < decimal.zeros; ++i) value *= 10;
  if (decimal.negative) value = ~value + 1;
  std::array<unsigned char, 16> bytes;
  for (size_t i = 16; i-- > 0; value >>= 8) bytes[i] = static_cast<unsigned char>(value & 0xFF);
  AppendShortest(out, bytes.data(), bytes.size());
}

// Any number of digits, by schoolbook multiplication in base 2^32.
void AppendLarge(Buffer& out, const Decimal& decimal) {
  constexpr size_t kChunk = 9;
  std::vector<uint32_t> limbs = {0};  // Least significant first.
  for (size_t at = 0; at < decimal.size();) {
    uint64_t factor = 1;
    uint64_t carry = 0;
    for (const size_t end = std::min(at + kChunk, decimal.size()); at < end; ++at) {
      factor *= 10;
      carry = carry * 10 + static_cast<unsigned>(decimal.digit(at) - '0');
    }
    for (uint32_t& limb : limbs) {
      carry += uint64_t{limb} * factor;
      limb = static_cast<uint32_t>(carry);
      carry >>= 32;
    }
    if (carry != 0) limbs.push_back(static_cast<uint32_t>(carry));
  }
  limbs.push_back(0);  // Room for the sign.

  std::string bytes;
  bool borrow = decimal.negative;  // Two's complement: invert, add one.
  for (const uint32_t limb : limbs) {
    uint32_t word = decimal.negative ? ~limb : limb;
    if (borrow) borrow = ++word == 0;
    for (int shift = 0; shift < 32; shift += 8)
      bytes.push_back(static_cast<char>(word >> shift & 0xFF));
  }
  std::reverse(bytes.begin(), bytes.end());
  AppendShortest(out, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

// The digits from the first that is not zero; one "0" for zero.
std::string SignificantDigits(const Decimal& decimal) {
  std::string digits;
  for (size_t i = 0; i < decimal.size(); ++i) {
    if (!digits.empty() || decimal.digit(i) != '0') digits.push_back(decimal.digit(i));
  }
  return digits.empty() ? "0" : digits;
}

}  // namespace

std::optional<Decimal> ParseDecimal(std::string_view text) {
  Decimal result;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    result.negative = text[0] == '-';
    text.remove_prefix(1);
  }
  int64_t exponent = 0;
  if (const size_t e = text.find_first_of("eE"); e != std::string_view::npos) {
    std::string_view digits = text.substr(e + 1);
    if (!digits.empty() && digits[0] == '+') digits.remove_prefix(1);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    if (exponent > 1'000'000 || exponent < -1'000'000) return std::nullopt;
    text = text.substr(0, e);
  }
  const size_t point = text.find('.');
  result.whole = text.substr(0, point);
  if (point != std::string_view::npos) result.fraction = text.substr(point + 1);
  if (!IsDigits(result.whole) || !IsDigits(result.fraction)) return std::nullopt;
  if (result.whole.empty() && result.fraction.empty()) return std::nullopt;

  result.scale = static_cast<int64_t>(result.fraction.size()) - exponent;
  result.whole.remove_prefix(std::min(result.whole.find_first_not_of('0'), result.whole.size()));
  if (IsZero(result)) result.negative = false;
  return result;
}

std::optional<Decimal> WithScale(Decimal decimal, int64_t scale) {
  if (scale >= decimal.scale) {
    if (!IsZero(decimal)) decimal.zeros += static_cast<size_t>(scale - decimal.scale);
  } else {
    for (int64_t drop = decimal.scale - scale; drop > 0 && decimal.size() > 0; --drop) {
      if (decimal.zeros > 0) {
        --decimal.zeros;
        continue;
      }
      std::string_view& part = decimal.fraction.empty() ? decimal.whole : decimal.fraction;
      if (part.back() != '0') return std::nullopt;
      part.remove_suffix(1);
    }
  }
  decimal.scale = scale;
  return decimal;
}

Decimal RoundedHalfUp(const Decimal& decimal, int64_t scale, std::string& scratch) {
  if (const auto exact = WithScale(decimal, scale)) return *exact;
  scratch = SignificantDigits(decimal);
  const auto drop = static_cast<size_t>(decimal.scale - scale);
  if (scratch.size() <= drop) scratch.insert(0, drop + 1 - scratch.size(), '0');
  const bool up = scratch[scratch.size() - drop] >= '5';
  scratch.resize(scratch.size() - drop);
  if (up) {
    size_t i = scratch.size();
    while (i > 0 && scratch[i - 1] == '9') scratch[--i] = '0';
    if (i == 0) {
      scratch.insert(0, 1, '1');
    } else {
      ++scratch[i - 1];
    }
  }
  Decimal rounded = {
      .negative = decimal.negative, .whole = scratch, .fraction = {}, .zeros = 0, .scale = scale};
  rounded.whole.remove_prefix(std::min(rounded.whole.find_first_not_of('0'), rounded.whole.size()));
  if (IsZero(rounded)) rounded.negative = false;
  return rounded;
}

Decimal Stripped(Decimal decimal) {
  if (IsZero(decimal)) return {};
  while (decimal.scale > 0 && decimal.digit(decimal.size() - 1) == '0') {
    decimal = *WithScale(decimal, decimal.scale - 1);
  }
  if (decimal.scale < 0) decimal = *WithScale(decimal, 0);
  return decimal;
}

void AppendUnscaledBase64(Buffer& out, const Decimal& decimal) {
  out.push_back('"');
  if (decimal.size() <= 37) {
    AppendSmall(out, decimal);
  } else {
    AppendLarge(out, decimal);
  }
  out.push_back('"');
}

bool AppendSmallUnscaledBase64(Buffer& out, std::string_view text, int64_t scale) {
  constexpr size_t kMostDigits = 18;
  const bool negative = !text.empty() && text[0] == '-';
  if (negative) text.remove_prefix(1);
  const size_t point = text.find('.');
  const auto fraction =
      static_cast<int64_t>(point == std::string_view::npos ? 0 : text.size() - point - 1);
  const int64_t zeros = scale - fraction;
  if (text.empty() || text == "." || text.size() > kMostDigits || zeros < 0 ||
      text.size() + static_cast<size_t>(zeros) > kMostDigits) {
    return false;
  }
  int64_t value = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (i == point) continue;
    const auto digit = static_cast<unsigned char>(text[i] - '0');
    if (digit > 9) return false;
    value = value * 10 + digit;
  }
  for (int64_t i = 0; i < zeros; ++i) value *= 10;
  if (negative) value = -value;

  // The shortest two's complement form: as many bytes as leave a bit for the sign.
  const uint64_t magnitude = static_cast<uint64_t>(value < 0 ? ~value : value);
  const size_t size = static_cast<size_t>(64 - std::countl_zero(magnitude)) / 8 + 1;
  const uint64_t big_endian = __builtin_bswap64(static_cast<uint64_t>(value));
  std::array<char, 8> bytes;
  std::memcpy(bytes.data(), &big_endian, bytes.size());
  out.push_back('"');
  AppendBase64(out, {bytes.data() + bytes.size() - size, size});
  out.push_back('"');
  return true;
}

void AppendPlain(Buffer& out, const Decimal& decimal) {
  const std::string digits = SignificantDigits(decimal);
  if (decimal.negative) out.push_back('-');
  if (decimal.scale <= 0) {
    out.append(digits);
    if (digits != "0") {
      for (int64_t i = decimal.scale; i < 0; ++i) out.push_back('0');
    }
    return;
  }
  const auto scale = static_cast<size_t>(decimal.scale);
  if (digits.size() > scale) {
    out.append(std::string_view(digits).substr(0, digits.size() - scale));
    out.push_back('.');
    out.append(std::string_view(digits).substr(digits.size() - scale));
    return;
  }
  out.append("0.");
  for (size_t i = digits.size(); i < scale; ++i) out.push_back('0');
  out.append(digits);
}

void AppendBigDecimal(Buffer& out, const Decimal& decimal) {
  const std::string digits = SignificantDigits(decimal);
  const int64_t adjusted = static_cast<int64_t>(digits.size()) - 1 - decimal.scale;
  if (decimal.scale >= 0 && adjusted >= -6) return AppendPlain(out, decimal);
  if (decimal.negative) out.push_back('-');
  out.push_back(digits[0]);
  if (digits.size() > 1) {
    out.push_back('.');
    out.append(std::string_view(digits).substr(1));
  }
  out.push_back('E');
  if (adjusted > 0) out.push_back('+');
  out.AppendInt(adjusted);
}

std::string UnscaledText(std::string_view base64) {
  std::string bytes = DecodeBase64(base64);
  const bool negative = !bytes.empty() && static_cast<unsigned char>(bytes[0]) >= 0x80;
  if (negative) {
    bool carry = true;
    for (size_t i = bytes.size(); i-- > 0;) {
      bytes[i] = static_cast<char>(~bytes[i]);
      if (carry) carry = ++bytes[i] == 0;
    }
  }
  std::string digits;  // Least significant first: divide by ten until nothing is left.
  while (std::any_of(bytes.begin(), bytes.end(), [](char c) { return c != 0; })) {
    unsigned remainder = 0;
    for (char& byte : bytes) {
      const unsigned value = remainder * 256 + static_cast<unsigned char>(byte);
      byte = static_cast<char>(value / 10);
      remainder = value % 10;
    }
    digits.push_back(static_cast<char>('0' + remainder));
  }
  if (digits.empty()) digits = "0";
  if (negative) digits.push_back('-');
  std::reverse(digits.begin(), digits.end());
  return digits;
}

}  // namespace walrelay::envelope
