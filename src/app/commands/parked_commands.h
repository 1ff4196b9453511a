// walrelay apply parked, resume: tables that no longer fit their copies, and going on with them.
//
// The process that applies the pipeline goes on with a table within seconds; one that does not run
// does so at its next start.
#pragma once

#include <string>

#include "app/config.h"
#include "app/console.h"
#include "base/status.h"

namespace walrelay::app {

// `sink`: lake or target; empty: each that is configured. Exit codes: exit_code.h.
absl::Status ListParkedCommand(const Config& config, Console& console, const std::string& sink);
// `table` is the source's: schema.table. InvalidArgument when none waits.
absl::Status ResumeTableCommand(const Config& config, Console& console, const std::string& sink,
                                const std::string& table);

}  // namespace walrelay::app
