#include "kafka/consumer.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/log.h"
#include "kafka/queries.h"

namespace walrelay::kafka {
namespace {

using std::chrono::milliseconds;

absl::Status ToStatus(KafkaError error, std::string_view what) {
  if (error == nullptr) return absl::OkStatus();
  return absl::Status(CodeOf(rd_kafka_error_code(error.get())),
                      Cat(what, ": ", rd_kafka_error_string(error.get())));
}

// For calls that answer partition by partition.
absl::Status FirstError(const Client& client, const rd_kafka_topic_partition_list_t& list,
                        std::string_view what) {
  for (int i = 0; i < list.cnt; ++i) {
    if (list.elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return client.Failed(Cat(what, " topic ", std::string_view(list.elems[i].topic)),
                           list.elems[i].err);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Consumer>> Consumer::Open(const ClientOptions& user,
                                                         const std::string& group) {
  ClientOptions options = ConsumerOptions(user);
  options["group.id"] = group;
  ASSIGN_OR_RETURN(Client client, Client::Make(RD_KAFKA_CONSUMER, options));
  rd_kafka_poll_set_consumer(client.get());
  return std::unique_ptr<Consumer>(new Consumer(std::move(client), FetchQueue(options)));
}

Consumer::~Consumer() { client_.OnRebalance(nullptr); }

absl::Status Consumer::Subscribe(const std::set<std::string>& topics, Membership membership) {
  membership_ = std::move(membership);
  client_.OnRebalance([this](auto error, const auto* given) { Rebalance(error, given); });
  const KafkaPartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(topics.size())));
  for (const std::string& topic : topics) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
  }
  const auto error = rd_kafka_subscribe(client_.get(), list.get());
  return error == RD_KAFKA_RESP_ERR_NO_ERROR ? absl::OkStatus()
                                             : client_.Failed("joining the group", error);
}

// The protocol is eager: all partitions go before others come. Kafka waits for our assign().
void Consumer::Rebalance(rd_kafka_resp_err_t error,
                         const rd_kafka_topic_partition_list_t* partitions) {
  std::map<TopicPartition, int64_t> next;
  if (error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    std::set<TopicPartition> given;
    for (int i = 0; i < partitions->cnt; ++i) {
      given.insert({.topic = partitions->elems[i].topic,
                    .partition = partitions->elems[i].partition});
    }
    auto assigned = membership_.assigned(given);
    if (assigned.ok()) {
      next = *std::move(assigned);
    } else {
      rebalance_error_ = assigned.status();
    }
    const absl::Status taken = Assign(next);
    if (rebalance_error_.ok()) rebalance_error_ = taken;
    return;
  }
  membership_.revoked();
  next_.clear();
  last_ = next_.end();
  rd_kafka_assign(client_.get(), nullptr);
}

absl::Status Consumer::Assign(const std::map<TopicPartition, int64_t>& next) {
  const auto error = rd_kafka_assign(client_.get(), ToPartitionList(next).get());
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return client_.Failed("assigning partitions", error);
  next_ = next;
  last_ = next_.end();
  return absl::OkStatus();
}

absl::Status Consumer::Add(const std::map<TopicPartition, int64_t>& next) {
  KafkaError error(rd_kafka_incremental_assign(client_.get(), ToPartitionList(next).get()));
  RETURN_IF_ERROR(ToStatus(std::move(error), "adding partitions"));
  next_.insert(next.begin(), next.end());
  return absl::OkStatus();
}

absl::Status Consumer::Pause(const TopicPartition& partition) {
  const KafkaPartitionList list = ToPartitionList({{partition, 0}});
  const auto error = rd_kafka_pause_partitions(client_.get(), list.get());
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return client_.Failed("pausing", error);
  return FirstError(client_, *list, "pausing");
}

absl::Status Consumer::Resume(const TopicPartition& partition) {
  const KafkaPartitionList list = ToPartitionList({{partition, 0}});
  const auto error = rd_kafka_resume_partitions(client_.get(), list.get());
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return client_.Failed("resuming", error);
  return FirstError(client_, *list, "resuming");
}

absl::StatusOr<std::optional<ConsumedMessage>> Consumer::Poll(milliseconds limit) {
  const Deadline deadline(limit);
  for (;;) {
    KafkaMessage message = Next(deadline.left());
    RETURN_IF_ERROR(std::exchange(rebalance_error_, absl::OkStatus()));
    if (message == nullptr) {
      if (deadline.passed()) return std::optional<ConsumedMessage>();
    } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      Advance(*message, message->offset);
    } else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      RETURN_IF_ERROR(TakeError(*message));
    } else if (Advance(*message, message->offset + 1)) {
      return ConsumedMessage(std::move(message));
    }
  }
}

