#include "base/json.h"

#include <gtest/gtest.h>

#include <random>

#include "base/status.h"

namespace walrelay {
namespace {

using namespace std::literals;

std::string Quoted(std::string_view text) {
  std::string out;
  AppendJsonString(out, text);
  return out;
}

// Writes a parsed value again: with text() of numbers, so that nothing is lost.
void Rewrite(JsonWriter& out, JsonValue value) {
  switch (value.kind()) {
    case JsonKind::kMissing:
      FAIL() << "a missing value was reached";
    case JsonKind::kNull:
      out.Null();
      return;
    case JsonKind::kFalse:
    case JsonKind::kTrue:
      out.Bool(*value.Bool());
      return;
    case JsonKind::kNumber:
      out.Raw(value.text());
      return;
    case JsonKind::kString:
      out.String(value.text());
      return;
    case JsonKind::kArray:
      out.BeginArray();
      for (const JsonValue item : value) Rewrite(out, item);
      out.EndArray();
      return;
    case JsonKind::kObject:
      out.BeginObject();
      for (auto member = value.begin(); member != value.end(); ++member) {
        out.Key(member.name());
        Rewrite(out, *member);
      }
      out.EndObject();
      return;
  }
}

TEST(JsonReader, ReadsEveryKindAndKeepsNumbersAsTheyWereWritten) {
  JsonReader reader;
  const auto root = reader.Parse(
      R"( {"a":[1,-2.50e+1,"x",null,true,false],"b":{},"c":[] , "d":12345678901234567890} )");
  ASSERT_TRUE(root.ok()) << root.status();
  std::string out;
  JsonWriter writer(out);
  Rewrite(writer, *root);
  EXPECT_EQ(out,
            R"({"a":[1,-2.50e+1,"x",null,true,false],"b":{},"c":[],"d":12345678901234567890})");
  EXPECT_EQ((*root)["a"].size(), 6u);
  EXPECT_EQ((*root)["d"].Int<uint64_t>(), 12345678901234567890u);
  EXPECT_EQ((*root)["d"].Int<int64_t>(), std::nullopt) << "it does not fit";
  EXPECT_TRUE((*root)["nothing"].is_missing());
  EXPECT_TRUE((*root)["nothing"]["deeper"].is_missing());
}

TEST(JsonReader, UnescapesStrings) {
  JsonReader reader;
  const auto root = reader.Parse(R"(["\"\\\/\b\f\n\r\t\u0041\uD83D\uDE00\u0000z","ä"])");
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_EQ((*(*root).begin()).text(), "\"\\/\b\f\n\r\tA😀\0z"sv);
}

TEST(JsonReader, SaysHowArraysAndObjectsWereWritten) {
  constexpr std::string_view kText =
      " { \"a\\n\" :  [ 1 , {\"b\": \"}\"} ] \n , \"c\":{ } , \"d\": 2 } ";
  JsonReader reader;
  const auto root = reader.Parse(kText);
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_EQ((*root)["a\n"].json(), "[ 1 , {\"b\": \"}\"} ]");
  EXPECT_EQ((*(++(*root)["a\n"].begin())).json(), "{\"b\": \"}\"}");
  EXPECT_EQ((*root)["c"].json(), "{ }");
  EXPECT_EQ((*root)["d"].json(), "");
  EXPECT_EQ((*root)["nothing"].json(), "");
  EXPECT_EQ(root->json(), kText.substr(1, kText.size() - 2));
  const std::string_view original = reader.JsonIn(kText, (*root)["c"]);
  EXPECT_EQ(original, "{ }");
  EXPECT_EQ(original.data(), kText.data() + kText.find("{ }"));
  EXPECT_EQ(reader.JsonIn(kText, (*root)["d"]), "");
}

TEST(JsonReader, ReadsDocumentsOfOneWord) {
  JsonReader reader;
  EXPECT_EQ(reader.Parse(" 12 ")->Int(), 12);
  EXPECT_EQ(reader.Parse("\"x\"")->text(), "x");
  EXPECT_EQ(reader.Parse("true\n")->Bool(), true);
  EXPECT_TRUE(reader.Parse("null")->is_null());
  for (const std::string_view text : {"1,2", "1] , [2", "1 2", "", " ", "]", "],[", "\"a\": 1"})
    EXPECT_EQ(reader.Parse(text).status().code(), absl::StatusCode::kDataLoss) << text;
}

TEST(JsonReader, ReadsNumbersAsTheyMayBeWritten) {
  JsonReader reader;
  for (const std::string_view text :
       {"0", "-0", "10", "0.50", "1e5", "-1E+05", "1.0e-400",
        "123456789012345678901234567890.123456789012345678901234567890"}) {
    const auto number = reader.Parse(text);
    ASSERT_TRUE(number.ok()) << text << ": " << number.status();
    EXPECT_TRUE(number->is_number());
    EXPECT_EQ(number->text(), text);
  }
  for (const std::string_view text : {"00", "01", "-", "-a", "+1", ".5", "1.", "1.e5", "1e", "1e+",
                                      "1x", "0x1", "1e5.0", "--1", "NaN", "-Infinity", "1_000"})
    EXPECT_EQ(reader.Parse(text).status().code(), absl::StatusCode::kDataLoss) << text;
}

TEST(JsonReader, GivesTheRoomOfALargeDocumentBack) {
  const std::string large = Cat("[\"", std::string(10 << 20, 'x'), "\"]");
  JsonReader reader;
  ASSERT_EQ((*reader.Parse(large)->begin()).text().size(), 10u << 20);
  EXPECT_EQ((*reader.Parse("[7]")->begin()).Int(), 7);
  ASSERT_EQ((*reader.Parse(large)->begin()).text().size(), 10u << 20);
}

TEST(JsonReader, RejectsEveryTruncation) {
  const std::string whole = R"({"a":[1,{"b":"\u00e4x"}],"c":null})";
  JsonReader reader;
  ASSERT_TRUE(reader.Parse(whole).ok());
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(reader.Parse(whole.substr(0, size)).status().code(), absl::StatusCode::kDataLoss)
        << size;
  }
}

