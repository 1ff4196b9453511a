#include "envelope/java_text.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "base/json_escape.h"

namespace walrelay::envelope {
namespace {

// The shortest digits of a number and where its point is: 0.d1d2d3… × 10^exponent.
struct Digits {
  std::array<char, 24> digits;
  size_t count = 0;
  int exponent = 0;
};

template <class Float>
Digits ShortestDigits(Float value) {
  char text[64];
  char* end = std::to_chars(text, text + sizeof(text), value, std::chars_format::scientific).ptr;
  // Java prints two digits where one would do, and takes the two that are nearest. That differs
  // from "d.0" only where doubles are so sparse that several two-digit numbers mean the same one:
  // at the smallest denormals (4.9E-324).
  if (end[-3] != '.' && text[1] == 'e' && value < std::numeric_limits<Float>::min()) {
    char nearest[64];
    std::snprintf(nearest, sizeof(nearest), "%.1e", static_cast<double>(value));
    Float parsed{};
    const size_t size = std::char_traits<char>::length(nearest);
    std::from_chars(nearest, nearest + size, parsed);
    if (parsed == value) end = std::copy(nearest, nearest + size, text);
  }

  Digits result;
  const char* at = text;
  for (; at != end && *at != 'e'; ++at) {
    if (*at != '.') result.digits[result.count++] = *at;
  }
  ++at;                  // 'e'
  if (*at == '+') ++at;  // from_chars takes no plus sign.
  std::from_chars(at, end, result.exponent);
  ++result.exponent;
  while (result.count > 1 && result.digits[result.count - 1] == '0') --result.count;
  return result;
}

char* CopyDigits(char* out, const Digits& digits, size_t from, size_t to) {
  for (size_t i = from; i < to; ++i) *out++ = i < digits.count ? digits.digits[i] : '0';
  return out;
}

template <class Float>
void AppendFinite(Buffer& out, Float value) {
  char* at = out.Reserve(40);
  if (std::signbit(value)) *at++ = '-';
  value = std::abs(value);
  if (value == 0) {
    for (const char c : {'0', '.', '0'}) *at++ = c;
    out.Commit(at);
    return;
  }
  const Digits digits = ShortestDigits(value);
  if (value >= static_cast<Float>(1e-3) && value < static_cast<Float>(1e7)) {
    const int before = std::max(digits.exponent, 0);
    if (before == 0) *at++ = '0';
    at = CopyDigits(at, digits, 0, static_cast<size_t>(before));
    *at++ = '.';
    for (int zeros = digits.exponent; zeros < 0; ++zeros) *at++ = '0';
    const auto first = static_cast<size_t>(before);
    at = CopyDigits(at, digits, first, std::max(digits.count, first + 1));
  } else {
    at = CopyDigits(at, digits, 0, 1);
    *at++ = '.';
    at = CopyDigits(at, digits, 1, std::max<size_t>(digits.count, 2));
    *at++ = 'E';
    at = std::to_chars(at, at + 8, digits.exponent - 1).ptr;
  }
  out.Commit(at);
}

template <class Float>
std::string_view SpecialText(Float value) {
  if (std::isnan(value)) return "NaN";
  return value > 0 ? "Infinity" : "-Infinity";
}

template <class Float>
void AppendJava(Buffer& out, Float value) {
  if (std::isfinite(value)) return AppendFinite(out, value);
  out.append(SpecialText(value));
}

template <class Float>
void AppendJson(Buffer& out, Float value) {
  if (std::isfinite(value)) return AppendFinite(out, value);
  out.push_back('"');
  out.append(SpecialText(value));
  out.push_back('"');
}

size_t Bucket(uint32_t hash, size_t buckets) { return (hash ^ hash >> 16) & (buckets - 1); }

// The table begins with 16 buckets and doubles when more than 3/4 as many keys are in it; while it
// has less than 64, also when a ninth key comes into one bucket, where a larger table would make a
// tree of that.
size_t FinalTableSize(std::span<const uint32_t> hashes) {
  constexpr size_t kMostInBucket = 8;
  constexpr size_t kFirstWithTrees = 64;
  size_t buckets = 16;
  for (size_t i = 0; i < hashes.size(); ++i) {
    if (buckets < kFirstWithTrees) {
      const auto in_same = std::count_if(
          hashes.begin(), hashes.begin() + static_cast<std::ptrdiff_t>(i),
          [&](uint32_t hash) { return Bucket(hash, buckets) == Bucket(hashes[i], buckets); });
      if (static_cast<size_t>(in_same) >= kMostInBucket) buckets *= 2;
    }
    if (i + 1 > buckets / 4 * 3) buckets *= 2;
  }
  return buckets;
}

// Calls unit(u) for each UTF-16 unit; bytes that are not UTF-8 count as U+FFFD.
template <class Function>
void ForEachUnit(std::string_view utf8, Function unit) {
  while (!utf8.empty()) {
    const size_t size = Utf8SequenceSize(utf8);
    const uint32_t code = size == 0 ? 0xFFFD : Utf8CodePoint(utf8, size);
    if (code < 0x10000) {
      unit(code);
    } else {
      unit(0xD800 + ((code - 0x10000) >> 10));
      unit(0xDC00 + ((code - 0x10000) & 0x3FF));
    }
    utf8.remove_prefix(std::max<size_t>(size, 1));
  }
}

}  // namespace

void AppendJavaDouble(Buffer& out, double value) { AppendJava(out, value); }
void AppendJavaFloat(Buffer& out, float value) { AppendJava(out, value); }
void AppendJsonDouble(Buffer& out, double value) { AppendJson(out, value); }
void AppendJsonFloat(Buffer& out, float value) { AppendJson(out, value); }

uint32_t JavaHash(std::string_view utf8) {
  uint32_t hash = 0;
  ForEachUnit(utf8, [&](uint32_t unit) { hash = hash * 31 + unit; });
  return hash;
}

std::vector<size_t> HashMapOrderOfHashes(std::span<const uint32_t> hashes) {
  // A resize keeps the relative order within a bucket, so the final order is by bucket of the final
  // table, then by insertion. (But for buckets that have become trees: nine keys of one bucket in a
  // table of 64 or more.)
  const size_t buckets = FinalTableSize(hashes);
  std::vector<size_t> order(hashes.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t x, size_t y) {
    return Bucket(hashes[x], buckets) < Bucket(hashes[y], buckets);
  });
  return order;
}

