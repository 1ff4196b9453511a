#include "apply/parked_tables.h"

#include "base/status.h"

namespace walrelay::apply {

absl::StatusOr<bool> ParkedTables::Exists() {
  ASSIGN_OR_RETURN(const pg::Result found,
                   connection_.Query("SELECT to_regclass('walrelay.parked_tables') IS NOT NULL"));
  return found.is_true(0, 0);
}

absl::StatusOr<std::vector<ParkedTable>> ParkedTables::List() {
  const pg::Parameter parameters[] = {pipeline_, sink_};
  ASSIGN_OR_RETURN(const pg::Result rows,
                   connection_.Execute(
                       "SELECT topic, source_table, reason, parked_at, resume_at IS NOT NULL FROM "
                       "walrelay.parked_tables WHERE pipeline = $1 AND sink = $2 ORDER BY topic",
                       parameters));
  std::vector<ParkedTable> tables;
  for (int row = 0; row < rows.rows(); ++row) {
    tables.push_back({.topic = std::string(rows.text(row, 0)),
                      .source_table = std::string(rows.text(row, 1)),
                      .reason = std::string(rows.text(row, 2)),
                      .parked_at = std::string(rows.text(row, 3)),
                      .resumes = rows.is_true(row, 4)});
  }
  return tables;
}

absl::Status ParkedTables::Park(std::string_view topic, std::string_view source_table,
                                std::string_view reason) {
  const pg::Parameter parameters[] = {pipeline_, sink_, topic, source_table, reason};
  return connection_
      .Execute(
          "INSERT INTO walrelay.parked_tables (pipeline, sink, topic, source_table, reason) "
          "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (pipeline, sink, topic) DO UPDATE SET "
          "source_table = EXCLUDED.source_table, reason = EXCLUDED.reason, resume_at = NULL",
          parameters)
      .status();
}

absl::StatusOr<int64_t> ParkedTables::AskToResume(std::string_view source_table) {
  const pg::Parameter parameters[] = {pipeline_, sink_, source_table};
  ASSIGN_OR_RETURN(
      const pg::Result asked,
      connection_.Execute("UPDATE walrelay.parked_tables SET resume_at = now() WHERE pipeline = $1 "
                          "AND sink = $2 AND source_table = $3",
                          parameters));
  return asked.affected_rows();
}

absl::StatusOr<int64_t> ParkedTables::Resume() {
  const pg::Parameter parameters[] = {pipeline_, sink_};
  ASSIGN_OR_RETURN(const pg::Result resumed,
                   connection_.Execute("DELETE FROM walrelay.parked_tables WHERE pipeline = $1 AND "
                                       "sink = $2 AND resume_at IS NOT NULL",
                                       parameters));
  return resumed.affected_rows();
}

}  // namespace walrelay::apply
