// The command line: which command, with which configuration.
//
// CLI11 lives here and nowhere else, and so do its exceptions. --help is the reference; its end
// lists the exit codes.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "app/config.h"
#include "app/console.h"
#include "app/pipeline.h"
#include "base/status.h"

namespace walrelay::app {

// Runs a pipeline: RunPipeline, or what a test puts in its place.
using PipelineRunner = std::function<absl::Status(const Config&, Stages)>;

// `arguments` without the program's name, `environment` as "NAME=value". Errors go to the console,
// one line that says what to do. The result is the process' exit code.
int RunCommandLine(const std::vector<std::string>& arguments,
                   const std::vector<std::string>& environment, Console& console,
                   const PipelineRunner& run_pipeline);

}  // namespace walrelay::app
