// The text of a JSON string that we have written.
#pragma once

#include <string_view>

#include "envelope/buffer.h"

namespace walrelay::envelope {

// Without its quotes and escapes; `scratch` holds it if it has any. What is no string is returned
// as it is.
std::string_view Unquoted(std::string_view json, Buffer& scratch);

}  // namespace walrelay::envelope
