// A record of ours that an earlier run may have written, read back, and whether it is the one at
// hand.
//
// The same record made twice differs only in what record.h calls volatile. Comparison takes the
// spans from the record at hand: what was read needs no knowledge of the format, so that the output
// of a transform compares like an envelope. All other bytes must be equal, topic and partition
// being the caller's business; so no two different records are ever taken for one. Pure; any
// thread. Source: DESIGN.md §2.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "change/record.h"

namespace walrelay::kafka {

struct TailRecord {
  int64_t offset = 0;
  std::optional<std::string> key;
  std::optional<std::string> value;  // None: a tombstone.
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;

  size_t size() const { return (key ? key->size() : 0) + (value ? value->size() : 0); }
};

TailRecord CopyOf(const ConsumedRecord& record);

// Key, headers and value are equal but for what is volatile in `ours`.
bool IsSameRecord(const Record& ours, const TailRecord& stored);

}  // namespace walrelay::kafka
