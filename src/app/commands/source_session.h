// A session with the source for one command.
#pragma once

#include "app/config.h"
#include "base/status.h"
#include "pg/connection.h"

namespace walrelay::app {

// Unreachable: kSourceUnreachable. Password, role, database, privilege: kSourceRefused.
absl::StatusOr<pg::Connection> ConnectToSource(const Config& config);

}  // namespace walrelay::app
