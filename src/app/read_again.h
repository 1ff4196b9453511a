// Reads a part of a partition that was read before, for apply::SinkOptions::read_again.
//
// Opens a connection to the cluster of its own with the first call, and keeps it: connecting takes longer than what is read
// mostly. Blocks: Unavailable when the cluster does not answer in time, Cancelled when stop was asked for. Not thread-safe:
// its sink's thread owns it.
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>

#include "app/stop.h"
#include "change/record.h"
#include "kafka/client_options.h"
#include "kafka/log_reader.h"

namespace walrelay::app {

class ReadAgain {
 public:
  // Both outlive it.
  ReadAgain(const kafka::ClientOptions& kafka, const StopSignal& stop)
      : kafka_(kafka), stop_(stop) {}

  // Records with first ≤ offset < end that are still there, in their order. From which offset on the
  // partition has any.
  absl::StatusOr<int64_t> Read(const TopicPartition& partition, int64_t first, int64_t end,
                               absl::FunctionRef<absl::Status(const ConsumedRecord&)> visit);

 private:
  const kafka::ClientOptions& kafka_;
  const StopSignal& stop_;
  std::unique_ptr<kafka::LogReader> reader_;
};

}  // namespace walrelay::app
