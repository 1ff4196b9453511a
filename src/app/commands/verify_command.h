// walrelay verify: the source beside its copies in lake and target.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/config.h"
#include "app/console.h"
#include "base/status.h"

namespace walrelay::app {

struct VerifyRequest {
  std::string sink;                 // "lake", "target"; empty: both.
  std::vector<std::string> tables;  // "schema.table"; empty: all that are captured.
  int64_t chunk_rows = 10'000;
  int64_t wait_s = 60;
  bool repair = false;
  bool json = false;
  Consent consent;
};

// OK: all copies are equal, or were repaired. kCopiesDiffer, kNotCompared otherwise.
absl::Status VerifyCommand(const Config& config, Console& console, const VerifyRequest& request);

}  // namespace walrelay::app
