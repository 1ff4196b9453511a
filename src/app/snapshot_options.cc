#include "app/snapshot_options.h"

#include "app/option_table.h"
#include "base/check.h"

namespace walrelay::app {
namespace {

constexpr std::string_view kOverrides = "snapshot.select.statement.overrides";

wal::SnapshotIsolation IsolationOf(std::string_view text) {
  if (text == "serializable") return wal::SnapshotIsolation::kSerializable;
  if (text == "repeatable_read") return wal::SnapshotIsolation::kRepeatableRead;
  if (text == "read_committed") return wal::SnapshotIsolation::kReadCommitted;
  CHECK(text == "read_uncommitted");
  return wal::SnapshotIsolation::kReadUncommitted;
}

std::string_view Trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// The list names tables, each of which has its statement in an option of its own.
absl::StatusOr<std::map<std::string, std::string>> Selects(const Config& config) {
  const OptionReader source(Section::kSource, config.source);
  std::map<std::string, std::string> selects;
  const std::string list = source.Text(kOverrides);
  for (std::string_view rest = list; !rest.empty();) {
    const size_t comma = std::min(rest.find(','), rest.size());
    const std::string table(Trimmed(rest.substr(0, comma)));
    rest.remove_prefix(std::min(rest.size(), comma + 1));
    if (table.empty()) continue;
    const std::string option = Cat(kOverrides, ".", table);
    const auto select = config.source.find(option);
    if (select == config.source.end() || Trimmed(select->second).empty()) {
      return absl::InvalidArgumentError(
          Cat("source.", option, " is missing: source.", kOverrides, " names ", table));
    }
    selects[table] = select->second;
  }
  for (const auto& [name, value] : config.source) {
    if (!name.starts_with(Cat(kOverrides, "."))) continue;
    if (selects.contains(name.substr(kOverrides.size() + 1))) continue;
    return absl::InvalidArgumentError(
        Cat("source.", name, " has no effect: source.", kOverrides, " does not name its table"));
  }
  return selects;
}

}  // namespace

absl::StatusOr<SnapshotOptions> MakeSnapshotOptions(const Config& config,
                                                    SharedFilterHealth health) {
  const OptionReader source(Section::kSource, config.source);
  SnapshotOptions options;
  ASSIGN_OR_RETURN(options.selects, Selects(config));
  ASSIGN_OR_RETURN(
      const NameFilter taken,
      NameFilter::Make("source.snapshot.include.collection.list",
                       source.Given("snapshot.include.collection.list"), "", std::nullopt, health));
  options.takes = [taken](std::string_view schema, std::string_view table) {
    return taken.Passes(Cat(schema, ".", table));
  };
  options.isolation = IsolationOf(source.Enum("snapshot.isolation.mode"));
  options.lock_tables = source.Enum("snapshot.locking.mode") == "shared";
  options.lock_timeout = source.Millis("snapshot.lock.timeout.ms");
  options.delay = source.Millis("snapshot.delay.ms");
  options.streaming_delay = source.Millis("streaming.delay.ms");
  return options;
}

}  // namespace walrelay::app
