// The raw events of one table in cdc_raw.cdc_events, with the schema blocks that walrelay.schemas
// keeps for them, up to where a sink has applied them.
//
// Read in an order that keeps that of each partition, and between partitions that in which they
// were stored, but for what the newest truncate covers: that comes before it. Memory: one event at
// a time, and the schema blocks. Errors as pg/connection.h. One thread.
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "apply/rebuild/raw_record.h"
#include "pg/connection.h"

namespace walrelay::apply {

// What is there, and what is not: everything that says that rows would be missing is a hole.
struct HistorySummary {
  int64_t events = 0;
  int64_t partitions = 0;
  int64_t without_schema = 0;  // Older than walrelay.schemas, or of topics without schemas.
  int64_t of_others = 0;       // Of topics that this sink has never applied: left out.
  std::vector<std::string> holes;
};

class RawHistory {
 public:
  RawHistory(pg::Connection& connection, std::string pipeline, std::string sink,
             std::string source_table, std::string mirror_table)
      : connection_(connection),
        pipeline_(std::move(pipeline)),
        sink_(std::move(sink)),
        source_table_(std::move(source_table)),
        mirror_table_(std::move(mirror_table)) {}

  // False where there are no raw events at all.
  absl::StatusOr<bool> Exists();
  // With `has_markers` offsets without an event are nothing unusual: Kafka's transactions have some.
  absl::StatusOr<HistorySummary> Summarize(bool has_markers);

  using Visit = absl::FunctionRef<absl::Status(RawRecord)>;
  // Those that were applied since the last call. How many. Sees one snapshot of the database: calls
  // for a transaction that is REPEATABLE READ, or that keeps the sink out.
  absl::StatusOr<int64_t> ReadNew(Visit visit);

 private:
  absl::Status ReadSchemas();
  SchemaBlocks SchemaOf(const RawEvent& event) const;
  absl::StatusOr<std::set<std::string>> HalfKeyChanges();
  struct Spans {
    std::map<TopicPartition, int64_t> ends;
    std::string sql;  // FROM … WHERE … of their events.
  };
  absl::StatusOr<Spans> NewSpans();

  pg::Connection& connection_;
  const std::string pipeline_;
  const std::string sink_;
  const std::string source_table_;
  const std::string mirror_table_;
  std::map<TopicPartition, int64_t> read_up_to_;
  std::set<std::string> half_;  // LSNs of key changes that were half applied then.
  std::set<std::string, std::less<>> texts_;  // Schema blocks, each once.
  std::map<TopicPartition, std::map<int64_t, SchemaBlocks>> schemas_;  // By first offset.
  RawRecordMaker maker_;
};

}  // namespace walrelay::apply
