#include "apply/decimal.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

namespace walrelay::apply {
namespace {

constexpr int32_t kMaxScale = 16383;  // Digits after the point that numeric can hold.

constexpr std::array<int8_t, 256> MakeBase64Values() {
  std::array<int8_t, 256> values{};
  values.fill(-1);
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<uint8_t>(kAlphabet[i])] = static_cast<int8_t>(i);
  }
  return values;
}
constexpr std::array<int8_t, 256> kBase64Values = MakeBase64Values();

// Digits of the magnitude of a two's-complement integer that does not fit 64 bits: divides the
// base-2^32 number by 10^9 until nothing is left.
std::string BigDigits(std::string_view bytes, bool negative) {
  std::vector<uint32_t> limbs;  // Most significant first.
  const size_t padding = (4 - bytes.size() % 4) % 4;
  uint32_t limb = negative ? ~0u : 0u;
  for (size_t i = 0; i < bytes.size(); ++i) {
    limb = (limb << 8) | static_cast<uint8_t>(bytes[i]);
    if ((padding + i) % 4 == 3) limbs.push_back(limb);
  }
  if (negative) {
    uint64_t carry = 1;
    for (auto it = limbs.rbegin(); it != limbs.rend(); ++it) {
      carry += static_cast<uint32_t>(~*it);
      *it = static_cast<uint32_t>(carry);
      carry >>= 32;
    }
    if (carry != 0) limbs.insert(limbs.begin(), 1u);
  }
  std::string reversed;
  for (size_t first = 0; first < limbs.size();) {
    uint64_t remainder = 0;
    for (size_t i = first; i < limbs.size(); ++i) {
      const uint64_t value = (remainder << 32) | limbs[i];
      limbs[i] = static_cast<uint32_t>(value / 1'000'000'000);
      remainder = value % 1'000'000'000;
    }
    for (int digit = 0; digit < 9; ++digit, remainder /= 10) {
      reversed.push_back(static_cast<char>('0' + remainder % 10));
    }
    while (first < limbs.size() && limbs[first] == 0) ++first;
  }
  while (reversed.size() > 1 && reversed.back() == '0') reversed.pop_back();
  std::reverse(reversed.begin(), reversed.end());
  return reversed;
}

void AppendScaled(std::string_view digits, bool negative, int32_t scale, std::string& out) {
  if (negative) out.push_back('-');
  if (scale <= 0) {
    out.append(digits);
    if (digits != "0") out.append(static_cast<size_t>(-scale), '0');
    return;
  }
  const size_t fraction = static_cast<size_t>(scale);
  if (digits.size() > fraction) {
    out.append(digits.substr(0, digits.size() - fraction));
    out.push_back('.');
    out.append(digits.substr(digits.size() - fraction));
  } else {
    out.append("0.");
    out.append(fraction - digits.size(), '0');
    out.append(digits);
  }
}

}  // namespace

bool DecodeBase64(std::string_view base64, std::string& bytes) {
  if (base64.size() % 4 != 0) return false;
  size_t padding = 0;
  while (padding < 2 && padding < base64.size() && base64[base64.size() - 1 - padding] == '=') {
    ++padding;
  }
  const std::string_view digits = base64.substr(0, base64.size() - padding);
  bytes.reserve(bytes.size() + base64.size() / 4 * 3);
  uint32_t bits = 0;
  int count = 0;
  for (const char c : digits) {
    const int8_t value = kBase64Values[static_cast<uint8_t>(c)];
    if (value < 0) return false;
    bits = (bits << 6) | static_cast<uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<char>((bits >> count) & 0xff));
  }
  return true;
}

bool AppendDecimal(std::string_view bytes, int32_t scale, std::string& out) {
  if (bytes.empty() || scale > kMaxScale || scale < -200'000) return false;
  const bool negative = (static_cast<uint8_t>(bytes[0]) & 0x80) != 0;
  if (bytes.size() > 8) {
    AppendScaled(BigDigits(bytes, negative), negative, scale, out);
    return true;
  }
  uint64_t value = negative ? ~uint64_t{0} : 0;
  for (const char byte : bytes) value = (value << 8) | static_cast<uint8_t>(byte);
  if (negative) value = ~value + 1;
  char digits[24];
  const char* end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  AppendScaled({digits, end}, negative, scale, out);
  return true;
}

void AppendHex(std::string_view bytes, std::string& out) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (const char byte : bytes) {
    out.push_back(kDigits[static_cast<uint8_t>(byte) >> 4]);
    out.push_back(kDigits[static_cast<uint8_t>(byte) & 15]);
  }
}

void AppendHexBytea(std::string_view bytes, std::string& out) {
  out.append("\\x");
  AppendHex(bytes, out);
}

}  // namespace walrelay::apply
