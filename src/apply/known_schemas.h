// walrelay.known_schemas: the newest schema of each source table that a sink's mirror has followed,
// so that a change is seen also where it came while nothing ran, or by another worker.
//
// Errors as pg/connection.h.
#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string>
#include <string_view>

#include "apply/schema_change.h"
#include "pg/connection.h"

namespace walrelay::apply {

class KnownSchemas {
 public:
  KnownSchemas(pg::Connection& connection, std::string pipeline, std::string sink)
      : connection_(connection), pipeline_(std::move(pipeline)), sink_(std::move(sink)) {}

  // By the name in the source: "schema.table". Nullopt: nothing is known of it.
  absl::StatusOr<std::optional<KnownSchema>> Read(std::string_view source_table);
  absl::Status Write(std::string_view source_table, const KnownSchema& schema);
  absl::Status Remove(std::string_view source_table);

 private:
  pg::Connection& connection_;
  std::string pipeline_;
  std::string sink_;
};

}  // namespace walrelay::apply
