// The transactional side of a producer: one Kafka transaction after the other.
//
// Init() ends what an earlier producer of the same transactional.id has left open, and fences that
// producer: the broker refuses whatever it still sends. Begin() comes before records are produced,
// StartCommit() when all of them have been reported; the commit waits in a thread of its own, since
// librdkafka's call blocks for as long as the cluster takes, and writes to the producer's event fd
// when its outcome is known. After any failure the producer is of no more use: whether a commit has
// happened is found out by a new one, whose Init() waits until it is settled, and by reading the
// position. Errors: Unavailable (make a new producer), FailedPrecondition (access, a timeout that
// the broker does not allow). Thread: the owner's. The destructor gives a commit up: its outcome is
// open then; it waits for half a second at most. Source: PROTOCOL.md §3.7; librdkafka 2.0.2,
// rdkafka.h, "Transactional producer API".
#pragma once

#include <atomic>
#include <chrono>
#include <future>
#include <optional>
#include <thread>

#include "base/clock.h"
#include "base/status.h"
#include "kafka/client.h"

namespace walrelay::kafka {

class Transactions {
 public:
  // Both outlive it.
  Transactions(const Client& client, int event_fd) : client_(client), event_fd_(event_fd) {}
  Transactions(const Transactions&) = delete;
  Transactions& operator=(const Transactions&) = delete;
  ~Transactions();

  // Once, before anything else. Blocks, bounded.
  absl::Status Init(std::chrono::milliseconds limit);
  absl::Status Begin();
  void StartCommit();
  // The outcome of StartCommit(), once; nullopt while it is not known.
  std::optional<absl::Status> TakeOutcome();
  // Since when a commit is under way.
  std::optional<SteadyTime> committing_since() const { return committing_since_; }
  // Makes what was produced since Begin() void. Nothing may be in flight. Blocks, bounded.
  absl::Status Abort(std::chrono::milliseconds limit);

 private:
  absl::Status Commit();

  const Client& client_;
  int event_fd_;
  std::optional<SteadyTime> committing_since_;
  std::atomic<bool> give_up_ = false;
  std::future<absl::Status> outcome_;
  std::jthread thread_;
};

}  // namespace walrelay::kafka
