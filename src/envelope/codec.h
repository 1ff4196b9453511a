// How one column's text becomes a value in the record: decided when the plan is built, called once
// a value.
//
// A codec bundles what belongs to a type, side by side: schema, encoder, what stands for a missing
// value in a NOT NULL column, what stands for a TOAST value that was not sent. Source: FORMAT.md
// §4.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "envelope/buffer.h"
#include "envelope/calendar.h"
#include "envelope/connect_schema.h"

namespace walrelay::envelope {

struct Codec;

// Appends the value as JSON. False when Debezium could not convert it either; what was appended
// then is cut off by the caller.
using Encode = bool (*)(const Codec& codec, std::string_view text, Buffer& out);

struct Codec {
  // First what is read for every value.
  Encode encode = nullptr;
  int32_t scale = 0;                         // Digits after the point.
  Calendar calendar = Calendar::kGregorian;  // Of dates.
  bool decimal_numeric = false;              // decimal.format=NUMERIC.
  std::shared_ptr<const Codec> element;      // Of an array.

  ConnectSchema schema;  // Neither optional nor with a default: the column adds both.
  // As JSON. No fallback: a missing value in a NOT NULL column without a default fails, as
  // Debezium's task does.
  std::optional<std::string> fallback;
  // As JSON; none: null.
  std::optional<std::string> toast;

  bool hashable = false;         // Character type to JDBC: masks and hashes apply.
  bool byte_buffer = false;      // bytes that Connect holds in a ByteBuffer: truncation applies.
  bool optional_always = false;  // Optional even if NOT NULL (geometry).
};

}  // namespace walrelay::envelope
