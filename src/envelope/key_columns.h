// Which columns make a table's key.
//
// Source: FORMAT.md §5.3; Debezium, Key, JdbcConnection.readTableUniqueIndices.
#pragma once

#include <string>
#include <vector>

#include "change/catalog.h"
#include "change/relation.h"
#include "envelope/options.h"

namespace walrelay::envelope {

// Indexes into relation.columns, in the key's order; empty: no key.
std::vector<size_t> KeyColumns(const Relation& relation, const CatalogTable& table,
                               const Options& options);

}  // namespace walrelay::envelope
