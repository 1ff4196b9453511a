// Intervals as pgjdbc's PGInterval reads their text, and the two forms that Debezium gives them.
//
// Source: FORMAT.md §4.1; pgjdbc, PGInterval; Debezium, MicroDuration and Interval.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "envelope/buffer.h"

namespace walrelay::envelope {

struct IntervalValue {
  int32_t years = 0;
  int32_t months = 0;
  int32_t days = 0;
  int32_t hours = 0;
  int32_t minutes = 0;
  double seconds = 0;  // With microseconds.
};

// IntervalStyle postgres, postgres_verbose or iso_8601. Infinite intervals are zero, as pgjdbc
// reads them. nullopt where it would throw: a field beyond 32 bits.
std::optional<IntervalValue> ParseInterval(std::string_view text);

// Microseconds in Debezium's double arithmetic, a month being 30.4375 days.
int64_t DurationMicros(const IntervalValue& interval);
// "P1Y2M3DT4H5M6.78S".
void AppendIsoInterval(Buffer& out, const IntervalValue& interval);

}  // namespace walrelay::envelope
