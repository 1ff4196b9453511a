// walrelay rebuild: a mirror of the lake made anew from its raw events.
#pragma once

#include <string>

#include "app/config.h"
#include "app/console.h"
#include "base/status.h"

namespace walrelay::app {

struct RebuildRequest {
  std::string sink;   // "lake", or empty.
  std::string table;  // "schema.table" of the source.
  bool partial = false;
  bool keep_old = false;
  Consent consent = {};
};

// kDataLoss: rows would be missing, nothing was done. kSinkInUse: somebody else rebuilds it.
absl::Status RebuildCommand(const Config& config, Console& console, const RebuildRequest& request);

}  // namespace walrelay::app
