// walrelay slot list, show, create, drop, advance, copy.
//
// Each connects to the source, does its work and returns; a name that is empty means
// source.slot.name. What destroys something says first what would be lost. Exit codes: exit_code.h.
#pragma once

#include <string>

#include "app/config.h"
#include "app/console.h"
#include "base/status.h"

namespace walrelay::app {

absl::Status ListSlotsCommand(const Config& config, Console& console, bool json);
absl::Status ShowSlotCommand(const Config& config, Console& console, const std::string& name,
                             bool json);

struct CreateSlotArguments {
  std::string name;
  bool failover = false;  // PostgreSQL 17.
  Consent consent;
};
// The publication must be there: the server looks it up as it was at each WAL record.
absl::Status CreateSlotCommand(const Config& config, Console& console,
                               const CreateSlotArguments& arguments);

absl::Status DropSlotCommand(const Config& config, Console& console, const std::string& name,
                             const Consent& consent);

struct AdvanceSlotArguments {
  std::string name;
  std::string to;  // An LSN, or "current".
  Consent consent;
};
absl::Status AdvanceSlotCommand(const Config& config, Console& console,
                                const AdvanceSlotArguments& arguments);

struct CopySlotArguments {
  std::string from;
  std::string to;
  Consent consent;
};
absl::Status CopySlotCommand(const Config& config, Console& console,
                             const CopySlotArguments& arguments);

}  // namespace walrelay::app
