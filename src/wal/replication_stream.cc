#include "wal/replication_stream.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/clock.h"
#include "base/status.h"
#include "pg/error.h"
#include "pg/quoting.h"

namespace walrelay::wal {
namespace {

using std::chrono::milliseconds;

// object_not_in_prerequisite_state; as a warning of this file it says "skipped loading publication"
// (18: LoadPublications). Others have the same code, as that a standby of synchronized_standby_slots
// is away (17: slot.c), for which the server waits.
constexpr std::string_view kSkippedPublication = "55000";
constexpr std::string_view kSkippedPublicationFile = "pgoutput.c";
// CopyData's own tag and length.
constexpr size_t kCopyDataHeader = 5;

// What the socket has handed to libpq so far, or a little more: bytes that arrive between the two
// questions count as well. None where the kernel does not count (Unix sockets).
std::optional<uint64_t> BytesReceived(int socket) {
  int unread = 0;
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (ioctl(socket, FIONREAD, &unread) != 0) return std::nullopt;
  if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
  if (size < offsetof(tcp_info, tcpi_bytes_received) + sizeof(info.tcpi_bytes_received)) {
    return std::nullopt;
  }
  return info.tcpi_bytes_received - static_cast<uint64_t>(unread);
}

// Waits for the socket, and reads. False when the deadline passed.
bool ReadBefore(PGconn* connection, SteadyTime deadline) {
  const short events = PQflush(connection) == 1 ? POLLIN | POLLOUT : POLLIN;
  const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
  pollfd descriptor{.fd = PQsocket(connection), .events = events, .revents = 0};
  if (left.count() <= 0 || poll(&descriptor, 1, static_cast<int>(left.count())) == 0) return false;
  (void)PQconsumeInput(connection);  // A failure shows in what is read next.
  return true;
}

absl::StatusOr<std::string> CreateSlotCommand(const std::string& name, bool export_snapshot,
                                              bool failover, int server_version) {
  ASSIGN_OR_RETURN(const std::string quoted, pg::QuoteIdentifier(name));
  const std::string command = Cat("CREATE_REPLICATION_SLOT ", quoted, " LOGICAL pgoutput ");
  if (server_version < 150000)
    return Cat(command, export_snapshot ? "EXPORT_SNAPSHOT" : "NOEXPORT_SNAPSHOT");
  return Cat(command, "(SNAPSHOT '", export_snapshot ? "export" : "nothing", "'",
             failover ? ", FAILOVER)" : ")");
}

// Publication names are identifiers inside of a literal: quoted twice.
absl::StatusOr<std::string> PublicationNames(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(const std::string quoted, pg::QuoteIdentifier(name));
    list += Cat(list.empty() ? "" : ",", quoted);
  }
  return pg::QuoteReplicationLiteral(list);
}

absl::StatusOr<std::string> StartCommand(const StartOptions& options, int server_version) {
  ASSIGN_OR_RETURN(const std::string slot, pg::QuoteIdentifier(options.slot));
  ASSIGN_OR_RETURN(const std::string publications, PublicationNames(options.publications));
  std::string command = Cat("START_REPLICATION SLOT ", slot, " LOGICAL ", options.start_lsn,
                            " (\"proto_version\" '1', \"publication_names\" ", publications);
  if (server_version >= 140000) command += ", \"messages\" 'true'";
  for (const auto& [name, value] : options.parameters) {
    ASSIGN_OR_RETURN(const std::string quoted_name, pg::QuoteIdentifier(name));
    ASSIGN_OR_RETURN(const std::string quoted_value, pg::QuoteReplicationLiteral(value));
    command += Cat(", ", quoted_name, ' ', quoted_value);
  }
  return command + ")";
}

// Keeps the warning that changes are being left out. Its text is in the server's language; code and
// place are not.
void KeepWarning(void* kept, const PGresult* notice) {
  const auto field = [&](int code) {
    const char* text = PQresultErrorField(notice, code);
    return std::string_view(text == nullptr ? "" : text);
  };
  auto* warning = static_cast<absl::Status*>(kept);
  const bool skipped = field(PG_DIAG_SQLSTATE) == kSkippedPublication &&
                       field(PG_DIAG_SOURCE_FILE).ends_with(kSkippedPublicationFile);
  if (!skipped || !warning->ok()) return;
  *warning = pg::ResultError(notice, "the server leaves changes out");
}

}  // namespace

ReplicationStream::ReplicationStream(pg::Connection connection)
    : warning_(std::make_unique<absl::Status>()), connection_(std::move(connection)) {
  PQsetNoticeReceiver(native(), KeepWarning, warning_.get());
}

