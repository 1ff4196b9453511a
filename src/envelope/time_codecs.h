// Encoders of dates, times, timestamps and intervals. Each is an Encode (codec.h).
//
// They read codec.calendar; timestamptz reads codec.scale, the number of digits of the fraction.
// Source: FORMAT.md §4.2.
#pragma once

#include <string_view>

#include "envelope/codec.h"

namespace walrelay::envelope {

bool EncodeDate(const Codec& codec, std::string_view text, Buffer& out);     // Days.
bool EncodeIsoDate(const Codec& codec, std::string_view text, Buffer& out);  // "2020-01-02Z"

bool EncodeTimeMillis(const Codec&, std::string_view text, Buffer& out);
bool EncodeTimeMicros(const Codec&, std::string_view text, Buffer& out);
bool EncodeTimeNanos(const Codec&, std::string_view text, Buffer& out);
bool EncodeIsoTime(const Codec&, std::string_view text, Buffer& out);
// Elements of time[]: java.sql.Time has milliseconds, and 24:00 is 0.
bool EncodeArrayTimeMillis(const Codec&, std::string_view text, Buffer& out);
bool EncodeArrayTimeMicros(const Codec&, std::string_view text, Buffer& out);
bool EncodeArrayTimeNanos(const Codec&, std::string_view text, Buffer& out);
bool EncodeArrayIsoTime(const Codec&, std::string_view text, Buffer& out);

bool EncodeTimeWithZone(const Codec&, std::string_view text, Buffer& out);
// Elements of timetz[]: whole seconds.
bool EncodeArrayTimeWithZone(const Codec&, std::string_view text, Buffer& out);

bool EncodeTimestampMillis(const Codec& codec, std::string_view text, Buffer& out);
bool EncodeTimestampMicros(const Codec& codec, std::string_view text, Buffer& out);
bool EncodeTimestampNanos(const Codec& codec, std::string_view text, Buffer& out);
bool EncodeArrayTimestampNanos(const Codec& codec, std::string_view text, Buffer& out);
bool EncodeIsoTimestamp(const Codec& codec, std::string_view text, Buffer& out);

bool EncodeTimestampWithZone(const Codec& codec, std::string_view text, Buffer& out);
// Elements of timestamptz[]: java.sql.Timestamp's fields; infinity is a date.
bool EncodeArrayTimestampWithZone(const Codec& codec, std::string_view text, Buffer& out);

bool EncodeIntervalMicros(const Codec&, std::string_view text, Buffer& out);
bool EncodeIntervalText(const Codec&, std::string_view text, Buffer& out);

}  // namespace walrelay::envelope
