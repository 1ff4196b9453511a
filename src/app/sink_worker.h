// Brings records from Kafka into one sink: consumer, batches, progress.
//
// A batch is what has arrived when the first record is there, up to a bound: a lone record is not
// held back, a backlog fills batches by itself, and the next one is read while the server is at work
// on the last (not in a group). Progress lives in the sink's database; Kafka's
// group offsets are written for dashboards only. Several workers share the partitions of one sink:
// those of a process by their numbers, those of several processes (`shared`) as members of a
// consumer group. A partition that moves is taken over by its progress in the sink; a batch that
// was not applied yet is dropped, and one that still is being applied elsewhere fails there by
// compare-and-set. Run() is one session: it ends with an error (Supervise() decides) or with
// Cancelled when stop was asked for. Its own thread. Source: DESIGN.md §2 link B, §6.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "admin/counters.h"
#include "admin/metrics.h"
#include "admin/status_board.h"
#include "app/read_again.h"
#include "app/stop.h"
#include "apply/sink.h"
#include "base/clock.h"
#include "base/status.h"
#include "kafka/client_options.h"
#include "kafka/consumer.h"
#include "kafka/topics.h"

namespace walrelay::app {

struct SinkWorkerOptions {
  std::string stage;    // "lake", "target".
  int worker = 0;       // Of `workers` of this stage in this process: which.
  int workers = 1;
  std::string group;    // Kafka's group, for dashboards, or, where
  bool shared = false;  // processes share the partitions, that which assigns them.
  std::string name() const;  // For people: "lake", or "lake-1", "lake-2" of several.
  kafka::ClientOptions kafka;
  std::string takeover_group;  // Of the consumer that wrote this sink before; empty: none.
  apply::SinkOptions sink;
  std::function<bool(const std::string& topic)> is_data_topic;
  size_t batch_records = 10'000;
  size_t batch_bytes = 16 * 1024 * 1024;
};

class SinkWorker {
 public:
  // Everything given outlives the worker.
  SinkWorker(SinkWorkerOptions options, const StopSignal& stop, admin::StatusBoard& board,
             admin::Metrics& metrics);

  absl::Status Run();

 private:
  struct Batch {
    std::vector<kafka::ConsumedMessage> messages;
    std::vector<ConsumedRecord> records;  // Views of them, once they are applied.
    bool is_full = false;                 // More has arrived than it takes.
    void Clear() {
      records.clear();
      messages.clear();
      is_full = false;
    }
  };

  absl::Status RunSession();
  absl::Status ReadTopics();
  bool IsMine(const TopicPartition& partition) const;
  absl::Status AssignNewTopics();
  absl::Status CheckNothingToTake(const std::vector<TopicPartition>& partitions,
                                  const std::map<TopicPartition, int64_t>& known,
                                  const std::map<TopicPartition, int64_t>& committed) const;
  absl::Status TakeOver(const std::map<TopicPartition, int64_t>& known,
                        std::map<TopicPartition, int64_t>& starts);
  absl::Status JoinNewTopics();
  absl::StatusOr<std::map<TopicPartition, int64_t>> Receive(
      const std::set<TopicPartition>& partitions);
  void GiveUp();
  bool OwnsTopic(std::string_view topic) const;
  absl::Status CheckTopics();
  absl::Status Attend();
  absl::Status PauseParked();
  void SetParked(std::map<std::string, std::string> parked);
  bool HasNothingToDo() const;
  void Works();
  void ShowState();
  absl::StatusOr<std::map<TopicPartition, int64_t>> StartOffsets(
      const std::set<TopicPartition>& partitions);
  absl::Status GatherBatch();
  absl::Status ApplyBatch();
  absl::Status SettleBatch();
  void Passed(Batch& batch);
  void Count(const apply::BatchResult& result);
  void Publish();
  void AllowMoreTime();

  SinkWorkerOptions options_;
  const StopSignal& stop_;
  admin::StatusBoard& board_;
  admin::Metrics& metrics_;
  admin::SinkCounters counters_;
  ReadAgain read_again_;
  bool connected_before_ = false;
  SteadyTime publish_at_{};
  // Something was applied since the last failure, or there was nothing to apply. Until then the
  // board goes on saying why it waits, and since when.
  bool works_ = true;

  // Of one session.
  std::unique_ptr<apply::Sink> sink_;
  std::unique_ptr<kafka::Topics> topics_;
  std::unique_ptr<kafka::Consumer> consumer_;
  std::map<std::string, int32_t, std::less<>> partitions_;  // Of each data topic.
  std::set<std::string> subscribed_;                        // Topics told to the group.
  std::map<TopicPartition, int64_t> assigned_;  // The next offset of every partition that is read.
  std::optional<SteadyTime> topic_gone_since_;
  std::map<std::string, std::string> parked_;  // Topics that wait for an operator, and why.
  Batch batch_;
  Batch sent_;  // The one before, while the server is at work on it (apply::Sink::Apply).
};

}  // namespace walrelay::app
