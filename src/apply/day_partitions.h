// cdc_raw.cdc_events as a table of days: partitions are made ahead, and dropped when they are old.
//
// Partitioned by range on processed_at, a day of UTC each, so that history goes by dropping a table
// and not by deleting rows. No constraint of the server can span partitions without processed_at in
// it: a record's place in Kafka is unique within a day, and once for ever by progress alone. Nobody
// is kept waiting for long: partitions are attached empty, days before they are needed, and a drop
// gives up after a second and is tried again.
// Errors as pg/connection.h. Not thread-safe; several sessions may do it at once.
// Source: PostgreSQL manual, "Table Partitioning"; ALTER TABLE, ATTACH PARTITION.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/clock.h"
#include "pg/connection.h"

namespace walrelay::apply {

class DayPartitions {
 public:
  static constexpr int kDaysAhead = 3;

  // Those that ended `keep_days` days ago or earlier are dropped; 0: none.
  DayPartitions(pg::Connection& connection, int64_t keep_days)
      : connection_(connection), keep_days_(keep_days) {}

  // What is due, by the server's clock. To be called now and then: it looks each hour.
  absl::Status Attend(SteadyTime now);

  // The same for a day. How much could not be done and is to be tried again soon; the log says why.
  // An error only where there is no partition for the day or the next one.
  absl::StatusOr<int> Keep(std::chrono::sys_days today);

 private:
  absl::StatusOr<std::vector<std::string>> Missing(std::chrono::sys_days today);
  absl::Status Make(const std::string& day);
  absl::StatusOr<int> DropOld(std::chrono::sys_days today);

  pg::Connection& connection_;
  int64_t keep_days_;
  SteadyTime next_look_{};
};

}  // namespace walrelay::apply
