#include "envelope/decimal.h"

#include <gtest/gtest.h>

#include <random>

namespace walrelay::envelope {
namespace {

std::string Unscaled(std::string_view text, int64_t scale) {
  const auto decimal = ParseDecimal(text);
  if (!decimal) return "unparsed";
  const auto scaled = WithScale(*decimal, scale);
  if (!scaled) return "rounded";
  Buffer out;
  AppendUnscaledBase64(out, *scaled);
  return std::string(out.view());
}

std::string Plain(std::string_view text) {
  Buffer out;
  AppendPlain(out, *ParseDecimal(text));
  return std::string(out.view());
}

std::string JavaText(std::string_view text) {
  Buffer out;
  AppendBigDecimal(out, *ParseDecimal(text));
  return std::string(out.view());
}

TEST(Decimal, UnscaledValueIsMinimalTwosComplement) {
  EXPECT_EQ(Unscaled("0", 0), "\"AA==\"");
  EXPECT_EQ(Unscaled("-0.00", 2), "\"AA==\"");
  EXPECT_EQ(Unscaled("-1", 0), "\"/w==\"");
  EXPECT_EQ(Unscaled("127", 0), "\"fw==\"");
  EXPECT_EQ(Unscaled("128", 0), "\"AIA=\"");
  EXPECT_EQ(Unscaled("-128", 0), "\"gA==\"");
  EXPECT_EQ(Unscaled("-129", 0), "\"/38=\"");
  EXPECT_EQ(Unscaled("256", 0), "\"AQA=\"");
  EXPECT_EQ(Unscaled("123.45", 2), "\"MDk=\"");
  EXPECT_EQ(Unscaled("-99999999.99", 2), "\"/av0HAE=\"");
  EXPECT_EQ(Unscaled("-0.01", 2), "\"/w==\"");
}

TEST(Decimal, ScaleIsRaisedButNeverRoundedAway) {
  EXPECT_EQ(Unscaled("1.5", 2), Unscaled("150", 0));
  EXPECT_EQ(Unscaled("1e3", 0), Unscaled("1000", 0));
  EXPECT_EQ(Unscaled("1.500", 1), Unscaled("15", 0));
  EXPECT_EQ(Unscaled("1.25", 1), "rounded");
  EXPECT_EQ(Unscaled("0.000", 1), "\"AA==\"");
}

TEST(Decimal, RefusesWhatBigDecimalRefuses) {
  for (const char* text :
       {"", ".", "-", "NaN", "Infinity", "1e", "1 ", "1_0", "(5 + 3)", "0x1", "1e99999999"}) {
    EXPECT_FALSE(ParseDecimal(text)) << text;
  }
}

TEST(Decimal, PrintsAsBigDecimalDoes) {
  EXPECT_EQ(Plain("1.50"), "1.50");
  EXPECT_EQ(Plain("-0.05"), "-0.05");
  EXPECT_EQ(Plain("0.00"), "0.00");
  EXPECT_EQ(Plain("007"), "7");
  EXPECT_EQ(Plain("1E+3"), "1000");
  EXPECT_EQ(JavaText("1.50"), "1.50");
  EXPECT_EQ(JavaText("0.00000001"), "1E-8");
  EXPECT_EQ(JavaText("0.000001"), "0.000001");
  EXPECT_EQ(JavaText("-12e5"), "-1.2E+6");
  EXPECT_EQ(JavaText("0.00000000"), "0E-8");
}

TEST(Decimal, StripsZerosToAScaleThatIsNotNegative) {
  const auto stripped = [](const char* text) {
    const Decimal decimal = Stripped(*ParseDecimal(text));
    Buffer out;
    AppendPlain(out, decimal);
    return std::pair(std::string(out.view()), decimal.scale);
  };
  EXPECT_EQ(stripped("1.500"), std::pair(std::string("1.5"), int64_t{1}));
  EXPECT_EQ(stripped("100"), std::pair(std::string("100"), int64_t{0}));
  EXPECT_EQ(stripped("0.000"), std::pair(std::string("0"), int64_t{0}));
  EXPECT_EQ(stripped("-0.000001230"), std::pair(std::string("-0.00000123"), int64_t{8}));
}

TEST(Decimal, RoundsHalfUp) {
  const auto rounded = [](const char* text, int64_t scale) {
    std::string scratch;
    Buffer out;
    AppendPlain(out, RoundedHalfUp(*ParseDecimal(text), scale, scratch));
    return std::string(out.view());
  };
  EXPECT_EQ(rounded("1.25", 1), "1.3");
  EXPECT_EQ(rounded("-1.25", 1), "-1.3");
  EXPECT_EQ(rounded("1.24", 1), "1.2");
  EXPECT_EQ(rounded("9.99", 0), "10");
  EXPECT_EQ(rounded("0.04", 1), "0.0");
  EXPECT_EQ(rounded("-0.04", 1), "0.0");
  EXPECT_EQ(rounded("1234.5", 4), "1234.5000");
}

// The 128-bit path and the one for any size agree, and both are read back digit for digit.
TEST(Decimal, OfAnySizeIsReadBack) {
  std::mt19937 random(42);
  for (int round = 0; round < 3000; ++round) {
    std::string digits = round % 2 == 0 ? "-" : "";
    digits.push_back(static_cast<char>('1' + random() % 9));
    for (size_t i = random() % 120; i > 0; --i)
      digits.push_back(static_cast<char>('0' + random() % 10));
    Buffer out;
    AppendUnscaledBase64(out, *ParseDecimal(digits));
    ASSERT_EQ(UnscaledText(out.view().substr(1, out.size() - 2)), digits);
  }
}

TEST(Decimal, BothSidesOfThe128BitPathAgree) {
  const std::string nines(37, '9');
  // Leading zeros force the large path.
  const std::string long_text = "0." + std::string(20, '0') + nines;
  const Decimal padded = *ParseDecimal(long_text);
  Buffer small;
  Buffer large;
  AppendUnscaledBase64(small, *ParseDecimal(nines));
  AppendUnscaledBase64(large, padded);
  EXPECT_EQ(small.view(), large.view());
}

}  // namespace
}  // namespace walrelay::envelope
