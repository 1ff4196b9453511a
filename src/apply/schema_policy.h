// What a sink does when a table of the source changes, by the kind of change, and which changes of
// a type are safe.
//
// Pure. Source: DESIGN.md §6; FAULTS.md §3 "Schema drift at the sink".
#pragma once

#include <cstdint>
#include <string_view>

namespace walrelay::apply {

enum class SchemaPolicy : uint8_t {
  kApply,   // The mirror follows, in the transaction of the rows.
  kIgnore,  // The mirror stays as it is.
  kPark,    // The table waits for an operator, the others go on.
  kStop,    // The sink stops.
};

struct SchemaPolicies {
  SchemaPolicy table_created = SchemaPolicy::kApply;
  SchemaPolicy column_added = SchemaPolicy::kApply;
  SchemaPolicy column_dropped = SchemaPolicy::kPark;
  SchemaPolicy column_widened = SchemaPolicy::kApply;   // See IsWider().
  SchemaPolicy column_retyped = SchemaPolicy::kPark;    // Any other change of a type.
  SchemaPolicy column_nullable = SchemaPolicy::kApply;  // NULL is allowed from now on.
};

// Both as format_type() prints them: every value of `from` is one of `to`, with the same meaning,
// and `to` has more. "integer" → "bigint", "character varying(10)" → "text", "numeric(5,2)" →
// "numeric(8,3)", "timestamp(3) without time zone" → "timestamp without time zone".
bool IsWider(std::string_view from, std::string_view to);

}  // namespace walrelay::apply
