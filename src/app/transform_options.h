// The options `transforms` and `predicates`, with all that belongs to them, as values.
//
// A class or option that is not built is refused by name: a transform that is left out would change
// every record. Errors: InvalidArgument with option and place.
// Source: FORMAT.md §12; Debezium's ConfigDefinition of each transform; Kafka Connect's
// ConnectorConfig.
#pragma once

#include <string>
#include <vector>

#include "app/config.h"
#include "base/status.h"
#include "envelope/transforms/options.h"

namespace walrelay::app {

absl::StatusOr<std::vector<envelope::TransformStep>> MakeTransforms(const Config& config);

// Options that were given and mean nothing in the version that is reproduced: one line each.
std::vector<std::string> TransformNotices(const Config& config);

}  // namespace walrelay::app