pg::ConnectionOptions CaptureSession(pg::ConnectionOptions options,
                                     std::string_view application_name) {
  options.SetDefault("application_name", application_name);
  options.Set("client_encoding", "UTF8");
  options.AddSetting("DateStyle", "ISO");
  options.AddSetting("extra_float_digits", "3");
  options.AddSetting("TimeZone", "UTC");
  // A role's own time-outs would end a snapshot, or the session that exports it, in the middle.
  options.AddSetting("statement_timeout", "0");
  options.AddSetting("idle_in_transaction_session_timeout", "0");
  return options;
}

absl::StatusOr<ReplicationStream> ReplicationStream::Connect(const pg::ConnectionOptions& options,
                                                             milliseconds limit) {
  pg::ConnectionOptions complete = CaptureSession(options, "Debezium Streaming");
  complete.Set("replication", "database");
  complete.initial_statements.clear();  // They are for sessions of SQL.
  complete.AddSetting("client_min_messages", "warning");
  ASSIGN_OR_RETURN(pg::Connection connection, pg::Connection::Connect(complete, limit));
  connection.set_limit(limit);
  return ReplicationStream(std::move(connection));
}

size_t ReplicationStream::unread_bytes() const {
  int unread = 0;
  return ioctl(socket(), FIONREAD, &unread) == 0 ? static_cast<size_t>(unread) : 0;
}

bool ReplicationStream::is_unix_socket() const {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  return getsockname(socket(), reinterpret_cast<sockaddr*>(&address), &size) == 0 &&
         address.ss_family == AF_UNIX;
}

absl::StatusOr<SystemIdentity> ReplicationStream::IdentifySystem() {
  ASSIGN_OR_RETURN(const pg::Result system, connection_.Query("IDENTIFY_SYSTEM"));
  ASSIGN_OR_RETURN(const pg::Result timeout,
                   connection_.Query("SELECT setting FROM pg_catalog.pg_settings "
                                     "WHERE name = 'wal_sender_timeout'"));
  if (system.rows() != 1 || timeout.rows() != 1) {
    return absl::FailedPreconditionError(
        "the server does not answer IDENTIFY_SYSTEM as PostgreSQL does");
  }
  const auto lsn = ParseLsn(system.text(0, 2));
  const auto timeline = system.number<uint32_t>(0, 1);
  if (!lsn || !timeline) {
    return absl::FailedPreconditionError("IDENTIFY_SYSTEM gives no timeline or no LSN");
  }
  return SystemIdentity{.system_identifier = std::string(system.text(0, 0)),
                        .timeline = *timeline,
                        .flush_lsn = *lsn,
                        .database = std::string(system.text(0, 3)),
                        .wal_sender_timeout = milliseconds(timeout.number<int>(0, 0).value_or(0))};
}

absl::StatusOr<std::vector<TimelineSwitch>> ReplicationStream::TimelineHistory(uint32_t timeline) {
  std::vector<TimelineSwitch> switches;
  if (timeline <= 1) return switches;  // The first one has no history file.
  ASSIGN_OR_RETURN(const pg::Result result, connection_.Query(Cat("TIMELINE_HISTORY ", timeline)));
  if (result.rows() != 1 || result.columns() != 2) {
    return absl::FailedPreconditionError(
        "the server does not answer TIMELINE_HISTORY as PostgreSQL does");
  }
  return ParseTimelineHistory(result.text(0, 1));
}

absl::StatusOr<CreatedSlot> ReplicationStream::CreateSlot(const std::string& name,
                                                          const CreateSlotOptions& options) {
  bool failover = false;
  if (options.failover && server_version() >= 170000) {
    ASSIGN_OR_RETURN(const pg::Result standby,
                     connection_.Query("SELECT pg_catalog.pg_is_in_recovery()"));
    failover = !standby.is_true(0, 0);
  }
  ASSIGN_OR_RETURN(const std::string command,
                   CreateSlotCommand(name, options.export_snapshot, failover, server_version()));
  connection_.set_limit(options.limit);
  const absl::StatusOr<pg::Result> result = connection_.Query(command);
  connection_.set_limit(pg::Connection::kDefaultLimit);
  if (!result.ok()) return Annotate(result.status(), Cat("cannot create the slot ", name));

  const auto consistent_point = result->rows() == 1 ? ParseLsn(result->text(0, 1)) : std::nullopt;
  if (!consistent_point)
    return absl::FailedPreconditionError("a slot was created without a consistent point");
  return CreatedSlot{.consistent_point = *consistent_point,
                     .snapshot_name = std::string(result->text(0, 2))};
}

