// How Java prints and orders things, where that reaches the bytes: floating-point numbers, hash
// maps, UUIDs, UTF-16.
//
// Pure; cannot fail unless it says so.
// Source: FORMAT.md §1.3, §1.5; Java SE: Double.toString (JDK 19 and later), HashMap,
// String.hashCode, UUID.nameUUIDFromBytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "envelope/buffer.h"

namespace walrelay::envelope {

// Double.toString, Float.toString: "1.0", "1.0E7", "9.0E-4", "NaN", "Infinity".
void AppendJavaDouble(Buffer& out, double value);
void AppendJavaFloat(Buffer& out, float value);
// The same as a JSON value: NaN and the infinities in quotes.
void AppendJsonDouble(Buffer& out, double value);
void AppendJsonFloat(Buffer& out, float value);

// String.hashCode: over UTF-16 units.
uint32_t JavaHash(std::string_view utf8);

// In which order a HashMap that was filled with `keys` (all different) is walked: indexes into
// `keys`.
std::vector<size_t> HashMapOrder(std::span<const std::string_view> keys);
// The same for keys whose hashCode() is known.
std::vector<size_t> HashMapOrderOfHashes(std::span<const uint32_t> hashes);

// String.length().
size_t Utf16Length(std::string_view utf8);
// String.substring(0, units). A surrogate pair that would be cut in half is left out.
std::string_view Utf16Prefix(std::string_view utf8, size_t units);

// What becomes of UTF-8 that is read byte by byte into Java chars, with the sign: 0xC3 is U+FFC3.
// Debezium 2.5 reads names and message prefixes of pgoutput so.
std::string BytewiseChars(std::string_view utf8);

// UUID.nameUUIDFromBytes(bytes).toString().
std::string NameUuid(std::string_view bytes);

}  // namespace walrelay::envelope
