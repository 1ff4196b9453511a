// Finds the newest record of a key in a compacted topic: our position, or the Connect offset.
//
// Source: DESIGN.md §2.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "kafka/client_options.h"
#include "kafka/log_reader.h"

namespace walrelay::kafka {

struct OwnedRecord {
  int32_t partition = 0;
  int64_t offset = 0;
  int64_t timestamp_ms = 0;
  std::string key;
  std::optional<std::string> value;  // None: a tombstone, the key was deleted.
};

// Where the partitions really end (Topics::EndOffsets). Committed records can be seen up to the first
// Kafka transaction that is open, of anybody: behind it may stand newer ones of ours. With `ends` a
// look-up waits until everything below them is decided, at most up to its limit; without, it takes
// what can be seen.
using LogEnds = std::vector<int64_t>;

// The newest record with this key over all partitions of the topic (by timestamp where several have
// one); nullopt when there is none or no such topic. Reads from the end backwards, so that a long
// topic costs little. Give one LogReader to several look-ups: connecting is the larger part. Errors
// as LogReader's.
absl::StatusOr<std::optional<OwnedRecord>> ReadLast(
    LogReader& reader, std::string_view topic, std::string_view key,
    std::chrono::milliseconds limit = LogReader::kLimit, const LogEnds& ends = {});
// All records with this key among the newest of each partition, oldest first; more than the last
// one where several stand close together.
absl::StatusOr<std::vector<OwnedRecord>> ReadRecent(
    LogReader& reader, std::string_view topic, std::string_view key,
    std::chrono::milliseconds limit = LogReader::kLimit, const LogEnds& ends = {});
absl::StatusOr<std::optional<OwnedRecord>> ReadLast(
    const ClientOptions& user, std::string_view topic, std::string_view key,
    std::chrono::milliseconds limit = LogReader::kLimit);

}  // namespace walrelay::kafka
