// walrelay position rewind: moves the capture's position, or sets a sink's progress back, and says
// first what would be written again or never.
//
// Only while nothing runs: a slot or a sink that is in use is left alone. Exit codes: exit_code.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "app/config.h"
#include "app/console.h"
#include "base/status.h"

namespace walrelay::app {

// `to`: an LSN or "earliest", which is as far as the slot can send: its confirmed position. Back,
// Kafka gets the changes between a second time; forward, never.
absl::Status RewindCaptureCommand(const Config& config, Console& console, const std::string& to,
                                  const Consent& consent);

struct RewindSinkArguments {
  std::string sink;                  // lake or target.
  std::string topic;                 // Empty: all that it has read.
  std::optional<int32_t> partition;  // None: all of the topic.
  std::string to;                    // An offset, "earliest", or a time as PostgreSQL reads it.
  Consent consent;
};
absl::Status RewindSinkCommand(const Config& config, Console& console,
                               const RewindSinkArguments& arguments);

}  // namespace walrelay::app
