// From a configuration to what each stage of a run is given.
//
// Connects to nothing. Errors are InvalidArgument naming the option.
#pragma once

#include <vector>

#include "admin/router.h"
#include "app/capture_settings.h"
#include "app/config.h"
#include "app/pipeline.h"
#include "app/sink_worker.h"
#include "base/status.h"

namespace walrelay::app {

absl::StatusOr<CaptureSettings> MakeCaptureSettings(const Config& config);

// The sinks that are configured, once each; none for `produce`.
absl::StatusOr<std::vector<SinkWorkerOptions>> MakeSinkOptions(const Config& config, Stages stages);
// All workers of all sinks.
absl::StatusOr<std::vector<SinkWorkerOptions>> MakeWorkerOptions(const Config& config,
                                                                 Stages stages);

// What the admin pages say of the pipeline.
admin::PipelineView MakePipelineView(const Config& config);

}  // namespace walrelay::app
