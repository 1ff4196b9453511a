#include "app/event_identity.h"

#include <gtest/gtest.h>

#include "base/status.h"

namespace walrelay::app {
namespace {

std::string Envelope(std::string_view after, std::string_view schema = "",
                     std::string_view lsn = "24004424") {
  const std::string payload =
      Cat(R"({"before":null,"after":)", after,
          R"(,"source":{"schema":"public","table":"t","txId":731,"lsn":)", lsn,
          R"(},"op":"c","ts_ms":1})");
  return schema.empty() ? payload : Cat(R"({"schema":)", schema, R"(,"payload":)", payload, "}");
}

// A schema block whose column `b` has a default.
constexpr std::string_view kWithDefault =
    R"({"type":"struct","fields":[{"field":"before","fields":[]},{"field":"after","fields":[)"
    R"({"field":"a","type":"int32"},{"field":"b","type":"string","default":"x"}]}]})";
constexpr std::string_view kWithout =
    R"({"type":"struct","fields":[{"field":"after","fields":[{"field":"a"},{"field":"b"}]}]})";

std::optional<EventIdentity> Identity(std::string_view value) {
  JsonReader reader;
  return IdentityOf(reader, value);
}

TEST(EventIdentity, IsReadWithAndWithoutSchema) {
  for (const std::string& value :
       {Envelope(R"({"a":1,"b":"y"})"), Envelope(R"({"a":1,"b":"y"})", kWithout)}) {
    const auto event = Identity(value);
    ASSERT_TRUE(event.has_value());
    EXPECT_EQ(event->lsn, Lsn{24004424});
    EXPECT_EQ(event->tx_id, "731");
    EXPECT_EQ(event->op, "c");
    EXPECT_EQ(event->table, "public.t");
    EXPECT_TRUE(event->before.empty());
    EXPECT_EQ(event->after.at("b"), "\"y\"");
  }
}

// What is written for NULL where a column may not be null depends on its type.
TEST(EventIdentity, ARequiredColumnStandsForNull) {
  constexpr std::string_view kRequired =
      R"({"fields":[{"field":"after","fields":[{"field":"a"},{"field":"b","optional":false}]}]})";
  constexpr std::string_view kOptional =
      R"({"fields":[{"field":"after","fields":[{"field":"a"},{"field":"b","optional":true}]}]})";
  const auto null = *Identity(Envelope(R"({"a":1,"b":null})", kOptional));
  const auto stand_in = *Identity(Envelope(R"({"a":1,"b":""})", kRequired));
  EXPECT_TRUE(IsSameEvent(null, stand_in));
  EXPECT_TRUE(IsSameEvent(stand_in, null));
  EXPECT_FALSE(IsSameEvent(*Identity(Envelope(R"({"a":1,"b":"x"})", kOptional)), stand_in));
  EXPECT_FALSE(IsSameEvent(null, *Identity(Envelope(R"({"a":1,"b":""})", kOptional))));
}

TEST(EventIdentity, RowsOfOneCopyAreNotOneChange) {
  const auto row = [](std::string_view after) { return *Identity(Envelope(after)); };
  EXPECT_FALSE(IsSameChange(row(R"({"a":1,"b":"x"})"), row(R"({"a":2,"b":"x"})")));
  EXPECT_TRUE(IsSameChange(row(R"({"a":1,"b":"x"})"), row(R"({"a":1,"b":null})")));
  EXPECT_TRUE(IsSameChange(row(R"({"a":1,"b":"x"})"), row(R"({"a":1})")));
}

// A serial key has the default 0.
TEST(EventIdentity, RowsOfOneCopyDifferInAColumnThatHasADefault) {
  constexpr std::string_view kSerial =
      R"({"fields":[{"field":"after","fields":[{"field":"a","optional":false,"default":0},{"field":"b"}]}]})";
  const auto row = [&](int a) {
    return *Identity(Envelope(Cat(R"({"a":)", a, R"(,"b":"x"})"), kSerial));
  };
  for (const int a : {0, 1}) {
    EXPECT_FALSE(IsSameEvent(row(a), row(2)));
    EXPECT_FALSE(IsSameChange(row(a), row(2)));
  }
  EXPECT_TRUE(IsSameEvent(row(1), row(1)));
}

TEST(EventIdentity, RowsOfOneCopyDifferInANullWhereItIsKnownHowThatIsWritten) {
  const auto row = [&](std::string_view b) {
    return *Identity(Envelope(Cat(R"({"a":1,"b":)", b, "}"), kWithout));
  };
  EXPECT_FALSE(IsSameEvent(row("null"), row("2")));
  EXPECT_FALSE(IsSameChange(row("null"), row("2")));
}

// Their key is not among the columns.
TEST(EventIdentity, RowsOfOneCopyMayDifferInTheirKeysOnly) {
  JsonReader reader;
  const auto row = [&](std::string_view key) {
    return *IdentityOf(reader, Envelope(R"({"b":"x"})"), key);
  };
  const auto one = row(R"({"a":1})");
  EXPECT_FALSE(IsSameEvent(one, row(R"({"a":2})")));
  EXPECT_FALSE(IsSameChange(one, row(R"({"a":2})")));
  EXPECT_FALSE(IsSameEvent(one, row(R"({"schema":{"type":"struct"},"payload":{"a":2}})")));
  for (const std::string_view same :
       {R"({"a":1})", R"({"schema":{"type":"struct"},"payload":{"a":1}})", R"({"c":2})", "x", ""}) {
    EXPECT_TRUE(IsSameEvent(one, row(same))) << same;
  }
}

TEST(EventIdentity, OfAMessageIsItsContent) {
  const auto message = [](std::string_view content, int time) {
    return *Identity(Cat(R"({"op":"m","source":{"lsn":5,"ts_ms":)", time,
                         R"(},"message":{"prefix":"p","content":")", content, R"("}})"));
  };
  EXPECT_TRUE(IsSameEvent(message("a", 1), message("a", 2)));
  EXPECT_FALSE(IsSameEvent(message("a", 1), message("b", 1)));
}

TEST(EventIdentity, OnlyAnEnvelopeHasOne) {
  for (const std::string_view value :
       {"", "x", "[]", "{}", R"({"a":1})", R"({"op":"c","source":{}})",
        R"({"source":{"lsn":1}})", R"({"op":"c","source":{"lsn":"1"}})"}) {
    EXPECT_FALSE(Identity(value).has_value()) << value;
  }
}

TEST(IsSameEvent, LooksAtLsnTransactionOperationAndRow) {
  const auto one = *Identity(Envelope(R"({"a":1,"b":"y"})", kWithout));
  EXPECT_TRUE(IsSameEvent(one, *Identity(Envelope(R"({"a":1,"b":"y"})", kWithDefault))));
  EXPECT_FALSE(IsSameEvent(one, *Identity(Envelope(R"({"a":2,"b":"y"})", kWithout))));
  EXPECT_FALSE(IsSameEvent(one, *Identity(Envelope(R"({"a":1})", kWithout))));
  EXPECT_FALSE(IsSameEvent(one, *Identity(Envelope(R"({"a":1,"c":"y"})", kWithout))));
  EXPECT_FALSE(IsSameEvent(one, *Identity(Envelope(R"({"a":1,"b":"y"})", kWithout, "5"))));
  auto other = one;
  other.op = "u";
  EXPECT_FALSE(IsSameEvent(one, other));
  other = one;
  other.tx_id = "732";
  EXPECT_FALSE(IsSameEvent(one, other));
  other = one;
  other.table = "public.u";
  EXPECT_FALSE(IsSameEvent(one, other));
}

TEST(IsSameEvent, LeavesOutAColumnThatHasOrHadADefault) {
  const auto before = *Identity(Envelope(R"({"a":1,"b":null})", kWithout));
  const auto after = *Identity(Envelope(R"({"a":1,"b":"x"})", kWithDefault));
  EXPECT_TRUE(IsSameEvent(before, after));
  EXPECT_TRUE(IsSameEvent(after, before));
  EXPECT_FALSE(IsSameEvent(*Identity(Envelope(R"({"a":2,"b":null})", kWithout)), after));
}

TEST(DescribeRecord, NamesPlacesAndNeverValues) {
  JsonReader reader;
  EXPECT_EQ(DescribeRecord(reader, Envelope(R"({"a":"secret"})")),
            "op c of public.t, LSN 0/16E4748, transaction 731");
  EXPECT_EQ(DescribeRecord(reader, std::nullopt), "a tombstone");
  EXPECT_EQ(DescribeRecord(reader, "secret"), "a record of 6 bytes without an LSN");
}

}  // namespace
}  // namespace walrelay::app
