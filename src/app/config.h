// The configuration of one pipeline, complete and checked.
//
// Layers, later ones win: the configuration file (TOML) or, when no file at all is given, the
// built-in pipeline; a connector's configuration (connector_file.h); the environment
// (WALRELAY_SOURCE_DATABASE_HOSTNAME); --set source.database.hostname=….
// Then ${file:…}, ${env:…} and ${directory:…} are replaced by what they name. Words are not
// invented: [source] takes Debezium's and Connect's option names, [kafka] librdkafka's, [lake] and
// [target] libpq connection strings. An unknown key, a wrong value and an option that is not built
// yet are InvalidArgument, with the place (file and line) and the nearest name; nothing is ignored
// silently. Values of secret options never stand in a message. Typed views: capture_options.h,
// envelope_options.h. Source: DESIGN.md §7; OPTIONS.md §1.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace walrelay::app {

// Option name to value, as text.
using Settings = std::map<std::string, std::string>;

enum class Delivery { kTransactional, kExactlyOnce, kAtLeastOnce };

struct PipelineSettings {
  std::string name = "postgres-source-connector";  // As Connect's connector name: REST path, key of
                                                   // the offset record.
  std::string compat = "2.5.0.Final";              // A version that envelope::ParseCompat knows.
  Delivery delivery = Delivery::kExactlyOnce;
  std::chrono::milliseconds transaction_interval{100};  // Of Kafka transactions.
  uint64_t transaction_bytes = uint64_t{64} << 20;
  bool accept_topic_mismatch = false;  // Of topics that do not hold what we have written.
  std::string offset_storage_topic =
      "connect_offsets";  // Where Debezium's own offset record is written.
  std::chrono::milliseconds offset_flush_interval{60'000};
  std::string takeover_group = "cdc-python-consumer";  // Who wrote the sinks before; empty: nobody.
};

struct SinkSettings {
  std::string connection;                 // A libpq connection string; holds the password.
  std::string table_format = "${table}";  // May hold ${schema} and ${table}.
  std::string raw_payload = "jsonb";      // Lake only: jsonb, json or text.
  bool raw_days = false;                  // Lake only: raw events lie in partitions of a day, and
  int64_t raw_keep_days = 0;              // those so old are dropped; 0: none.
  int64_t dead_letters_per_minute = 100;  // Beyond it the sink stops.
  bool soft_deletes = false;              // Deleted rows stay, marked.
  std::string replication_role = "replica";  // or origin: whether triggers fire.
  int workers = 1;                        // Threads with a connection and a consumer each.
  bool park_tables = true;                // Off: a table that no longer fits stops the sink.
  Settings schema = {};                   // All schema.… options: apply, ignore, park or stop.
};

struct AdminSettings {
  std::string listen = "127.0.0.1:8083";  // host:port; empty: no HTTP.
  bool allow_remote =
      false;  // Must be set before `listen` may name an address other than loopback.
};

struct LogSettings {
  std::string level = "info";
  std::string format = "text";
};

struct Config {
  std::string file;  // The file of options, or the connector's; empty: the built-in configuration.
  PipelineSettings pipeline;
  Settings source;  // What was given, not the defaults; empty: no [source], only `apply` can run.
  Settings kafka;
  std::optional<SinkSettings> lake;
  std::optional<SinkSettings> target;
  AdminSettings admin;
  LogSettings log;

  // Where "section.key" was given: "walrelay.toml:12", "WALRELAY_KAFKA_LINGER_MS", "--set",
  // "built-in configuration".
  std::map<std::string, std::string> origin;
  // Options that were given and mean nothing here, and what we read differently from Debezium: one
  // line each, for the log at start.
  std::vector<std::string> notices;
};

// What a configuration is made from.
struct ConfigInputs {
  std::optional<std::string> file;         // Path of a TOML file.
  std::optional<std::string> connector{};  // Path of a connector's configuration, in any form.
  std::vector<std::string> environment;    // "NAME=value", all of the process' environment.
  std::vector<std::string> sets;           // "section.key=value" of each --set.
};

// Reads the file and whatever the values refer to; connects to nothing.
absl::StatusOr<Config> LoadConfig(const ConfigInputs& inputs);

// The same from the text of a file; `file_name` is what messages call it. Neither a text nor a
// connector: the built-in configuration. `connector` is the text of inputs.connector, which is
// called so in messages.
absl::StatusOr<Config> ParseConfig(std::optional<std::string_view> toml, std::string_view file_name,
                                   const ConfigInputs& inputs,
                                   std::optional<std::string_view> connector = std::nullopt);

}  // namespace walrelay::app
