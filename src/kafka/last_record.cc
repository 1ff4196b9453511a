#include "kafka/last_record.h"

#include <algorithm>
#include <map>

#include "kafka/queries.h"

namespace walrelay::kafka {
namespace {

using std::chrono::milliseconds;

// How far from the end the first look begins, and how much farther each next one.
constexpr int64_t kFirstWindow = 256;
constexpr int64_t kGrowth = 16;

using Ranges = std::map<TopicPartition, OffsetRange>;

// The part of each partition that has not been read and lies in its last `window` offsets.
Ranges LastOffsets(const Ranges& unread, int64_t window) {
  Ranges parts;
  for (const auto& [partition, range] : unread) {
    parts[partition] = {.first = std::max(range.first, range.end - window), .end = range.end};
  }
  return parts;
}

bool IsNewer(const OwnedRecord& record, const std::optional<OwnedRecord>& than) {
  if (!than) return true;
  if (record.partition == than->partition) return record.offset > than->offset;
  return record.timestamp_ms >= than->timestamp_ms;
}

OwnedRecord Own(const ConsumedRecord& record) {
  return {.partition = record.partition,
          .offset = record.offset,
          .timestamp_ms = record.timestamp_ms,
          .key = std::string(*record.key),
          .value = record.value ? std::optional<std::string>(*record.value) : std::nullopt};
}

}  // namespace

absl::StatusOr<std::vector<OwnedRecord>> ReadRecent(LogReader& reader, std::string_view topic,
                                                    std::string_view key, milliseconds limit,
                                                    const LogEnds& ends) {
  const Deadline deadline(limit);
  ASSIGN_OR_RETURN(auto ranges, reader.Ranges(topic, limit));
  std::vector<OwnedRecord> recent;
  if ((ranges ? ranges->size() : 0) < ends.size())
    return absl::UnavailableError(Cat("Kafka does not show ", topic, ", which was there just now"));
  if (!ranges) return recent;

  Ranges unread;
  bool undecided = false;
  for (size_t i = 0; i < ranges->size(); ++i) {
    OffsetRange& range = (*ranges)[i];
    if (i < ends.size() && ends[i] > range.end) {
      undecided = true;
      range.end = ends[i];
    }
    if (range.first < range.end)
      unread[{.topic = std::string(topic), .partition = static_cast<int32_t>(i)}] = range;
  }
  // A partition is done when the key was found in what has been read from its end, or all of it was
  // read.
  for (int64_t window = kFirstWindow; !unread.empty(); window *= kGrowth) {
    const Ranges parts = LastOffsets(unread, window);
    const auto on_record = [&](const ConsumedRecord& record) {
      if (record.key != key) return absl::OkStatus();
      recent.push_back(Own(record));
      unread.erase({.topic = std::string(topic), .partition = record.partition});
      return absl::OkStatus();
    };
    const absl::Status status = reader.Read(parts, on_record, deadline.left());
    if (undecided && absl::IsUnavailable(status)) {
      return Annotate(status,
                      Cat("a Kafka transaction is open in ", topic,
                          "; it is waited for, or ended by the broker at its timeout"));
    }
    RETURN_IF_ERROR(status);
    for (const auto& [partition, part] : parts) {
      const auto found = unread.find(partition);
      if (found == unread.end()) continue;
      found->second.end = part.first;
      if (found->second.first >= found->second.end) unread.erase(found);
    }
  }
  return recent;
}

absl::StatusOr<std::optional<OwnedRecord>> ReadLast(LogReader& reader, std::string_view topic,
                                                    std::string_view key, milliseconds limit,
                                                    const LogEnds& ends) {
  ASSIGN_OR_RETURN(const auto recent, ReadRecent(reader, topic, key, limit, ends));
  std::optional<OwnedRecord> last;
  for (const OwnedRecord& record : recent) {
    if (IsNewer(record, last)) last = record;
  }
  return last;
}

absl::StatusOr<std::optional<OwnedRecord>> ReadLast(const ClientOptions& user,
                                                    std::string_view topic, std::string_view key,
                                                    milliseconds limit) {
  ASSIGN_OR_RETURN(const auto reader, LogReader::Open(user));
  return ReadLast(*reader, topic, key, limit);
}

}  // namespace walrelay::kafka
