#include "apply/progress.h"

#include "apply/array_text.h"
#include "apply/conflict.h"
#include "base/status.h"
#include "pg/error.h"

namespace walrelay::apply {
namespace {

// division_by_zero: how the statement below fails when fewer rows moved than should have. An error
// inside the server, so that rows, progress and commit can be sent in one go and the commit does
// not happen.
constexpr std::string_view kMovedSqlState = "22012";

constexpr std::string_view kFrom = R"(
FROM unnest($4::text[], $5::int4[], $6::int8[], $7::int8[], $8::text[]) AS u (topic, partition, expected, next, fingerprint))";

constexpr std::string_view kUpdate = R"(WITH moved AS (
UPDATE walrelay.progress AS p SET next_offset = u.next, fingerprint = u.fingerprint, updated_at = now())";
constexpr std::string_view kUpdateWhere = R"(
WHERE p.pipeline = $1 AND p.sink = $2 AND p.topic = u.topic AND p.partition = u.partition AND p.next_offset = u.expected
RETURNING 1) SELECT 1 / (count(*) = $3::int8)::int4 FROM moved)";

constexpr std::string_view kInsert = R"(WITH moved AS (
INSERT INTO walrelay.progress (pipeline, sink, topic, partition, next_offset, fingerprint)
SELECT $1, $2, u.topic, u.partition, u.next, u.fingerprint)";
constexpr std::string_view kInsertTail = R"( WHERE u.expected IS NOT NULL
ON CONFLICT DO NOTHING RETURNING 1) SELECT 1 / (count(*) = $3::int8)::int4 FROM moved)";

absl::StatusOr<std::map<TopicPartition, PartitionProgress>> ReadProgress(const pg::Result& rows) {
  std::map<TopicPartition, PartitionProgress> progress;
  for (int row = 0; row < rows.rows(); ++row) {
    const auto partition = rows.number<int32_t>(row, 1);
    const auto next_offset = rows.number<int64_t>(row, 2);
    if (!partition || !next_offset) return absl::DataLossError("walrelay.progress holds no number");
    progress[{std::string(rows.text(row, 0)), *partition}] = {*next_offset,
                                                              std::string(rows.text(row, 3))};
  }
  return progress;
}

}  // namespace

absl::Status ProgressTable::Lock(pg::Connection& connection, int worker, bool shared) const {
  const std::string identity =
      Cat("walrelay/", pipeline_, "/", sink_, worker == 0 ? "" : Cat("/", worker));
  const pg::Parameter parameters[] = {identity};
  ASSIGN_OR_RETURN(const pg::Result taken,
                   connection.Execute(Cat("SELECT pg_try_advisory_lock", shared ? "_shared" : "",
                                          "(hashtextextended($1, 0))"),
                                      parameters));
  if (taken.is_true(0, 0)) return absl::OkStatus();
  // A 64-bit key shows as two halves in pg_locks.
  ASSIGN_OR_RETURN(
      const pg::Result holder,
      connection.Execute(
          "SELECT l.pid, coalesce(a.application_name, ''), coalesce(host(a.client_addr), 'local') "
          "FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid "
          "WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND "
          "l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND "
          "(l.classid::int8 << 32 | l.objid::int8) = hashtextextended($1, 0)",
          parameters));
  if (holder.rows() == 0) {
    return absl::UnavailableError(
        Cat("the lock of ", identity, " was just held by another session"));
  }
  return absl::UnavailableError(Cat("another process applies ", identity, ": session ",
                                    holder.text(0, 0), " (", holder.text(0, 1), ") from ",
                                    holder.text(0, 2)));
}

absl::StatusOr<bool> ProgressTable::Exists(pg::Connection& connection) {
  ASSIGN_OR_RETURN(const pg::Result found,
                   connection.Query("SELECT to_regclass('walrelay.progress') IS NOT NULL"));
  return found.is_true(0, 0);
}

absl::StatusOr<std::map<TopicPartition, PartitionProgress>> ProgressTable::Load(
    pg::Connection& connection) const {
  const pg::Parameter parameters[] = {pipeline_, sink_};
  // FOR UPDATE waits for a backend that still commits what we lost sight of.
  ASSIGN_OR_RETURN(
      const pg::Result rows,
      connection.Execute("SELECT topic, partition, next_offset, fingerprint FROM walrelay.progress "
                         "WHERE pipeline = $1 AND sink = $2 FOR UPDATE",
                         parameters));
  return ReadProgress(rows);
}

absl::StatusOr<std::map<TopicPartition, PartitionProgress>> ProgressTable::Load(
    pg::Connection& connection, const std::set<TopicPartition>& partitions) const {
  ArrayText topics, numbers;
  for (const TopicPartition& partition : partitions) {
    topics.Add(partition.topic);
    numbers.Add(Cat(partition.partition));
  }
  const std::string topic_array = std::move(topics).Take();
  const std::string number_array = std::move(numbers).Take();
  const pg::Parameter parameters[] = {pipeline_, sink_, topic_array, number_array};
  ASSIGN_OR_RETURN(
      const pg::Result rows,
      connection.Execute(
          "SELECT topic, partition, next_offset, fingerprint FROM walrelay.progress WHERE "
          "pipeline = $1 AND sink = $2 AND (topic, partition) IN (SELECT * FROM unnest($3::text[], "
          "$4::int4[])) ORDER BY topic, partition FOR UPDATE",
          parameters));
  return ReadProgress(rows);
}

std::vector<pg::Parameter> ProgressTable::Statement::Parameters() const {
  std::vector<pg::Parameter> parameters;
  for (const std::string& text : texts) parameters.emplace_back(text);
  return parameters;
}

std::vector<ProgressTable::Statement> ProgressTable::Move(
    const std::vector<ProgressStep>& steps) const {
  std::vector<Statement> statements;
  for (const bool is_first : {false, true}) {
    ArrayText topics, partitions, expected, next, fingerprints;
    int64_t count = 0;
    for (const ProgressStep& step : steps) {
      if (step.is_first != is_first) continue;
      ++count;
      topics.Add(step.partition.topic);
      partitions.Add(Cat(step.partition.partition));
      expected.Add(Cat(step.expected));
      next.Add(Cat(step.next.next_offset));
      fingerprints.Add(step.next.fingerprint);
    }
    if (count == 0) continue;
    Statement statement{
        .sql = is_first ? Cat(kInsert, kFrom, kInsertTail) : Cat(kUpdate, kFrom, kUpdateWhere),
        .texts = {pipeline_, sink_, Cat(count)}};
    for (ArrayText* array : {&topics, &partitions, &expected, &next, &fingerprints}) {
      statement.texts.push_back(std::move(*array).Take());
    }
    statements.push_back(std::move(statement));
  }
  return statements;
}

absl::Status ProgressTable::MoveError(const absl::Status& error) {
  if (pg::SqlStateOf(error) != kMovedSqlState) return Annotate(error, "cannot store the progress");
  return ProgressMoved(
      "somebody else moved the progress of this sink: another process applies the same partitions");
}

}  // namespace walrelay::apply
