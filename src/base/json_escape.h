// Escaping of JSON strings as Jackson's UTF-8 generator does it, for any output that has append()
// and push_back().
//
// Only what must be escaped is: quotes, backslashes, control characters (short forms, else \u00XX
// in upper case), and code points from U+10000 as two \uXXXX. Bytes that are not UTF-8 become
// U+FFFD, so the result is always valid JSON. Source: FORMAT.md §1.4; jackson-core,
// UTF8JsonGenerator.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace walrelay {

// Size of the UTF-8 sequence that the non-empty `text` begins with; 0 when it is not one (RFC
// 3629).
inline size_t Utf8SequenceSize(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto continues = [&](size_t i) { return i < text.size() && (byte(i) & 0xC0) == 0x80; };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (!continues(1) || !continues(2)) return 0;
    if (lead == 0xE0 && byte(1) < 0xA0) return 0;
    if (lead == 0xED && byte(1) > 0x9F) return 0;
    return 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    if (lead == 0xF0 && byte(1) < 0x90) return 0;
    if (lead == 0xF4 && byte(1) > 0x8F) return 0;
    return 4;
  }
  return 0;
}

// The code point of a valid sequence of that size.
inline uint32_t Utf8CodePoint(std::string_view text, size_t size) {
  const auto bits = [&](size_t i) { return static_cast<uint32_t>(text[i]) & 0x3F; };
  const auto lead = static_cast<uint32_t>(static_cast<unsigned char>(text[0]));
  if (size == 1) return lead;
  if (size == 2) return (lead & 0x1F) << 6 | bits(1);
  if (size == 3) return (lead & 0x0F) << 12 | bits(1) << 6 | bits(2);
  return (lead & 0x07) << 18 | bits(1) << 12 | bits(2) << 6 | bits(3);
}

namespace internal {

// How many bytes at the front are copied as they are: printable ASCII without quote and backslash.
// Eight at a time.
inline size_t PlainJsonPrefix(std::string_view text) {
  constexpr uint64_t kOnes = 0x0101010101010101u;
  constexpr uint64_t kHighs = 0x8080808080808080u;
  // Has a zero byte, or one with its high bit set; both are rechecked byte by byte, so a false
  // alarm is harmless.
  const auto zero_byte = [](uint64_t word) { return (word - kOnes) & ~word & kHighs; };
  size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + at, 8);
    const uint64_t below_space = (word - kOnes * 0x20) & ~word;
    if (((word | below_space) & kHighs) != 0) break;
    if ((zero_byte(word ^ (kOnes * '"')) | zero_byte(word ^ (kOnes * '\\'))) != 0) break;
  }
  const auto plain = [](char c) {
    return static_cast<signed char>(c) >= 0x20 && c != '"' && c != '\\';
  };
  while (at < text.size() && plain(text[at])) ++at;
  return at;
}

template <class Out>
void AppendUtf16Escape(Out& out, uint32_t unit) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  const char escape[] = {
      '\\',           'u', kHex[unit >> 12 & 15], kHex[unit >> 8 & 15], kHex[unit >> 4 & 15],
      kHex[unit & 15]};
  out.append(std::string_view(escape, sizeof(escape)));
}

// One character that is not plain; returns how many bytes it took.
template <class Out>
size_t AppendSpecialCharacter(Out& out, std::string_view text, bool escape_astral) {
  using namespace std::literals;
  const auto lead = static_cast<unsigned char>(text[0]);
  switch (lead) {
    case '"':
      out.append("\\\""sv);
      return 1;
    case '\\':
      out.append("\\\\"sv);
      return 1;
    case '\b':
      out.append("\\b"sv);
      return 1;
    case '\t':
      out.append("\\t"sv);
      return 1;
    case '\n':
      out.append("\\n"sv);
      return 1;
    case '\f':
      out.append("\\f"sv);
      return 1;
    case '\r':
      out.append("\\r"sv);
      return 1;
  }
  if (lead < 0x20) {
    AppendUtf16Escape(out, lead);
    return 1;
  }
  const size_t size = Utf8SequenceSize(text);
  if (size == 0) {
    out.append("\xEF\xBF\xBD"sv);  // U+FFFD.
    return 1;
  }
  if (size < 4 || !escape_astral) {
    out.append(text.substr(0, size));
    return size;
  }
  const uint32_t code = Utf8CodePoint(text, size) - 0x10000;
  AppendUtf16Escape(out, 0xD800 + (code >> 10));
  AppendUtf16Escape(out, 0xDC00 + (code & 0x3FF));
  return size;
}

}  // namespace internal

// The content of a JSON string, without its quotes. `escape_astral`: false writes code points from
// U+10000 as UTF-8, as Jackson does into a Java string.
template <class Out>
void AppendJsonEscaped(Out& out, std::string_view text, bool escape_astral = true) {
  while (true) {
    const size_t plain = internal::PlainJsonPrefix(text);
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) return;
    text.remove_prefix(internal::AppendSpecialCharacter(out, text, escape_astral));
  }
}

}  // namespace walrelay
