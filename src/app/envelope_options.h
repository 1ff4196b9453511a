// What the [source] options mean for the envelope: the values that shape its bytes.
#pragma once

#include "app/config.h"
#include "app/filters.h"
#include "base/status.h"
#include "envelope/options.h"

namespace walrelay::app {

// `health` collects errors of the filters inside; check it after each table plan (filters.h).
// run_id is left to the caller. InvalidArgument names option and place.
absl::StatusOr<envelope::Options> MakeEnvelopeOptions(const Config& config,
                                                      SharedFilterHealth health);

}  // namespace walrelay::app