KafkaMessage Consumer::Next(milliseconds limit) {
  return queue_.Next([this](int ms) { return rd_kafka_consumer_poll(client_.get(), ms); }, client_,
                     next_, limit);
}

// False for what is not next: of an assignment that was replaced, or fetched twice (PROTOCOL.md
// §3.8).
bool Consumer::Advance(const rd_kafka_message_t& message, int64_t next) {
  const std::string_view topic = rd_kafka_topic_name(message.rkt);
  if (last_ == next_.end() || last_->first.partition != message.partition ||
      last_->first.topic != topic) {
    last_ = next_.find({.topic = std::string(topic), .partition = message.partition});
  }
  if (last_ == next_.end() || message.offset < last_->second) return false;
  last_->second = next;
  return true;
}

absl::Status Consumer::TakeError(const rd_kafka_message_t& message) {
  RETURN_IF_ERROR(DamageOf(message));
  switch (message.err) {
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
      return OffsetGone({.topic = rd_kafka_topic_name(message.rkt), .partition = message.partition},
                        message.offset);
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
      if (membership_.assigned) break;
      // The group serves dashboards only.
      log::Debug("kafka: ", rd_kafka_message_errstr(&message));
      return absl::OkStatus();
    case RD_KAFKA_RESP_ERR__FATAL: {
      char reason[512] = "";
      rd_kafka_fatal_error(client_.get(), reason, sizeof(reason));
      return absl::FailedPreconditionError(
          Cat("this member was expelled from its group; is another process running with the same "
              "group.instance.id? ",
              std::string_view(reason)));
    }
    default:
      break;
  }
  const absl::StatusCode code = CodeOf(message.err);
  if (code == absl::StatusCode::kUnavailable) {
    // librdkafka repeats what it was doing; the caller sees unreachable_since().
    client_.NoteError(message.err, rd_kafka_message_errstr(&message));
    return absl::OkStatus();
  }
  const std::string_view topic =
      message.rkt == nullptr ? "a topic" : rd_kafka_topic_name(message.rkt);
  return absl::Status(code, Cat("reading ", topic, ": ", rd_kafka_message_errstr(&message)));
}

absl::Status Consumer::OffsetGone(const TopicPartition& partition, int64_t offset) {
  const std::string where = Cat("partition ", partition.partition, " of topic ", partition.topic);
  const milliseconds limit(2000);
  const auto begin = FetchOffset(client_, partition, RD_KAFKA_OFFSET_BEGINNING, limit);
  const auto end = FetchOffset(client_, partition, RD_KAFKA_OFFSET_END, limit);
  if (begin.ok() && *begin > offset) {
    return absl::DataLossError(Cat("records from offset ", offset, " to ", *begin - 1, " of ",
                                   where, " are gone unread: retention removed them"));
  }
  return absl::DataLossError(
      Cat(where, " has no offset ", offset, end.ok() ? Cat(", it ends at ", *end) : std::string(),
          ": the broker has lost records or is an older copy, or the topic was made anew"));
}

absl::Status Consumer::CheckTopics(milliseconds limit) {
  ASSIGN_OR_RETURN(const auto counts, FetchKnownTopics(client_, limit));
  for (const auto& [partition, next] : next_) {
    const auto found = counts.find(partition.topic);
    if (found == counts.end()) {
      return absl::FailedPreconditionError(
          Cat("topic ", partition.topic, " does not exist any more"));
    }
    if (partition.partition >= found->second) {
      return absl::FailedPreconditionError(
          Cat("topic ", partition.topic, " has no partition ", partition.partition, " any more"));
    }
  }
  return absl::OkStatus();
}

std::optional<uint64_t> Consumer::Lag() const {
  std::optional<uint64_t> lag;
  for (const auto& [partition, next] : next_) {
    int64_t begin = 0;
    int64_t end = RD_KAFKA_OFFSET_INVALID;
    rd_kafka_get_watermark_offsets(client_.get(), partition.topic.c_str(), partition.partition,
                                   &begin, &end);
    if (end < 0) continue;  // Nothing was fetched yet.
    lag = lag.value_or(0) + static_cast<uint64_t>(std::max<int64_t>(0, end - next));
  }
  return lag;
}

void Consumer::CommitForDashboards(const std::map<TopicPartition, int64_t>& next) {
  const auto error = rd_kafka_commit(client_.get(), ToPartitionList(next).get(), /*async=*/1);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
    log::Debug("kafka: group offsets: ", rd_kafka_err2str(error));
}

absl::StatusOr<std::map<TopicPartition, int64_t>> Consumer::GroupOffsets(
    const std::set<TopicPartition>& partitions, milliseconds limit) {
  return FetchCommitted(client_, partitions, limit);
}

}  // namespace walrelay::kafka
