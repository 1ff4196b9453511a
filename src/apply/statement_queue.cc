#include "apply/statement_queue.h"

#include "base/log.h"
#include "base/status.h"

namespace walrelay::apply {

absl::StatusOr<const std::string*> PreparedStatements::Name(const std::string& sql) {
  const auto found = names_.find(sql);
  if (found != names_.end()) return &found->second;
  std::string name = Cat("walrelay_", names_.size());
  RETURN_IF_ERROR(connection_.Prepare(name, sql));
  return &names_.emplace(sql, std::move(name)).first->second;
}

absl::Status PreparedStatements::Forget() {
  names_.clear();
  return connection_.Query("DEALLOCATE ALL").status();
}

void StatementQueue::Begin(const std::string& name, const Purpose& purpose) {
  statements_.push_back({&name, parameters_.size(), purpose});
}

absl::Status StatementQueue::Run(
    pg::Connection& connection,
    absl::FunctionRef<absl::Status(const Purpose&, const absl::Status&)> failed) {
  const std::vector<Statement> statements = std::move(statements_);
  const std::vector<pg::Parameter> parameters = std::move(parameters_);
  statements_.clear();
  parameters_.clear();
  if (statements.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(connection.EnterPipeline());
  for (size_t i = 0; i < statements.size(); ++i) {
    const size_t end = i + 1 < statements.size() ? statements[i + 1].first : parameters.size();
    const pg::Parameters own(parameters.data() + statements[i].first, end - statements[i].first);
    const absl::Status sent = connection.SendPrepared(*statements[i].name, own);
    if (!sent.ok()) return failed(statements[i].purpose, sent);
  }
  RETURN_IF_ERROR(connection.PipelineSync());
  // The first failure is the cause; those after it were only skipped. A lost connection ends it.
  absl::Status first;
  size_t missed = 0;
  std::string_view where;
  for (const Statement& statement : statements) {
    const absl::StatusOr<pg::Result> answer = connection.PipelineResult();
    if (first.ok() && !answer.ok()) first = failed(statement.purpose, answer.status());
    if (answer.ok() && statement.purpose.needs_row && answer->affected_rows() == 0) {
      ++missed;
      where = statement.purpose.what;
    }
    if (connection.is_lost()) return first;
  }
  const absl::Status committed = connection.PipelineSynced();
  if (connection.is_lost()) return committed;
  RETURN_IF_ERROR(connection.ExitPipeline());  // After a refusal too: what comes next may repair it.
  if (!first.ok()) return first;
  if (missed != 0) {
    log::Warn(where, ": ", missed,
              " rows that were deleted or changed at the source were not there ",
              "as they were there; walrelay verify says what differs");
  }
  return committed;
}

}  // namespace walrelay::apply
