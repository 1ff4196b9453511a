#include "app/read_again.h"

#include <algorithm>
#include <chrono>

#include "base/status.h"
#include "kafka/log_reader.h"

namespace walrelay::app {
namespace {

constexpr int64_t kPiece = 20'000;  // Offsets that are read within one limit.
constexpr std::chrono::milliseconds kLimit{30'000};

}  // namespace

absl::StatusOr<int64_t> ReadAgain(const kafka::ClientOptions& kafka, const StopSignal& stop,
                                  const TopicPartition& partition, int64_t first, int64_t end,
                                  absl::FunctionRef<absl::Status(const ConsumedRecord&)> visit) {
  ASSIGN_OR_RETURN(const auto reader, kafka::LogReader::Open(kafka));
  ASSIGN_OR_RETURN(const auto ranges, reader->Ranges(partition.topic));
  const auto number = static_cast<size_t>(partition.partition);
  if (!ranges || number >= ranges->size()) {
    return absl::UnavailableError(
        Cat("topic ", partition.topic, " partition ", partition.partition, " is not there"));
  }
  const int64_t oldest = (*ranges)[number].first;
  for (int64_t begin = std::max(first, oldest); begin < end; begin += kPiece) {
    RETURN_IF_ERROR(stop.Check());
    const int64_t stop_at = std::min(end, begin + kPiece);
    const absl::Status read = reader->Read({{partition, {begin, stop_at}}}, visit, kLimit);
    // Removed just now: the next try knows where it begins.
    if (absl::IsDataLoss(read)) return absl::UnavailableError(read.message());
    RETURN_IF_ERROR(read);
  }
  return oldest;
}

}  // namespace walrelay::app
