// A replication connection: the commands of the walsender, then the stream of frames.
//
// The commands block, within the connection's limit. After Start() nothing blocks but Stop(): wait
// for socket() to be readable (and writable while wants_write()), call Next() until it has nothing,
// and SendStatus() whenever it is due, also while not reading: the server drops a client that is
// silent for wal_sender_timeout. Unavailable: connection lost, server shutting down, slot in use
// (55006): come back later. FailedPrecondition: slot or publication missing, slot invalidated, WAL
// removed: somebody must act. DataLoss: a frame that does not parse. The session has the settings
// that pgjdbc gives it (FORMAT.md §4.0): the text of values depends on them. Not thread-safe: the
// capture loop owns it. Movable. Source: PostgreSQL manual, "Streaming Replication Protocol",
// "Logical Streaming Replication Parameters"; PROTOCOL.md §4.1-4.4.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "change/lsn.h"
#include "pg/connection.h"
#include "wal/replication_frames.h"
#include "wal/timeline_history.h"

namespace walrelay::wal {

struct SystemIdentity {
  std::string system_identifier;
  uint32_t timeline = 0;
  Lsn flush_lsn{};  // Of a standby: what it has replayed.
  std::string database;
  std::chrono::milliseconds wal_sender_timeout{};  // 0: none.
};

struct CreateSlotOptions {
  bool export_snapshot = true;
  bool failover = false;  // From 17 on, on a primary; ignored elsewhere, as by Debezium.
  // Creation waits for every transaction that is running: see ListOpenTransactions.
  std::chrono::milliseconds limit{90'000};
};

struct CreatedSlot {
  Lsn consistent_point{};
  // Valid until the next command on this stream; empty without export_snapshot.
  std::string snapshot_name;
};

struct StartOptions {
  std::string slot;
  Lsn start_lsn{};  // 0: the slot's confirmed_flush_lsn. A lower one is raised to it silently, a
                    // higher one skips.
  std::vector<std::string> publications = {};
  // Passed to the plugin as they are (slot.stream.params); they come after ours.
  std::vector<std::pair<std::string, std::string>> parameters = {};
  // A longer frame fails with FailedPrecondition. Over TCP that shows while it is still arriving,
  // within some megabytes; over a Unix socket, when libpq has all of it.
  size_t max_message_bytes = size_t{512} << 20;
};

class ReplicationStream {
 public:
  // Adds replication=database and the session's settings to the options; application_name "Debezium
  // Streaming" unless it is set.
  static absl::StatusOr<ReplicationStream> Connect(
      const pg::ConnectionOptions& options,
      std::chrono::milliseconds limit = pg::Connection::kDefaultLimit);

  int server_version() const { return connection_.server_version(); }
  int socket() const { return connection_.socket(); }
  bool is_unix_socket() const;  // Reading lazily is worth it over TCP only (PROTOCOL.md §2.8).

  absl::StatusOr<SystemIdentity> IdentifySystem();
  // Oldest first; empty for timeline 1.
  absl::StatusOr<std::vector<TimelineSwitch>> TimelineHistory(uint32_t timeline);
  absl::StatusOr<CreatedSlot> CreateSlot(const std::string& name, const CreateSlotOptions& options);
  absl::Status Start(const StartOptions& options);

  // The next frame, reading what the socket has; none when there is no whole frame. Views hold
  // until the next call. Under load it may go on for ever: bound the number of calls, or time.
  absl::StatusOr<std::optional<Frame>> Next();
  // Bytes of frames handed out since the last call of this function: many mean a backlog.
  size_t TakeBytesRead() { return std::exchange(bytes_read_, 0); }
  // What has arrived and Next() has not looked at, once it has said that there is no whole frame.
  size_t unread_bytes() const;

  // Buffers a status and sends what the socket takes.
  absl::Status SendStatus(const StatusUpdate& update);
  bool wants_write() const { return wants_write_; }
  absl::Status Flush();  // When the socket is writable.

  // Ends the stream in good order, throwing away frames that are still on their way. Blocks, at
  // most `limit`.
  absl::Status Stop(std::chrono::milliseconds limit);

 private:
  explicit ReplicationStream(pg::Connection connection);

  PGconn* native() const { return connection_.native(); }
  // The status that says why the server ended the stream.
  absl::Status EndOfStream();
  // Fails when the frame that is still arriving has passed the limit.
  absl::Status CheckArriving();
  absl::Status TooLong(uint64_t bytes) const;
  absl::Status SendFailed();

  // libpq writes to it while it reads: it stays where it is when the stream moves, and outlives the
  // connection.
  std::unique_ptr<absl::Status> warning_;
  pg::Connection connection_;
  pg::MemoryHandle buffer_;
  size_t bytes_read_ = 0;
  size_t max_message_bytes_ = 0;
  // What the socket had delivered when we ran out of whole frames.
  std::optional<uint64_t> received_before_;
  bool wants_write_ = false;
};

// The connection options with the settings that the text of values depends on: what pgjdbc sets at
// the start of each session. For every connection of capture.
pg::ConnectionOptions CaptureSession(pg::ConnectionOptions options,
                                     std::string_view application_name);

}  // namespace walrelay::wal
