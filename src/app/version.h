// The version of the program; CMake's project() is where it is written.
#pragma once

#include <string_view>

namespace walrelay::app {

inline constexpr std::string_view kVersion = WALRELAY_VERSION;

}  // namespace walrelay::app
