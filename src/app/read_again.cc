#include "app/read_again.h"

#include <algorithm>
#include <chrono>

#include "base/status.h"

namespace walrelay::app {
namespace {

constexpr int64_t kPiece = 20'000;  // Offsets that are read within one limit.
constexpr std::chrono::milliseconds kLimit{30'000};

}  // namespace

absl::StatusOr<int64_t> ReadAgain::Read(
    const TopicPartition& partition, int64_t first, int64_t end,
    absl::FunctionRef<absl::Status(const ConsumedRecord&)> visit) {
  if (!reader_) {
    ASSIGN_OR_RETURN(reader_, kafka::LogReader::Open(kafka_));
  }
  ASSIGN_OR_RETURN(const auto ranges, reader_->Ranges(partition.topic));
  const auto number = static_cast<size_t>(partition.partition);
  if (!ranges || number >= ranges->size()) {
    return absl::UnavailableError(
        Cat("topic ", partition.topic, " partition ", partition.partition, " is not there"));
  }
  const int64_t oldest = (*ranges)[number].first;
  for (int64_t begin = std::max(first, oldest); begin < end; begin += kPiece) {
    RETURN_IF_ERROR(stop_.Check());
    const int64_t stop_at = std::min(end, begin + kPiece);
    const absl::Status read = reader_->Read({{partition, {begin, stop_at}}}, visit, kLimit);
    // Removed just now: the next try knows where it begins.
    if (absl::IsDataLoss(read)) return absl::UnavailableError(read.message());
    RETURN_IF_ERROR(read);
  }
  return oldest;
}

}  // namespace walrelay::app
