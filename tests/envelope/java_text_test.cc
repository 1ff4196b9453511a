#include "envelope/java_text.h"

#include <gtest/gtest.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <random>

#include "envelope/binary_text.h"

namespace walrelay::envelope {
namespace {

std::string Text(double value) {
  Buffer out;
  AppendJsonDouble(out, value);
  return std::string(out.view());
}
std::string Text(float value) {
  Buffer out;
  AppendJsonFloat(out, value);
  return std::string(out.view());
}

TEST(JavaDouble, IsLaidOutAsDoubleToString) {
  const std::pair<double, const char*> cases[] = {
      {0.0, "0.0"},
      {-0.0, "-0.0"},
      {1.0, "1.0"},
      {-1.5, "-1.5"},
      {100.0, "100.0"},
      {0.1, "0.1"},
      {0.001, "0.001"},
      {9e-4, "9.0E-4"},
      {0.00123, "0.00123"},
      {9999999.0, "9999999.0"},
      {1e7, "1.0E7"},
      {123456789.125, "1.23456789125E8"},
      {1e21, "1.0E21"},
      {2e23, "2.0E23"},
      {1.7976931348623157e308, "1.7976931348623157E308"},
      {2.2250738585072014e-308, "2.2250738585072014E-308"},
      {4.9e-324, "4.9E-324"},
      {9.9e-324, "9.9E-324"},
      {2e-323, "2.0E-323"},
      {std::numeric_limits<double>::quiet_NaN(), "\"NaN\""},
      {std::numeric_limits<double>::infinity(), "\"Infinity\""},
      {-std::numeric_limits<double>::infinity(), "\"-Infinity\""},
  };
  for (const auto& [value, text] : cases) EXPECT_EQ(Text(value), text);
}

TEST(JavaFloat, IsLaidOutAsFloatToString) {
  const std::pair<float, const char*> cases[] = {{1.5f, "1.5"},
                                                 {16777216.0f, "1.6777216E7"},
                                                 {-3.4028235e38f, "-3.4028235E38"},
                                                 {0.1f, "0.1"},
                                                 {1e-45f, "1.4E-45"}};
  for (const auto& [value, text] : cases) EXPECT_EQ(Text(value), text);
}

TEST(JavaDouble, IsReadBackAsTheSameNumber) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 20000; ++i) {
    const uint64_t bits = random();
    double value;
    std::memcpy(&value, &bits, sizeof(value));
    if (!std::isfinite(value)) continue;
    const std::string text = Text(value);
    double parsed = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), parsed);
    ASSERT_EQ(end, text.data() + text.size()) << text;
    ASSERT_EQ(parsed, value) << text;
  }
}

TEST(JavaHash, IsOverUtf16Units) {
  EXPECT_EQ(JavaHash(""), 0u);
  EXPECT_EQ(JavaHash("aa"), 3104u);
  EXPECT_EQ(JavaHash("ä"), 228u);
  EXPECT_EQ(JavaHash("😀"), 0xD83Du * 31 + 0xDE00u);
}

std::string Order(std::vector<std::string_view> keys) {
  std::string order;
  for (const size_t i : HashMapOrder(keys))
    order += std::string(order.empty() ? "" : " ") + std::string(keys[i]);
  return order;
}

TEST(HashMapOrder, IsByBucketThenInsertion) {
  EXPECT_EQ(Order({}), "");
  EXPECT_EQ(Order({"b", "a", "none"}), "a b none");
  // "Aa" and "BB" have one hash.
  EXPECT_EQ(Order({"BB", "Aa"}), "BB Aa");
  EXPECT_EQ(Order({"Aa", "BB"}), "Aa BB");
}

TEST(HashMapOrder, FollowsTheTableAsItGrows) {
  // Hashes 0, 16, 32, … share the first bucket of 16: a ninth doubles the table to 32, one more
  // ninth to 64.
  std::vector<uint32_t> nine;
  for (uint32_t i = 0; i < 9; ++i) nine.push_back(i % 2 == 0 ? 32 * i : 32 * i + 16);
  EXPECT_EQ(HashMapOrderOfHashes(nine), (std::vector<size_t>{0, 2, 4, 6, 8, 1, 3, 5, 7}));
  std::vector<uint32_t> eight(nine.begin(), nine.begin() + 8);
  EXPECT_EQ(HashMapOrderOfHashes(eight), (std::vector<size_t>{0, 1, 2, 3, 4, 5, 6, 7}));
  // The thirteenth key doubles 16 to 32: hash 16 leaves bucket 0.
  std::vector<uint32_t> many = {16, 0};
  for (uint32_t i = 1; i <= 10; ++i) many.push_back(i);
  EXPECT_EQ(HashMapOrderOfHashes(many).front(), 0u) << "12 keys: 16 and 0 share a bucket";
  many.push_back(11);
  EXPECT_EQ(HashMapOrderOfHashes(many).front(), 1u) << "13 keys: they do not";
}

TEST(Utf16, CountsAndCutsByUnits) {
  EXPECT_EQ(Utf16Length("aä😀"), 4u);
  EXPECT_EQ(Utf16Prefix("aä😀b", 2), "aä");
  EXPECT_EQ(Utf16Prefix("aä😀b", 3), "aä") << "half a pair is left out";
  EXPECT_EQ(Utf16Prefix("aä😀b", 4), "aä😀");
  EXPECT_EQ(Utf16Prefix("a", 9), "a");
}

TEST(NameUuid, IsJavasVersionThree) {
  EXPECT_EQ(NameUuid("__debezium_unavailable_value"), "b68a35a7-17ad-35b3-af2a-ae46edb4545a");
}

TEST(Base64, HasJavasAlphabetsAndPadding) {
  for (const auto& [bytes, standard, url] : {std::tuple{"", "", ""},
                                             {"a", "YQ==", "YQ=="},
                                             {"ab", "YWI=", "YWI="},
                                             {"\xfb\xff\xfe", "+//+", "-__-"}}) {
    Buffer out;
    AppendBase64(out, bytes);
    EXPECT_EQ(out.view(), standard);
    EXPECT_EQ(DecodeBase64(standard), bytes);
    out.clear();
    AppendBase64(out, bytes, true);
    EXPECT_EQ(out.view(), url);
  }
}

TEST(Bytea, ReadsBothOutputsOfTheServer) {
  const auto bytes = [](std::string_view text) -> std::optional<std::string> {
    Buffer out;
    if (!AppendByteaBytes(out, text)) return std::nullopt;
    return std::string(out.view());
  };
  EXPECT_EQ(bytes("\\x00fF10"), std::string("\x00\xff\x10", 3));
  EXPECT_EQ(bytes("\\x"), "");
  EXPECT_EQ(bytes("a\\\\b\\000\\377"), std::string("a\\b\0\xff", 5));
  EXPECT_EQ(bytes("\\x0"), std::nullopt);
  EXPECT_EQ(bytes("\\xzz"), std::nullopt);
  EXPECT_EQ(bytes("\\9"), std::nullopt);
}

}  // namespace
}  // namespace walrelay::envelope