TEST(JsonReader, RejectsWhatIsNotJson) {
  JsonReader reader;
  for (const std::string_view text :
       {"{} Zq"sv, "[1,]"sv, "{\"a\" 1}"sv, "01"sv, "\"\xff\""sv, "\"a\0b\""sv, "nul"sv,
        "\"\\uD800\""sv, "\"\\uDC00\""sv, "\0"sv, "[1]\0"sv}) {
    const auto root = reader.Parse(text);
    EXPECT_EQ(root.status().code(), absl::StatusCode::kDataLoss) << text;
    EXPECT_EQ(Message(root.status()).find("Zq"), std::string_view::npos) << "no content in errors";
  }
}

TEST(JsonReader, LimitsDepth) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  JsonReader reader;
  EXPECT_TRUE(reader.Parse(nested(1000)).ok());
  for (const size_t depth : {1001u, 1030u, 1'000'000u})
    EXPECT_EQ(reader.Parse(nested(depth)).status().code(), absl::StatusCode::kDataLoss) << depth;
}

TEST(AppendJsonString, EscapesAsJackson) {
  EXPECT_EQ(Quoted("a\"b\\c/d"), R"("a\"b\\c/d")");
  EXPECT_EQ(Quoted("\b\t\n\f\r\x01\x1f\x7f"sv), "\"\\b\\t\\n\\f\\r\\u0001\\u001F\x7f\"");
  EXPECT_EQ(Quoted("\0"sv), "\"\\u0000\"");
  EXPECT_EQ(Quoted("äß€\u2028"), "\"äß€\u2028\"");
  EXPECT_EQ(Quoted("😀\U00010000\U0010FFFF"), R"("\uD83D\uDE00\uD800\uDC00\uDBFF\uDFFF")");
}

TEST(AppendJsonString, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(Quoted("a\xff\xc3z"), "\"a\uFFFD\uFFFDz\"");
  EXPECT_EQ(Quoted("\xf0\x9f\x98"), "\"\uFFFD\uFFFD\uFFFD\"");
  EXPECT_EQ(Quoted("\xed\xa0\x80"), "\"\uFFFD\uFFFD\uFFFD\"") << "a lone surrogate";
}

TEST(AppendJsonString, IsReadBackAsItWas) {
  std::mt19937 random(20240607);
  JsonReader reader;
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (int i = 0; i < 20; ++i) {
      const auto code = static_cast<uint32_t>(random() % (random() % 2 != 0 ? 0x80 : 0x800));
      if (code < 0x80) {
        text.push_back(static_cast<char>(code));
      } else {
        text.push_back(static_cast<char>(0xC0 | code >> 6));
        text.push_back(static_cast<char>(0x80 | (code & 0x3F)));
      }
    }
    const auto root = reader.Parse(Quoted(text));
    ASSERT_TRUE(root.ok()) << root.status();
    ASSERT_EQ(root->text(), text);
  }
}

TEST(JsonWriter, CopiesWhatWasRead) {
  constexpr std::string_view kText = R"({"a":[1,-2.50,"x\"y",true,false,null,{}],"b":{"c":[]}})";
  JsonReader reader;
  const auto value = reader.Parse(kText);
  ASSERT_TRUE(value.ok()) << value.status();
  std::string out;
  JsonWriter(out).Copy(*value);
  EXPECT_EQ(out, kText);
}

}  // namespace
}  // namespace walrelay
