// Reads the position record that counts, of one slot.
//
// That is not always the newest: a request of a process that was killed may arrive after its
// successor has written. Of the records that stand close together at the end of the topic those of
// the highest generation count. Of them the newest that is claimed: its writer has read the topic
// again and seen that it was the first of its generation, which one writer only can have seen. Else
// the first: nobody has written records on the strength of another one. Unavailable when Kafka does not answer;
// DataLoss and FailedPrecondition as DecodePosition. Source: DESIGN.md §2.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/status.h"
#include "change/position.h"
#include "kafka/last_record.h"
#include "kafka/log_reader.h"

namespace walrelay::kafka {

struct StoredPosition {
  int64_t offset = 0;
  int64_t timestamp_ms = 0;
  PositionRecord position;
};

// nullopt: there is none. `ends` as ReadRecent()'s (last_record.h).
absl::StatusOr<std::optional<StoredPosition>> ReadPosition(
    LogReader& reader, std::string_view slot,
    std::chrono::milliseconds limit = LogReader::kLimit, const LogEnds& ends = {});

// Whether a record counts more than one of the same slot that stands before it.
bool CountsMore(const PositionRecord& later, const PositionRecord& earlier);

// The choice among the records of one slot, oldest first. Pure.
absl::StatusOr<std::optional<StoredPosition>> ChoosePosition(std::span<const OwnedRecord> records);

}  // namespace walrelay::kafka
