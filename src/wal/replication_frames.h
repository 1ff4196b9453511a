// The frames inside CopyData of a replication connection.
//
// Times are microseconds since 1970. Pure. DataLoss for an unknown frame or a wrong size.
// Source: PostgreSQL manual, "Streaming Replication Protocol".
#pragma once

#include <absl/status/statusor.h>

#include <array>
#include <cstdint>
#include <string_view>
#include <variant>

#include "change/lsn.h"

namespace walrelay::wal {

// One message of the output plugin.
struct XLogData {
  Lsn wal_start{};  // Of a row: where its WAL record begins. Of Commit: the transaction's end LSN.
  Lsn wal_end{};    // How far the server has sent, or the same as wal_start: no more than a hint.
  int64_t send_time_micros = 0;
  std::string_view payload;
};

struct Keepalive {
  Lsn wal_end{};  // Everything below it has been sent, if it concerned us.
  int64_t send_time_micros = 0;
  bool reply_requested = false;
};

using Frame = std::variant<XLogData, Keepalive>;

// The payload points into `bytes`.
absl::StatusOr<Frame> DecodeFrame(std::string_view bytes);

struct StatusUpdate {
  Lsn written{};
  Lsn flushed{};  // What moves the slot's confirmed_flush_lsn.
  Lsn applied{};
  int64_t client_time_micros = 0;
  bool reply_requested = false;
};

inline constexpr size_t kStatusUpdateBytes = 34;
std::array<char, kStatusUpdateBytes> EncodeStatusUpdate(const StatusUpdate& update);

}  // namespace walrelay::wal
