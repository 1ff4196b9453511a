#include "app/capture_options.h"

#include <algorithm>
#include <cstdio>
#include <memory>

#include "app/option_table.h"
#include "base/check.h"

namespace walrelay::app {
namespace {

constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kLowerCase = "abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kUpperCase = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

OptionReader Source(const Config& config) { return {Section::kSource, config.source}; }

// The error with the place where the option was given.
absl::Status At(const Config& config, std::string_view option, std::string_view message) {
  const auto origin = config.origin.find(Cat("source.", option));
  if (origin == config.origin.end()) return absl::InvalidArgumentError(Cat("source.", message));
  return absl::InvalidArgumentError(Cat(origin->second, ": source.", message));
}

// snapshot.mode = configuration_based: two questions, of which PostgreSQL's connector asks no more.
absl::StatusOr<SnapshotMode> ConfiguredMode(const Config& config) {
  constexpr std::string_view kPrefix = "snapshot.mode.configuration.based.";
  const OptionReader source = Source(config);
  const bool data = source.Bool(Cat(kPrefix, "snapshot.data"));
  const bool stream = source.Bool(Cat(kPrefix, "start.stream"));
  if (!data && source.Bool(Cat(kPrefix, "snapshot.on.data.error"))) {
    return At(config, "snapshot.mode",
              Cat(kPrefix,
                  "snapshot.on.data.error without snapshot.data is not built; "
                  "snapshot.mode = when_needed is"));
  }
  if (data) return stream ? SnapshotMode::kAlways : SnapshotMode::kInitialOnly;
  if (stream) return SnapshotMode::kNoData;
  return At(config, "snapshot.mode",
            Cat("snapshot.mode = configuration_based asks for nothing: set ", kPrefix,
                "snapshot.data or ", kPrefix, "start.stream"));
}

bool TrustsSlot(std::string_view strategy) {
  return strategy == "trust_slot" || strategy == "trust_greater_lsn";
}

SnapshotMode ModeOf(std::string_view text) {
  if (text == "initial" || text == "exported") return SnapshotMode::kInitial;
  if (text == "initial_only") return SnapshotMode::kInitialOnly;
  if (text == "no_data" || text == "never") return SnapshotMode::kNoData;
  if (text == "always") return SnapshotMode::kAlways;
  CHECK(text == "when_needed");
  return SnapshotMode::kWhenNeeded;
}

wal::AutoCreate PublicationModeOf(std::string_view text) {
  if (text == "disabled") return wal::AutoCreate::kDisabled;
  if (text == "all_tables") return wal::AutoCreate::kAllTables;
  if (text == "filtered") return wal::AutoCreate::kFiltered;
  CHECK(text == "no_tables");
  return wal::AutoCreate::kNoTables;
}

absl::Status CheckNames(const Config& config, const CaptureOptions& options) {
  const std::string slot_chars = Cat(kLowerCase, kDigits, "_");
  if (options.slot.empty() || options.slot.size() > 63 ||
      options.slot.find_first_not_of(slot_chars) != std::string::npos) {
    return At(
        config, "slot.name",
        Cat("slot.name = '", options.slot, "' must be 1 to 63 characters out of a-z, 0-9 and _"));
  }
  const std::string prefix_chars = Cat(kLowerCase, kUpperCase, kDigits, "-._");
  if (options.topic_prefix.find_first_not_of(prefix_chars) != std::string::npos) {
    return At(config, "topic.prefix",
              Cat("topic.prefix = '", options.topic_prefix,
                  "' must be letters, digits, -, . and _ only"));
  }
  if (options.publication.empty() || options.publication.size() > 63) {
    return At(config, "publication.name", "publication.name must be 1 to 63 bytes");
  }
  return absl::OkStatus();
}

absl::Status FillStreamParameters(const Config& config, CaptureOptions& options) {
  std::string_view rest = config.source.contains("slot.stream.params")
                              ? std::string_view(config.source.at("slot.stream.params"))
                              : std::string_view();
  while (!rest.empty()) {
    const std::string_view entry = rest.substr(0, rest.find(';'));
    rest.remove_prefix(std::min(rest.size(), entry.size() + 1));
    if (entry.empty()) continue;
    const size_t equals = entry.find('=');
    if (equals == 0 || equals == std::string_view::npos) {
      return At(config, "slot.stream.params",
                Cat("slot.stream.params: '", entry, "' must be name=value"));
    }
    options.slot_stream_params.emplace_back(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return absl::OkStatus();
}

absl::Status FillTableFilters(const Config& config, CaptureOptions& options) {
  const OptionReader source = Source(config);
  TableFilter filter;
  ASSIGN_OR_RETURN(
      filter.schemas,
      NameFilter::Make("source.schema.include.list", source.Given("schema.include.list"),
                       "source.schema.exclude.list", source.Given("schema.exclude.list"),
                       options.filter_health));
  ASSIGN_OR_RETURN(filter.tables,
                   NameFilter::Make("source.table.include.list", source.Given("table.include.list"),
                                    "source.table.exclude.list", source.Given("table.exclude.list"),
                                    options.filter_health));
  filter.ignore_builtin = source.Bool("table.ignore.builtin");
  options.table_captured = [filter](std::string_view schema, std::string_view table) {
    return filter.Captures(schema, table);
  };

  ASSIGN_OR_RETURN(const RegexList included,
                   RegexList::Parse("source.table.include.list", source.Text("table.include.list"),
                                    options.filter_health));
  options.include_place = [included](std::string_view schema,
                                     std::string_view table) -> std::optional<size_t> {
    const std::vector<size_t> places = included.AllMatches(Cat(schema, ".", table));
    if (places.empty()) return std::nullopt;
    return places.front();
  };
  return absl::OkStatus();
}

absl::Status FillMessageFilter(const Config& config, CaptureOptions& options) {
  const OptionReader source = Source(config);
  ASSIGN_OR_RETURN(
      const NameFilter prefixes,
      NameFilter::Make("source.message.prefix.include.list",
                       source.Given("message.prefix.include.list"),
                       "source.message.prefix.exclude.list",
                       source.Given("message.prefix.exclude.list"), options.filter_health));
  options.message_captured = [prefixes](std::string_view prefix) {
    return prefixes.Passes(prefix);
  };
  return absl::OkStatus();
}

void SetIfGiven(pg::ConnectionOptions& connection, std::string_view keyword,
                const std::string& value) {
  if (!value.empty()) connection.Set(keyword, value);
}

// database.initial.statements: separated by ';', of which two are one that belongs to a statement.
std::vector<std::string> SplitStatements(std::string_view text) {
  std::vector<std::string> statements(1);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != ';') {
      statements.back().push_back(text[i]);
    } else if (text.substr(i).starts_with(";;")) {
      statements.back().push_back(';');
      ++i;
    } else {
      statements.emplace_back();
    }
  }
  std::erase_if(statements, [](const std::string& statement) {
    return statement.find_first_not_of(" \t\r\n") == std::string::npos;
  });
  return statements;
}

// pgjdbc's values in libpq's words.
std::string TargetSession(std::string_view jdbc) {
  if (jdbc == "master" || jdbc == "primary") return "primary";
  if (jdbc == "slave" || jdbc == "secondary") return "standby";
  if (jdbc == "preferslave" || jdbc == "prefersecondary") return "prefer-standby";
  CHECK(jdbc == "any" || jdbc.empty());
  return "";
}

// "db1:5433,db2": several hosts, each with a port of its own where it has one, as pgjdbc takes them.
// libpq wants two lists. Only the primary can be captured: the others are passed over.
void SetHosts(pg::ConnectionOptions& connection, const std::string& text, const std::string& port) {
  if (text.find(',') == std::string::npos) {
    SetIfGiven(connection, "host", text);
    connection.Set("port", port);
    return;
  }
  std::string hosts;
  std::string ports;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    std::string_view host = std::string_view(text).substr(begin, end - begin);
    std::string_view its_port = port;
    const size_t colon = host.rfind(':');
    const bool is_bare_ipv6 = colon != host.find(':') && !host.starts_with('[');
    if (colon != host.npos && !is_bare_ipv6 && host.find(']', colon) == host.npos) {
      its_port = host.substr(colon + 1);
      host = host.substr(0, colon);
    }
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    hosts += Cat(begin == 0 ? "" : ",", host);
    ports += Cat(begin == 0 ? "" : ",", its_port);
    begin = end + 1;
  }
  connection.Set("host", hosts);
  connection.Set("port", ports);
  connection.Set("target_session_attrs", "primary");
}

// libpq understands Debezium's values as they are: both follow PostgreSQL's names.
pg::ConnectionOptions Connection(const Config& config) {
  const OptionReader source = Source(config);
  pg::ConnectionOptions connection;
  SetHosts(connection, source.Text("database.hostname"), source.Text("database.port"));
  SetIfGiven(connection, "user", source.Text("database.user"));
  SetIfGiven(connection, "password", source.Text("database.password"));
  SetIfGiven(connection, "dbname", source.Text("database.dbname"));
  const bool only_encrypted =
      !source.Text("database.sslfactory").empty() && !source.Given("database.sslmode");
  connection.Set("sslmode",
                 only_encrypted ? std::string("require") : source.Enum("database.sslmode"));
  SetIfGiven(connection, "sslrootcert", source.Text("database.sslrootcert"));
  SetIfGiven(connection, "sslcert", source.Text("database.sslcert"));
  SetIfGiven(connection, "sslkey", source.Text("database.sslkey"));
  SetIfGiven(connection, "sslpassword", source.Text("database.sslpassword"));
  connection.Set("keepalives", source.Bool("database.tcpKeepAlive") ? "1" : "0");
  SetIfGiven(connection, "application_name", source.Text("driver.ApplicationName"));
  SetIfGiven(connection, "options", source.Text("driver.options"));
  SetIfGiven(connection, "connect_timeout", source.Text("driver.connectTimeout"));
  SetIfGiven(connection, "gssencmode", source.Enum("driver.gssEncMode"));
  SetIfGiven(connection, "target_session_attrs",
             TargetSession(source.Enum("driver.targetServerType")));
  connection.initial_statements = SplitStatements(source.Text("database.initial.statements"));
  return connection;
}

absl::StatusOr<CaptureOptions> Parse(const Config& config) {
  const OptionReader source = Source(config);
  CaptureOptions options = {
      .connection = Connection(config),
      .database = source.Text("database.dbname"),
      .topic_prefix = source.Text("topic.prefix"),
      .slot = source.Text("slot.name"),
      .drop_slot_on_stop = source.Bool("slot.drop.on.stop"),
      .failover_slot = source.Bool("slot.failover"),
      .slot_stream_params = {},
      .publication = source.Text("publication.name"),
      .publication_mode = PublicationModeOf(source.Enum("publication.autocreate.mode")),
      .publish_via_partition_root = source.Bool("publish.via.partition.root"),
      .snapshot_mode = SnapshotMode::kInitial,
      .snapshot = {},
      .replica_identities = {},
      .guardrail = {.max_tables = source.Number("guardrail.collections.max"),
                    .fail = source.Enum("guardrail.collections.limit.action") == "fail"},
      .xmin_interval = source.Millis("xmin.fetch.interval.ms"),
      .max_retries = source.Number("errors.max.retries"),
      .trust_slot = TrustsSlot(source.Enum("offset.mismatch.strategy")),
      .status_interval = source.Millis("status.update.interval.ms"),
      .heartbeat_interval = source.Millis("heartbeat.interval.ms"),
      .heartbeat_query = source.Text("heartbeat.action.query"),
      .table_captured = {},
      .message_captured = {},
      .include_place = {},
      .filter_health = std::make_shared<FilterHealth>(),
  };
  if (const std::string mode = source.Enum("snapshot.mode"); mode == "configuration_based") {
    ASSIGN_OR_RETURN(options.snapshot_mode, ConfiguredMode(config));
  } else {
    options.snapshot_mode = ModeOf(mode);
  }
  RETURN_IF_ERROR(CheckNames(config, options));
  ASSIGN_OR_RETURN(options.snapshot, MakeSnapshotOptions(config, options.filter_health));
  ASSIGN_OR_RETURN(options.replica_identities,
                   ParseReplicaIdentities(source.Text("replica.identity.autoset.values"),
                                          options.filter_health));
  RETURN_IF_ERROR(FillStreamParameters(config, options));
  RETURN_IF_ERROR(FillTableFilters(config, options));
  RETURN_IF_ERROR(FillMessageFilter(config, options));
  return options;
}

absl::Status CheckGiven(const Config& config, std::initializer_list<std::string_view> required) {
  for (const std::string_view name : required) {
    if (!Source(config).Text(name).empty()) continue;
    const std::string_view file =
        config.file.empty() ? "the configuration" : std::string_view(config.file);
    return absl::InvalidArgumentError(Cat(file, ": source.", name, " is missing"));
  }
  return absl::OkStatus();
}

// Two hashes of FNV-1a would be more than needed: it tells options apart, it guards against nobody.
uint64_t Fnv1a(std::string_view text) {
  uint64_t hash = 0xCBF29CE484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return hash;
}

}  // namespace

