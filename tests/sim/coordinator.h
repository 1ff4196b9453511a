// A broker with Kafka transactions, as the simulation of link A needs it.
//
// Requests lie on wires, one for each producer and partition, and are taken in order; a request that
// comes twice is known by its sequence. One transactional.id: who has asked for it last may write.
// Not thread-safe. Source: PROTOCOL.md §3.7.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "change/position.h"
#include "kafka/position_reader.h"
#include "tests/sim/source.h"

namespace walrelay::sim {

inline constexpr int kPositionLane = kLanes;
inline constexpr int kCommitLane = kLanes + 1;  // Not a log: the way to the coordinator.
inline constexpr int kMarker = -1;
inline constexpr int kNoTransaction = -1;  // Committed by itself.

struct Request {
  int64_t sequence = 0;
  uint64_t ticket = 0;
  int row = 0;
  std::optional<PositionRecord> position;
};

class Coordinator {
 public:
  struct Entry {
    int transaction = kNoTransaction;
    int content = kMarker;  // A row, or the number of a position.
  };
  enum class Verdict {
    kTaken,
    kAgain,    // It was taken before.
    kWait,     // The producer's last transaction is not settled.
    kRefused,  // Its producer was fenced.
  };
  struct Taken {
    Verdict verdict{};
    int64_t offset = -1;
  };

  explicit Coordinator(bool fences) : fences_(fences) {}

  void Send(int producer, int lane, Request request);
  // What is on its way; only of whom `wanted` names, if it does.
  std::vector<std::pair<int, int>> Wires() const;
  const Request& Front(std::pair<int, int> wire) { return wires_[wire].front(); }
  // Takes the first request; it stays on the wire until Pop().
  Taken Take(std::pair<int, int> wire);
  void Pop(std::pair<int, int> wire) { wires_[wire].pop_front(); }
  // Of each of a dead producer's wires only the first requests will arrive.
  void Cut(int producer, Random& random);

  // init_transactions of a new producer: what another one has left open is aborted.
  void Init(int producer);
  int owner() const { return owner_; }
  // Nothing is open or waits for its markers.
  bool IsSettled() const;
  // Writes one marker that is due.
  void Mark(Random& random);
  // The broker gives up a transaction that is open, and fences its producer. True if there was one.
  bool Timeout();

  // What a reader sees of a partition: its end, how much of it is decided, and what is committed.
  int64_t End(int lane) const { return static_cast<int64_t>(logs_[lane].size()); }
  int64_t StableEnd(int lane) const;
  const Entry& At(int lane, int64_t offset) const { return logs_[lane][static_cast<size_t>(offset)]; }
  bool IsCommitted(const Entry& entry) const;
  // The position that counts, of those that can be seen; or of all that are decided on, marked or not.
  std::optional<kafka::StoredPosition> Position(bool unmarked = false) const;
  // Rows of a lane whose commit is decided on.
  std::vector<int> Rows(int lane) const;

  void WritePosition(const PositionRecord& position, int transaction = kNoTransaction);
  uint64_t aborted() const { return aborted_; }
  // Grows with everything that is committed.
  uint64_t decisions() const { return decisions_; }

 private:
  enum class Fate { kOpen, kCommitted, kAborted };
  struct KafkaTransaction {
    int producer = 0;
    Fate fate = Fate::kOpen;
    std::set<int> unmarked;  // Lanes.
  };
  void Abort(KafkaTransaction& transaction);

  bool fences_;
  int owner_ = -1;
  std::vector<KafkaTransaction> transactions_;
  std::vector<PositionRecord> positions_;
  std::vector<Entry> logs_[kLanes + 1];
  std::map<std::pair<int, int>, std::deque<Request>> wires_;  // By producer and lane.
  std::map<std::pair<int, int>, int64_t> sequences_;
  uint64_t aborted_ = 0;
  uint64_t decisions_ = 0;
};

}  // namespace walrelay::sim
