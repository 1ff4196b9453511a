// A table whose copy no longer fits it: its key has changed, somebody altered the copy. Its topics
// are parked, which is remembered in the database, and the rest of the batch is applied.
#include <set>
#include <utility>

#include "apply/sink_state.h"
#include "base/log.h"
#include "base/status.h"

namespace walrelay::apply {

absl::Status Sink::State::ReadParkedTables() {
  ASSIGN_OR_RETURN(std::vector<ParkedTable> tables, parked_tables.List());
  const auto known = std::exchange(parked_topics, {});
  for (ParkedTable& table : tables) {
    if (!known.contains(table.topic))
      log::Warn(SinkName(options.kind), ": table ", table.source_table, " is parked: ", table.reason,
              "; when that is repaired: walrelay apply resume ", table.source_table);
    std::string topic = table.topic;
    parked_topics.emplace(std::move(topic), std::move(table));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Sink::State::ParkTable(Batch batch, const std::string& table,
                                            std::string_view reason) {
  RETURN_IF_ERROR(transaction.Rollback());
  RETURN_IF_ERROR(Forget());
  std::set<std::string> topics;
  for (const ConsumedRecord& record : batch) {
    if (!record.value || IsParked(record.topic) || topics.contains(std::string(record.topic)))
      continue;
    const absl::StatusOr<const Envelope*> envelope = reader.Read(record);
    if (envelope.ok() && Cat((*envelope)->schema, ".", (*envelope)->table) == table)
      topics.emplace(record.topic);
  }
  if (topics.empty()) return false;
  for (const std::string& topic : topics) RETURN_IF_ERROR(parked_tables.Park(topic, table, reason));
  RETURN_IF_ERROR(mirror.AcceptRefused(table));
  if (const auto refused = std::exchange(refused_truncate, {}); refused && refused->table == table)
    RETURN_IF_ERROR(mirror.last_truncates().Write(table, refused->truncate));
  RETURN_IF_ERROR(ReadParkedTables());
  return true;
}

}  // namespace walrelay::apply
