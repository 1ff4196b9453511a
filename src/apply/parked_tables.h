// walrelay.parked_tables: tables that wait for an operator, as he and the sink see them.
//
// A topic waits as a whole, since its offsets are all that says where it stands. Errors as
// pg/connection.h.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pg/connection.h"

namespace walrelay::apply {

struct ParkedTable {
  std::string topic;
  std::string source_table;  // "schema.table"
  std::string reason;
  std::string parked_at;
  bool resumes = false;  // Somebody asked for it.
};

class ParkedTables {
 public:
  ParkedTables(pg::Connection& connection, std::string pipeline, std::string sink)
      : connection_(connection), pipeline_(std::move(pipeline)), sink_(std::move(sink)) {}

  // False where the sink has never run.
  absl::StatusOr<bool> Exists();
  absl::StatusOr<std::vector<ParkedTable>> List();
  absl::Status Park(std::string_view topic, std::string_view source_table, std::string_view reason);
  // Asks the sink to go on with a table. How many topics were waiting for it.
  absl::StatusOr<int64_t> AskToResume(std::string_view source_table);
  // Those that were asked for wait no longer. How many.
  absl::StatusOr<int64_t> Resume();

 private:
  pg::Connection& connection_;
  std::string pipeline_;
  std::string sink_;
};

}  // namespace walrelay::apply
