#include "app/known_history.h"

#include "app/exit_code.h"

namespace walrelay::app {

absl::Status KnownHistory::Ended(Lsn lsn, int64_t micros) {
  if (lsn < bounds_.last_commit) return absl::OkStatus();
  if (lsn == bounds_.last_commit) {
    seen_ = true;
    const bool known = bounds_.last_commit_micros != 0 && micros != 0;
    if (!known || micros == bounds_.last_commit_micros) return absl::OkStatus();
    return Differs("another one has ended there");
  }
  return Differs(Cat("a transaction has ended at ", lsn));
}

absl::Status KnownHistory::Passed() const {
  if (seen_ || bounds_.last_commit <= bounds_.begin) return absl::OkStatus();
  return Differs("it has none there");
}

absl::Status KnownHistory::Differs(std::string_view what) const {
  return ExitError(
      ExitCode::kPositionBeyondServer,
      Cat("this server has another history than Kafka: the last transaction before the position ",
          bounds_.end, " ended at ", bounds_.last_commit, ", but here ", what,
          ". It was put back to an older copy and has gone on since; changes from ",
          WalRange(bounds_.begin, bounds_.end),
          " are not those that Kafka has. Connect to the server that Kafka has the changes of, or "
          "take a new snapshot: walrelay slot drop, then start once with --set "
          "source.snapshot.mode=when_needed"));
}

}  // namespace walrelay::app
