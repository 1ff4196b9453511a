// Where a key goes: Java's choice of partition, so that topics shared with Debezium's history keep
// each key in its place.
//
// Pure; cannot fail. Source: org.apache.kafka.common.utils.Utils.murmur2, and
// BuiltInPartitioner.partitionForKey.
#pragma once

#include <cstdint>
#include <string_view>

namespace walrelay::kafka {

uint32_t Murmur2(std::string_view bytes);

// The partition of a non-null key in a topic of `count` > 0 partitions.
int32_t PartitionOf(std::string_view key, int32_t count);

}  // namespace walrelay::kafka
