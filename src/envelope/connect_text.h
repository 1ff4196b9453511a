// Keys as text: what Connect's SimpleHeaderConverter writes for a key in a header, and the
// StringConverter for a key.
//
// Both are made from the key's JSON: they are rare, or not meant to be fast.
// Source: FORMAT.md §6 (header values), §12.4; Kafka Connect, Values.append, Struct.toString.
#pragma once

#include <string>
#include <string_view>

#include "envelope/buffer.h"
#include "envelope/connect_schema.h"
#include "envelope/row_plan.h"

namespace walrelay::envelope {

// {"id":1,"name":"a\"b"}: strings with only \ and " escaped, decimals as numbers.
std::string HeaderText(const ConnectSchema& key, std::string_view json, bool decimal_numeric);

// Struct{id=1,name=a"b}: nothing quoted, null fields left out. `nulls` says which fields are null
// in the struct.
std::string KeyText(const ConnectSchema& key, std::string_view json, const NullMask& nulls,
                    bool decimal_numeric);

// The same for a value that stands alone in a header: text as it is.
std::string_view HeaderValueText(const ConnectSchema& schema, std::string_view json,
                                 bool decimal_numeric, Buffer& out);

// toString() of a value that is not null, as the StringConverter writes it.
std::string ObjectText(const ConnectSchema& schema, std::string_view json, bool decimal_numeric);

}  // namespace walrelay::envelope
