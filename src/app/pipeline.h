// Runs the stages of a pipeline until stop is asked for or one fails for good.
#pragma once

#include "app/config.h"
#include "base/status.h"

namespace walrelay::app {

enum class Stages {
  kAll,      // walrelay run: capture and every sink that is configured.
  kCapture,  // walrelay produce: PostgreSQL to Kafka.
  kApply,    // walrelay apply: Kafka to lake and target.
};

// Blocks. OK after SIGTERM or SIGINT; a permanent error carries its exit code (exit_code.h).
// Installs signal handlers: called once, by main.
absl::Status RunPipeline(const Config& config, Stages stages);

}  // namespace walrelay::app
