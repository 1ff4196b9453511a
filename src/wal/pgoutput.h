// Turns pgoutput messages of protocol version 1 into changes.
//
// Give it every XLogData payload of one START_REPLICATION in order; a new stream needs a new
// Decoder, since the server sends its relations again. It remembers relations by oid and the
// transaction that is open, and reuses its tuples: once warm, a row is decoded without an
// allocation. Pure, not thread-safe. DataLoss for anything that the protocol does not allow: bytes
// that do not parse, and messages out of order. The error names the tag, the byte and the
// transaction, never content. A decoder that failed is of no further use. Source: PostgreSQL
// manual, "Logical Replication Message Formats"; src/backend/replication/logical/proto.c.
#pragma once

#include <absl/status/statusor.h>

#include <array>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <variant>

#include "change/change.h"

namespace walrelay::wal {

class Decoder {
 public:
  Decoder();

  // The change points into `message` and into the decoder: it holds until the next call, and as
  // long as the message.
  absl::StatusOr<const Change*> Decode(std::string_view message);

  bool in_transaction() const { return open_.has_value(); }

 private:
  class MessageReader;

  // Null when the stream has not described it. Holds until the next relation message.
  const std::shared_ptr<const Relation>* Find(Oid oid);

  // One change of each kind, so that their buffers survive a change of kind.
  std::array<Change, std::variant_size_v<Change>> changes_;
  std::unordered_map<uint32_t, std::shared_ptr<const Relation>> relations_;
  const std::shared_ptr<const Relation>* last_ =
      nullptr;  // In relations_. Rows come in runs of one table.
  std::optional<Begin> open_;
  Lsn last_commit_{};
};

}  // namespace walrelay::wal
