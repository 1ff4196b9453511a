// A consumer group of another program: who is in it, and how far it has come.
//
// Blocks up to its limit: Unavailable when the cluster does not answer in time, FailedPrecondition
// when it refuses. A group that does not exist has neither members nor offsets. Owns its connection
// to the cluster. Source: Kafka's DescribeGroups and OffsetFetch requests.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>
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

absl::StatusOr<ConsumerGroup> ReadConsumerGroup(
    const ClientOptions& user, const std::string& group,
    std::chrono::milliseconds limit = std::chrono::milliseconds(10'000));

}  // namespace walrelay::kafka
