#include "envelope/connect_text.h"

#include <gtest/gtest.h>

namespace walrelay::envelope {
namespace {

ConnectSchema Decimal(const char* scale) {
  ConnectSchema schema = NamedSchema("bytes", "org.apache.kafka.connect.data.Decimal");
  schema.parameters = {{"scale", scale}};
  return schema;
}

ConnectSchema Key(std::vector<std::pair<std::string, ConnectSchema>> fields) {
  ConnectSchema key = PlainSchema("struct");
  key.fields = std::move(fields);
  return key;
}

const ConnectSchema kDate = NamedSchema("int32", "org.apache.kafka.connect.data.Date");
const ConnectSchema kTime = NamedSchema("int32", "org.apache.kafka.connect.data.Time");
const ConnectSchema kTimestamp = NamedSchema("int64", "org.apache.kafka.connect.data.Timestamp");

TEST(HeaderText, EscapesOnlyQuotesAndBackslashes) {
  const ConnectSchema key = Key({{"i\"d", PlainSchema("int32")}, {"s", PlainSchema("string")}});
  EXPECT_EQ(HeaderText(key, R"({"i\"d":1,"s":"a\"b\\c\n\uD83D\uDE00"})", false),
            "{\"i\\\"d\":1,\"s\":\"a\\\"b\\\\c\n😀\"}");
}

TEST(HeaderText, WritesNumbersAsJavaDoes) {
  const ConnectSchema key = Key({{"d", Decimal("2")},
                                 {"n", Decimal("8")},
                                 {"f", PlainSchema("double")},
                                 {"b", PlainSchema("bytes")},
                                 {"t", PlainSchema("boolean")},
                                 {"z", PlainSchema("string")}});
  EXPECT_EQ(
      HeaderText(key, R"({"d":"AJY=","n":"/w==","f":"NaN","b":"AP8=","t":true,"z":null})", false),
      R"({"d":1.50,"n":-1E-8,"f":NaN,"b":"AP8=","t":true,"z":null})");
  EXPECT_EQ(HeaderText(Key({{"d", Decimal("2")}}), R"({"d":1.50})", true), R"({"d":1.50})");
}

TEST(HeaderText, ChoosesAFormForDates) {
  const ConnectSchema key = Key({{"d", kDate}, {"t", kTime}, {"s", kTimestamp}, {"m", kTimestamp}});
  EXPECT_EQ(
      HeaderText(key, R"({"d":18263,"t":3723120,"s":1577934245120,"m":1577836800000})", false),
      R"({"d":2020-01-02,"t":01:02:03.120Z,"s":2020-01-02T03:04:05.120Z,"m":2020-01-01})");
}

TEST(HeaderText, NestsContainers) {
  ConnectSchema map = PlainSchema("map");
  map.items = {PlainSchema("string"), PlainSchema("string")};
  const ConnectSchema key = Key({{"a", ArraySchema(PlainSchema("int32"))}, {"m", map}});
  EXPECT_EQ(HeaderText(key, R"({"a":[1,null],"m":{"k":"v"}})", false),
            R"({"a":[1,null],"m":{"k":"v"}})");
  EXPECT_EQ(KeyText(key, R"({"a":[1,null],"m":{"k":"v"}})", {false, false}, false),
            "Struct{a=[1, null],m={k=v}}");
}

TEST(KeyText, QuotesNothingAndLeavesNullsOut) {
  const ConnectSchema key = Key({{"c", Decimal("2")},
                                 {"b", PlainSchema("string")},
                                 {"n", PlainSchema("string")},
                                 {"by", PlainSchema("bytes")},
                                 {"d", kDate}});
  EXPECT_EQ(KeyText(key, R"({"c":"AJY=","b":"x, \"y","n":"its default","by":"AP8=","d":0})",
                    {false, false, true, false, false}, false),
            "Struct{c=1.50,b=x, \"y,by=java.nio.HeapByteBuffer[pos=0 lim=2 cap=2],d=Thu Jan 01 "
            "00:00:00 UTC 1970}");
}

// As it is in Values.dateFormatFor: all that is below one day is a time, before 1970 too.
TEST(HeaderText, WhatLiesBefore1970IsATime) {
  const ConnectSchema key = Key({{"d", kDate}, {"s", kTimestamp}, {"f", kDate}});
  EXPECT_EQ(HeaderText(key, R"({"d":-719162,"s":-1,"f":6585463})", false),
            R"({"d":00:00:00.000Z,"s":23:59:59.999Z,"f":20000-05-21})");
}

TEST(ObjectText, DatesAreJulianBefore1582) {
  const ConnectSchema date = NamedSchema("int32", "org.apache.kafka.connect.data.Date");
  EXPECT_EQ(ObjectText(date, "0", false), "Thu Jan 01 00:00:00 UTC 1970");
  EXPECT_EQ(ObjectText(date, "-141427", false), "Fri Oct 15 00:00:00 UTC 1582");
  EXPECT_EQ(ObjectText(date, "-141428", false), "Thu Oct 04 00:00:00 UTC 1582");
  EXPECT_EQ(ObjectText(date, "-719162", false), "Mon Jan 03 00:00:00 UTC 1");
}

TEST(HeaderValueText, ATextAloneHasNoQuotes) {
  Buffer out;
  EXPECT_EQ(HeaderValueText(PlainSchema("string"), R"("a\"\\\n\u0001\uD83D\uDE00é")", false, out),
            "a\"\\\n\x01😀é");
  EXPECT_EQ(HeaderValueText(PlainSchema("int32"), "7", false, out), "7");
  EXPECT_EQ(HeaderValueText(PlainSchema("double"), R"("NaN")", false, out), "NaN");
}

}  // namespace
}  // namespace walrelay::envelope
