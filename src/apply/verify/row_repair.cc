#include "apply/verify/row_repair.h"

#include <algorithm>

#include "apply/incomplete_rows.h"
#include "apply/raw_events.h"
#include "apply/session_role.h"
#include "apply/table_catalog.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/status.h"

namespace walrelay::apply {
namespace {

constexpr size_t kRowsAtOnce = 200;  // The sink waits meanwhile.

}  // namespace

absl::StatusOr<RowRepair> RowRepair::Open(pg::Connection& source, pg::Connection& sink,
                                          const ComparedTable& table, const SinkOptions& options) {
  if (table.key.empty())
    return absl::FailedPreconditionError("rows without a key cannot be told apart");
  RETURN_IF_ERROR(TakeRole(sink, options).status());
  RecordKey key;
  for (const auto& column : table.key) key.fields.push_back({column.name, {}});
  TableCatalog catalog(sink, options.kind, options.soft_deletes, options.answer_limit());
  ASSIGN_OR_RETURN(std::optional<MirrorTable> copy, catalog.Read(table.copy_table, key));
  if (!copy) return absl::FailedPreconditionError(Cat("there is no table ", table.copy_name));
  RowRepair repair(source, sink, table, *std::move(copy), options.kind, options.pipeline);
  for (const std::string& name : table.transferred) {
    const auto column = repair.copy_.Find(name);
    if (!column) return absl::AbortedError(Cat(table.copy_name, " was altered meanwhile"));
    repair.columns_.push_back(*column);
  }
  return repair;
}

absl::StatusOr<std::vector<bool>> RowRepair::Write(const std::vector<VerifyOptions::Row>& rows) {
  std::vector<bool> written(rows.size());
  for (size_t begin = 0; begin < rows.size(); begin += kRowsAtOnce) {
    RETURN_IF_ERROR(sink_->Query("BEGIN").status());
    const size_t end = std::min(begin + kRowsAtOnce, rows.size());
    const absl::Status done = WriteSome(rows, begin, end, written);
    if (!done.ok()) {
      (void)sink_->Query("ROLLBACK");
      return Annotate(done, Cat("cannot repair ", table_->copy_name));
    }
    RETURN_IF_ERROR(sink_->Commit());
  }
  return written;
}

// In the order in which a sink takes them.
absl::Status RowRepair::LockOut() {
  RETURN_IF_ERROR(
      sink_->Query("LOCK TABLE walrelay.progress IN SHARE ROW EXCLUSIVE MODE").status());
  return sink_->Query(Cat("LOCK TABLE ", table_->copy, " IN SHARE ROW EXCLUSIVE MODE")).status();
}

absl::Status RowRepair::CheckNoLetters() {
  const std::string source_table = table_->Describe();
  const pg::Parameter parameters[] = {pipeline_, SinkName(kind_), source_table};
  ASSIGN_OR_RETURN(const pg::Result letters,
                   sink_->Execute("SELECT count(*) FROM walrelay.dead_letters WHERE pipeline = $1 "
                                  "AND sink = $2 AND source_table = $3 AND parked_key IS NOT NULL",
                                  parameters));
  if (letters.text(0, 0) == "0") return absl::OkStatus();
  return absl::FailedPreconditionError(
      Cat(letters.text(0, 0), " changes of ", source_table,
          " wait in walrelay.dead_letters and would be applied over what is written now: walrelay "
          "dlq retry or drop first"));
}

absl::Status RowRepair::WriteSome(const std::vector<VerifyOptions::Row>& rows, size_t begin,
                                  size_t end, std::vector<bool>& written) {
  RETURN_IF_ERROR(LockOut());
  RETURN_IF_ERROR(CheckNoLetters());
  KeyParameters keys(table_->key.size());
  for (size_t i = begin; i < end; ++i) keys.Add(rows[i].key);
  const std::vector<std::string> arrays = std::move(keys).Take();
  std::vector<pg::Parameter> parameters;
  for (const std::string& array : arrays) parameters.emplace_back(array);
  ASSIGN_OR_RETURN(const pg::Result now, source_->Execute(TransferSql(*table_), parameters));
  std::vector<int> place(end - begin, -1);
  for (int row = 0; row < now.rows(); ++row) {
    place[now.number<size_t>(row, 0).value_or(0)] = row;
  }
  for (size_t i = begin; i < end; ++i) {
    const int row = place[i - begin];
    const std::string_view token = row < 0 ? std::string_view() : now.text(row, 1);
    if (token != rows[i].token) continue;
    RETURN_IF_ERROR(row < 0 ? Delete(rows[i].key) : Upsert(now, row));
    RETURN_IF_ERROR(MarkComplete(rows[i].key));
    written[i] = true;
  }
  return absl::OkStatus();
}

absl::Status RowRepair::Upsert(const pg::Result& rows, int row) {
  std::vector<pg::Parameter> parameters;
  for (size_t i = 0; i < columns_.size(); ++i) {
    parameters.push_back(rows.value(row, static_cast<int>(i) + 2));
  }
  std::string now;
  AppendUtcTimestamp(UnixMicrosNow(), now);
  parameters.emplace_back("r");
  parameters.emplace_back(now);
  return sink_->Execute(UpsertRowSql(copy_, columns_, RowMark::kLive), parameters).status();
}

absl::Status RowRepair::Delete(const std::vector<std::string>& key) {
  std::vector<pg::Parameter> parameters;
  for (const uint16_t column : copy_.key) {
    for (size_t i = 0; i < table_->key.size(); ++i) {
      if (table_->key[i].name == copy_.columns[column].name) parameters.emplace_back(key[i]);
    }
  }
  if (!copy_.soft_deletes()) return sink_->Execute(DeleteRowSql(copy_), parameters).status();
  std::string now;
  AppendUtcTimestamp(UnixMicrosNow(), now);
  parameters.emplace_back("d");
  parameters.emplace_back(now);
  return sink_->Execute(MarkRowSql(copy_), parameters).status();
}

// Nothing that it lacked is still to be sent.
absl::Status RowRepair::MarkComplete(const std::vector<std::string>& key) {
  IncompleteColumn row{.table = table_->copy_table, .row_key = {}, .column = {}, .awaits_lsn = {}};
  JsonWriter json(row.row_key);
  json.BeginObject();
  for (size_t i = 0; i < table_->key.size(); ++i) json.Key(table_->key[i].name).String(key[i]);
  json.EndObject();
  return IncompleteRows(*sink_, pipeline_, SinkName(kind_)).Remove({&row, 1});
}

}  // namespace walrelay::apply
