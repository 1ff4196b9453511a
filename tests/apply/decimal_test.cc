#include "apply/decimal.h"

#include <gtest/gtest.h>

namespace walrelay::apply {
namespace {

using namespace std::literals;

std::string Decimal(std::string_view base64, int32_t scale) {
  std::string bytes, text;
  EXPECT_TRUE(DecodeBase64(base64, bytes));
  EXPECT_TRUE(AppendDecimal(bytes, scale, text));
  return text;
}

TEST(DecodeBase64, ReadsEveryLengthOfPadding) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", ""}, {"AA==", "\0"sv}, {"Zm8=", "fo"}, {"Zm9v", "foo"}, {"+/8=", "\xfb\xff"sv}};
  for (const auto& [base64, expected] : cases) {
    std::string bytes;
    EXPECT_TRUE(DecodeBase64(base64, bytes)) << base64;
    EXPECT_EQ(bytes, expected);
  }
}

TEST(DecodeBase64, RejectsWhatIsNotPaddedStandardBase64) {
  for (const std::string_view bad : {"A", "AA", "AA=A", "====", "-_8=", "Zm9v\n", "Z===", "A A="}) {
    std::string bytes;
    EXPECT_FALSE(DecodeBase64(bad, bytes)) << bad;
  }
}

TEST(AppendDecimal, PlacesThePoint) {
  EXPECT_EQ(Decimal("MDk=", 2), "123.45");
  EXPECT_EQ(Decimal("AA==", 0), "0");
  EXPECT_EQ(Decimal("AA==", 2), "0.00");
  EXPECT_EQ(Decimal("/w==", 2), "-0.01");
  EXPECT_EQ(Decimal("AIA=", 0), "128");
  EXPECT_EQ(Decimal("AQ==", -3), "1000");
  EXPECT_EQ(Decimal("AA==", -3), "0");
}

TEST(AppendDecimal, HoldsWhatNoIntegerHolds) {
  // 2^63, -2^63, 2^64, and -1 sign-extended to 16 bytes.
  EXPECT_EQ(Decimal("AIAAAAAAAAAA", 0), "9223372036854775808");
  EXPECT_EQ(Decimal("gAAAAAAAAAA=", 0), "-9223372036854775808");
  EXPECT_EQ(Decimal("AQAAAAAAAAAA", 0), "18446744073709551616");
  EXPECT_EQ(Decimal("/////////////////////w==", 1), "-0.1");
  // -2^96: all magnitude limbs but the first are zero.
  EXPECT_EQ(Decimal("/wAAAAAAAAAAAAAAAA==", 0), "-79228162514264337593543950336");
}

TEST(AppendDecimal, RejectsNoBytesAndScalesThatNumericCannotHold) {
  std::string text;
  EXPECT_FALSE(AppendDecimal("", 0, text));
  EXPECT_FALSE(AppendDecimal("\x01", 16384, text));
  EXPECT_FALSE(AppendDecimal("\x01", INT32_MIN, text));
}

}  // namespace
}  // namespace walrelay::apply
