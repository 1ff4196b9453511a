// table.expand.json.payload: a JSON text becomes a value with a schema that is inferred from it.
//
// Everything is optional; numbers are int32, int64 or double; objects are structs that bear the
// path to them. The rules, odd ones too, are Debezium's. Source: FORMAT.md §12.3; Debezium's
// JsonSchemaData, EventRouterDelegate.
#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string_view>

#include "base/json.h"
#include "envelope/buffer.h"
#include "envelope/connect_schema.h"
#include "envelope/options.h"

namespace walrelay::envelope {

struct JsonExpansion {
  std::string_view path;       // Name of the payload column.
  bool null_as_bytes = false;  // table.json.payload.null.behavior=optional_bytes
  Compat compat = Compat::k2_5_0;
};

struct ExpandedJson {
  std::optional<ConnectSchema> schema;  // None: the text stays, but loses its schema.
};

// Appends the value as JSON, in the schema's order. Nothing: the text stays what it is (it is not
// JSON, or its arrays mix types). FailedPrecondition where Debezium's task fails: an integer beyond
// 64 bits, an array as a whole.
absl::StatusOr<std::optional<ExpandedJson>> ExpandJson(const JsonExpansion& expansion,
                                                       std::string_view text, JsonReader& reader,
                                                       Buffer& out);

}  // namespace walrelay::envelope
