// The capture loop's door to Kafka: records go in, in order; out comes the position up to which
// everything is durable.
//
// KafkaLink owns the producer, the topics and the acknowledged watermark, and writes the position
// record that the slot is confirmed by. It keeps these promises of DESIGN.md §2:
//   - the partition of every record is ours: murmur2 of its key over the partition count that the
//   position pins;
//   - with exactly_once, a record that an earlier run has written is not written again, and nobody
//   else writes between ours without being noticed (exactly_once.h);
//   - a topic's end offsets stand in an acknowledged position record before the first record to it
//   goes out;
//   - confirmed() never passes an acknowledged position record, and that never passes an open
//   record;
//   - with transactional, records and the position behind them are committed together
//   (kafka_transaction.h), and a process that was thought dead is fenced before its position is
//   read.
// Calls return at once but for those that say so; those end within their limit. Errors:
// ResourceExhausted from Send() when the producer is full (serve, then repeat), Unavailable when
// the broker does not answer, others stop the program. One thread: the capture loop's. Source:
// DESIGN.md §2 link A, §4.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "admin/counters.h"
#include "app/debezium_tail.h"
#include "app/exactly_once.h"
#include "app/kafka_transaction.h"
#include "app/position_memory.h"
#include "app/start_decision.h"
#include "app/topic_rules.h"
#include "base/clock.h"
#include "base/status.h"
#include "change/position.h"
#include "change/record.h"
#include "kafka/ack_watermark.h"
#include "kafka/client_options.h"
#include "kafka/log_reader.h"
#include "kafka/partitions.h"
#include "kafka/position_reader.h"
#include "kafka/producer.h"
#include "kafka/topics.h"

namespace walrelay::app {

struct KafkaLinkOptions {
  kafka::ClientOptions client;
  std::string slot;             // Key of the position record.
  TopicRules topic_rules;       // For topics that we create.
  std::string connect_topic;    // Where Debezium's offset record goes; empty: nowhere.
  std::string connect_key;      // Its key.
  std::string options_hash;     // Written into the position record.
  std::string run_id{};         // The same.
  bool exactly_once = true;
  bool transactional = false;  // Only with exactly_once.
  TransactionLimits transaction_limits{};
  bool accept_mismatch = false;  // Topics that do not hold what we have written are taken as found.
  // Its records come by the clock and not by the stream: they are never compared. Empty: none.
  std::string clock_topic{};
  // Whether such a record stands in another topic, where a transform has led it.
  ReplayFilter::IsClocked is_clocked{};
  // Told of each topic that it has written to, or is about to.
  std::function<void(std::string_view)> on_topic{};
};

// One for each pipeline, the same for each of its processes: who has it last fences the others.
inline std::string TransactionalId(const std::string& slot) { return Cat("walrelay-", slot); }

// Whose records stand behind the position.
enum class Earlier {
  kOurs,     // The stream's from the position on: they will come again.
  kNothing,  // A new incarnation begins: whatever stands there is not of this stream.
};

// A record read back at start.
struct StoredRecord {
  int64_t offset = 0;
  std::string value;
};

class KafkaLink {
 public:
  // Connects to nothing yet. `memory` and `counters` outlive the link.
  static absl::StatusOr<std::unique_ptr<KafkaLink>> Open(KafkaLinkOptions options,
                                                         PositionMemory& memory,
                                                         admin::CaptureCounters& counters);

  // With Kafka transactions, now or in the last run: whether an earlier process may still write, so
  // that Fence() must be called when the slot is free. Where an earlier session of this process has
  // fenced it fails with ExitCode::kFenced if another process has done so since. Blocks, bounded.
  absl::StatusOr<bool> NeedsFence();
  // Ends what an earlier process has left open, and sees to it that Kafka refuses what it still
  // sends; the position says so at once. Blocks, bounded.
  absl::Status Fence();
  // What earlier runs left. Each blocks, bounded. A malformed position is DataLoss; one that says
  // less than what this process has written: see PositionMemory.
  absl::StatusOr<std::optional<PositionRecord>> ReadPosition();
  absl::StatusOr<std::optional<StoredRecord>> ReadConnectRecord();
  // What the partitions of a position hold now; nothing unless exactly_once. Blocks, bounded.
  absl::StatusOr<std::vector<TailFacts>> ReadTails(const PositionRecord& position,
                                                   const std::map<std::string, int32_t>& counts);
  // Where Debezium's tails begin (debezium_tail.h). Blocks, bounded.
  absl::StatusOr<DebeziumTails> FindDebeziumTails(const std::map<std::string, int32_t>& topics,
                                                  Lsn passed, Lsn begin);
  absl::StatusOr<TailsByTopic> FindDebeziumTailsWithout(
      const std::map<std::string, int32_t>& topics, Lsn last_commit, const std::set<Xid>& gone);
  kafka::Topics& topics() { return *topics_; }

