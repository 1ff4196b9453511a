// Everything that is decided about a table's records once per relation version, so that an event is
// only copied and encoded: topic, schema blocks as bytes, an encoder for each column, what stands
// for NULL and for a TOAST value that was not sent, which columns make the key.
//
// A plan is built again when pgoutput sends the relation again (FORMAT.md §5.1). Immutable; shared
// between threads. Building fails with FailedPrecondition where Debezium's task would fail (two
// columns with one adjusted name). Source: DESIGN.md §5; FORMAT.md §2–§5.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <vector>

#include "change/catalog.h"
#include "change/relation.h"
#include "envelope/options.h"

namespace walrelay::envelope {

// Where the rows come from: Debezium reads and converts some types differently (FORMAT.md §10.9).
enum class ReadFrom { kStream, kSnapshot };

class TablePlan {
 public:
  struct Impl;
  explicit TablePlan(std::unique_ptr<const Impl> impl);
  ~TablePlan();
  TablePlan(const TablePlan&) = delete;
  TablePlan& operator=(const TablePlan&) = delete;

  const std::string& topic() const;
  const std::string& schema() const;
  const std::string& table() const;
  // As in the key's schema; empty when the table has no key.
  const std::vector<std::string>& key_column_names() const;
  // ReadFrom::kSnapshot only: the columns that the SELECT must read, in the order in which
  // Encoder::Snapshot wants its tuple. Columns that the filters leave out are not read, though the
  // key may hold them (FORMAT.md §3).
  const std::vector<std::string>& snapshot_columns() const;

  const Impl& impl() const { return *impl_; }  // For the encoder.

 private:
  std::unique_ptr<const Impl> impl_;
};

// `types` holds every type that the relation's columns need, recursively (a domain's base, an
// array's element); a type that is missing, because it was dropped since, is an unknown one.
// `table.exists == false`: neither key, default nor NOT NULL.
absl::StatusOr<std::shared_ptr<const TablePlan>> BuildTablePlan(const Relation& relation,
                                                                const CatalogTable& table,
                                                                const CatalogTypes& types,
                                                                ReadFrom from,
                                                                const Options& options);

// The relation of a snapshot: all columns of the catalog, generated ones included.
Relation RelationOfCatalog(std::string schema, std::string table, const CatalogTable& catalog);

}  // namespace walrelay::envelope
