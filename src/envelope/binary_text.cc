#include "envelope/binary_text.h"

#include <array>
#include <cstdint>

namespace walrelay::envelope {
namespace {

constexpr char kStandard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr char kUrlSafe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::array<int8_t, 256> HexValues() {
  std::array<int8_t, 256> values{};
  for (auto& value : values) value = -1;
  for (int i = 0; i < 10; ++i) values[static_cast<size_t>('0' + i)] = static_cast<int8_t>(i);
  for (int i = 0; i < 6; ++i) {
    values[static_cast<size_t>('a' + i)] = static_cast<int8_t>(10 + i);
    values[static_cast<size_t>('A' + i)] = static_cast<int8_t>(10 + i);
  }
  return values;
}
constexpr std::array<int8_t, 256> kHexValues = HexValues();

int HexValue(char c) { return kHexValues[static_cast<unsigned char>(c)]; }

uint32_t Byte(std::string_view bytes, size_t at) { return static_cast<unsigned char>(bytes[at]); }

bool IsOctal(char c) { return c >= '0' && c <= '7'; }

// bytea_output = escape: printable bytes as they are, "\\" for a backslash, "\ooo" for the others.
bool AppendUnescaped(Buffer& out, std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out.push_back(text[i]);
    } else if (i + 1 < text.size() && text[i + 1] == '\\') {
      out.push_back('\\');
      i += 1;
    } else if (i + 3 < text.size() && IsOctal(text[i + 1]) && IsOctal(text[i + 2]) &&
               IsOctal(text[i + 3])) {
      out.push_back(static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                      (text[i + 3] - '0')));
      i += 3;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace

void AppendBase64(Buffer& out, std::string_view bytes, bool url_safe) {
  const char* const alphabet = url_safe ? kUrlSafe : kStandard;
  char* at = out.Reserve((bytes.size() + 2) / 3 * 4);
  size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    const uint32_t group = Byte(bytes, i) << 16 | Byte(bytes, i + 1) << 8 | Byte(bytes, i + 2);
    for (int shift = 18; shift >= 0; shift -= 6) *at++ = alphabet[group >> shift & 63];
  }
  if (i + 1 == bytes.size()) {
    const uint32_t group = Byte(bytes, i) << 16;
    for (const char c : {alphabet[group >> 18 & 63], alphabet[group >> 12 & 63], '=', '='})
      *at++ = c;
  } else if (i + 2 == bytes.size()) {
    const uint32_t group = Byte(bytes, i) << 16 | Byte(bytes, i + 1) << 8;
    for (const char c :
         {alphabet[group >> 18 & 63], alphabet[group >> 12 & 63], alphabet[group >> 6 & 63], '='}) {
      *at++ = c;
    }
  }
  out.Commit(at);
}

void AppendHex(Buffer& out, std::string_view bytes) {
  static constexpr char kHex[] = "0123456789abcdef";
  char* at = out.Reserve(bytes.size() * 2);
  for (size_t i = 0; i < bytes.size(); ++i) {
    *at++ = kHex[Byte(bytes, i) >> 4];
    *at++ = kHex[Byte(bytes, i) & 15];
  }
  out.Commit(at);
}

bool AppendUnhexed(Buffer& out, std::string_view hex) {
  if (hex.size() % 2 != 0) return false;
  char* at = out.Reserve(hex.size() / 2);
  for (size_t i = 0; i < hex.size(); i += 2) {
    const int value = HexValue(hex[i]) * 16 + HexValue(hex[i + 1]);
    if (HexValue(hex[i]) < 0 || HexValue(hex[i + 1]) < 0) return false;
    *at++ = static_cast<char>(value);
  }
  out.Commit(at);
  return true;
}

bool AppendByteaBytes(Buffer& out, std::string_view text) {
  if (text.substr(0, 2) == "\\x") return AppendUnhexed(out, text.substr(2));
  return AppendUnescaped(out, text);
}

std::string DecodeBase64(std::string_view text) {
  std::string bytes;
  uint32_t group = 0;
  int bits = 0;
  for (const char c : text) {
    const size_t value = std::string_view(kStandard).find(c);
    if (value == std::string_view::npos) break;  // Padding.
    group = group << 6 | static_cast<uint32_t>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes.push_back(static_cast<char>(group >> bits & 0xFF));
    }
  }
  return bytes;
}

}  // namespace walrelay::envelope
