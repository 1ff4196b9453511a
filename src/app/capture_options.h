// What the [source] options mean for the capture stage: plain values for each of its parts.
//
// Made from a configuration that LoadConfig has checked. What cannot be checked one value at a time
// (a regular expression, a slot's name, two lists that exclude each other) is InvalidArgument
// naming option and place. Source: OPTIONS.md §1.1 to §1.7.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/config.h"
#include "app/filters.h"
#include "app/snapshot_mode.h"
#include "app/snapshot_options.h"
#include "app/source_setup.h"
#include "base/status.h"
#include "pg/catalog.h"
#include "pg/connection_options.h"
#include "wal/publication.h"

namespace walrelay::app {

using PublicationMode = wal::AutoCreate;  // publication.autocreate.mode

struct CaptureOptions {
  pg::ConnectionOptions connection;  // Without application_name unless the user gave one.
  std::string database;
  std::string topic_prefix;

  std::string slot;
  bool drop_slot_on_stop = false;
  bool failover_slot = false;  // slot.failover: of a slot that we create, where the server can.
  std::vector<std::pair<std::string, std::string>>
      slot_stream_params;  // Further options of START_REPLICATION.

  std::string publication;
  PublicationMode publication_mode = PublicationMode::kAllTables;
  bool publish_via_partition_root = false;

  SnapshotMode snapshot_mode = SnapshotMode::kInitial;
  SnapshotOptions snapshot;
  std::vector<ReplicaIdentityRule> replica_identities;
  Guardrail guardrail;
  std::chrono::milliseconds xmin_interval{0};  // 0: source.xmin stays null.
  int64_t max_retries = -1;                    // errors.max.retries; -1: for ever.
  bool trust_slot = false;  // Where it is ahead of what Kafka has (offset.mismatch.strategy).
  std::chrono::milliseconds status_interval{
      10'000};  // As asked for; the loop takes at most wal_sender_timeout / 3.
  std::chrono::milliseconds heartbeat_interval{0};  // 0: none.
  std::string heartbeat_query;                      // Empty: none.

  // Filters. After asking them, filter_health->status() must be OK, or the answers do not count
  // (filters.h).
  std::function<bool(std::string_view schema, std::string_view table)> table_captured;
  std::function<bool(std::string_view prefix)>
      message_captured;  // By the prefix of a logical message.
  // The place of the first expression of table.include.list that matches: Debezium snapshots tables
  // in the order of that list, then by name. nullopt without such a list.
  std::function<std::optional<size_t>(std::string_view schema, std::string_view table)>
      include_place;
  SharedFilterHealth filter_health;
};

// Also needs database.hostname, .user, .dbname and topic.prefix: InvalidArgument when one is
// missing.
absl::StatusOr<CaptureOptions> MakeCaptureOptions(const Config& config);

// The same checks without asking for what may be missing where nothing is captured (walrelay
// apply).
absl::Status CheckCaptureOptions(const Config& config);

// The tables out of `all` that pass the filters and can be published (unlogged ones cannot).
// InvalidArgument when a filter has no answer.
absl::StatusOr<std::vector<pg::TableName>> CapturedTables(const CaptureOptions& options,
                                                          std::span<const pg::ListedTable> all);

// How the source is reached; for the slot and publication commands, which need nothing else.
absl::StatusOr<pg::ConnectionOptions> MakeSourceConnection(const Config& config);

// A hash of every option that shapes the stream (and of pipeline.compat), given or by default; 16
// hex digits. Equal hashes mean that a restart writes what the last run would have written.
std::string StreamOptionsHash(const Config& config);

}  // namespace walrelay::app
