#include "tests/sim/link_b.h"

#include <algorithm>
#include <optional>
#include <random>
#include <vector>

#include "base/status.h"

namespace walrelay::sim {
namespace {

constexpr uint64_t kMostSteps = 20'000;

// A transaction that a server has received: it commits or is lost, whatever became of the client.
struct Pending {
  int worker = 0;      // Who waits for the answer; -1: nobody any more.
  int expected = 0;    // The progress that it goes on from.
  int next = 0;        // The progress that it sets.
  bool checked = true; // By compare-and-set.
};

struct Worker {
  enum class State { kLoading, kReady, kWaiting } state = State::kLoading;
  int progress = 0;  // As it believes.
  bool unchecked = false;
  int last_sent = 0;
};

class World {
 public:
  World(uint64_t seed, MutationB mutation, CountsB& counts)
      : random_(seed), mutation_(mutation), counts_(counts), records_(10 + Below(30)) {}
  std::string Run();

 private:
  int Below(int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(random_); }
  void Step(bool quiet);
  void StepWorker(int number);
  void StepServer();
  void Commit(Pending& transaction);
  void Crash(int number);

  std::mt19937_64 random_;
  MutationB mutation_;
  CountsB& counts_;
  int records_;
  int stored_ = 0;  // walrelay.progress.
  std::vector<int> rows_;
  std::vector<Pending> pending_;
  Worker workers_[2];
};

void World::StepWorker(int number) {
  Worker& worker = workers_[number];
  switch (worker.state) {
    case Worker::State::kLoading: {
      // SELECT … FOR UPDATE waits for a transaction of ours that may still commit: of a worker that
      // has lost its connection, the server knows the end before the row can be locked.
      worker.progress = stored_;
      worker.state = Worker::State::kReady;
      return;
    }
    case Worker::State::kReady: {
      if (worker.progress >= records_) {
        worker.state = Worker::State::kLoading;
        return;
      }
      const int next = std::min(records_, worker.progress + 1 + Below(4));
      pending_.push_back({.worker = number,
                          .expected = worker.progress,
                          .next = next,
                          .checked = !worker.unchecked});
      worker.unchecked = false;
      worker.last_sent = next;
      worker.state = Worker::State::kWaiting;
      return;
    }
    case Worker::State::kWaiting:
      return;
  }
}

void World::Commit(Pending& transaction) {
  const bool moved = stored_ != transaction.expected;
  if (moved && transaction.checked && mutation_ != MutationB::kNoCompareAndSet) {
    ++counts_.conflicts;  // Zero rows updated: everything is rolled back.
    if (mutation_ != MutationB::kProgressApart) return;
  }
  for (int row = transaction.expected; row < transaction.next; ++row) rows_.push_back(row);
  if (mutation_ == MutationB::kProgressApart && (moved || Below(10) == 0)) return;
  stored_ = transaction.next;
}

void World::StepServer() {
  if (pending_.empty()) return;
  const auto at = static_cast<size_t>(Below(static_cast<int>(pending_.size())));
  Pending transaction = pending_[at];
  pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(at));
  const bool lost = Below(10) == 0;  // The connection broke before COMMIT arrived.
  const int before = stored_;
  if (!lost) Commit(transaction);
  if (transaction.worker < 0) {
    counts_.late_commits += stored_ != before;
    return;
  }
  Worker& worker = workers_[transaction.worker];
  if (worker.state != Worker::State::kWaiting) return;
  const bool unanswered = lost || Below(10) == 0;
  if (!unanswered) {
    const bool committed = stored_ == transaction.next;
    if (committed) worker.progress = transaction.next;
    worker.state = committed ? Worker::State::kReady : Worker::State::kLoading;
    return;
  }
  ++counts_.unknown;
  switch (mutation_) {
    case MutationB::kUnknownRepeatedUnchecked:
      worker.unchecked = true;
      worker.state = Worker::State::kReady;
      return;
    case MutationB::kNone:
    case MutationB::kNoCompareAndSet:
    case MutationB::kProgressApart:
      worker.state = Worker::State::kLoading;
      return;
  }
}

// What it has sent may still be committed.
void World::Crash(int number) {
  ++counts_.crashes;
  for (Pending& transaction : pending_) {
    if (transaction.worker == number) transaction.worker = -1;
  }
  workers_[number] = {};
}

void World::Step(bool quiet) {
  ++counts_.steps;
  const int choice = Below(100);
  if (choice < 55) {
    StepWorker(choice % 2);
  } else if (choice < 95) {
    StepServer();
  } else if (!quiet) {
    Crash(choice % 2);
  }
}

std::string World::Run() {
  const uint64_t steps_before = counts_.steps;
  for (;;) {
    const uint64_t steps = counts_.steps - steps_before;
    if (steps > kMostSteps) return "it has come to a standstill";
    Step(steps > 300);
    if (steps > 300 && stored_ >= records_ && pending_.empty()) break;
  }
  counts_.records += rows_.size();
  for (int row = 0; row < records_; ++row) {
    if (row >= static_cast<int>(rows_.size()) || rows_[static_cast<size_t>(row)] != row)
      return Cat("the sink holds another record than ", row, " at its place");
  }
  return static_cast<int>(rows_.size()) == records_ ? "" : "the sink holds records twice";
}

}  // namespace

CountsB& CountsB::operator+=(const CountsB& other) {
  steps += other.steps;
  crashes += other.crashes;
  conflicts += other.conflicts;
  unknown += other.unknown;
  late_commits += other.late_commits;
  records += other.records;
  return *this;
}

std::string RunLinkB(uint64_t seed, MutationB mutation, CountsB& counts) {
  return World(seed, mutation, counts).Run();
}

}  // namespace walrelay::sim
