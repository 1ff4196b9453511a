// Tells errors that one row causes from those that concern the whole sink.
//
// Pure. Source: FAULTS.md §3 "Partial batch failure"; PostgreSQL manual, "PostgreSQL Error Codes".
#pragma once

#include <absl/status/status.h>

namespace walrelay::apply {

// True where the server refused a row for what it holds: its values, a constraint, a trigger that
// raised, a limit. Without it the rest of its batch can be applied.
bool IsRowFault(const absl::Status& status);

}  // namespace walrelay::apply
