// What the source's handling modes say about records that carry no schema block.
#pragma once

namespace walrelay::apply {

// How values are written where no schema block says it (schemas off): the source's handling modes.
struct SchemalessFormat {
  bool decimals_are_text = false;  // decimal.handling.mode = string: text, not base64.
  int money_digits = 2;            // money.fraction.digits.
  bool times_are_adaptive =
      true;  // time.precision.mode = adaptive: milliseconds up to precision 3.
  bool only_timestamps_are_adaptive = false;  // adaptive_time_microseconds.
  int time_digits = 6;  // Otherwise: 3 (connect), 6, 9 fractional digits for time and timestamp.

  // binary.handling.mode, where it makes bytes a string: also with a schema block, which does not
  // tell them apart.
  enum class Binary {
    kUnsaid,  // Nothing is known of the connector: read as base64 where it cannot be hex.
    kBase64,
    kBase64UrlSafe,
    kHex,
  };
  Binary binary = Binary::kBase64;
};

}  // namespace walrelay::apply
