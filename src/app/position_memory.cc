#include "app/position_memory.h"

#include <algorithm>

#include "app/exit_code.h"
#include "kafka/topics.h"

namespace walrelay::app {

void PositionMemory::Durable(const Written& position) {
  const int64_t before = written_ ? written_->offset : -1;
  written_ = position;
  written_->offset = std::max(position.offset, before);
}

bool PositionMemory::Knows(const std::optional<kafka::StoredPosition>& seen) const {
  if (!written_) return true;
  if (!seen) return false;
  if (seen->position.generation != written_->generation)
    return seen->position.generation > written_->generation;
  return seen->offset >= written_->offset;
}

absl::Status PositionMemory::Check(const std::optional<kafka::StoredPosition>& seen,
                                   SteadyTime now) {
  if (Knows(seen)) {
    unseen_since_.reset();
    return absl::OkStatus();
  }
  if (!unseen_since_) unseen_since_ = now;
  const std::string what =
      Cat("Kafka does not show the position of slot ", written_->slot,
          " that this process has written (", kafka::kPositionsTopic, ", offset ",
          written_->offset, ", up to ", written_->end_lsn, "), but ",
          seen ? Cat("an older one, up to ", seen->position.end_lsn) : std::string("none"));
  if (now - *unseen_since_ < kPatience)
    return absl::UnavailableError(Cat(what, ": a broker that has just started is waited for"));
  return ExitError(
      ExitCode::kPositionMismatch,
      Cat(what, ", for ", kPatience.count(), " minutes: the topic was deleted or has lost records; ",
          "bring it back, or walrelay position rewind --to ", written_->end_lsn,
          " writes it anew where there is an older one"));
}

}  // namespace walrelay::app
