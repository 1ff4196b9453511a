#include "pg/session.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/status.h"
#include "pg/error.h"

namespace walrelay::pg {
namespace {

using std::chrono::milliseconds;

// After a cancel request the server may need a moment, to roll back for instance.
constexpr milliseconds kCancelGrace{5'000};
// Keeps PQcancel, which blocks, and a peer that vanished from holding us longer than this.
constexpr char kTcpUserTimeoutMs[] = "60000";

enum class Waited { kReady, kTimeout };

// Waits for `events` on the socket. A poll that fails is reported as ready: the read after it says
// what is wrong.
Waited WaitFor(const PGconn* connection, short events, SteadyTime deadline) {
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd descriptor{.fd = PQsocket(connection), .events = events, .revents = 0};
    const auto timeout = std::clamp<int64_t>(left.count(), 0, 1'000'000'000);
    const int ready = poll(&descriptor, 1, static_cast<int>(timeout));
    if (ready > 0) return Waited::kReady;
    if (ready == 0) return Waited::kTimeout;
    if (errno != EINTR) return Waited::kReady;
  }
}

// Notices are the server's advice to people at a terminal; libpq would print them to stderr.
void IgnoreNotice(void*, const PGresult*) {}

// libpq's own errors have no code. Some will not go away by trying again; everything else may.
absl::Status CannotConnect(PGconn* connection, std::string_view what) {
  const absl::Status status = ConnectionError(connection, what);
  const std::string_view text = PQerrorMessage(connection);
  const auto says = [&](std::string_view part) { return text.find(part) != text.npos; };
  if (!SqlStateOf(status).empty()) return status;
  if (text.starts_with("invalid ")) return absl::InvalidArgumentError(status.message());
  if (PQconnectionNeedsPassword(connection) != 0 || says("does not support SSL") ||
      says("certificate")) {
    return absl::FailedPreconditionError(status.message());
  }
  return status;
}

absl::Status FinishConnecting(PGconn* connection, std::string_view where, SteadyTime deadline) {
  const std::string what = Cat("cannot connect to ", where);
  // libpq asks to be treated as if the last poll had said "writing" before its first one.
  PostgresPollingStatusType next = PGRES_POLLING_WRITING;
  while (next != PGRES_POLLING_OK) {
    if (next == PGRES_POLLING_FAILED) return CannotConnect(connection, what);
    const short events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (WaitFor(connection, events, deadline) == Waited::kTimeout) {
      return absl::UnavailableError(Cat(what, ": no answer within the time limit"));
    }
    next = PQconnectPoll(connection);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Session>> Session::Connect(const ConnectionOptions& options,
                                                          milliseconds limit) {
  ConnectionOptions complete = options;
  complete.SetDefault("client_encoding", "UTF8");
  complete.SetDefault("tcp_user_timeout", kTcpUserTimeoutMs);
  std::vector<const char*> names;
  std::vector<const char*> values;
  for (const auto& [name, value] : complete.keywords) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);

  const SteadyTime deadline = std::chrono::steady_clock::now() + limit;
  ConnHandle connection(PQconnectStartParams(names.data(), values.data(), /*expand_dbname=*/0));
  const std::string what = Cat("cannot connect to ", complete.Describe());
  if (connection == nullptr) return absl::UnavailableError(Cat(what, ": out of memory"));
  // What libpq refuses by itself is a wrong option. Its text names the keyword, and never the
  // password.
  if (PQstatus(connection.get()) == CONNECTION_BAD && PQsocket(connection.get()) < 0) {
    return CannotConnect(connection.get(), what);
  }
  PQsetNoticeReceiver(connection.get(), IgnoreNotice, nullptr);
  // Verbose errors carry the SQLSTATE, which libpq gives in no other way while it connects.
  PQsetErrorVerbosity(connection.get(), PQERRORS_VERBOSE);
  RETURN_IF_ERROR(FinishConnecting(connection.get(), complete.Describe(), deadline));

  PQsetErrorVerbosity(connection.get(), PQERRORS_DEFAULT);
  if (PQsetnonblocking(connection.get(), 1) != 0) return ConnectionError(connection.get(), what);
  return std::make_unique<Session>(std::move(connection));
}

const char* Session::Terminated(std::string_view text) {
  text_.assign(text);
  return text_.c_str();
}

absl::StatusOr<const char* const*> Session::Terminated(Parameters parameters) {
  size_t size = 0;
  for (const Parameter& parameter : parameters) size += parameter ? parameter->size() + 1 : 0;
  parameter_text_.clear();
  parameter_text_.reserve(size);  // So that the pointers stay valid.
  parameter_pointers_.clear();
  for (const Parameter& parameter : parameters) {
    if (!parameter) {
      parameter_pointers_.push_back(nullptr);
      continue;
    }
    if (parameter->find('\0') != parameter->npos) {
      return ErrorWithSqlState(
          "22021", Cat("parameter $", parameter_pointers_.size() + 1, " holds a NUL byte"));
    }
    parameter_pointers_.push_back(parameter_text_.data() + parameter_text_.size());
    parameter_text_.append(*parameter).push_back('\0');
  }
  return parameter_pointers_.data();
}

absl::Status Session::Flush(SteadyTime deadline) {
  while (true) {
    const int flushed = PQflush(native());
    if (flushed == 0) return absl::OkStatus();
    // A server that ends the session says why before it closes: let the reader find it.
    if (flushed < 0) return absl::OkStatus();
    if (WaitFor(native(), POLLIN | POLLOUT, deadline) == Waited::kTimeout) return TimedOut();
    // A failure shows in the next result.
    (void)PQconsumeInput(native());
  }
}

absl::Status Session::AnswerLater(Later take, SteadyTime deadline) {
  RETURN_IF_ERROR(Flush(deadline));
  take_ = std::move(take);
  return absl::OkStatus();
}

absl::Status Session::Settle() {
  if (!take_) return absl::OkStatus();
  const Later take = std::exchange(take_, nullptr);
  return take(Collect(Deadline()).status());
}

absl::StatusOr<ResultHandle> Session::NextResult(SteadyTime deadline) {
  RETURN_IF_ERROR(Flush(deadline));
  while (PQisBusy(native()) != 0) {
    if (WaitFor(native(), POLLIN, deadline) == Waited::kTimeout) return TimedOut();
    // On a lost connection PQgetResult returns at once, with the server's last words if there were
    // any.
    if (PQconsumeInput(native()) == 0) break;
  }
  return ResultHandle(PQgetResult(native()));
}

absl::StatusOr<Result> Session::Collect(SteadyTime deadline) {
  ResultHandle last;
  absl::Status error;
  while (true) {
    ASSIGN_OR_RETURN(ResultHandle result, NextResult(deadline));
    if (result == nullptr) break;
    switch (PQresultStatus(result.get())) {
      case PGRES_COPY_IN:
      case PGRES_COPY_OUT:
      case PGRES_COPY_BOTH:
        return Result(std::move(result));
      case PGRES_FATAL_ERROR:
      case PGRES_BAD_RESPONSE:
        if (error.ok()) error = ResultError(result.get(), "the server refused");
        break;
      default:
        last = std::move(result);
    }
    if (PQstatus(native()) == CONNECTION_BAD) break;
  }
  RETURN_IF_ERROR(error);
  if (last == nullptr) return ConnectionError(native(), "no result");
  return Result(std::move(last));
}

absl::Status Session::WaitReadable(SteadyTime deadline) {
  if (WaitFor(native(), POLLIN, deadline) == Waited::kTimeout) return TimedOut();
  (void)PQconsumeInput(native());
  return absl::OkStatus();
}

absl::Status Session::SendFailed() { return ConnectionError(native(), "cannot send"); }

// Asks the server to give up the statement, so that it does not hold locks after us. The session is
// not used again.
absl::Status Session::TimedOut() {
  lost_ = true;
  char reason[256];
  const CancelHandle cancel(PQgetCancel(native()));
  std::string outcome = "cancelled";
  if (cancel == nullptr || PQcancel(cancel.get(), reason, sizeof(reason)) == 0) {
    outcome = "the request to cancel it failed as well";
  } else if (WaitFor(native(), POLLIN, std::chrono::steady_clock::now() + kCancelGrace) ==
             Waited::kTimeout) {
    outcome = "the server did not confirm that it cancelled it";
  }
  return absl::UnavailableError(Cat("no answer within ", limit_.count(), " ms; ", outcome));
}

}  // namespace walrelay::pg
