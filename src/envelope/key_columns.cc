#include "envelope/key_columns.h"

#include <algorithm>

namespace walrelay::envelope {
namespace {

// Those of `names` that the relation has: the catalog may be ahead of the stream.
std::vector<size_t> Positions(const Relation& relation, const std::vector<std::string>& names) {
  std::vector<size_t> positions;
  for (const std::string& name : names) {
    for (size_t i = 0; i < relation.columns.size(); ++i) {
      if (relation.columns[i].name == name) positions.push_back(i);
    }
  }
  return positions;
}

std::vector<std::string> PrimaryKeyNames(const CatalogIndex& key, Compat compat) {
  std::vector<std::string> names = key.columns;
  if (compat != Compat::k2_5_0 && key.key_columns < names.size()) names.resize(key.key_columns);
  return names;
}

// The names that the catalog gives: of the primary key, else of the first unique index over plain
// columns.
std::vector<std::string> CatalogNames(const CatalogTable& table, Compat compat) {
  if (table.primary_key) return PrimaryKeyNames(*table.primary_key, compat);
  for (const CatalogIndex& index : table.unique_indexes) {
    if (!index.has_expressions) return index.columns;
  }
  return {};
}

}  // namespace

std::vector<size_t> KeyColumns(const Relation& relation, const CatalogTable& table,
                               const Options& options) {
  if (options.message_key_columns) {
    if (const auto names = options.message_key_columns(relation.schema, relation.table)) {
      std::vector<size_t> positions = Positions(relation, *names);
      if (options.compat == Compat::k2_5_0) std::sort(positions.begin(), positions.end());
      if (!positions.empty()) return positions;
    }
  }
  return Positions(relation, CatalogNames(table, options.compat));
}

}  // namespace walrelay::envelope