std::vector<size_t> HashMapOrder(std::span<const std::string_view> keys) {
  std::vector<uint32_t> hashes;
  hashes.reserve(keys.size());
  for (const std::string_view key : keys) hashes.push_back(JavaHash(key));
  return HashMapOrderOfHashes(hashes);
}

size_t Utf16Length(std::string_view utf8) {
  size_t length = 0;
  ForEachUnit(utf8, [&](uint32_t) { ++length; });
  return length;
}

std::string_view Utf16Prefix(std::string_view utf8, size_t units) {
  size_t at = 0;
  while (at < utf8.size()) {
    const size_t size = std::max<size_t>(Utf8SequenceSize(utf8.substr(at)), 1);
    const size_t needed = size == 4 ? 2 : 1;
    if (needed > units) break;
    units -= needed;
    at += size;
  }
  return utf8.substr(0, at);
}

std::string BytewiseChars(std::string_view utf8) {
  std::string out;
  for (const char c : utf8) {
    const uint32_t byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out.push_back(c);
      continue;
    }
    const uint32_t code = 0xFF00 + byte;
    out.push_back(static_cast<char>(0xE0 | code >> 12));
    out.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  }
  return out;
}

std::string NameUuid(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_md5(), nullptr);
  digest[6] = static_cast<unsigned char>((digest[6] & 0x0F) | 0x30);  // Version 3.
  digest[8] = static_cast<unsigned char>((digest[8] & 0x3F) | 0x80);  // IETF variant.
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text.push_back('-');
    text.push_back(kHex[digest[i] >> 4]);
    text.push_back(kHex[digest[i] & 15]);
  }
  return text;
}

}  // namespace walrelay::envelope
