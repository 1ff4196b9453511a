// The Kafka transaction at hand: what belongs to it, when it has to end, and how far its end is.
//
// A Kafka transaction begins with its first record and ends behind a source transaction, once it
// has been open for the interval. One that is larger than the limits spans several: its parts are
// committed as they are, and the position stays behind the last whole source transaction. To end
// one takes three steps, each behind the other: all records are reported (kFlushing), the position
// record, which is part of it, is too (kPosition), and the commit is done (kCommitting). Meanwhile
// no record may be sent. Not thread-safe: the capture loop owns it. Errors: as kafka::Transactions.
// Source: DESIGN.md §2; PROTOCOL.md §3.7.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "change/record.h"
#include "kafka/partitions.h"
#include "kafka/producer.h"

namespace walrelay::app {

struct TransactionLimits {
  std::chrono::milliseconds interval{100};  // It ends behind the first source transaction then.
  uint64_t bytes = uint64_t{64} << 20;      // It ends wherever it is: of keys and values,
  std::chrono::milliseconds longest{10'000};  // or when it has been open for as long.
};

class KafkaTransaction {
 public:
  enum class Stage { kNone, kOpen, kFlushing, kPosition, kCommitting };

  // `producer` outlives it, and has a transactional.id.
  KafkaTransaction(kafka::Producer& producer, TransactionLimits limits)
      : producer_(producer), limits_(limits) {}

  Stage stage() const { return stage_; }
  // Something was sent whose fate is not known yet.
  bool is_open() const { return stage_ != Stage::kNone; }

  // Before a record is sent. ResourceExhausted while the transaction ends: serve, then repeat.
  absl::Status Join(SteadyTime now);
  void Sent(kafka::PartitionId partition, size_t bytes);
  // Nothing of a source transaction is missing at this point: the place to end, if it is due.
  void SourceCommitted(SteadyTime now) {
    whole_ = true;
    EndWhenDue(now);
  }
  bool whole() const { return whole_; }

  // Ends it as soon as possible; does nothing where it already ends.
  void End();
  // Ends it when it has to.
  void EndWhenDue(SteadyTime now);
  // When EndWhenDue() wants to be called, as far as is known now.
  std::optional<SteadyTime> due() const;

  // The steps to its end; each where the stage before has come to its end.
  void PositionSent() { stage_ = Stage::kPosition; }
  void Commit();
  // The outcome of Commit(), once.
  std::optional<absl::Status> TakeOutcome();
  // Partitions that its marker will stand in.
  const std::vector<kafka::PartitionId>& touched() const { return touched_; }

  // A transaction of one record that is part of no stream. Blocks, bounded.
  absl::Status WriteAlone(const Record& record, std::chrono::milliseconds limit);
  // Makes void what was not committed; the producer is of no more use. Blocks, bounded.
  void Abandon(std::chrono::milliseconds limit);

 private:
  kafka::Producer& producer_;
  TransactionLimits limits_;
  Stage stage_ = Stage::kNone;
  bool whole_ = true;
  SteadyTime begun_{};
  uint64_t bytes_ = 0;
  std::vector<kafka::PartitionId> touched_;
  std::vector<bool> is_touched_;  // By PartitionId.
};

}  // namespace walrelay::app
