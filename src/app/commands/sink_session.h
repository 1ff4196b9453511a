// A session with lake and target for one command.
#pragma once

#include <functional>
#include <string>

#include "app/config.h"
#include "base/status.h"
#include "pg/connection.h"

namespace walrelay::app {

// Called with "lake" or "target".
using VisitSink = std::function<absl::Status(const std::string& sink, pg::Connection& connection)>;

// Calls `visit` for each sink that is configured, or for the one that is wanted. InvalidArgument
// when there is none. Unreachable: kSinkUnreachable; what `visit` returns: kSinkRefused, unless it
// has a code of its own.
absl::Status ForEachSink(const Config& config, const std::string& wanted, const VisitSink& visit);

}  // namespace walrelay::app
