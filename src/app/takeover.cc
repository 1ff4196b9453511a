#include "app/takeover.h"

#include <algorithm>
#include <optional>

#include "app/exit_code.h"
#include "base/log.h"

namespace walrelay::app {
namespace {

std::optional<int64_t> Find(const Offsets& offsets, const TopicPartition& partition) {
  const auto found = offsets.find(partition);
  return found == offsets.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

absl::Status CheckGroupLeft(const kafka::ConsumerGroup& group, const std::string& name,
                            const IsDataTopic& is_data_topic) {
  if (group.members.empty()) return absl::OkStatus();
  // While partitions are shared out anew, nobody has any: what was committed tells whose they are.
  bool reads_ours = std::ranges::any_of(
      group.committed, [&](const auto& one) { return is_data_topic(one.first.topic); });
  std::string who;
  for (const kafka::GroupMember& member : group.members) {
    reads_ours = reads_ours || std::ranges::any_of(member.topics, is_data_topic);
    who += Cat(who.empty() ? "" : ", ", member.client_id, " on ", member.host);
  }
  if (!reads_ours) return absl::OkStatus();
  return ExitError(
      ExitCode::kSinkInUse,
      Cat("the consumer group ", name, " still has members (", who,
          "), which write what we would write: stop them first; one that was killed counts until "
          "its session.timeout.ms has passed. If the group is not the consumer to take over from, "
          "set pipeline.takeover.group.id"));
}

absl::StatusOr<Offsets> ReadPredecessor(const kafka::ClientOptions& kafka, const std::string& group,
                                        const std::vector<TopicPartition>& partitions,
                                        const IsDataTopic& is_data_topic) {
  auto found = kafka::ReadConsumerGroup(kafka, group, {partitions.begin(), partitions.end()});
  if (absl::IsFailedPrecondition(found.status())) {
    log::Warn("it is not known how far a consumer before us has come (pipeline.takeover.group.id): ",
              Message(found.status()));
    return Offsets();
  }
  if (!found.ok()) return found.status();
  RETURN_IF_ERROR(CheckGroupLeft(*found, group, is_data_topic));
  return std::move(found->committed);
}

absl::StatusOr<std::vector<apply::PartitionToTake>> PartitionsToTake(
    kafka::Topics& topics, const std::vector<TopicPartition>& partitions, const Offsets& progress,
    const Offsets& committed) {
  std::vector<TopicPartition> wanted;
  for (const TopicPartition& partition : partitions) {
    const auto ours = Find(progress, partition);
    if (!ours || Find(committed, partition).value_or(0) > *ours) wanted.push_back(partition);
  }
  ASSIGN_OR_RETURN(const Offsets oldest, topics.BeginOffsets(wanted));
  ASSIGN_OR_RETURN(const Offsets ends, topics.EndOffsets(wanted));
  std::vector<apply::PartitionToTake> found;
  for (const TopicPartition& partition : wanted) {
    found.push_back({.partition = partition,
                     .committed = Find(committed, partition),
                     .progress = Find(progress, partition),
                     .oldest = oldest.at(partition),
                     .end = ends.at(partition)});
  }
  return found;
}

}  // namespace walrelay::app
