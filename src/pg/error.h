// What the server's errors mean to the caller.
//
// A status' message holds the primary message, the SQLSTATE and the hint; never DETAIL or CONTEXT,
// which quote rows. Primary messages of class 22 quote the value that was refused: it is left out.
// Source: FAULTS.md §3, "Partial batch failure"; PostgreSQL manual, "PostgreSQL Error Codes".
#pragma once

#include <absl/status/status.h>

#include <string>
#include <string_view>

#include "pg/handles.h"

namespace walrelay::pg {

// Unavailable: connection, shutdown, resources, object in use, read-only (after a failover),
// time-outs. Aborted: serialization failure, deadlock. DataLoss: corrupted data. InvalidArgument:
// syntax, names. FailedPrecondition: everything else.
absl::StatusCode CodeOfSqlState(std::string_view sqlstate);

// The error of a result. `what` names the attempt and comes first: "cannot read table x".
absl::Status ResultError(const PGresult* result, std::string_view what);

// The error that a connection reports by itself, without a result: it is lost, or was never made.
// Its text may carry an SQLSTATE when verbosity was raised, as Connect() does.
absl::Status ConnectionError(const PGconn* connection, std::string_view what);

// An error of ours that callers must be able to tell apart by the server's codes.
absl::Status ErrorWithSqlState(std::string_view sqlstate, std::string_view message);

// The SQLSTATE that a status of this folder carries; empty when it has none.
std::string SqlStateOf(const absl::Status& status);

}  // namespace walrelay::pg
