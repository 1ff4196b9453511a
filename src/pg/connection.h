// One session with a server: statements, pipelines, COPY.
//
// Every call returns within the limit that was set (60 s unless changed): when it has passed, the
// statement is cancelled and the call fails with Unavailable. Errors have the codes of pg/error.h;
// after Unavailable throw the connection away. Only resolving a host name is left to the system's
// own time-outs. One thread at a time. Movable; CopyWriter and CopyReader stay valid when it moves.
// Source: PostgreSQL manual, "libpq": Asynchronous Command Processing, Pipeline Mode, COPY.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pg/connection_options.h"
#include "pg/copy.h"
#include "pg/result.h"

namespace walrelay::pg {

class Session;

// A statement's parameter in text form; none is NULL. Text with a NUL byte is refused.
using Parameter = std::optional<std::string_view>;
using Parameters = std::span<const Parameter>;

struct Statement {
  std::string_view sql;
  std::vector<Parameter> parameters;
};

class Connection {
 public:
  static constexpr std::chrono::milliseconds kDefaultLimit{60'000};

  // client_encoding is UTF8 unless set; row_security is off unless set: a query of which a
  // policy could hide rows fails (42501), as nobody would notice that they are missing.
  // Unavailable: not reachable, starting up, too many connections; FailedPrecondition: refused
  // (password, pg_hba, no such database).
  static absl::StatusOr<Connection> Connect(const ConnectionOptions& options,
                                            std::chrono::milliseconds limit = kDefaultLimit);
  ~Connection();
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;

  // How long each call may take from now on.
  void set_limit(std::chrono::milliseconds limit);

  // By the simple protocol: several statements may be separated by ';' and are then one
  // transaction. The last result.
  absl::StatusOr<Result> Query(std::string_view sql);
  // By the extended protocol: one statement, $1, $2, …
  absl::StatusOr<Result> Execute(std::string_view sql, Parameters parameters);
  // All in one round trip and, outside of an explicit transaction, one transaction. Their results,
  // or the first error.
  absl::StatusOr<std::vector<Result>> ExecuteAll(std::span<const Statement> statements);
  // As Query(), but the server is not waited for: its answer goes to `take` at Settle(), which every
  // other call here that speaks to the server does first, failing with what `take` returns.
  absl::Status QueryLater(std::string_view sql, Later take);
  absl::Status Settle();
  absl::Status Prepare(const std::string& name, std::string_view sql);
  absl::StatusOr<Result> ExecutePrepared(const std::string& name, Parameters parameters);

  // COMMIT. Unknown when the connection was lost or the limit passed while it ran: in doubt.
  // Aborted when the server answered with ROLLBACK because the transaction had failed before.
  absl::Status Commit();

  // Pipeline mode: statements are queued with Send…, sent off at the latest by PipelineSync(), and
  // answered by exactly one PipelineResult() each, in order, then one PipelineSynced() for the
  // mark. After a failed statement the others up to the mark fail with Cancelled. Outside of an
  // explicit transaction, mark to mark is one transaction.
  absl::Status EnterPipeline();
  absl::Status SendQuery(std::string_view sql, Parameters parameters);
  absl::Status SendPrepare(const std::string& name, std::string_view sql);
  absl::Status SendPrepared(const std::string& name, Parameters parameters);
  absl::Status PipelineSync();
  absl::StatusOr<Result> PipelineResult();
  absl::Status PipelineSynced();
  absl::Status ExitPipeline();  // Every answer must have been taken.

  // COPY … FROM STDIN and COPY … TO STDOUT. No other call until it has ended.
  absl::StatusOr<CopyWriter> CopyIn(std::string_view sql);
  absl::StatusOr<CopyReader> CopyOut(std::string_view sql);

  // 150018 for 15.18.
  int server_version() const;
  int backend_pid() const;
  bool in_transaction() const;  // Also in a failed one.
  bool is_lost() const;
  int socket() const;
  PGconn* native() const;  // For wal only.

 private:
  explicit Connection(std::unique_ptr<Session> session);
  std::unique_ptr<Session> session_;
};

}  // namespace walrelay::pg
