// Hides secrets in configuration that is shown: what would be a password in a page, a log or a
// support ticket.
//
// Masks by the option's name, and by the value's form: connection strings and JAAS entries carry
// passwords under innocent names. A reference such as ${file:/etc/s:key} is shown: it is not the
// secret. Pure. Cannot fail. Source: FAULTS.md §6; Kafka Connect shows its configurations as given.
#pragma once

#include <string>
#include <string_view>

namespace walrelay::admin {

inline constexpr std::string_view kMask = "********";

// `value`, or kMask.
std::string MaskedValue(std::string_view key, std::string_view value);

}  // namespace walrelay::admin
