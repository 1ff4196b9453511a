// The tables of the stream: for each relation that pgoutput announces, the plan by which its rows
// become records.
//
// A plan is made anew at every Relation message, from what the catalog says at that moment
// (FORMAT.md §5.1). Types are read once and kept: Debezium shows an enum's labels as it first read
// them. Learn() asks the catalog and blocks within the connection's limit; Find() is the path of a
// row. One thread: the capture loop's.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <unordered_map>

#include "admin/counters.h"
#include "app/capture_options.h"
#include "base/status.h"
#include "change/catalog.h"
#include "change/lsn.h"
#include "change/relation.h"
#include "envelope/options.h"
#include "envelope/table_plan.h"
#include "pg/connection.h"

namespace walrelay::app {

struct CapturedTable {
  std::shared_ptr<const Relation> relation;
  std::shared_ptr<const envelope::TablePlan> plan;  // Null: the filters leave the table out.
  admin::OpCounts* counts = nullptr;
};

// "public.orders (key columns: id)"
std::string Describe(const envelope::TablePlan& plan);

class TableRegistry {
 public:
  // `catalog`, `source` and `counters` outlive the registry.
  TableRegistry(pg::Connection& catalog, const CaptureOptions& source,
                std::shared_ptr<const envelope::Options> options, admin::CaptureCounters& counters);

  // A Relation message of transaction `xid`: its rows from here on have this shape. What that
  // transaction did to the catalog is waited for, up to a second.
  absl::Status Learn(const std::shared_ptr<const Relation>& relation, std::optional<Xid> xid);
  // The table of a relation that was learned.
  const CapturedTable& Find(const Relation& relation);

  // The table whose rows go to this topic, and its key columns, for a message; empty where a
  // transform has named the topic. Of several tables with one topic the last one.
  std::string DescribeTopic(const std::string& topic) const;

  // The plan for a snapshot of a table, from the catalog alone; `exists` is false when it was
  // dropped meanwhile.
  absl::StatusOr<CapturedTable> ForSnapshot(const std::string& schema, const std::string& table);

 private:
  absl::StatusOr<std::shared_ptr<const envelope::TablePlan>> BuildPlan(const Relation& relation,
                                                                       const CatalogTable& table,
                                                                       envelope::ReadFrom from);
  absl::Status AwaitVisible(Xid xid);
  absl::Status ReadTypesOf(const Relation& relation);
  admin::OpCounts& CountsOf(const Relation& relation);

  pg::Connection& catalog_;
  const CaptureOptions& source_;
  std::shared_ptr<const envelope::Options> options_;
  admin::CaptureCounters& counters_;
  CatalogTypes types_;
  std::map<std::string, std::string> descriptions_;  // By topic.
  std::unordered_map<uint32_t, CapturedTable> tables_;  // By oid.
  const Relation* last_relation_ = nullptr;             // Rows come in runs of one table.
  const CapturedTable* last_table_ = nullptr;
};

}  // namespace walrelay::app
