// XLogData     = 'w' start:lsn end:lsn time:i64 payload
// Keepalive    = 'k' end:lsn time:i64 reply:u8
// StatusUpdate = 'r' written:lsn flushed:lsn applied:lsn time:i64 reply:u8
// Integers are big-endian; an lsn is 64 bits; time is microseconds since 2000-01-01.
#include "wal/replication_frames.h"

#include <cstring>

#include "base/clock.h"
#include "base/cursor.h"
#include "base/status.h"

namespace walrelay::wal {
namespace {

absl::Status Malformed(std::string_view frame, size_t size) {
  return absl::DataLossError(Cat("a ", frame, " frame of ", size, " bytes does not parse"));
}

Lsn ReadLsn(Cursor& in) { return Lsn{in.Int<uint64_t>()}; }
// A time far off wraps instead of overflowing: it is for display only.
int64_t ReadTime(Cursor& in) {
  return static_cast<int64_t>(in.Int<uint64_t>() + static_cast<uint64_t>(kPostgresEpochMicros));
}

}  // namespace

absl::StatusOr<Frame> DecodeFrame(std::string_view bytes) {
  Cursor in(bytes);
  switch (in.Int<char>()) {
    case 'w': {
      XLogData data;
      data.wal_start = ReadLsn(in);
      data.wal_end = ReadLsn(in);
      data.send_time_micros = ReadTime(in);
      data.payload = in.rest();
      if (in.failed()) return Malformed("XLogData", bytes.size());
      return data;
    }
    case 'k': {
      Keepalive keepalive;
      keepalive.wal_end = ReadLsn(in);
      keepalive.send_time_micros = ReadTime(in);
      keepalive.reply_requested = in.Int<uint8_t>() != 0;
      if (!in.Finished()) return Malformed("keepalive", bytes.size());
      return keepalive;
    }
  }
  if (in.failed()) return Malformed("replication", bytes.size());
  return absl::DataLossError(Cat("unknown replication frame, tag ",
                                 static_cast<int>(static_cast<unsigned char>(bytes[0])), ", ",
                                 bytes.size(), " bytes"));
}

std::array<char, kStatusUpdateBytes> EncodeStatusUpdate(const StatusUpdate& update) {
  std::array<char, kStatusUpdateBytes> bytes{};
  char* out = bytes.data();
  *out++ = 'r';
  const auto put = [&out](uint64_t value) {
    value = __builtin_bswap64(value);
    std::memcpy(out, &value, sizeof(value));
    out += sizeof(value);
  };
  put(Number(update.written));
  put(Number(update.flushed));
  put(Number(update.applied));
  put(static_cast<uint64_t>(PgMicrosOfUnix(update.client_time_micros)));
  *out = update.reply_requested ? 1 : 0;
  return bytes;
}

}  // namespace walrelay::wal
