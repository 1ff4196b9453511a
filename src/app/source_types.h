// Asks the source's catalog for exact column types, on behalf of a sink.
//
// Tables are asked for rarely (each once a session, and when a column is added), so each look-up
// has a connection of its own; while the source is away it is not tried again for a time, since
// types are then taken from the records. Unavailable and FailedPrecondition as pg/connection.h. One
// thread: the sink's.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "apply/source_table.h"
#include "base/clock.h"
#include "base/status.h"
#include "pg/connection_options.h"

namespace walrelay::app {

class SourceTypes {
 public:
  explicit SourceTypes(pg::ConnectionOptions source) : source_(std::move(source)) {}

  absl::StatusOr<std::optional<apply::SourceTable>> Read(const std::string& schema,
                                                         const std::string& table);

 private:
  pg::ConnectionOptions source_;
  SteadyTime not_before_{};
  absl::Status last_error_;
};

}  // namespace walrelay::app
