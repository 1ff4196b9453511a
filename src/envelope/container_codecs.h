// Encoders of values that hold others: arrays and hstore; and the text that pgjdbc gives to
// geometric types.
//
// Source: FORMAT.md §1.5, §4.1, §4.3; pgjdbc, ArrayDecoding, HStoreConverter,
// org.postgresql.geometric.
#pragma once

#include <string_view>

#include "envelope/codec.h"

namespace walrelay::envelope {

// One-dimensional arrays, each element by codec.element. An element that is itself an array becomes
// null. False when an element cannot be converted, or when one is NULL and the items are required.
bool EncodeArray(const Codec& codec, std::string_view text, Buffer& out);
// The same, but one NULL makes the whole value fail (ltree[]).
bool EncodeArrayWithoutNulls(const Codec& codec, std::string_view text, Buffer& out);

bool EncodeHstoreJson(const Codec&, std::string_view text, Buffer& out);
bool EncodeHstoreMap(const Codec&, std::string_view text, Buffer& out);

// box, circle, line, lseg, path, polygon as bytes of "<(1.0,2.0),3.0>", by binary.handling.mode.
bool EncodeGeometricBase64(const Codec& codec, std::string_view text, Buffer& out);
bool EncodeGeometricUrlSafe(const Codec& codec, std::string_view text, Buffer& out);
bool EncodeGeometricHex(const Codec& codec, std::string_view text, Buffer& out);

}  // namespace walrelay::envelope
