// How far each partition has been applied, kept in the sink's own database, and the lock that keeps
// others away.
//
// Moves by compare-and-set in the transaction of the rows. Errors as Sink. Source: DESIGN.md §2
// "Link B".
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "change/record.h"
#include "pg/connection.h"

namespace walrelay::apply {

struct PartitionProgress {
  int64_t next_offset = 0;
  std::string fingerprint;  // Of the last record applied.
};

// One step of a partition, from what is stored to what will be.
struct ProgressStep {
  TopicPartition partition;
  bool is_first = false;  // Nothing is stored yet.
  int64_t expected = 0;
  PartitionProgress next = {};
};

class ProgressTable {
 public:
  // `sink` is "lake" or "target".
  ProgressTable(std::string pipeline, std::string sink)
      : pipeline_(std::move(pipeline)), sink_(std::move(sink)) {}

  // Session-level lock of worker `worker` (0, 1, …); Unavailable names the session that holds it.
  // Shared: with others that take it so, but not beside one that does not.
  absl::Status Lock(pg::Connection& connection, int worker = 0, bool shared = false) const;
  // Whether there is such a table: a database that no sink has used has none.
  static absl::StatusOr<bool> Exists(pg::Connection& connection);
  // Waits for transactions that are still moving it.
  absl::StatusOr<std::map<TopicPartition, PartitionProgress>> Load(
      pg::Connection& connection) const;
  absl::StatusOr<std::map<TopicPartition, PartitionProgress>> Load(
      pg::Connection& connection, const std::set<TopicPartition>& partitions) const;

  // The statement that moves all partitions, or fails with kMovedSqlState; for Execute, SendQuery.
  struct Statement {
    std::string sql;
    std::vector<std::string> texts;
    std::vector<pg::Parameter> Parameters() const;
  };
  std::vector<Statement> Move(const std::vector<ProgressStep>& steps) const;
  // What the failure of such a statement means.
  static absl::Status MoveError(const absl::Status& error);

 private:
  std::string pipeline_;
  std::string sink_;
};

}  // namespace walrelay::apply
