// The default that a column's schema shows, from the text of its DEFAULT expression.
//
// Debezium evaluates nothing: it takes a quoted literal, a bare word, or a placeholder for what
// looks like a function call, and parses that as the column's type. What that cannot parse has no
// default. Source: FORMAT.md §5.2; Debezium, PostgresDefaultValueConverter.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "envelope/codec.h"
#include "envelope/options.h"
#include "envelope/type_table.h"

namespace walrelay::envelope {

struct DefaultContext {
  DefaultRule rule = DefaultRule::kNone;
  Compat compat = Compat::k2_5_0;
  int32_t typmod = -1;
  std::string_view type_name;  // Of an enum.
};

// As JSON; nullopt: no default. `codec` is the column's.
std::optional<std::string> DefaultJson(std::string_view expression, const Codec& codec,
                                       const DefaultContext& context);

}  // namespace walrelay::envelope
