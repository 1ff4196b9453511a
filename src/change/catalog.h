// What the catalog says about tables and types: facts that pgoutput does not send.
//
// The catalog shows now, not the moment of the change (FORMAT.md §5.1): a table or column may be gone. Read by
// pg/catalog, used by envelope; plain values.
// Source: FORMAT.md §4.0, §5; pgjdbc's DatabaseMetaData queries that Debezium sends.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "change/lsn.h"

namespace walrelay {

struct CatalogColumn {
  std::string name;
  Oid type{};
  int32_t typmod = -1;
  bool not_null = false;                          // attnotnull, or the domain's typnotnull.
  std::optional<std::string> default_expression;  // pg_get_expr of default or generation expression; none for IDENTITY.
  bool generated = false;                         // GENERATED ALWAYS AS (…), stored or virtual: not streamed.
  bool identity_always = false;                   // GENERATED … AS IDENTITY.
};

// One unique index, for the choice of the key.
struct CatalogIndex {
  std::string name;
  int type = 3;                              // JDBC's tableIndexClustered 1, tableIndexHashed 2, tableIndexOther 3.
  bool has_expressions = false;              // Some key part is an expression: Debezium skips such an index.
  std::vector<std::string> columns;          // Key columns in index order, INCLUDE columns after them.
  size_t key_columns = 0;                    // How many of `columns` are key columns, not INCLUDE ones.
};

struct CatalogTable {
  bool exists = false;                  // False: dropped since; everything below is empty then.
  Oid oid{};
  std::vector<CatalogColumn> columns;   // In attribute order, without dropped ones; generated ones included.
  std::optional<CatalogIndex> primary_key;
  std::vector<CatalogIndex> unique_indexes;  // Ordered by (type, name), as JDBC's getIndexInfo(unique=true).
};

// One row of pg_type with what is needed to map it.
struct CatalogType {
  Oid oid{};
  std::string schema;
  std::string name;                      // typname: "int4", "_text", "mood".
  char kind = 'b';                       // typtype: b base, c composite, d domain, e enum, p pseudo, r range, m multirange.
  char category = 'X';                   // typcategory: 'A' is an array.
  Oid base{};                            // typbasetype of a domain, else 0.
  int32_t base_typmod = -1;              // typtypmod of a domain.
  Oid element{};                         // typelem of an array, else 0.
  std::vector<std::string> enum_labels;            // In enumsortorder.
  std::vector<std::string> enum_labels_physical;   // As array_agg without ORDER BY gives them (2.5).
};

using CatalogTypes = std::map<Oid, CatalogType>;

}  // namespace walrelay
