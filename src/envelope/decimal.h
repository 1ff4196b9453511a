// Decimal numbers of any size, from PostgreSQL's text to the forms that Java's BigDecimal takes.
//
// The text is what numeric_out writes, or a literal that BigDecimal's constructor accepts: sign,
// digits, a point, an exponent. NaN and the infinities are not decimals. Allocates only beyond 37
// digits. Source: FORMAT.md §1.3, §4.1; Java SE, BigDecimal and BigInteger.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "envelope/buffer.h"

namespace walrelay::envelope {

// digits × 10^-scale, where the digits are whole, fraction and then `zeros` times '0'. The views
// point into the text that was parsed; `whole` has no leading zeros, and zero is never negative.
struct Decimal {
  bool negative = false;
  std::string_view whole;
  std::string_view fraction;
  size_t zeros = 0;
  int64_t scale = 0;

  size_t size() const { return whole.size() + fraction.size() + zeros; }
  char digit(size_t i) const {
    if (i < whole.size()) return whole[i];
    i -= whole.size();
    return i < fraction.size() ? fraction[i] : '0';
  }
};

std::optional<Decimal> ParseDecimal(std::string_view text);

// setScale(scale): the same value; nullopt when digits other than zeros would be lost.
std::optional<Decimal> WithScale(Decimal decimal, int64_t scale);
// setScale(scale, HALF_UP). The result's digits are in `scratch`.
Decimal RoundedHalfUp(const Decimal& decimal, int64_t scale, std::string& scratch);
// stripTrailingZeros, then a negative scale raised to 0.
Decimal Stripped(Decimal decimal);

// BigInteger.toByteArray of the unscaled value, in base64, as a JSON string: big-endian two's
// complement, as short as possible.
void AppendUnscaledBase64(Buffer& out, const Decimal& decimal);
// The same straight from text of at most 18 digits, without exponent, whose fraction fits into
// `scale`; false, with nothing appended, for any other.
bool AppendSmallUnscaledBase64(Buffer& out, std::string_view text, int64_t scale);
// toPlainString.
void AppendPlain(Buffer& out, const Decimal& decimal);
// toString: "1.50", "1E-8".
void AppendBigDecimal(Buffer& out, const Decimal& decimal);

// The opposite of AppendUnscaledBase64 without its quotes: a sign and digits.
std::string UnscaledText(std::string_view base64);

}  // namespace walrelay::envelope
