// A sink that somebody else writes too: another process moved its progress, or two tables of the
// source meet in one of its tables.
//
// FailedPrecondition as for other errors that want an operator, but told apart from them, since the
// remedy lies outside of this sink's rows.
#pragma once

#include <absl/status/status.h>
#include <absl/strings/cord.h>

#include <string>

namespace walrelay::apply {

inline constexpr char kSinkConflictPayload[] = "walrelay/sink-conflict";

inline absl::Status SinkConflict(const std::string& message) {
  absl::Status status = absl::FailedPreconditionError(message);
  status.SetPayload(kSinkConflictPayload, absl::Cord("1"));
  return status;
}

// The first kind. Where processes share partitions it is how one learns that another has taken one
// over.
inline constexpr char kProgressMovedPayload[] = "walrelay/progress-moved";

inline absl::Status ProgressMoved(const std::string& message) {
  absl::Status status = SinkConflict(message);
  status.SetPayload(kProgressMovedPayload, absl::Cord("1"));
  return status;
}

inline bool IsProgressMoved(const absl::Status& status) {
  return status.GetPayload(kProgressMovedPayload).has_value();
}

inline bool IsSinkConflict(const absl::Status& status) {
  return status.GetPayload(kSinkConflictPayload).has_value();
}

}  // namespace walrelay::apply
