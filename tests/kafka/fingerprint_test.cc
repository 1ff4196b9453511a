#include "kafka/fingerprint.h"

#include <gtest/gtest.h>

#include <set>

namespace walrelay::kafka {
namespace {

constexpr std::string_view kValue =
    R"({"op":"c","ts_ms":1700000000000,"after":{"id":1},"ts_us":1700000000000123})";

VolatileSpans SpansOf(std::string_view value) {
  VolatileSpans spans;
  for (const std::string_view name : {"\"ts_ms\":", "\"ts_us\":"}) {
    const size_t begin = value.find(name);
    if (begin == std::string_view::npos) continue;
    const size_t digits = begin + name.size();
    spans.Add(digits, value.find_first_not_of("0123456789", digits) - digits);
  }
  return spans;
}

Record Of(std::optional<std::string_view> key, std::optional<std::string_view> value) {
  Record record;
  record.topic = "t";
  record.key = key;
  record.value = value;
  if (value) record.volatile_spans = SpansOf(*value);
  return record;
}

TEST(Fingerprint, IgnoresVolatileSpansOnly) {
  const Fingerprint first = FingerprintOf(Of("k", kValue));
  EXPECT_EQ(
      FingerprintOf(Of("k", R"({"op":"c","ts_ms":1700000009999,"after":{"id":1},"ts_us":999})")),
      first);
  EXPECT_NE(
      FingerprintOf(
          Of("k", R"({"op":"u","ts_ms":1700000000000,"after":{"id":1},"ts_us":1700000000000123})")),
      first);
  EXPECT_NE(
      FingerprintOf(
          Of("k", R"({"op":"c","ts_ms":1700000000000,"after":{"id":2},"ts_us":1700000000000123})")),
      first);
  EXPECT_NE(
      FingerprintOf(Of(
          "k", R"({"op":"c","ts_ms":1700000000000,"after":{"id":1},"ts_us":1700000000000123} )")),
      first);
  EXPECT_NE(FingerprintOf(Of("x", kValue)), first);
  Record other_topic = Of("k", kValue);
  other_topic.topic = "u";
  EXPECT_NE(FingerprintOf(other_topic), first);
}

TEST(Fingerprint, TellsAbsentFromEmptyAndOneCutFromAnother) {
  std::set<Fingerprint> seen;
  for (const Record& record :
       {Of(std::nullopt, std::nullopt), Of("", std::nullopt), Of(std::nullopt, ""), Of("", ""),
        Of("ab", "c"), Of("a", "bc"), Of("abc", ""), Of("", "abc"), Of("abc", std::nullopt)}) {
    EXPECT_TRUE(seen.insert(FingerprintOf(record)).second);
  }
}

TEST(Fingerprint, CoversHeadersThatAreNotVolatile) {
  Record record = Of("k", kValue);
  const Fingerprint without = FingerprintOf(record);
  std::vector<RecordHeader> headers = {{.name = "runId", .value = "1", .is_volatile = true}};
  record.headers = &headers;
  EXPECT_EQ(FingerprintOf(record), without);
  headers.push_back({.name = "h", .value = "1"});
  const Fingerprint with = FingerprintOf(record);
  EXPECT_NE(with, without);
  headers[1].value = "";
  EXPECT_NE(FingerprintOf(record), with);
  const Fingerprint empty = FingerprintOf(record);
  headers[1].value = std::nullopt;
  EXPECT_NE(FingerprintOf(record), empty);
}

TEST(Fingerprint, IsTheSameForARecordThatWasReadBack) {
  const std::vector<RecordHeader> headers = {{.name = "runId", .value = "1", .is_volatile = true},
                                             {.name = "h", .value = "v"}};
  Record written = Of("k", kValue);
  written.headers = &headers;
  const ConsumedRecord read = {
      .topic = "t",
      .partition = 1,
      .offset = 9,
      .timestamp_ms = 5,
      .key = "k",
      .value = R"({"op":"c","ts_ms":1,"after":{"id":1},"ts_us":2})",
      .headers = {{.name = "runId", .value = "2"}, {.name = "h", .value = "v"}}};
  const auto find = [](ConsumedRecord& record) {
    for (RecordHeader& header : record.headers) header.is_volatile = header.name == "runId";
    return SpansOf(*record.value);
  };
  EXPECT_EQ(FingerprintOf(read, find), FingerprintOf(written));
}

TEST(Fingerprint, DoesNotDependOnTheOrderOfSpans) {
  Record record = Of("k", kValue);
  const Fingerprint first = FingerprintOf(record);
  std::swap(record.volatile_spans.spans[0], record.volatile_spans.spans[1]);
  EXPECT_EQ(FingerprintOf(record), first);
}

TEST(Fingerprint, IsPrintedAs32HexDigits) {
  EXPECT_EQ(ToString(Fingerprint{.high = 0x0123456789abcdef, .low = 0xf}),
            "0123456789abcdef000000000000000f");
}

}  // namespace
}  // namespace walrelay::kafka
