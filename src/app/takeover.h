// The consumer that wrote lake and target before us: whether it still runs, and how far it has
// come.
//
// Its consumer group is asked; what becomes of the answer is apply/takeover.h's. Blocks as
// kafka/consumer_group.h. Source: DESIGN.md §2; the pipeline's document, "Python Consumer".
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "apply/sink.h"
#include "base/status.h"
#include "kafka/client_options.h"
#include "kafka/consumer_group.h"
#include "kafka/topics.h"

namespace walrelay::app {

using IsDataTopic = std::function<bool(const std::string& topic)>;
using Offsets = std::map<TopicPartition, int64_t>;

// kSinkInUse while somebody in the group reads topics of ours. Pure.
absl::Status CheckGroupLeft(const kafka::ConsumerGroup& group, const std::string& name,
                            const IsDataTopic& is_data_topic);

// What the group has committed of these partitions, once it has no members any more. Nothing where it
// may not be asked, which is said in the log: raw events that are there are recognised all the same.
absl::StatusOr<Offsets> ReadPredecessor(const kafka::ClientOptions& kafka, const std::string& group,
                                        const std::vector<TopicPartition>& partitions,
                                        const IsDataTopic& is_data_topic);

// Those of `partitions` that the sink has never read, or of which the group has read more.
absl::StatusOr<std::vector<apply::PartitionToTake>> PartitionsToTake(
    kafka::Topics& topics, const std::vector<TopicPartition>& partitions, const Offsets& progress,
    const Offsets& committed);

}  // namespace walrelay::app
