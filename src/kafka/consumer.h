// Reads partitions that we assign by hand, or that a consumer group assigns, from offsets that the
// caller keeps.
//
// Offsets live in the sink's own database (DESIGN.md §2, link B): nothing is stored or reset in
// Kafka. Poll() gives the messages of each partition in order, each at most once per assignment,
// never one below the offset asked for. Errors: DataLoss when a partition no longer has the offset
// that is next, FailedPrecondition when access is refused, Unavailable when records have arrived
// damaged and a new Consumer must ask for them again. Lost connections are no error: Poll() returns
// nothing and unreachable_since() says since when. One thread: the sink
// worker's. The destructor leaves without waiting for commits. Source: DESIGN.md §2, §6;
// PROTOCOL.md §3.8, §3.9.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "change/record.h"
#include "kafka/client.h"
#include "kafka/client_options.h"
#include "kafka/fetch_queue.h"
#include "kafka/message.h"

namespace walrelay::kafka {

class Consumer {
 public:
  // `group` names us where Kafka shows offsets (CommitForDashboards); nothing depends on it, unless
  // Subscribe() is called. Memory for messages that are read ahead: queued.max.messages.kbytes.
  // Does not wait for a broker.
  static absl::StatusOr<std::unique_ptr<Consumer>> Open(const ClientOptions& user,
                                                        const std::string& group);
  ~Consumer();

  // Replaces the assignment: each partition is read from its next offset on. Messages not polled
  // yet are dropped.
  absl::Status Assign(const std::map<TopicPartition, int64_t>& next);
  // Adds partitions; the others go on where they are.
  absl::Status Add(const std::map<TopicPartition, int64_t>& next);
  // How a member of a group hears of its partitions: inside Poll().
  struct Membership {
    // They are ours now: from where each is read; those left out are not. Its error is Poll()'s.
    std::function<absl::StatusOr<std::map<TopicPartition, int64_t>>(
        const std::set<TopicPartition>& partitions)>
        assigned;
    // None is ours any more: what was polled and not stored is another member's now.
    std::function<void()> revoked;
  };
  // Joins the group with these topics, or tells it that they have changed. What it reads is then
  // decided by the group alone. Leaving is the destructor's.
  absl::Status Subscribe(const std::set<std::string>& topics, Membership membership);
  // Stops and restarts the delivery of partitions (a parked table) without losing their place.
  absl::Status Pause(const TopicPartition& partition);
  absl::Status Resume(const TopicPartition& partition);

  // The next message, waiting up to `limit` for one; nullopt when none came. Call at least every
  // few minutes.
  absl::StatusOr<std::optional<ConsumedMessage>> Poll(std::chrono::milliseconds limit);

  // FailedPrecondition when an assigned topic or partition does not exist. To be asked now and then
  // (a millisecond, one request): librdkafka 2.0.2 waits for a missing or deleted topic in silence.
  absl::Status CheckTopics(std::chrono::milliseconds limit);

  // Tells Kafka where we are, for lag dashboards only: asynchronous, best effort.
  void CommitForDashboards(const std::map<TopicPartition, int64_t>& next);

  // What the group has committed, by us or by another program of that name; partitions without are
  // left out.
  absl::StatusOr<std::map<TopicPartition, int64_t>> GroupOffsets(
      const std::set<TopicPartition>& partitions, std::chrono::milliseconds limit);

  // Records of all partitions that Poll() has not given yet, as of the newest answers of Kafka; those
  // that wait behind an open transaction count too. nullopt: nothing is known yet.
  std::optional<uint64_t> Lag() const;

  // Since when no broker is connected; nullopt while one is.
  std::optional<SteadyTime> unreachable_since() const { return client_.disconnected_since(); }
  std::string last_error() const { return client_.last_error(); }

 private:
  Consumer(Client client, FetchQueue queue) : client_(std::move(client)), queue_(queue) {}
  KafkaMessage Next(std::chrono::milliseconds limit);
  bool Advance(const rd_kafka_message_t& message, int64_t next);
  absl::Status TakeError(const rd_kafka_message_t& message);
  void Rebalance(rd_kafka_resp_err_t error, const rd_kafka_topic_partition_list_t* partitions);
  absl::Status OffsetGone(const TopicPartition& partition, int64_t offset);

  Client client_;
  std::map<TopicPartition, int64_t> next_;  // After the last message polled, and after what is no
                                            // message, as the ends of transactions.
  std::map<TopicPartition, int64_t>::iterator last_ =
      next_.end();          // Messages come in runs of one partition.
  Membership membership_;  // Empty: partitions are assigned by hand.
  absl::Status rebalance_error_;
  FetchQueue queue_;
};

}  // namespace walrelay::kafka
