// Hashed, in this order, each text with its length before it:
//   topic · key · for each header that is not volatile: name, value · number of headers hashed
//   · number of stable pieces of the value, then each piece (what lies before, between and after
//   the volatile spans)
// An absent text is the length 2^64-1 alone.

#define XXH_INLINE_ALL
#include "kafka/fingerprint.h"

#include <xxhash.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "base/check.h"

namespace walrelay::kafka {
namespace {

class Hasher {
 public:
  Hasher() { XXH3_128bits_reset(&state_); }

  void Number(uint64_t number) { XXH3_128bits_update(&state_, &number, sizeof(number)); }
  void Text(std::optional<std::string_view> text) {
    Number(text ? text->size() : ~uint64_t{0});
    if (text) XXH3_128bits_update(&state_, text->data(), text->size());
  }
  Fingerprint Result() const {
    const XXH128_hash_t hash = XXH3_128bits_digest(&state_);
    return {.high = hash.high64, .low = hash.low64};
  }

 private:
  XXH3_state_t state_;
};

void AddHeaders(Hasher& hasher, const std::vector<RecordHeader>& headers) {
  uint64_t count = 0;
  for (const RecordHeader& header : headers) {
    if (header.is_volatile) continue;
    hasher.Text(header.name);
    hasher.Text(header.value);
    ++count;
  }
  hasher.Number(count);
}

void AddValue(Hasher& hasher, std::optional<std::string_view> value, VolatileSpans spans) {
  if (!value) return hasher.Text(std::nullopt);
  // Sorted by insertion: there are six at most, and for std::sort g++ 12 warns of a seventeenth.
  const auto begin = spans.spans.begin();
  const auto end = begin + spans.count;
  const auto before = [](const auto& a, const auto& b) { return a.offset < b.offset; };
  for (auto span = begin; span != end; ++span) {
    std::rotate(std::upper_bound(begin, span, *span, before), span, span + 1);
  }

  hasher.Number(spans.count + uint64_t{1});
  size_t from = 0;
  for (auto span = begin; span != end; ++span) {
    CHECK(span->offset >= from);
    CHECK(size_t{span->offset} + span->size <= value->size());
    hasher.Text(value->substr(from, span->offset - from));
    from = size_t{span->offset} + span->size;
  }
  hasher.Text(value->substr(from));
}

Fingerprint Hash(std::string_view topic, std::optional<std::string_view> key,
                 const std::vector<RecordHeader>* headers, std::optional<std::string_view> value,
                 const VolatileSpans& spans) {
  static const std::vector<RecordHeader> kNone;
  Hasher hasher;
  hasher.Text(topic);
  hasher.Text(key);
  AddHeaders(hasher, headers == nullptr ? kNone : *headers);
  AddValue(hasher, value, spans);
  return hasher.Result();
}

}  // namespace

std::string ToString(const Fingerprint& fingerprint) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const uint64_t half : {fingerprint.high, fingerprint.low}) {
    for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[half >> shift & 15];
  }
  return text;
}

Fingerprint FingerprintOf(const Record& record) {
  return Hash(record.topic, record.key, record.headers, record.value, record.volatile_spans);
}

Fingerprint FingerprintOf(ConsumedRecord record, VolatileFinder find) {
  const VolatileSpans spans = find(record);
  return Hash(record.topic, record.key, &record.headers, record.value, spans);
}

}  // namespace walrelay::kafka
