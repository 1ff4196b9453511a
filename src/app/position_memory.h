// What this process knows of its position in Kafka, across the sessions of the capture stage.
//
// A broker that was just started may not show what it holds: a topic that it does not know yet, or a
// log without its end. To begin then from an older position, or from the slot's, would write again
// what stands there. So an answer that says less than what was acknowledged to us is not believed:
// it is asked for again, and after kPatience the process ends, because the topic was deleted or has
// lost records. Pure; not thread-safe: the capture loop owns it. Source: DESIGN.md §2 "Start-up".
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/status.h"
#include "kafka/position_reader.h"

namespace walrelay::app {

class PositionMemory {
 public:
  static constexpr std::chrono::minutes kPatience{2};

  struct Written {
    std::string slot;
    int64_t generation = 0;
    int64_t offset = -1;  // As reported; -1: not known.
    Lsn end_lsn{};
  };

  // A position record of ours that counts is durable.
  void Durable(const Written& position);
  // Whether what was read is our last record or one that counts more.
  bool Knows(const std::optional<kafka::StoredPosition>& seen) const;
  // OK where it is. Else Unavailable, and ExitCode::kPositionMismatch when that has been so for
  // kPatience.
  absl::Status Check(const std::optional<kafka::StoredPosition>& seen, SteadyTime now);

  // A session has taken over the pipeline from the processes before.
  bool has_fenced = false;

 private:
  std::optional<Written> written_;
  std::optional<SteadyTime> unseen_since_;
};

}  // namespace walrelay::app
