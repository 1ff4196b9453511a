// Debezium's own offset record, as it stands in the Connect offsets topic: read when we take over
// from Debezium, written so that Debezium can take over from us.
//
// Members are in the order of Java's HashMap. Parsing accepts what both versions write and ignores
// members that it does not know; DataLoss when the JSON is broken or a member has the wrong type.
// Source: FORMAT.md §8; Debezium's PostgresOffsetContext.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "change/lsn.h"
#include "envelope/options.h"

namespace walrelay::envelope {

enum class OffsetSnapshot { kNone, kInitial, kBlocking, kIncremental };

struct ConnectOffset {
  std::optional<Lsn> lsn_proc;    // Of the last event that was processed completely.
  std::optional<Lsn> lsn_commit;  // End LSN of the last commit; none before the first.
  std::optional<Lsn> lsn;         // Of the last event.
  std::optional<uint64_t> tx_id;
  std::optional<uint64_t> xmin;
  std::optional<int64_t> ts_usec;  // Source timestamp, microseconds since 1970.
  std::optional<std::string>
      message_type;  // INSERT UPDATE DELETE TRUNCATE MESSAGE BEGIN COMMIT NOOP

  OffsetSnapshot snapshot = OffsetSnapshot::kNone;  // Not kNone: a snapshot was under way.
  std::optional<bool> last_snapshot_record;         // With a snapshot.
  std::optional<bool> snapshot_completed;           // With a snapshot, 3.6 only.

  std::optional<std::string> transaction_id;  // With transaction metadata: the bare xid.
  std::vector<std::pair<std::string, uint64_t>>
      transaction_counts;  // "schema.table" and its events.

  bool operator==(const ConnectOffset&) const = default;
};

// ["<connector name>",{"server":"<topic.prefix>"}]
std::string ConnectOffsetKey(std::string_view connector_name, std::string_view topic_prefix);
std::string EncodeConnectOffset(const ConnectOffset& offset, Compat compat);
absl::StatusOr<ConnectOffset> ParseConnectOffset(std::string_view json);

}  // namespace walrelay::envelope