absl::StatusOr<CaptureOptions> MakeCaptureOptions(const Config& config) {
  RETURN_IF_ERROR(CheckGiven(
      config, {"database.hostname", "database.user", "database.dbname", "topic.prefix"}));
  return Parse(config);
}

absl::Status CheckCaptureOptions(const Config& config) { return Parse(config).status(); }

absl::StatusOr<std::vector<pg::TableName>> CapturedTables(const CaptureOptions& options,
                                                          std::span<const pg::ListedTable> all) {
  std::vector<pg::TableName> tables;
  for (const pg::ListedTable& table : all) {
    const bool captured = options.table_captured(table.name.schema, table.name.table);
    if (captured && !table.unlogged) tables.push_back(table.name);
  }
  RETURN_IF_ERROR(options.filter_health->status());
  return tables;
}

absl::StatusOr<pg::ConnectionOptions> MakeSourceConnection(const Config& config) {
  RETURN_IF_ERROR(CheckGiven(config, {"database.hostname", "database.user", "database.dbname"}));
  return Connection(config);
}

std::string StreamOptionsHash(const Config& config) {
  // Sorted by name, so that the order of the table does not matter.
  std::map<std::string, std::string> shaping = {{"pipeline.compat", config.pipeline.compat}};
  for (const Option& option : AllOptions()) {
    if (option.shapes_stream) shaping.emplace(option.name, option.default_value);
  }
  for (const auto& [name, value] : config.source) {
    const Option* option = FindOption(Section::kSource, name);
    if (option != nullptr && option->shapes_stream) shaping[name] = CanonicalValue(*option, value);
  }
  std::string all;
  for (const auto& [name, value] : shaping) all += Cat(name, "\n", value.size(), "\n", value, "\n");
  char digits[17];
  std::snprintf(digits, sizeof(digits), "%016llx", static_cast<unsigned long long>(Fnv1a(all)));
  return digits;
}

}  // namespace walrelay::app
