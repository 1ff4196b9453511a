// walrelay config check, and the list of options.
#pragma once

#include "app/config.h"
#include "app/console.h"
#include "app/pipeline.h"
#include "base/status.h"

namespace walrelay::app {

// Whether the configuration has what these stages need; InvalidArgument names what is missing.
// Connects to nothing.
absl::Status CheckComplete(const Config& config, Stages stages);

// Shows every setting with its origin, what means nothing here, and which commands it is complete
// for. Fails when it is complete for none.
absl::Status CheckConfigCommand(const Config& config, Console& console, bool json);

// Every option with its default and what it does here.
void ListOptions(Console& console);

}  // namespace walrelay::app
