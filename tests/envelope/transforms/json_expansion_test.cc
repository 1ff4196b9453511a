#include "envelope/transforms/json_expansion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace walrelay::envelope {
namespace {

using ::testing::HasSubstr;

struct Result {
  absl::Status status;
  bool expanded = false;
  std::string schema;  // JSON, or "none".
  std::string value;
};

Result Expand(std::string_view text, bool null_as_bytes = false, Compat compat = Compat::k3_6_1) {
  JsonReader reader;
  Buffer out;
  const auto made = ExpandJson(
      {.path = "payload", .null_as_bytes = null_as_bytes, .compat = compat}, text, reader, out);
  Result result;
  result.status = made.status();
  if (!made.ok() || !*made) return result;
  result.expanded = true;
  result.schema = (*made)->schema ? SchemaJson(*(*made)->schema) : "none";
  result.value = std::string(out.view());
  return result;
}

TEST(JsonExpansion, InfersTypesAndPaths) {
  const Result made = Expand(R"({"i": 1, "l": 2147483648, "d": 1.0, "o": {"t": true}})");
  EXPECT_EQ(made.value, R"({"i":1,"l":2147483648,"d":1.0,"o":{"t":true}})");
  EXPECT_EQ(
      made.schema,
      R"({"type":"struct","fields":[{"type":"int32","optional":true,"field":"i"},)"
      R"({"type":"int64","optional":true,"field":"l"},)"
      R"({"type":"double","optional":true,"field":"d"},)"
      R"({"type":"struct","fields":[{"type":"boolean","optional":true,"field":"t"}],)"
      R"("optional":true,"name":"payload.o","field":"o"}],"optional":true,"name":"payload"})");
}

TEST(JsonExpansion, WhatIsNoObjectStaysText) {
  for (const char* text : {"", "text", "1", " {}", "{\"a\":", "{a:1}", "{\"a\":1,}"}) {
    const Result made = Expand(text);
    EXPECT_TRUE(made.status.ok()) << text;
    EXPECT_FALSE(made.expanded) << text;
  }
}

TEST(JsonExpansion, ReadsOneValueOnly) {
  EXPECT_EQ(Expand("{\"a\":\"}\"} and more").value, "{\"a\":\"}\"}");
}

TEST(JsonExpansion, LeavesNullsAndEmptyArraysOut) {
  EXPECT_EQ(Expand(R"({"n":null,"l":[],"o":{}})").value, R"({"o":{}})");
  EXPECT_EQ(Expand(R"({"n":null,"l":[]})", true).value, R"({"n":null})");
}

TEST(JsonExpansion, TheLastOfDuplicatesCountsAtThePlaceOfTheFirst) {
  EXPECT_EQ(Expand(R"({"a":1,"b":2,"a":"x"})").value, R"({"a":"x","b":2})");
}

TEST(JsonExpansion, ArraysOfMixedTypesStayText) {
  for (const char* text : {R"({"a":[1,"x"]})", R"({"a":[1,2.5]})", R"({"a":[null]})"})
    EXPECT_FALSE(Expand(text).expanded) << text;
  EXPECT_EQ(Expand(R"({"a":[null]})", true).value, R"({"a":[null]})");
  EXPECT_EQ(Expand(R"({"a":["x",null]})").value, R"({"a":["x",null]})");
}

TEST(JsonExpansion, ObjectsInArraysAreMergedAndLoseOptional) {
  const Result same = Expand(R"({"a":[{"x":1},{"x":2}]})");
  EXPECT_THAT(same.schema, HasSubstr(R"("optional":true,"name":"payload.a"})"));
  const Result merged = Expand(R"({"a":[{"x":1},{"y":2}]})");
  EXPECT_EQ(merged.value, R"({"a":[{"x":1,"y":null},{"x":null,"y":2}]})");
  EXPECT_THAT(merged.schema, HasSubstr(R"("optional":false,"name":"payload.a"})"));
}

TEST(JsonExpansion, InsideArraysOfArraysPathsAreLost) {
  const char* text = R"({"a":[[{"o":{"x":1}}]]})";
  EXPECT_THAT(Expand(text).schema, HasSubstr(R"("name":"o")"));
  EXPECT_THAT(Expand(text, false, Compat::k2_5_0).schema, HasSubstr(R"("name":"null.o")"));
}

TEST(JsonExpansion, FailsWhereTheTaskFails) {
  EXPECT_FALSE(Expand("[1]").status.ok());
  EXPECT_FALSE(Expand(R"({"a":99999999999999999999})").status.ok());
  EXPECT_EQ(Expand("[]").schema, "none");
}

TEST(JsonExpansion, DeepTextsStayText) {
  std::string deep;
  for (int i = 0; i < 2000; ++i) deep += "{\"a\":";
  deep += "1";
  deep += std::string(2000, '}');
  EXPECT_FALSE(Expand(deep).expanded);
}

}  // namespace
}  // namespace walrelay::envelope
