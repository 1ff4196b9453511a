// Base64, and decimals as Connect writes them: a big-endian two's-complement integer and a scale.
//
// Pure. Source: FORMAT.md §1.3; RFC 4648 §4; java.math.BigInteger.toByteArray.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace walrelay::apply {

// Appends the bytes; false (and nothing useful appended) for text that is not padded standard
// base64.
bool DecodeBase64(std::string_view base64, std::string& bytes);

// Appends "-12.50" for the unscaled integer in `bytes` and scale 2. A negative scale appends zeros.
// False when `bytes` is empty or the scale is beyond what numeric can hold.
bool AppendDecimal(std::string_view bytes, int32_t scale, std::string& out);

// Appends PostgreSQL's hex input: \x00ff.
void AppendHexBytea(std::string_view bytes, std::string& out);
void AppendHex(std::string_view bytes, std::string& out);

}  // namespace walrelay::apply
