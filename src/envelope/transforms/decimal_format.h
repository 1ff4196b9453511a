// A value moves from one converter to another: the two may write decimals differently
// (decimal.format), and nothing else.
//
// Source: FORMAT.md §1.3; Kafka Connect, JsonConverter.
#pragma once

#include <string>
#include <string_view>

#include "envelope/buffer.h"
#include "envelope/connect_schema.h"

namespace walrelay::envelope {

// Whether a schema, or one inside it, is Connect's Decimal.
bool HasDecimal(const ConnectSchema& schema);

// The schema with its defaults in the other format; `to_numeric`: which one that is.
ConnectSchema WithDecimalFormat(const ConnectSchema& schema, bool to_numeric);

// Appends a value that is not null in the other format.
void AppendWithDecimalFormat(Buffer& out, const ConnectSchema& schema, std::string_view json,
                             bool to_numeric);

}  // namespace walrelay::envelope
