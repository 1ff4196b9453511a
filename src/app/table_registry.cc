#include "app/table_registry.h"

#include <chrono>
#include <thread>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "pg/catalog.h"

namespace walrelay::app {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kVisibleLimit{1000};
constexpr milliseconds kVisiblePause{1};

}  // namespace

TableRegistry::TableRegistry(pg::Connection& catalog, const CaptureOptions& source,
                             std::shared_ptr<const envelope::Options> options,
                             admin::CaptureCounters& counters)
    : catalog_(catalog), source_(source), options_(std::move(options)), counters_(counters) {}

absl::Status TableRegistry::ReadTypesOf(const Relation& relation) {
  std::vector<Oid> missing;
  for (const RelationColumn& column : relation.columns) {
    if (!types_.contains(column.type)) missing.push_back(column.type);
  }
  if (missing.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(CatalogTypes read, pg::ReadTypes(catalog_, missing));
  types_.merge(read);
  return absl::OkStatus();
}

std::string Describe(const envelope::TablePlan& plan) {
  std::string keys;
  for (const std::string& column : plan.key_column_names())
    keys += Cat(keys.empty() ? "" : ", ", column);
  return Cat(plan.schema(), ".", plan.table(), " (key columns: ", keys.empty() ? "none" : keys, ")");
}

absl::StatusOr<std::shared_ptr<const envelope::TablePlan>> TableRegistry::BuildPlan(
    const Relation& relation, const CatalogTable& table, envelope::ReadFrom from) {
  RETURN_IF_ERROR(ReadTypesOf(relation));
  ASSIGN_OR_RETURN(auto plan, envelope::BuildTablePlan(relation, table, types_, from, *options_));
  RETURN_IF_ERROR(source_.filter_health->status());  // A filter that gave up has given no answer.
  descriptions_[plan->topic()] = Describe(*plan);
  return plan;
}

std::string TableRegistry::DescribeTopic(const std::string& topic) const {
  const auto found = descriptions_.find(topic);
  return found == descriptions_.end() ? std::string() : found->second;
}

admin::OpCounts& TableRegistry::CountsOf(const Relation& relation) {
  return counters_.events.Of(Cat(relation.schema, ".", relation.table));
}

// A table that was created, or given its key, by the transaction that also fills it: the catalog must
// show it, or its rows would have neither key nor defaults. Not for ever: we may be the synchronous
// standby that the transaction waits for, and it becomes visible only then.
absl::Status TableRegistry::AwaitVisible(Xid xid) {
  const SteadyTime limit = std::chrono::steady_clock::now() + kVisibleLimit;
  while (true) {
    ASSIGN_OR_RETURN(const bool visible, pg::IsVisible(catalog_, xid));
    if (visible) return absl::OkStatus();
    if (std::chrono::steady_clock::now() > limit) {
      log::Warn("transaction ", xid, " is not visible after ", kVisibleLimit.count(),
                " ms (synchronous replication?); going on with the catalog as it is");
      return absl::OkStatus();
    }
    std::this_thread::sleep_for(kVisiblePause);
  }
}

absl::Status TableRegistry::Learn(const std::shared_ptr<const Relation>& relation,
                                  std::optional<Xid> xid) {
  last_relation_ = nullptr;
  CapturedTable& table = tables_[Number(relation->oid)];
  table = {.relation = relation, .plan = nullptr, .counts = nullptr};
  const bool captured = source_.table_captured(relation->schema, relation->table);
  RETURN_IF_ERROR(source_.filter_health->status());
  if (!captured) return absl::OkStatus();

  if (xid) RETURN_IF_ERROR(AwaitVisible(*xid));
  ASSIGN_OR_RETURN(const CatalogTable catalog,
                   pg::ReadTable(catalog_, relation->schema, relation->table));
  ASSIGN_OR_RETURN(table.plan, BuildPlan(*relation, catalog, envelope::ReadFrom::kStream));
  table.counts = &CountsOf(*relation);
  return absl::OkStatus();
}

const CapturedTable& TableRegistry::Find(const Relation& relation) {
  if (&relation == last_relation_) return *last_table_;
  const auto found = tables_.find(Number(relation.oid));
  CHECK(found !=
        tables_.end());  // The decoder gives no row of a relation that it has not announced.
  last_relation_ = &relation;
  last_table_ = &found->second;
  return *last_table_;
}

absl::StatusOr<CapturedTable> TableRegistry::ForSnapshot(const std::string& schema,
                                                         const std::string& table) {
  ASSIGN_OR_RETURN(const CatalogTable catalog, pg::ReadTable(catalog_, schema, table));
  if (!catalog.exists)
    return absl::NotFoundError(Cat("table ", schema, ".", table, " was dropped"));
  CapturedTable captured;
  captured.relation =
      std::make_shared<const Relation>(envelope::RelationOfCatalog(schema, table, catalog));
  ASSIGN_OR_RETURN(captured.plan,
                   BuildPlan(*captured.relation, catalog, envelope::ReadFrom::kSnapshot));
  captured.counts = &CountsOf(*captured.relation);
  return captured;
}

}  // namespace walrelay::app
