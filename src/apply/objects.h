// The objects that a sink needs besides its tables: schemas, progress, dead letters, raw events,
// views.
//
// Created where they are missing, in one transaction; what exists is left as it is, so people may
// create them beforehand (sql/lake.sql, sql/target.sql) and the role then needs no right to create.
// FailedPrecondition where the raw events should be partitioned by day and their table is not.
// Other errors as pg/connection.h. Source: the pipeline's document, "Target Databases", "Useful Queries".
#pragma once

#include <absl/status/status.h>

#include "apply/sink.h"
#include "pg/connection.h"

namespace walrelay::apply {

absl::Status PrepareObjects(pg::Connection& connection, const SinkOptions& options);

}  // namespace walrelay::apply
