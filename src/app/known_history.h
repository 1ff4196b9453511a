// Whether the changes before a position that the server still has are those that Kafka has.
//
// A slot lies behind the position of its pipeline by what has not been confirmed yet, or by more
// when the server was ended at once and has gone back to its last checkpoint. What is between is
// read again and thrown away, but for the ends of its transactions: the last one must end where the
// position says, and none behind it before the position's end. A server that was put back to an
// older copy of its disk, and has gone on by itself since, has another history there; system
// identifier and timeline are the same, and it would not be told otherwise. Pure. Source: FAULTS.md
// §3 "Failover and timelines" ("a fingerprint of the last seen commit").
#pragma once

#include <string_view>

#include "base/status.h"
#include "change/lsn.h"

namespace walrelay::app {

class KnownHistory {
 public:
  struct Bounds {
    Lsn begin{};        // The slot's confirmed_flush: what comes first ends behind it.
    Lsn last_commit{};  // Where the last commit began, or the last message outside of one ended.
    int64_t last_commit_micros = 0;  // When; 0: that is not known.
    Lsn end{};                       // The position: what begins its commit here, or later, is new.
    bool operator==(const Bounds&) const = default;
  };
  explicit KnownHistory(const Bounds& bounds) : bounds_(bounds) {}

  // A transaction that Kafka should have has ended here, at that time, or a message without one
  // (0); fails with ExitCode::kPositionBeyondServer where Kafka cannot have it.
  absl::Status Ended(Lsn lsn, int64_t micros);
  // The stream has given all that ended before the position. The same.
  absl::Status Passed() const;

 private:
  absl::Status Differs(std::string_view what) const;

  Bounds bounds_;
  bool seen_ = false;  // The last one.
};

}  // namespace walrelay::app
