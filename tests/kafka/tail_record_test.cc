#include "kafka/tail_record.h"

#include <gtest/gtest.h>

namespace walrelay::kafka {
namespace {

// A record with volatile spans where `marked` has texts between angle brackets.
struct Made {
  explicit Made(std::string_view marked) {
    size_t from = 0;
    for (const char c : marked) {
      if (c == '<') {
        from = value.size();
      } else if (c == '>') {
        record.volatile_spans.Add(from, value.size() - from);
      } else {
        value += c;
      }
    }
    record.topic = "t";
    record.key = "k";
    record.value = value;
  }
  std::string value;
  Record record;
};

TailRecord Stored(std::optional<std::string> value) {
  return {.offset = 0, .key = "k", .value = std::move(value), .headers = {}};
}

bool Same(std::string_view marked, std::string stored) {
  const Made ours(marked);
  return IsSameRecord(ours.record, Stored(std::move(stored)));
}

TEST(IsSameRecord, IgnoresWhatIsVolatileOnly) {
  EXPECT_TRUE(Same(R"({"a":1,"ts":<100>})", R"({"a":1,"ts":100})"));
  EXPECT_TRUE(Same(R"({"a":1,"ts":<100>})", R"({"a":1,"ts":999})"));
  EXPECT_FALSE(Same(R"({"a":1,"ts":<100>})", R"({"a":2,"ts":100})"));
  EXPECT_FALSE(Same(R"({"a":1,"ts":<100>})", R"({"a":1,"ts":100} )"));
  EXPECT_FALSE(Same(R"({"a":1,"ts":<100>})", R"({"a":1,"tz":100})"));
  EXPECT_FALSE(Same(R"({"a":1})", R"({"a":1,"b":2})"));
  EXPECT_TRUE(Same(R"({"a":1})", R"({"a":1})"));
}

TEST(IsSameRecord, AllowsAVolatileTextOfAnotherLength) {
  EXPECT_TRUE(Same(R"({"ts":<9>,"us":<9000>,"x":1})", R"({"ts":10,"us":10000,"x":1})"));
  EXPECT_TRUE(Same(R"({"at":"<2024-01-01T00:00:00Z>"})", R"({"at":"2024-01-01T00:00:00.123456Z"})"));
  EXPECT_TRUE(Same("<now>", ""));
  EXPECT_TRUE(Same("<a><b>", "xy"));
  // But no more than a clock can make of it.
  EXPECT_FALSE(Same(R"({"ts":<9>})", R"({"ts":9,"and":"what somebody else has written here"})"));
  EXPECT_FALSE(
      Same(R"({"ts":<9>,"x":<1>})", R"({"ts":9,"and":"what somebody else has written","x":1})"));
}

TEST(IsSameRecord, ComparesSeveralSpansInAnyOrder) {
  Made ours(R"({"a":<1>,"b":<2>,"c":3})");
  std::swap(ours.record.volatile_spans.spans[0], ours.record.volatile_spans.spans[1]);
  EXPECT_TRUE(IsSameRecord(ours.record, Stored(R"({"a":7,"b":8,"c":3})")));
  EXPECT_FALSE(IsSameRecord(ours.record, Stored(R"({"a":7,"b":8,"c":4})")));
  EXPECT_FALSE(IsSameRecord(ours.record, Stored(R"({"a":7,"c":3})")));
}

TEST(IsSameRecord, TellsNullFromEmpty) {
  Record ours;
  EXPECT_TRUE(IsSameRecord(ours, {}));
  ours.key = "";
  EXPECT_FALSE(IsSameRecord(ours, {}));
  ours.value = "";
  EXPECT_FALSE(IsSameRecord(ours, {.offset = 0, .key = "", .value = {}, .headers = {}}));
  EXPECT_TRUE(IsSameRecord(ours, {.offset = 0, .key = "", .value = "", .headers = {}}));
  ours.key.reset();
  EXPECT_FALSE(IsSameRecord(ours, {.offset = 0, .key = "", .value = "", .headers = {}}));
}

TEST(IsSameRecord, ComparesKeysAndHeaders) {
  Made ours("v");
  TailRecord stored = Stored("v");
  stored.key = "other";
  EXPECT_FALSE(IsSameRecord(ours.record, stored));
  stored.key = "k";
  const std::vector<RecordHeader> headers = {{.name = "run", .value = "1", .is_volatile = true},
                                             {.name = "h", .value = std::nullopt}};
  ours.record.headers = &headers;
  EXPECT_FALSE(IsSameRecord(ours.record, stored));
  stored.headers = {{"run", "2"}, {"h", std::nullopt}};
  EXPECT_TRUE(IsSameRecord(ours.record, stored));
  stored.headers[1].second = "";
  EXPECT_FALSE(IsSameRecord(ours.record, stored));
  stored.headers[1] = {"g", std::nullopt};
  EXPECT_FALSE(IsSameRecord(ours.record, stored));
}

TEST(CopyOf, OwnsAllThatIsCompared) {
  std::string value = "v";
  const ConsumedRecord read = {.topic = "t",
                               .partition = 1,
                               .offset = 7,
                               .timestamp_ms = 5,
                               .key = std::nullopt,
                               .value = value,
                               .headers = {{.name = "h", .value = "x"}}};
  const TailRecord copy = CopyOf(read);
  value = "w";
  EXPECT_EQ(copy.offset, 7);
  EXPECT_EQ(copy.key, std::nullopt);
  EXPECT_EQ(copy.value, "v");
  EXPECT_EQ(copy.headers.at(0).second, "x");
  EXPECT_EQ(copy.size(), 1u);
}

}  // namespace
}  // namespace walrelay::kafka
