// A consumer group of another program: who is in it, and how far it has come.
//
// Blocks up to its limit: Unavailable when the cluster does not answer in time, FailedPrecondition
// when it refuses. A group that does not exist has neither members nor offsets. Owns its connection
// to the cluster, and does not join the group. Source: Kafka's ListGroups, DescribeGroups and
// OffsetFetch requests; ConsumerProtocolAssignment.json.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "change/record.h"
#include "kafka/client_options.h"

namespace walrelay::kafka {

struct GroupMember {
  std::string client_id;
  std::string host;              // "/10.0.0.7"
  std::set<std::string> topics;  // Of the partitions that it was given; none while they are shared
                                 // out anew.
};

struct ConsumerGroup {
  std::vector<GroupMember> members;
  std::map<TopicPartition, int64_t> committed;  // The offset that it reads next.
};

// `committed` is of these partitions.
absl::StatusOr<ConsumerGroup> ReadConsumerGroup(
    const ClientOptions& user, const std::string& group, const std::set<TopicPartition>& partitions,
    std::chrono::milliseconds limit = std::chrono::milliseconds(10'000));

// The topics of a member's assignment, as far as it can be read; none of the empty one that a member
// has until it is given partitions. Pure.
std::set<std::string> AssignedTopics(std::string_view assignment);

}  // namespace walrelay::kafka
