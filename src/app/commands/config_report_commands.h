// walrelay config explain and config import: what becomes of each key of a configuration.
#pragma once

#include <optional>
#include <string>

#include "app/config.h"
#include "app/console.h"
#include "base/status.h"

namespace walrelay::app {

// Every key of `file` (a connector's configuration or a TOML file), else of what `inputs` are made
// from: honoured, means nothing, or refused with what to do. InvalidArgument when any is refused,
// or when they contradict each other.
absl::Status ExplainConfigCommand(const ConfigInputs& inputs,
                                  const std::optional<std::string>& file, Console& console,
                                  bool json);

// Writes a connector's configuration as a TOML file of ours to the output; what is to be done goes
// to the errors. InvalidArgument when a key is refused, after the rest was written.
absl::Status ImportConfigCommand(const ConfigInputs& inputs, const std::string& file,
                                 Console& console);

}  // namespace walrelay::app
