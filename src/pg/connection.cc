#include "pg/connection.h"

#include "base/status.h"
#include "pg/error.h"
#include "pg/session.h"

namespace walrelay::pg {

Connection::Connection(std::unique_ptr<Session> session) : session_(std::move(session)) {}
Connection::~Connection() = default;
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;

absl::StatusOr<Connection> Connection::Connect(const ConnectionOptions& options,
                                               std::chrono::milliseconds limit) {
  ConnectionOptions complete = options;
  // First: a connection string that says otherwise means it.
  complete.Set("options", Cat("-c row_security=off ", options.Get("options")));
  ASSIGN_OR_RETURN(std::unique_ptr<Session> session, Session::Connect(complete, limit));
  Connection connection(std::move(session));
  for (const std::string& statement : options.initial_statements) {
    RETURN_IF_ERROR(Annotate(connection.Query(statement).status(), "an initial statement"));
  }
  return connection;
}

void Connection::set_limit(std::chrono::milliseconds limit) { session_->set_limit(limit); }

absl::Status Connection::Settle() { return session_->Settle(); }

absl::Status Connection::QueryLater(std::string_view sql, Later take) {
  RETURN_IF_ERROR(Settle());
  if (PQsendQuery(native(), session_->Terminated(sql)) == 0) return session_->SendFailed();
  return session_->AnswerLater(std::move(take), session_->Deadline());
}

absl::StatusOr<Result> Connection::Query(std::string_view sql) {
  RETURN_IF_ERROR(Settle());
  const SteadyTime deadline = session_->Deadline();
  if (PQsendQuery(native(), session_->Terminated(sql)) == 0) return session_->SendFailed();
  return session_->Collect(deadline);
}

absl::StatusOr<Result> Connection::Execute(std::string_view sql, Parameters parameters) {
  RETURN_IF_ERROR(Settle());
  const SteadyTime deadline = session_->Deadline();
  RETURN_IF_ERROR(SendQuery(sql, parameters));
  return session_->Collect(deadline);
}

absl::StatusOr<std::vector<Result>> Connection::ExecuteAll(std::span<const Statement> statements) {
  RETURN_IF_ERROR(EnterPipeline());
  absl::Status error;
  size_t sent = 0;
  for (; sent < statements.size(); ++sent) {
    error = SendQuery(statements[sent].sql, statements[sent].parameters);
    if (!error.ok()) break;
  }
  RETURN_IF_ERROR(PipelineSync());

  std::vector<Result> results;
  for (size_t i = 0; i < sent && !is_lost(); ++i) {
    absl::StatusOr<Result> result = PipelineResult();
    if (result.ok()) {
      results.push_back(*std::move(result));
    } else if (error.ok()) {
      error = result.status();
    }
  }
  if (is_lost()) return error.ok() ? session_->SendFailed() : error;
  const absl::Status committed = PipelineSynced();
  if (is_lost()) return committed;
  RETURN_IF_ERROR(ExitPipeline());
  RETURN_IF_ERROR(error);
  RETURN_IF_ERROR(committed);
  return results;
}

absl::Status Connection::Prepare(const std::string& name, std::string_view sql) {
  RETURN_IF_ERROR(Settle());
  const SteadyTime deadline = session_->Deadline();
  RETURN_IF_ERROR(SendPrepare(name, sql));
  return session_->Collect(deadline).status();
}

absl::StatusOr<Result> Connection::ExecutePrepared(const std::string& name, Parameters parameters) {
  RETURN_IF_ERROR(Settle());
  const SteadyTime deadline = session_->Deadline();
  RETURN_IF_ERROR(SendPrepared(name, parameters));
  return session_->Collect(deadline);
}

absl::Status Connection::Commit() {
  const absl::StatusOr<Result> result = Query("COMMIT");
  if (!result.ok()) {
    // The server may have committed before the answer was lost. A refusal, a deferred constraint's
    // for instance, means that it has not.
    if (!is_lost()) return result.status();
    return absl::UnknownError(Cat("COMMIT is in doubt: ", Message(result.status())));
  }
  if (result->command_tag() != "COMMIT") {
    return absl::AbortedError("the transaction had failed; the server rolled it back at COMMIT");
  }
  return absl::OkStatus();
}

absl::Status Connection::EnterPipeline() {
  RETURN_IF_ERROR(Settle());
  if (PQenterPipelineMode(native()) == 0) return session_->SendFailed();
  return absl::OkStatus();
}

absl::Status Connection::SendQuery(std::string_view sql, Parameters parameters) {
  ASSIGN_OR_RETURN(const char* const* values, session_->Terminated(parameters));
  if (PQsendQueryParams(native(), session_->Terminated(sql), static_cast<int>(parameters.size()),
                        /*paramTypes=*/nullptr, values, /*paramLengths=*/nullptr,
                        /*paramFormats=*/nullptr, /*resultFormat=*/0) == 0) {
    return session_->SendFailed();
  }
  return absl::OkStatus();
}

absl::Status Connection::SendPrepare(const std::string& name, std::string_view sql) {
  if (PQsendPrepare(native(), name.c_str(), session_->Terminated(sql), /*nParams=*/0,
                    /*paramTypes=*/nullptr) == 0) {
    return session_->SendFailed();
  }
  return absl::OkStatus();
}

absl::Status Connection::SendPrepared(const std::string& name, Parameters parameters) {
  ASSIGN_OR_RETURN(const char* const* values, session_->Terminated(parameters));
  if (PQsendQueryPrepared(native(), name.c_str(), static_cast<int>(parameters.size()), values,
                          /*paramLengths=*/nullptr, /*paramFormats=*/nullptr,
                          /*resultFormat=*/0) == 0) {
    return session_->SendFailed();
  }
  return absl::OkStatus();
}

absl::Status Connection::PipelineSync() {
  if (PQpipelineSync(native()) == 0) return session_->SendFailed();
  return session_->Flush(session_->Deadline());
}

absl::StatusOr<Result> Connection::PipelineResult() {
  const SteadyTime deadline = session_->Deadline();
  ASSIGN_OR_RETURN(ResultHandle result, session_->NextResult(deadline));
  if (result == nullptr) return ConnectionError(native(), "no result in the pipeline");
  const ExecStatusType status = PQresultStatus(result.get());
  // A null result ends each statement's answer; a lost connection gives none.
  if (!session_->is_lost()) {
    ASSIGN_OR_RETURN(const ResultHandle end, session_->NextResult(deadline));
  }
  if (status == PGRES_PIPELINE_ABORTED) {
    return absl::CancelledError("not run: an earlier statement of the pipeline failed");
  }
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
    return ResultError(result.get(), "the server refused");
  }
  return Result(std::move(result));
}