  // Where the stream goes on: everything that committed before base.end_lsn is in Kafka. With
  // kOurs, what ReadTails() found comes again, up to where the source's WAL ends now. Until Claim()
  // it may be said again otherwise.
  void Begin(PositionRecord base, Earlier earlier, Lsn server_flush = kNoLsn);
  // Makes the position ours: writes a record of a new generation and sees that it is the first of it,
  // so that nothing that is still on its way from an earlier process can take its place
  // (kafka/position_reader.h). Again, when the slot is ours too: nobody has done so since.
  // Unavailable when somebody has moved the position since ReadPosition(); blocks, bounded.
  absl::Status Claim();
  // Changes what the next position record says of the phase and the epoch.
  void SetPhase(PositionPhase phase, const Epoch& epoch);
  // Writes a position record of this phase and waits until it is durable; blocks, bounded.
  // `end_lsn` as Begin() had it.
  absl::Status WritePositionNow();
  // Makes sure that the topics exist, notes where they end, and writes the position; blocks,
  // bounded.
  absl::Status Register(const std::vector<std::string>& topics);
  // Looks at the topics that hold a tail, and reads it, as Send() would when their first records
  // come. Blocks, bounded.
  absl::Status ReadAhead();

  // Must be called when an address that was a Record's topic_cache may name another topic from now
  // on.
  void ForgetTopicCache();
  // Sends a record; looks at its topic first when it is new (see Register).
  absl::Status Send(const Record& record);
  // The records of a transaction have all been sent. `commit_micros`: its time; 0: it has none, or
  // there was no transaction (a message, a snapshot).
  void Committed(Lsn end_lsn, Lsn last_commit, int64_t commit_micros);
  // Nothing happened up to here.
  void Advanced(Lsn end_lsn);
  // The stream has given everything that committed before this LSN. Fails when a tail holds more
  // than that.
  absl::Status Passed(Lsn end);
  // Whether a record that comes by the clock may be sent: behind a tail, not among its records.
  bool TakesClocked(const Record& record) const {
    return replay_until_ == kNoLsn || record.topic == options_.clock_topic;
  }
  // Records of ours that belong to no transaction (heartbeats) have been sent outside of one.
  void CommittedAgain() {
    watermark_->Committed(watermark_->committed());
    if (transaction_) transaction_->SourceCommitted(std::chrono::steady_clock::now());
  }
  Lsn last_commit() const { return watermark_->position().last_commit_lsn; }
  // The end LSN of what has all been sent, durable or not.
  Lsn committed() const { return watermark_->committed(); }

  // Readable when Serve() has something to do.
  int event_fd() const { return producer_->event_fd(); }
  // Takes delivery reports; waits up to `timeout` for the first.
  absl::Status Serve(std::chrono::milliseconds timeout = {});
  // Serves until nothing is in flight, or until the deadline (Unavailable).
  absl::Status Flush(SteadyTime deadline);
  // Records that are sent and not reported.
  size_t in_flight() const { return producer_->queued_messages(); }
  // When Serve() wants to be called at the latest.
  std::optional<SteadyTime> due() const {
    return transaction_ ? transaction_->due() : std::nullopt;
  }
  // Records have been sent of a source transaction that is not complete: it will come again.
  bool HoldsPart() const { return transaction_ && transaction_->is_open() && !transaction_->whole(); }
  // The last call: what was sent and cannot be committed any more is made void. Blocks, bounded.
  void Leave();

  // Whether the position could cover everything sent: it is durable, or in a Kafka transaction that
  // could end here.
  bool MayAdvance() const {
    if (InTransaction()) return !HoldsPart();  // Heartbeats may come faster than it ends.
    return watermark_->idle() && producer_->queued_messages() == 0;
  }
  // The end LSN that a position record could have now.
  Lsn reachable() const { return InTransaction() ? confirmed_ : watermark_->position().end_lsn; }
  // The end LSN of the last position record sent, and of the last one that is durable.
  Lsn written() const { return written_; }
  Lsn confirmed() const { return confirmed_; }
  // Whether the last position record says all that there is to say, Debezium's record with it.
  bool is_recorded() const {
    return reachable() == confirmed_ && recorded_connect_offset_ == connect_offset_;
  }
  // So much was sent since the last one that a restart would have to go through it for long.
  bool position_is_due() const { return !transaction_ && bytes_since_position_ >= kPositionBytes; }
  // Sends a position record if that would say something new and none is under way.
  absl::Status WritePosition();
  // Sends Debezium's offset record. All that it says is confirmed(): one that no position names yet
  // is known by that (start_decision.h).
  absl::Status WriteConnectRecord(const std::string& value);
  // The same, and waits until it is durable; blocks, bounded.
  absl::Status WriteConnectRecordNow(const std::string& value);

  // Since when the cluster gives no sign of life.
  std::optional<SteadyTime> unreachable_since() const { return producer_->unreachable_since(); }
  std::string last_error() const { return producer_->last_error(); }
  // The topic of a record that Kafka has refused; empty when there was none.
  const std::string& failed_topic() const { return producer_->failed_topic(); }
  // Commit time of the oldest transaction that is not durable yet; 0: none.
  int64_t oldest_open_commit_micros() const {
    return open_commits_.empty() ? 0 : open_commits_.front().micros;
  }
  void PublishQueue();

