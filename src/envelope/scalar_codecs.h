// Encoders of single values: numbers, text, bytes, bits, geometry. Dates and times are in
// time_codecs.h.
//
// Each is an Encode (codec.h). They read codec.scale and codec.decimal_numeric where they say so.
// Source: FORMAT.md §1.3, §4.1.
#pragma once

#include <string_view>

#include "envelope/codec.h"

namespace walrelay::envelope {

// Appends a JSON string with its quotes.
void AppendJsonText(Buffer& out, std::string_view text);

bool EncodeBool(const Codec&, std::string_view text, Buffer& out);
// Digits as PostgreSQL prints them.
bool EncodeInteger(const Codec&, std::string_view text, Buffer& out);
bool EncodeFloat(const Codec&, std::string_view text, Buffer& out);
bool EncodeDouble(const Codec&, std::string_view text, Buffer& out);
bool EncodeText(const Codec&, std::string_view text, Buffer& out);

// numeric: by codec.scale; without scale as {"scale":…,"value":…}.
bool EncodeDecimal(const Codec& codec, std::string_view text, Buffer& out);
bool EncodeVariableDecimal(const Codec&, std::string_view text, Buffer& out);
bool EncodeDecimalDouble(const Codec&, std::string_view text, Buffer& out);
bool EncodeDecimalText(const Codec& codec, std::string_view text, Buffer& out);

// Elements of numeric[]: pgjdbc reads them as BigDecimal, which has neither NaN nor infinities.
bool EncodeFiniteDecimalDouble(const Codec& codec, std::string_view text, Buffer& out);
bool EncodeFiniteDecimalText(const Codec& codec, std::string_view text, Buffer& out);

// money, in any lc_monetary. The …ViaDouble ones are 2.5's snapshot, where JDBC gives a double.
bool EncodeMoney(const Codec& codec, std::string_view text, Buffer& out);
bool EncodeMoneyDouble(const Codec&, std::string_view text, Buffer& out);
bool EncodeMoneyText(const Codec&, std::string_view text, Buffer& out);
bool EncodeMoneyViaDouble(const Codec& codec, std::string_view text, Buffer& out);
bool EncodeMoneyTextViaDouble(const Codec&, std::string_view text, Buffer& out);

// bytea, by binary.handling.mode.
bool EncodeByteaBase64(const Codec&, std::string_view text, Buffer& out);
bool EncodeByteaUrlSafe(const Codec&, std::string_view text, Buffer& out);
bool EncodeByteaHex(const Codec&, std::string_view text, Buffer& out);
// The UTF-8 bytes of any other type's text, by the same modes.
bool EncodeRawBase64(const Codec&, std::string_view text, Buffer& out);
bool EncodeRawUrlSafe(const Codec&, std::string_view text, Buffer& out);
bool EncodeRawHex(const Codec&, std::string_view text, Buffer& out);

// bit(1); bit(n) as little-endian bytes up to the highest bit that is set.
bool EncodeBit(const Codec&, std::string_view text, Buffer& out);
bool EncodeBits(const Codec&, std::string_view text, Buffer& out);

bool EncodePoint(const Codec&, std::string_view text, Buffer& out);
// PostGIS: hexadecimal EWKB.
bool EncodeGeometry(const Codec&, std::string_view text, Buffer& out);

// pgvector.
bool EncodeDoubleVector(const Codec&, std::string_view text, Buffer& out);
bool EncodeFloatVector(const Codec&, std::string_view text, Buffer& out);
bool EncodeSparseVector(const Codec&, std::string_view text, Buffer& out);

// A value that never fits its schema.
bool EncodeNothing(const Codec&, std::string_view text, Buffer& out);

}  // namespace walrelay::envelope