absl::Status Connection::PipelineSynced() {
  const SteadyTime deadline = session_->Deadline();
  absl::Status refused;
  // At the mark the server commits, which a deferred constraint may refuse. The mark comes all the
  // same.
  for (int answers = 0; answers < 3; ++answers) {
    ASSIGN_OR_RETURN(const ResultHandle result, session_->NextResult(deadline));
    if (result == nullptr) continue;
    if (PQresultStatus(result.get()) == PGRES_PIPELINE_SYNC) return refused;
    if (PQresultStatus(result.get()) != PGRES_FATAL_ERROR) break;
    refused = ResultError(result.get(), "the server refused");
    if (session_->is_lost()) return refused;
  }
  return ConnectionError(native(), "the pipeline's mark did not come back");
}

absl::Status Connection::ExitPipeline() {
  if (PQexitPipelineMode(native()) == 0) return session_->SendFailed();
  return absl::OkStatus();
}

absl::StatusOr<CopyWriter> Connection::CopyIn(std::string_view sql) {
  ASSIGN_OR_RETURN(const Result result, Query(sql));
  if (PQresultStatus(result.native()) != PGRES_COPY_IN) {
    return absl::InvalidArgumentError("the statement is not a COPY ... FROM STDIN");
  }
  return CopyWriter(*session_);
}

absl::StatusOr<CopyReader> Connection::CopyOut(std::string_view sql) {
  ASSIGN_OR_RETURN(const Result result, Query(sql));
  if (PQresultStatus(result.native()) != PGRES_COPY_OUT) {
    return absl::InvalidArgumentError("the statement is not a COPY ... TO STDOUT");
  }
  return CopyReader(*session_);
}

int Connection::server_version() const { return PQserverVersion(native()); }
int Connection::backend_pid() const { return PQbackendPID(native()); }
bool Connection::in_transaction() const {
  const PGTransactionStatusType status = PQtransactionStatus(native());
  return status == PQTRANS_INTRANS || status == PQTRANS_INERROR || status == PQTRANS_ACTIVE;
}
bool Connection::is_lost() const { return session_->is_lost(); }
int Connection::socket() const { return PQsocket(native()); }
PGconn* Connection::native() const { return session_->native(); }

}  // namespace walrelay::pg
