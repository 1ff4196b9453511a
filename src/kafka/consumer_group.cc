#include "kafka/consumer_group.h"

#include <algorithm>

#include "kafka/queries.h"

namespace walrelay::kafka {
namespace {

using std::chrono::milliseconds;

// One try of a request may take as long; a coordinator that is just found answers in the next.
constexpr milliseconds kOneTry{5'000};

// Sends a request to the group's coordinator and waits for its answer.
template <class Send>
absl::StatusOr<KafkaEvent> Ask(Client& client, rd_kafka_admin_op_t operation,
                               const std::string& what, const Deadline& deadline, Send send) {
  const int limit_ms = static_cast<int>(std::max(std::min(deadline.left(), kOneTry),
                                                 milliseconds(1)).count());
  const KafkaAdminOptions options(rd_kafka_AdminOptions_new(client.get(), operation));
  char reason[512];
  const auto set = rd_kafka_AdminOptions_set_request_timeout(options.get(), limit_ms, reason,
                                                             sizeof(reason));
  if (set != RD_KAFKA_RESP_ERR_NO_ERROR) return client.Failed(Cat(what, ": ", reason), set);
  const KafkaQueue queue(rd_kafka_queue_new(client.get()));
  send(options.get(), queue.get());
  KafkaEvent event(rd_kafka_queue_poll(queue.get(), limit_ms));
  client.ServeErrors();
  if (event == nullptr) return client.Failed(what, RD_KAFKA_RESP_ERR__TIMED_OUT);
  if (const auto error = rd_kafka_event_error(event.get()); error != RD_KAFKA_RESP_ERR_NO_ERROR)
    return client.Failed(what, error);
  return event;
}

absl::Status ToStatus(const Client& client, const std::string& what,
                      const rd_kafka_error_t* error) {
  if (error == nullptr) return absl::OkStatus();
  return client.Failed(what, rd_kafka_error_code(error));
}

GroupMember ToMember(const rd_kafka_MemberDescription_t* member) {
  GroupMember found{.client_id = rd_kafka_MemberDescription_client_id(member),
                    .host = rd_kafka_MemberDescription_host(member),
                    .topics = {}};
  const rd_kafka_MemberAssignment_t* assignment = rd_kafka_MemberDescription_assignment(member);
  const rd_kafka_topic_partition_list_t* list =
      assignment == nullptr ? nullptr : rd_kafka_MemberAssignment_partitions(assignment);
  for (int i = 0; list != nullptr && i < list->cnt; ++i) found.topics.emplace(list->elems[i].topic);
  return found;
}

absl::Status ReadMembers(Client& client, const std::string& group, const Deadline& deadline,
                         ConsumerGroup& found) {
  const std::string what = Cat("asking Kafka about the consumer group ", group);
  const char* names[] = {group.c_str()};
  ASSIGN_OR_RETURN(const KafkaEvent event,
                   Ask(client, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, what, deadline,
                       [&](rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
                         rd_kafka_DescribeConsumerGroups(client.get(), names, 1, options, queue);
                       }));
  size_t count = 0;
  const auto* groups = rd_kafka_DescribeConsumerGroups_result_groups(
      rd_kafka_event_DescribeConsumerGroups_result(event.get()), &count);
  found.members.clear();
  for (size_t i = 0; i < count; ++i) {
    const rd_kafka_error_t* error = rd_kafka_ConsumerGroupDescription_error(groups[i]);
    // What newer brokers say of a group that they do not know.
    if (error != nullptr && rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND)
      continue;
    RETURN_IF_ERROR(ToStatus(client, what, error));
    for (size_t m = 0; m < rd_kafka_ConsumerGroupDescription_member_count(groups[i]); ++m)
      found.members.push_back(ToMember(rd_kafka_ConsumerGroupDescription_member(groups[i], m)));
  }
  return absl::OkStatus();
}

absl::Status ReadCommitted(Client& client, const std::string& group, const Deadline& deadline,
                           ConsumerGroup& found) {
  const std::string what = Cat("reading the offsets of the consumer group ", group);
  const KafkaGroupOffsets all(rd_kafka_ListConsumerGroupOffsets_new(group.c_str(), nullptr));
  ASSIGN_OR_RETURN(const KafkaEvent event,
                   Ask(client, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, what, deadline,
                       [&](rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
                         rd_kafka_ListConsumerGroupOffsets_t* lists[] = {all.get()};
                         rd_kafka_ListConsumerGroupOffsets(client.get(), lists, 1, options, queue);
                       }));
  size_t count = 0;
  const auto* groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
      rd_kafka_event_ListConsumerGroupOffsets_result(event.get()), &count);
  found.committed.clear();
  for (size_t i = 0; i < count; ++i) {
    RETURN_IF_ERROR(ToStatus(client, what, rd_kafka_group_result_error(groups[i])));
    const rd_kafka_topic_partition_list_t* list = rd_kafka_group_result_partitions(groups[i]);
    for (int p = 0; list != nullptr && p < list->cnt; ++p) {
      const rd_kafka_topic_partition_t& stored = list->elems[p];
      if (stored.err != RD_KAFKA_RESP_ERR_NO_ERROR) return client.Failed(what, stored.err);
      if (stored.offset < 0) continue;
      found.committed[{.topic = stored.topic, .partition = stored.partition}] = stored.offset;
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ConsumerGroup> ReadConsumerGroup(const ClientOptions& user, const std::string& group,
                                                milliseconds limit) {
  ASSIGN_OR_RETURN(Client client, Client::Make(RD_KAFKA_CONSUMER, AdminOptions(user)));
  const Deadline deadline(limit);
  ConsumerGroup found;
  for (;;) {
    absl::Status read = ReadMembers(client, group, deadline, found);
    if (read.ok()) read = ReadCommitted(client, group, deadline, found);
    if (read.ok()) return found;
    // A coordinator that is being elected, or the offsets' topic that is just made.
    if (!absl::IsUnavailable(read) || deadline.passed()) return read;
    rd_kafka_poll(client.get(), 50);
  }
}

}  // namespace walrelay::kafka
