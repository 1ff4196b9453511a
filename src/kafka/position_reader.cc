#include "kafka/position_reader.h"

#include "kafka/position_codec.h"
#include "kafka/topics.h"

namespace walrelay::kafka {

bool CountsMore(const PositionRecord& later, const PositionRecord& earlier) {
  if (later.generation != earlier.generation) return later.generation > earlier.generation;
  return later.generation == 0 || later.claimed;  // 0: of before generations were known.
}

absl::StatusOr<std::optional<StoredPosition>> ChoosePosition(
    std::span<const OwnedRecord> records) {
  std::optional<StoredPosition> chosen;
  for (const OwnedRecord& record : records) {
    if (!record.value) {  // Deleted on purpose.
      chosen.reset();
      continue;
    }
    auto position = DecodePosition(*record.value);
    if (!position.ok()) {
      return Annotate(position.status(),
                      Cat("position record at ", kPositionsTopic, "[0]@", record.offset));
    }
    if (chosen && !CountsMore(*position, chosen->position)) continue;
    chosen = StoredPosition{.offset = record.offset,
                            .timestamp_ms = record.timestamp_ms,
                            .position = *std::move(position)};
  }
  return chosen;
}

absl::StatusOr<std::optional<StoredPosition>> ReadPosition(LogReader& reader,
                                                           std::string_view slot,
                                                           std::chrono::milliseconds limit,
                                                           const LogEnds& ends) {
  ASSIGN_OR_RETURN(const auto records, ReadRecent(reader, kPositionsTopic, slot, limit, ends));
  return ChoosePosition(records);
}

}  // namespace walrelay::kafka
