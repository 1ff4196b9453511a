#include "kafka/tail_record.h"

#include <algorithm>
#include <string_view>

namespace walrelay::kafka {
namespace {

// How much longer a volatile text may have been: a number with more digits, a time with a fraction.
constexpr size_t kSlack = 32;

bool SameKey(std::optional<std::string_view> ours, const std::optional<std::string>& stored) {
  return ours ? stored && *ours == *stored : !stored;
}

bool SameHeaders(const std::vector<RecordHeader>* ours, const TailRecord& stored) {
  const size_t count = ours == nullptr ? 0 : ours->size();
  if (count != stored.headers.size()) return false;
  for (size_t i = 0; i < count; ++i) {
    const RecordHeader& header = (*ours)[i];
    const auto& [name, value] = stored.headers[i];
    if (header.name != name) return false;
    if (!header.is_volatile && !SameKey(header.value, value)) return false;
  }
  return true;
}

// What lies before, between and after the spans must be there, in this order, with little between.
bool SameButVolatile(std::string_view ours, VolatileSpans spans, std::string_view stored) {
  // Sorted by insertion: there are six at most, and for std::sort g++ 12 warns of a seventeenth.
  const auto begin = spans.spans.begin();
  const auto end = begin + spans.count;
  const auto before = [](const auto& a, const auto& b) { return a.offset < b.offset; };
  for (auto span = begin; span != end; ++span) {
    std::rotate(std::upper_bound(begin, span, *span, before), span, span + 1);
  }
  if (spans.count == 0) return ours == stored;

  const std::string_view first = ours.substr(0, begin->offset);
  if (!stored.starts_with(first)) return false;
  size_t at = first.size();  // In `stored`: what is before it has been found.
  for (auto span = begin; span + 1 != end; ++span) {
    const size_t from = size_t{span->offset} + span->size;
    const std::string_view piece = ours.substr(from, (span + 1)->offset - from);
    const size_t found =
        stored.substr(at, span->size + kSlack + piece.size()).find(piece);  // The nearest.
    if (found == std::string_view::npos) return false;
    at += found + piece.size();
  }
  const VolatileSpan& last = *(end - 1);
  const std::string_view rest = ours.substr(size_t{last.offset} + last.size);
  return stored.size() >= at + rest.size() && stored.ends_with(rest) &&
         stored.size() - at - rest.size() <= last.size + kSlack;
}

}  // namespace

TailRecord CopyOf(const ConsumedRecord& record) {
  TailRecord copy{.offset = record.offset, .key = {}, .value = {}, .headers = {}};
  if (record.key) copy.key.emplace(*record.key);
  if (record.value) copy.value.emplace(*record.value);
  for (const RecordHeader& header : record.headers) {
    auto& [name, value] = copy.headers.emplace_back(header.name, std::nullopt);
    if (header.value) value.emplace(*header.value);
  }
  return copy;
}

bool IsSameRecord(const Record& ours, const TailRecord& stored) {
  if (ours.value.has_value() != stored.value.has_value()) return false;
  return SameKey(ours.key, stored.key) && SameHeaders(ours.headers, stored) &&
         (!ours.value || SameButVolatile(*ours.value, ours.volatile_spans, *stored.value));
}

}  // namespace walrelay::kafka
