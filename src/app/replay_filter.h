// Recognises what an earlier run has already written: the heart of exactly once.
//
// After a crash the stream comes again from the position on, and each partition holds behind the
// position a prefix of the stream's records for it: its tail. Offer() is asked for every record
// before it is sent. It says where the record already stands, or that it does not; records of one
// partition are compared in order, so that each record of a tail is used up once. Then, and only
// then, the partition takes new records.
//   - A record that is not the next one of its tail stops the stream: somebody else has written
//     there, or the stream has changed.
//   - Unless it is the same event, rendered otherwise because its table was altered since: then it
//     may stand at the front of any partition of its topic (event_identity.h).
//   - Records that come by the clock (heartbeats), where a transform has led them among the stream's,
//   are passed over: none comes again.
//   - Offsets without a record are passed over when the next one is as expected. Where it is not,
//   compaction may have removed what should stand there, and the stream stops as well.
//   - A tail that is not used up when the stream has passed the end of the run that wrote it stops
//     the stream as well.
// With `accept` both are logged, and the stream goes on: what is there stays, what is not
// recognised is written. Fetching is its owner's. Errors: as FetchTail's; DataLoss with
// ExitCode::kRecordsDiffer. Not thread-safe: the capture loop owns it. Source: DESIGN.md §2 link A.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/event_identity.h"
#include "base/status.h"
#include "change/lsn.h"
#include "change/record.h"
#include "kafka/tail.h"

namespace walrelay::app {

class ReplayFilter {
 public:
  // Fetches at least the first of what a tail has not fetched.
  using FetchTail = std::function<absl::Status(const TopicPartition&, kafka::Tail&)>;
  // Whether a record of this topic has come by the clock.
  using IsClocked = std::function<bool(std::string_view topic, const kafka::TailRecord&)>;
  struct Place {
    int32_t partition = 0;
    int64_t offset = 0;
    bool operator==(const Place&) const = default;
  };
  struct Counts {
    uint64_t skipped = 0;     // Records found in Kafka.
    uint64_t altered = 0;     // Of these, rendered otherwise.
    uint64_t unexpected = 0;  // Records of tails that were passed over (accept).
  };

  ReplayFilter(FetchTail fetch, bool accept, IsClocked is_clocked = {})
      : fetch_(std::move(fetch)), accept_(accept), is_clocked_(std::move(is_clocked)) {}

  // A partition holds next ≤ offset < end behind the position. Or it has grown, to `end`.
  void Add(const TopicPartition& partition, int64_t next, int64_t end);

  // The tails that are not used up; valid until the next call that is not const.
  std::map<TopicPartition, kafka::Tail*> OpenTails();
  // Their topics.
  std::vector<std::string> topics() const;

  // No tail is left: Offer() need not be asked.
  bool done() const { return open_ == 0; }
  // Where the record that is to be written to `partition` already stands; nullopt: nowhere.
  absl::StatusOr<std::optional<Place>> Offer(const Record& record, int32_t partition);
  // The stream has given everything that committed before `passed`, where the WAL ended when we
  // started: what is left was never part of it.
  absl::Status CheckUsedUp(Lsn passed);

  const Counts& counts() const { return counts_; }
  // What the tails hold in memory.
  size_t bytes() const;
  // Records that the tails still hold, at most.
  int64_t left() const;

 private:
  struct Topic {
    std::map<int32_t, kafka::Tail> tails;  // Those that are not used up.
    bool altered = false;                  // An event was recognised that was rendered otherwise.
    bool has_lsn = false;                  // Its records carry one.
  };
  // After a delete that stood under its old key, its tombstone does too.
  struct OldKey {
    std::string topic;
    int32_t partition = 0;
    std::optional<std::string> key;
  };

  absl::StatusOr<const kafka::TailRecord*> Front(const std::string& topic, int32_t partition,
                                                 kafka::Tail& tail);
  // What the fronts of a topic's tails say of a record that is not the next one of its own.
  struct Altered {
    std::optional<Place> place;    // It stands there, rendered otherwise.
    std::optional<int32_t> rival;  // Or its change does, and is not to be recognised.
  };
  absl::StatusOr<Altered> FindAltered(const std::string& name, Topic& topic, const Record& record);
  absl::StatusOr<Altered> FindRow(const std::string& name, Topic& topic, const Record& record);
  absl::StatusOr<std::optional<Place>> UseUpTombstone(const std::string& name, Topic& topic);
  Place UseUpAltered(const std::string& name, Topic& topic, int32_t partition,
                     const EventIdentity& event);
  Place UseUp(Topic& topic, int32_t partition);
  void Drop(Topic& topic, int32_t partition);
  absl::Status Differs(const TopicPartition& where, const kafka::Tail& tail, const Record& record,
                       std::string_view repair);

  FetchTail fetch_;
  bool accept_;
  IsClocked is_clocked_;
  std::map<std::string, Topic, std::less<>> topics_;
  size_t open_ = 0;  // Tails that are not used up.
  Counts counts_;
  std::optional<OldKey> old_key_;
  JsonReader json_;
};

}  // namespace walrelay::app