 private:
  struct Topic {
    std::string name;
    int32_t partitions = 0;               // Pinned.
    std::vector<kafka::PartitionId> ids;  // By partition.
    bool is_clocked = false;
  };
  // Where ExactlyOnce asks Kafka.
  class Door : public TopicDoor {
   public:
    explicit Door(KafkaLink& link) : link_(link) {}
    absl::StatusOr<int64_t> EndOffset(const TopicPartition& partition) override;
    absl::Status Read(const std::map<TopicPartition, kafka::OffsetRange>& ranges,
                      kafka::LogReader::OnRecord on_record) override;

   private:
    KafkaLink& link_;
  };
  // Some hundred times a large position record.
  static constexpr size_t kPositionBytes = size_t{4} << 20;
  // Tickets with this bit are not the watermark's: position and offset records.
  static constexpr uint64_t kInternal = uint64_t{1} << 63;
  struct OpenCommit {
    Lsn end_lsn;
    int64_t micros;
  };

  KafkaLink(KafkaLinkOptions options, PositionMemory& memory, admin::CaptureCounters& counters)
      : options_(std::move(options)), memory_(memory), counters_(counters), door_(*this) {}
  // Adds the exit code to a failure of the producer.
  static absl::Status Explain(const absl::Status& status);
  absl::StatusOr<kafka::LogReader*> Reader();
  absl::StatusOr<std::optional<kafka::StoredPosition>> ReadStored();
  absl::StatusOr<kafka::LogEnds> Ends(const std::string& topic);
  absl::StatusOr<Topic*> FindTopic(const Record& record);
  absl::StatusOr<bool> Adopt(const std::string& name);
  void Tell(std::string_view topic) {
    if (options_.on_topic) options_.on_topic(topic);
  }
  absl::StatusOr<bool> PassOver(const Topic& topic, const Record& record, kafka::PartitionId id);
  void TakeTail(const TailFacts& tail);
  absl::Status FindVoidTails();
  absl::Status CheckOffsets();
  absl::Status EnsurePositionsTopic();
  absl::Status ProduceInternal(const Record& record, int32_t partition, uint64_t ticket);
  absl::Status SendPosition();
  bool InTransaction() const { return transaction_ && transaction_->is_open(); }
  absl::Status JoinTransaction();
  absl::Status AdvanceTransaction();
  absl::Status CommitNow(SteadyTime deadline);
  void PositionDurable();
  void RememberPosition();
  absl::Status WaitWhile(const bool& in_flight, std::string_view what);
  PositionRecord CurrentPosition() const;
  void OnDelivery(const kafka::Delivery& delivery);
  void PassCommits();

  KafkaLinkOptions options_;
  PositionMemory& memory_;
  admin::CaptureCounters& counters_;
  std::unique_ptr<kafka::LogReader> reader_;
  std::unique_ptr<kafka::Topics> topics_;
  std::unique_ptr<kafka::Producer> producer_;
  std::optional<KafkaTransaction> transaction_;  // Only with transactional.
  kafka::PartitionTable partitions_;
  std::unique_ptr<kafka::AckWatermark> watermark_;
  Door door_;
  std::unique_ptr<ExactlyOnce> once_;  // Null unless exactly_once.
  std::vector<TailFacts> tails_;       // As ReadTails() found them, until Begin().
  uint64_t unexpected_before_ = 0;     // In earlier sessions.
  Lsn replay_until_{};                 // Up to where an earlier run can have written; 0: passed.
  std::unordered_map<std::string, Topic> by_name_;
  std::unordered_map<const void*, Topic*> by_cache_;
  const void* last_cache_ = nullptr;
  Topic* last_topic_ = nullptr;

  std::optional<PositionRecord> stored_;  // As ReadPosition() found it.
  int64_t last_position_offset_ = kafka::kNoOffset;
  PositionRecord base_;  // Epoch, slot, phase and the topics of earlier runs.
  bool positions_topic_ready_ = false;
  int32_t connect_partitions_ = 0;  // 0: not looked up yet.
  uint64_t internal_tickets_ = 0;
  size_t bytes_since_position_ = 0;              // Keys and values that were sent.
  kafka::AckWatermark::Ticket next_ticket_ = 0;  // The one that the watermark gives next.
  bool position_in_flight_ = false;
  uint64_t position_ticket_ = 0;
  bool position_reported_ = false;  // Of position_ticket_.
  Lsn written_{};
  Lsn confirmed_{};
  bool connect_in_flight_ = false;
  uint64_t connect_ticket_ = 0;
  std::optional<int64_t> connect_offset_;
  std::optional<int64_t> recorded_connect_offset_;  // In the last position record.
  std::deque<OpenCommit> open_commits_;
};

}  // namespace walrelay::app