absl::Status ReplicationStream::Start(const StartOptions& options) {
  ASSIGN_OR_RETURN(const std::string command, StartCommand(options, server_version()));
  const absl::StatusOr<pg::Result> result = connection_.Query(command);
  if (!result.ok())
    return Annotate(result.status(), Cat("cannot stream from the slot ", options.slot));
  if (PQresultStatus(result->native()) != PGRES_COPY_BOTH) {
    return absl::FailedPreconditionError("START_REPLICATION did not start a stream");
  }
  max_message_bytes_ = options.max_message_bytes;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Frame>> ReplicationStream::Next() {
  char* bytes = nullptr;
  bool lost = false;
  buffer_.reset();
  int size = PQgetCopyData(native(), &bytes, /*async=*/1);
  if (size == 0) {
    lost = PQconsumeInput(native()) == 0;
    size = PQgetCopyData(native(), &bytes, /*async=*/1);
  }
  if (!warning_->ok()) {
    pg::MemoryHandle unused(size > 0 ? bytes : nullptr);
    return *warning_;
  }
  if (size < 0 || (size == 0 && lost)) return EndOfStream();
  if (size == 0) {
    RETURN_IF_ERROR(CheckArriving());
    return std::nullopt;
  }

  buffer_.reset(bytes);
  received_before_.reset();
  const auto frame_bytes = static_cast<size_t>(size);
  bytes_read_ += frame_bytes + kCopyDataHeader;
  if (frame_bytes > max_message_bytes_) return TooLong(frame_bytes);
  return DecodeFrame({bytes, frame_bytes});
}

absl::Status ReplicationStream::CheckArriving() {
  const std::optional<uint64_t> received = BytesReceived(socket());
  if (!received) return absl::OkStatus();
  if (!received_before_) received_before_ = received;
  // The count is not exact, so it may even seem to go back.
  if (*received <= *received_before_ + max_message_bytes_) return absl::OkStatus();
  return TooLong(*received - *received_before_);
}

absl::Status ReplicationStream::TooLong(uint64_t bytes) const {
  return absl::FailedPreconditionError(Cat("the server sends a message of ", bytes,
                                           " bytes or more; the limit is ", max_message_bytes_,
                                           ": a row as large as that cannot be captured with it"));
}

absl::Status ReplicationStream::EndOfStream() {
  // What the server said is in libpq's buffer, or the connection is lost: this does not block.
  const pg::ResultHandle result(PQgetResult(native()));
  if (result != nullptr && PQresultStatus(result.get()) == PGRES_FATAL_ERROR) {
    return pg::ResultError(result.get(), "the server ended the stream");
  }
  if (PQstatus(native()) == CONNECTION_BAD)
    return pg::ConnectionError(native(), "the stream broke");
  return absl::UnavailableError("the server ended the stream: it is shutting down");
}

absl::Status ReplicationStream::SendFailed() {
  // The server closed the connection. Why, it says behind what it had sent before.
  char* bytes = nullptr;
  (void)PQconsumeInput(native());
  while (PQgetCopyData(native(), &bytes, /*async=*/1) > 0) buffer_.reset(bytes);
  return EndOfStream();
}

absl::Status ReplicationStream::SendStatus(const StatusUpdate& update) {
  const auto bytes = EncodeStatusUpdate(update);
  if (PQputCopyData(native(), bytes.data(), static_cast<int>(bytes.size())) <= 0)
    return SendFailed();
  return Flush();
}

absl::Status ReplicationStream::Flush() {
  const int flushed = PQflush(native());
  wants_write_ = flushed > 0;
  return flushed < 0 ? SendFailed() : absl::OkStatus();
}

absl::Status ReplicationStream::Stop(milliseconds limit) {
  const SteadyTime deadline = std::chrono::steady_clock::now() + limit;
  const absl::Status timed_out =
      absl::UnavailableError("the server did not end the stream in time");
  if (PQputCopyEnd(native(), nullptr) < 0) return SendFailed();

  int size = 0;
  char* bytes = nullptr;
  while ((size = PQgetCopyData(native(), &bytes, /*async=*/1)) >= 0) {
    buffer_.reset(bytes);
    bytes = nullptr;
    if (size == 0 && !ReadBefore(native(), deadline)) return timed_out;
    if (PQstatus(native()) == CONNECTION_BAD) return EndOfStream();
  }
  while (true) {
    while (PQisBusy(native()) != 0) {
      if (!ReadBefore(native(), deadline)) return timed_out;
      if (PQstatus(native()) == CONNECTION_BAD) return EndOfStream();
    }
    const pg::ResultHandle result(PQgetResult(native()));
    if (result == nullptr) return absl::OkStatus();
    if (PQresultStatus(result.get()) == PGRES_FATAL_ERROR) {
      return pg::ResultError(result.get(), "the server ended the stream");
    }
  }
}

}  // namespace walrelay::wal
