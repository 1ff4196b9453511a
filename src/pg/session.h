// The waiting that connection, COPY and pipeline share: libpq's asynchronous calls under a
// deadline. Internal to pg.
//
// libpq stays in non-blocking mode throughout, so that a server which does not read cannot hold us,
// and replies are read while we still write (otherwise both sides may wait with full buffers). Not
// thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "pg/connection.h"

namespace walrelay::pg {

class Session {
 public:
  explicit Session(ConnHandle connection) : connection_(std::move(connection)) {}

  static absl::StatusOr<std::unique_ptr<Session>> Connect(const ConnectionOptions& options,
                                                          std::chrono::milliseconds limit);

  PGconn* native() const { return connection_.get(); }
  void set_limit(std::chrono::milliseconds limit) { limit_ = limit; }
  SteadyTime Deadline() const { return std::chrono::steady_clock::now() + limit_; }

  // Text with a NUL at its end, for libpq; holds until the next call.
  const char* Terminated(std::string_view text);
  // Pointers to NUL-terminated texts; they hold until the next call.
  absl::StatusOr<const char* const*> Terminated(Parameters parameters);

  // Sends what is buffered.
  absl::Status Flush(SteadyTime deadline);
  // The answer to the statement that was sent: its last result, or its first error. COPY results
  // are returned at once.
  absl::StatusOr<Result> Collect(SteadyTime deadline);
  // The next result as it is, null at the end of a statement.
  absl::StatusOr<ResultHandle> NextResult(SteadyTime deadline);
  // Waits until the socket is readable and reads. Unavailable when the deadline passes first.
  absl::Status WaitReadable(SteadyTime deadline);

  // Sends what is buffered, and leaves the answer to it for Settle(), which gives it to `take` and
  // returns what that returns.
  absl::Status AnswerLater(Later take, SteadyTime deadline);
  absl::Status Settle();

  // The error of a Send call of libpq that returned 0.
  absl::Status SendFailed();
  bool is_lost() const { return lost_ || PQstatus(native()) == CONNECTION_BAD; }

 private:
  absl::Status TimedOut();

  ConnHandle connection_;
  std::chrono::milliseconds limit_ = Connection::kDefaultLimit;
  bool lost_ = false;
  Later take_;
  std::string text_;
  std::string parameter_text_;
  std::vector<const char*> parameter_pointers_;
};

}  // namespace walrelay::pg
