// Bytes of a connector of which nothing is known: what binary.handling.mode made of them is not guessed.
//
// A schema block says bytes for base64, but string for base64 and hex alike, and without one nothing is said at all.
// Pure. Source: FORMAT.md §4, binary.handling.mode.
#pragma once

#include <absl/status/status.h>

#include "apply/envelope_reader.h"
#include "apply/mirror_table.h"
#include "base/json.h"

namespace walrelay::apply {

// One row of a table. `fields`: by its schema block; null: there is none. FailedPrecondition, naming the column and what to
// set, where a bytea column's value may be read in more than one way.
absl::Status CheckUnsaidBytes(const MirrorTable& table, JsonValue object,
                              const SharedFields* fields);

}  // namespace walrelay::apply
