// Recognises a record that has been written before: a hash of all its bytes that any two runs
// share.
//
// It covers topic, key, headers and value, without what record.h calls volatile. Absent and empty
// differ, as do equal bytes cut differently. 128 bits: two different records of one tail never meet
// by chance. Pure; any thread. Source: DESIGN.md §2; XXH3-128 (xxhash 0.8).
#pragma once

#include <absl/functional/function_ref.h>

#include <compare>
#include <cstdint>
#include <string>

#include "change/record.h"

namespace walrelay::kafka {

struct Fingerprint {
  uint64_t high = 0;
  uint64_t low = 0;
  auto operator<=>(const Fingerprint&) const = default;
};

// 32 hex digits.
std::string ToString(const Fingerprint& fingerprint);

// Finds the volatile spans in the value of a record that was read, and marks its volatile headers.
// Must find exactly what the encoder marked when the record was made.
using VolatileFinder = absl::FunctionRef<VolatileSpans(ConsumedRecord&)>;

Fingerprint FingerprintOf(const Record& record);
Fingerprint FingerprintOf(ConsumedRecord record, VolatileFinder find);

}  // namespace walrelay::kafka
