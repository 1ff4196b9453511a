// Reads a part of a partition that was read before, for apply::SinkOptions::read_again.
//
// Opens a connection to the cluster of its own and blocks: Unavailable when the cluster does not
// answer in time, Cancelled when stop was asked for.
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/statusor.h>

#include <cstdint>

#include "app/stop.h"
#include "change/record.h"
#include "kafka/client_options.h"

namespace walrelay::app {

// Records with first ≤ offset < end that are still there, in their order. From which offset on the
// partition has any.
absl::StatusOr<int64_t> ReadAgain(const kafka::ClientOptions& kafka, const StopSignal& stop,
                                  const TopicPartition& partition, int64_t first, int64_t end,
                                  absl::FunctionRef<absl::Status(const ConsumedRecord&)> visit);

}  // namespace walrelay::app
