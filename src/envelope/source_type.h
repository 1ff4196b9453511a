// A column's type as Debezium and pgjdbc see it: domains resolved, with JDBC's name, length and
// scale.
//
// Source: FORMAT.md §4.0, §9; pgjdbc, TypeInfoCache; Debezium, PostgresType.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "change/catalog.h"

namespace walrelay::envelope {

struct SourceType {
  const CatalogType* declared =
      nullptr;  // As the column has it: perhaps a domain. Null: not in the catalog.
  const CatalogType* root = nullptr;  // The type below all domains.
  int32_t typmod = -1;                // Of the column, else of the innermost domain that has one.
};

SourceType ResolveType(const CatalogTypes& types, Oid type, int32_t typmod);

// True for a type of PostgreSQL itself with that name.
bool IsBuiltin(const CatalogType& type);

// An array type whose element type is known; element types of "int2vector" and the like do not
// count.
const CatalogType* ElementType(const CatalogTypes& types, const CatalogType& type);

// Digits after the point of numeric; digits of a second for times.
int32_t NumericPrecision(int32_t typmod);
int32_t NumericScale(int32_t typmod);
int32_t TimeScale(int32_t typmod);

// JDBC's description. `snapshot`: DatabaseMetaData.getColumns; else what the stream's decoder
// gives.
struct JdbcType {
  std::string name;  // "int4", "serial", "_text", "mood".
  int32_t length = 0;
  std::optional<int32_t> scale;
};
JdbcType DescribeType(const SourceType& type, const CatalogTypes& types, bool snapshot,
                      const std::optional<std::string>& default_expression);

}  // namespace walrelay::envelope
