// Which codec a column's type has: one table with an entry a type, and the rules for arrays, enums
// and unknown types.
//
// A new type is one entry in the table of type_table.cc: schema, encoder, fallback, default and
// TOAST rule side by side. Source: FORMAT.md §4, §5.2.
#pragma once

#include <optional>
#include <string_view>

#include "change/catalog.h"
#include "envelope/codec.h"
#include "envelope/options.h"
#include "envelope/source_type.h"

namespace walrelay::envelope {

// How the text of a DEFAULT expression becomes a value (default_value.h).
enum class DefaultRule {
  kNone,  // Debezium publishes no default for this type.
  kBool,
  kInt2,
  kInt4,
  kInt8,
  kFloat,
  kNumeric,
  kBit,
  kVarbit,
  kText,
  kJson,
  kUuid,
  kDate,
  kTime,
  kTimestamp,
  kTimestampWithZone,
  kInterval,
  kEnum,
};

struct TypeContext {
  const Options& options;
  const CatalogTypes& types;
  bool snapshot = false;
  bool decimal_numeric = false;  // Of the converter that writes the value.
};

struct ColumnCodec {
  Codec codec;
  DefaultRule default_rule = DefaultRule::kNone;
  bool reads_null =
      false;  // The stream's decoder does not know the type: every value arrives as NULL.
};

// nullopt: the column is left out of schema and payload.
std::optional<ColumnCodec> MakeCodec(const SourceType& type, const TypeContext& context);

}  // namespace walrelay::envelope
