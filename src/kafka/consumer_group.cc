#include "kafka/consumer_group.h"

#include <algorithm>

#include "base/cursor.h"
#include "kafka/queries.h"

namespace walrelay::kafka {
namespace {

using std::chrono::milliseconds;

// One try may take as long; a coordinator that is just found answers in the next.
constexpr milliseconds kOneTry{5'000};

milliseconds OneTry(const Deadline& deadline) {
  return std::max(std::min(deadline.left(), kOneTry), milliseconds(1));
}

std::string_view Bytes(const void* bytes, int size) {
  return {static_cast<const char*>(bytes), static_cast<size_t>(size)};
}

GroupMember ToMember(const rd_kafka_group_member_info& member) {
  return {.client_id = member.client_id,
          .host = member.client_host,
          .topics = AssignedTopics(Bytes(member.member_assignment, member.member_assignment_size))};
}

// Not by librdkafka's admin requests, which ask the coordinator: where it goes away meanwhile,
// librdkafka 2.0.2 ends the process (rd_kafka_enq_once_del_source_return: refcnt > 0).
absl::StatusOr<std::vector<GroupMember>> ReadMembers(Client& client, const std::string& group,
                                                     milliseconds limit) {
  // Else librdkafka waits for something to happen to a broker, which takes a second.
  const Deadline deadline(limit);
  RETURN_IF_ERROR(FetchMetadata(client, nullptr, limit).status());
  const struct rd_kafka_group_list* answer = nullptr;
  const auto error = rd_kafka_list_groups(client.get(), group.c_str(), &answer,
                                          std::max(deadline.left_ms(), 1));
  const KafkaGroupList groups(answer);
  client.ServeErrors();
  const std::string what = Cat("asking Kafka about the consumer group ", group);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return client.Failed(what, error);
  std::vector<GroupMember> members;
  for (int i = 0; i < groups->group_cnt; ++i) {
    const rd_kafka_group_info& found = groups->groups[i];
    if (found.err != RD_KAFKA_RESP_ERR_NO_ERROR) return client.Failed(what, found.err);
    for (int m = 0; m < found.member_cnt; ++m) members.push_back(ToMember(found.members[m]));
  }
  return members;
}

}  // namespace

std::set<std::string> AssignedTopics(std::string_view assignment) {
  std::set<std::string> topics;
  Cursor in(assignment);
  in.Int<int16_t>();  // Version: newer ones add members behind these.
  const auto count = in.Int<int32_t>();
  for (int32_t i = 0; i < count && !in.failed(); ++i) {
    const std::string_view topic = in.Bytes(in.Int<int16_t>());
    in.Bytes(int64_t{4} * in.Int<int32_t>());
    if (!in.failed()) topics.emplace(topic);
  }
  return topics;
}

absl::StatusOr<ConsumerGroup> ReadConsumerGroup(const ClientOptions& user, const std::string& group,
                                                const std::set<TopicPartition>& partitions,
                                                milliseconds limit) {
  ClientOptions options = AdminOptions(user);
  options["group.id"] = group;
  ASSIGN_OR_RETURN(Client client, Client::Make(RD_KAFKA_CONSUMER, options));
  const Deadline deadline(limit);
  for (;;) {
    auto members = ReadMembers(client, group, OneTry(deadline));
    absl::Status status = members.status();
    if (status.ok()) {
      auto committed = FetchCommitted(client, partitions, OneTry(deadline));
      if (committed.ok())
        return ConsumerGroup{.members = *std::move(members), .committed = *std::move(committed)};
      status = committed.status();
    }
    // A coordinator that is being elected, or the offsets' topic that is just made.
    if (!absl::IsUnavailable(status) || deadline.passed()) return status;
    rd_kafka_poll(client.get(), 50);
  }
}

}  // namespace walrelay::kafka
