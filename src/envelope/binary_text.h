// Bytes as text, and back: base64 as Java writes it, hexadecimal, and PostgreSQL's two forms of
// bytea.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "envelope/buffer.h"

namespace walrelay::envelope {

// Standard alphabet with padding; or '-' and '_' instead of '+' and '/', also padded (Java's
// getUrlEncoder).
void AppendBase64(Buffer& out, std::string_view bytes, bool url_safe = false);
// Lower case.
void AppendHex(Buffer& out, std::string_view bytes);

// Hexadecimal digits in pairs, either case; false when they are not.
bool AppendUnhexed(Buffer& out, std::string_view hex);
// bytea_output hex ("\x…") or escape; false for anything else.
bool AppendByteaBytes(Buffer& out, std::string_view text);

// The bytes of padded standard base64 that AppendBase64 wrote.
std::string DecodeBase64(std::string_view text);

}  // namespace walrelay::envelope
