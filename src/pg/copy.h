// The two directions of COPY, as bytes; pg/copy_text.h makes and reads rows.
//
// Both are made by pg::Connection and must not outlive it. Nothing else may be done on the
// connection until End(), Abort() or the end of the rows; a connection whose COPY was dropped
// half-way is of no further use. Source: PostgreSQL manual, "Functions Associated with the COPY
// Command".
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "base/clock.h"
#include "pg/handles.h"

namespace walrelay::pg {

class Session;

// Takes the server's answer to what was sent and not waited for.
using Later = std::function<absl::Status(absl::Status answer)>;

class CopyWriter {
 public:
  explicit CopyWriter(Session& session) : session_(&session) {}

  // Any piece of the stream: rows may be cut anywhere. Buffers some 64 kB, waits no longer than the
  // connection's limit.
  absl::Status Put(std::string_view bytes);
  // How many rows the server took; or the error of a row it refused.
  absl::StatusOr<int64_t> End();
  // Sends the end, and leaves the answer for Connection::Settle().
  absl::Status EndLater(Later take);
  // Makes the COPY fail, and with it the transaction. OK when the server confirmed that.
  absl::Status Abort(std::string_view reason);

 private:
  absl::Status SendEnd(const char* failure, SteadyTime deadline);

  Session* session_;
  size_t unflushed_ = 0;
};

class CopyReader {
 public:
  enum class Step { kRow, kWouldBlock, kEnd };

  explicit CopyReader(Session& session) : session_(&session) {}

  // Does not block. kRow: row() holds one row, with its line end. kWouldBlock: wait for socket() to
  // be readable.
  absl::StatusOr<Step> Next();
  // As Next(), but waits: kRow or kEnd. The connection's limit applies to each row.
  absl::StatusOr<Step> WaitNext();
  // Holds until the next call.
  std::string_view row() const { return {buffer_.get(), size_}; }
  std::span<char> mutable_row() { return {buffer_.get(), size_}; }  // For ReadCopyRow.
  int socket() const;

 private:
  Session* session_;
  MemoryHandle buffer_;
  size_t size_ = 0;
};

}  // namespace walrelay::pg
