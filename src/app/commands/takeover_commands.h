// walrelay apply --dry-run: where each sink would begin in each partition, and why.
#pragma once

#include "app/config.h"
#include "app/console.h"
#include "base/status.h"

namespace walrelay::app {

// Only reads, and needs nothing of ours in the databases. Exit codes: exit_code.h; kSinkInUse where
// a start would be refused with it.
absl::Status PlanApplyCommand(const Config& config, Console& console, bool json);

}  // namespace walrelay::app
