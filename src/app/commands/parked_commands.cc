#include "app/commands/parked_commands.h"

#include "app/commands/sink_session.h"
#include "apply/parked_tables.h"

namespace walrelay::app {
namespace {

using Visit = std::function<absl::Status(const std::string& sink, apply::ParkedTables& tables)>;

// Sinks that have never run hold nothing.
absl::Status ForEachStore(const Config& config, const std::string& sink, const Visit& visit) {
  return ForEachSink(config, sink, [&](const std::string& name, pg::Connection& connection) {
    apply::ParkedTables tables(connection, config.pipeline.name, name);
    const absl::StatusOr<bool> exists = tables.Exists();
    if (!exists.ok()) return exists.status();
    return *exists ? visit(name, tables) : absl::OkStatus();
  });
}

}  // namespace

absl::Status ListParkedCommand(const Config& config, Console& console, const std::string& sink) {
  TextTable table({"SINK", "TABLE", "TOPIC", "SINCE", "REASON"});
  bool any = false;
  RETURN_IF_ERROR(ForEachStore(
      config, sink, [&](const std::string& name, apply::ParkedTables& tables) -> absl::Status {
        ASSIGN_OR_RETURN(const auto parked, tables.List());
        for (const apply::ParkedTable& one : parked) {
          any = true;
          table.Add({name, one.source_table, one.topic, one.parked_at,
                     one.resumes ? Cat("(to be resumed) ", one.reason) : one.reason});
        }
        return absl::OkStatus();
      }));
  console.out << (any ? table.ToString() : std::string("no table is parked\n"));
  return absl::OkStatus();
}

absl::Status ResumeTableCommand(const Config& config, Console& console, const std::string& sink,
                                const std::string& table) {
  int64_t asked = 0;
  RETURN_IF_ERROR(ForEachStore(
      config, sink, [&](const std::string& name, apply::ParkedTables& tables) -> absl::Status {
        ASSIGN_OR_RETURN(const int64_t topics, tables.AskToResume(table));
        if (topics == 0) return absl::OkStatus();
        asked += topics;
        console.out << Cat(name, ": ", table,
                           " goes on within seconds, or at the next start of the process that "
                           "applies this pipeline\n");
        return absl::OkStatus();
      }));
  if (asked != 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      Cat("no table ", table, " is parked; walrelay apply parked lists those that are"));
}

}  // namespace walrelay::app
