// walrelay dlq list, show, retry, drop: records that lake or target could not take.
//
// What is to be tried again is only marked: the process that applies the pipeline does it, since it
// alone knows the order; one that does not run does it at its next start.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "app/config.h"
#include "app/console.h"
#include "base/status.h"

namespace walrelay::app {

struct DlqRequest {
  std::string sink;           // "lake", "target"; empty: each that is configured.
  std::optional<int64_t> id;  // None: all.
  Consent consent = {};
};

// Exit codes: exit_code.h; kSinkUnreachable and kSinkRefused for the database.
absl::Status ListLettersCommand(const Config& config, Console& console, const DlqRequest& request,
                                bool json);
absl::Status ShowLetterCommand(const Config& config, Console& console, const DlqRequest& request,
                               bool json);
absl::Status RetryLettersCommand(const Config& config, Console& console, const DlqRequest& request);
absl::Status DropLettersCommand(const Config& config, Console& console, const DlqRequest& request);

}  // namespace walrelay::app
