// The file in which Debezium Server and embedded engines keep their offsets (FileOffsetBackingStore).
//
// It holds one java.util.HashMap of byte[] to byte[], in Java's serialized form; the keys and
// values are those of the Connect offsets topic (connect_offset.h). Only that shape is read, and
// nothing in the file names a class that would be looked for. DataLoss names the byte offset of
// what is not of that shape. Pure; any thread. Source: Java Object Serialization Specification, §6;
// Kafka's FileOffsetBackingStore.
#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace walrelay::envelope {

struct StoredOffset {
  std::string key;
  std::optional<std::string> value;  // None: Java's null.
  bool operator==(const StoredOffset&) const = default;
};

absl::StatusOr<std::vector<StoredOffset>> ParseOffsetFile(std::string_view bytes);
std::string EncodeOffsetFile(const std::vector<StoredOffset>& offsets);

}  // namespace walrelay::envelope
