// What the options say of the snapshot: which tables, by which SELECT, when, under which lock.
//
// Made from a configuration that LoadConfig has checked; what cannot be checked one value at a time
// is InvalidArgument. Source: OPTIONS.md §1.7, §2.2.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "app/config.h"
#include "app/filters.h"
#include "base/status.h"
#include "wal/snapshot.h"

namespace walrelay::app {

struct SnapshotOptions {
  // snapshot.include.collection.list: whether the rows of a captured table are read. After asking,
  // the filters' health counts (filters.h).
  std::function<bool(std::string_view schema, std::string_view table)> takes;
  // snapshot.select.statement.overrides, by "schema.table".
  std::map<std::string, std::string> selects;
  wal::SnapshotIsolation isolation = wal::SnapshotIsolation::kSerializable;
  bool lock_tables = false;  // snapshot.locking.mode = shared
  std::chrono::milliseconds lock_timeout{10'000};
  std::chrono::milliseconds delay{0};            // Before the snapshot.
  std::chrono::milliseconds streaming_delay{0};  // Between snapshot and streaming.
};

absl::StatusOr<SnapshotOptions> MakeSnapshotOptions(const Config& config,
                                                    SharedFilterHealth health);

}  // namespace walrelay::app
