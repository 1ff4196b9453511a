// Statements that are sent to the server together, and answered together.
//
// Outside of a transaction they are one: all take effect or none, decided by the last answer.
// Parameters are views that must hold until Run() returns. Errors as pg/connection.h, with what was
// attempted before the message.
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pg/connection.h"

namespace walrelay::apply {

// Statements prepared in one session, by their text.
class PreparedStatements {
 public:
  explicit PreparedStatements(pg::Connection& connection) : connection_(connection) {}
  // The name to execute it by; prepares it at the first time. The name stays.
  absl::StatusOr<const std::string*> Name(const std::string& sql);
  // The types of parameters are those of the columns when a statement was prepared.
  absl::Status Forget();

 private:
  pg::Connection& connection_;
  std::unordered_map<std::string, std::string> names_;
};

class StatementQueue {
 public:
  static constexpr uint32_t kNoRecord = UINT32_MAX;

  // What a failed statement was for: names the attempt, for the error.
  struct Purpose {
    std::string_view what;               // "table public.orders"; must hold until Run() returns.
    std::string_view source_table = {};  // "public.orders" of the source; likewise.
    uint32_t record = kNoRecord;         // Place in the batch.
    bool moves_progress = false;
    bool needs_row = false;  // A row must be there to be deleted or marked: else that is logged.
  };

  void Begin(const std::string& name, const Purpose& purpose);
  void Add(const pg::Parameter& parameter) { parameters_.push_back(parameter); }
  size_t size() const { return statements_.size(); }

  // `failed` makes the error of a statement into the one that is reported. Empties the queue.
  absl::Status Run(pg::Connection& connection,
                   absl::FunctionRef<absl::Status(const Purpose&, const absl::Status&)> failed);

 private:
  struct Statement {
    const std::string* name;
    size_t first;  // Of its parameters.
    Purpose purpose;
  };
  std::vector<Statement> statements_;
  std::vector<pg::Parameter> parameters_;
};

}  // namespace walrelay::apply
