// Whether triggers and foreign keys of the mirror's tables act on what a session writes.
//
// They have done their work at the source, and its rows arrive in another order here: a child may
// come before its parent. So a session is a replica, as PostgreSQL's own subscriptions are, where
// its role may be one: triggers do not fire (but those ENABLE ALWAYS or ENABLE REPLICA), foreign
// keys are not checked. Elsewhere they act, constraints as late as each of them allows.
// Errors as pg/connection.h. Source: PostgreSQL manual, session_replication_role; SET CONSTRAINTS.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>
#include <vector>

#include "apply/sink.h"
#include "pg/connection.h"

namespace walrelay::apply {

struct SessionRole {
  bool is_replica = false;
  bool was_refused = false;  // It should be what it may not be.
  bool may_defer = false;    // Some constraint can be checked at the end of the transaction.
};

// Sets the session's role as far as the server lets us.
absl::StatusOr<SessionRole> TakeRole(pg::Connection& connection, const SinkOptions& options);

// What people should know of the tables that we write, or of one of them: triggers that do not
// fire, or do; foreign keys that are checked row by row. A line each.
absl::StatusOr<std::vector<std::string>> RemarksOnRole(pg::Connection& connection, SinkKind kind,
                                                       const SessionRole& role,
                                                       std::string_view table = {});

}  // namespace walrelay::apply
