// What both simulations of link A capture: a source's WAL as transactions of rows, and its slot.
#pragma once

#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include "app/start_decision.h"
#include "change/position.h"
#include "change/record.h"

namespace walrelay::sim {

inline constexpr int kTopics = 2;
inline constexpr int kPartitions = 2;
inline constexpr int kLanes = kTopics * kPartitions;  // A lane is one partition of one topic.
inline const std::string kTopicNames[kTopics] = {"t0", "t1"};

inline int LaneOf(const TopicPartition& partition) {
  return (partition.topic == kTopicNames[0] ? 0 : 1) * kPartitions + partition.partition;
}
inline TopicPartition PartitionOf(int lane) {
  return {.topic = kTopicNames[lane / kPartitions], .partition = lane % kPartitions};
}

// The seed's dice.
class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  int Below(int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(engine_); }
  bool Chance(int percent) { return Below(100) < percent; }

 private:
  std::mt19937_64 engine_;
};

struct Row {
  int lane = 0;
  int lsn = 0;
  std::string key;
  std::string value;
};
struct Transaction {
  int end_lsn = 0;
  int first_row = 0;
  int end_row = 0;
};

struct Source {
  std::vector<Row> rows;
  std::vector<Transaction> transactions;
  size_t committed = 0;
  int confirmed = 0;
  int saved = 0;  // What a crash leaves of it.

  int flush() const { return committed == 0 ? 0 : transactions[committed - 1].end_lsn; }
};

// Nothing of it has committed yet.
Source MakeSource(Random& random);
// The position of a pipeline that has begun, with nothing written.
PositionRecord FirstPosition();
// What a process that starts learns of the servers, but for position and tails.
app::StartFacts FactsOf(const Source& source);

}  // namespace walrelay::sim
