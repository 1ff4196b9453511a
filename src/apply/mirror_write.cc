// The writing half of Mirror: plans into statements.
#include "apply/mirror.h"
#include "apply/raw_events.h"
#include "base/clock.h"
#include "base/status.h"
#include "pg/copy_text.h"

namespace walrelay::apply {
namespace {

constexpr size_t kCopyChunk = 64 * 1024;

pg::Parameter ParameterOf(const Cell& cell) {
  return cell.state == CellState::kText ? pg::Parameter(cell.text) : pg::Parameter();
}

void AppendCell(const Cell& cell, std::string& out) {
  if (cell.state == CellState::kText) {
    pg::AppendCopyText(out, cell.text);
  } else {
    pg::AppendCopyNull(out);
  }
  out.push_back('\t');
}

}  // namespace

std::vector<uint16_t> Mirror::WritableColumns(const Table& table) const {
  std::vector<uint16_t> columns;
  for (size_t i = 0; i < table.shape.columns.size(); ++i) {
    if (table.shape.columns[i].writable) columns.push_back(static_cast<uint16_t>(i));
  }
  return columns;
}

absl::Status Mirror::MakePlans() {
  for (Table* table : changed_) {
    if (!table->batch.has_key()) {
      rows_ += table->batch.changes();
    } else {
      table->plan = table->batch.MakePlan();
      if (table->plan.has_moves()) {
        RETURN_IF_ERROR(MoveRows(*table));
        table->plan = table->batch.MakePlan();
      }
      rows_ += table->plan.rows();
      incomplete_ += table->plan.incomplete;
    }
    bytes_ += table->batch.bytes();
  }
  return absl::OkStatus();
}

bool Mirror::IsSmall(const Table& table) const {
  const size_t rows = table.batch.has_key() ? table.plan.rows() : table.batch.changes();
  return ChooseMethod(rows, table.batch.bytes()) == Method::kPipeline;
}

absl::Status Mirror::Queue(StatementQueue& queue) {
  for (Table* table : changed_) RETURN_IF_ERROR(QueueTable(*table, queue));
  return absl::OkStatus();
}

absl::Status Mirror::QueueTable(Table& table, StatementQueue& queue) {
  const bool truncates = table.batch.has_truncate();
  if (truncates) {
    ASSIGN_OR_RETURN(const std::string* name,
                     prepared_.Name(Cat("TRUNCATE TABLE ", table.shape.quoted)));
    queue.Begin(*name, {.what = table.what});
  }
  if (!table.batch.has_key()) return QueueAppends(table, queue);
  if (!table.plan.deletes.empty()) {
    ASSIGN_OR_RETURN(const std::string* name, prepared_.Name(DeleteRowSql(table.shape)));
    for (const uint32_t index : table.plan.deletes) {
      queue.Begin(*name, {.what = table.what, .record = table.batch.entry(index).record});
      for (const uint16_t column : table.shape.key)
        queue.Add(ParameterOf(table.batch.cell(index, column)));
    }
  }
  for (const TableBatch::Group& group : table.plan.upserts) {
    ASSIGN_OR_RETURN(const std::string* name,
                     prepared_.Name(UpsertRowSql(table.shape, group.columns)));
    for (const uint32_t index : group.entries) {
      const TableBatch::Entry& entry = table.batch.entry(index);
      queue.Begin(*name, {.what = table.what, .record = entry.record});
      for (const uint16_t column : group.columns)
        queue.Add(ParameterOf(table.batch.cell(index, column)));
      queue.Add(std::string_view(&entry.op, 1));
      queue.Add(TimestampText(entry.source_ts_us));
    }
  }
  return absl::OkStatus();
}

absl::Status Mirror::QueueAppends(Table& table, StatementQueue& queue) {
  for (uint32_t index = 0; index < table.batch.changes(); ++index) {
    const TableBatch::Entry& entry = table.batch.entry(index);
    std::vector<uint16_t> columns;
    for (const uint16_t column : WritableColumns(table)) {
      if (table.batch.cell(index, column).is_known()) columns.push_back(column);
    }
    const std::string sql = entry.is_delete ? DeleteWholeRowSql(table.shape, columns)
                                            : UpsertRowSql(table.shape, columns);
    ASSIGN_OR_RETURN(const std::string* name, prepared_.Name(sql));
    queue.Begin(*name, {.what = table.what, .record = entry.record});
    for (const uint16_t column : columns) queue.Add(ParameterOf(table.batch.cell(index, column)));
    if (entry.is_delete) continue;
    queue.Add(std::string_view(&entry.op, 1));
    queue.Add(TimestampText(entry.source_ts_us));
  }
  return absl::OkStatus();
}

absl::Status Mirror::Write(RowError failed) {
  for (Table* table : changed_) RETURN_IF_ERROR(WriteTable(*table, failed));
  return absl::OkStatus();
}

absl::Status Mirror::WriteTable(Table& table, RowError failed) {
  const bool has_key = table.batch.has_key();
  const auto is_delete = [&](uint32_t index) { return table.batch.entry(index).is_delete; };
  bool only_inserts = !has_key;
  for (uint32_t i = 0; only_inserts && i < table.batch.changes(); ++i) only_inserts = !is_delete(i);
  if (IsSmall(table) || (!has_key && !only_inserts)) {
    StatementQueue queue;
    RETURN_IF_ERROR(QueueTable(table, queue));
    return queue.Run(connection_, failed);
  }
  if (table.batch.has_truncate()) {
    RETURN_IF_ERROR(Annotate(connection_.Query(Cat("TRUNCATE TABLE ", table.shape.quoted)).status(),
                             table.what));
  }
  return has_key ? WriteStaged(table) : CopyAppends(table);
}

absl::Status Mirror::PrepareStaging(Table& table) {
  if (table.staging_version == table.version) return absl::OkStatus();
  std::string sql = CreateStagingSql(table.shape, table.staging);
  if (table.staging_version != 0) sql = Cat("DROP TABLE pg_temp.", table.staging, "; ", sql);
  table.staging_version = table.version;
  return Annotate(connection_.Query(sql).status(),
                  Cat("cannot make a staging table for ", table.shape.Describe()));
}

absl::Status Mirror::WriteStaged(Table& table) {
  RETURN_IF_ERROR(PrepareStaging(table));
  const std::vector<uint16_t> columns = WritableColumns(table);
  ASSIGN_OR_RETURN(pg::CopyWriter copy,
                   connection_.CopyIn(CopyStagingSql(table.shape, table.staging, columns)));
  std::string text;
  const auto put = [&](uint32_t index, int group) -> absl::Status {
    const TableBatch::Entry& entry = table.batch.entry(index);
    for (const uint16_t column : columns) AppendCell(table.batch.cell(index, column), text);
    text.append(Cat(group, '\t', entry.op, '\t'));
    AppendUtcTimestamp(entry.source_ts_us, text);
    text.push_back('\n');
    if (text.size() < kCopyChunk) return absl::OkStatus();
    const absl::Status status = copy.Put(text);
    text.clear();
    return status;
  };
  for (const uint32_t index : table.plan.deletes) RETURN_IF_ERROR(put(index, kDeleteGroup));
  for (size_t group = 0; group < table.plan.upserts.size(); ++group) {
    for (const uint32_t index : table.plan.upserts[group].entries) {
      RETURN_IF_ERROR(put(index, static_cast<int>(group)));
    }
  }
  RETURN_IF_ERROR(copy.Put(text));
  RETURN_IF_ERROR(Annotate(copy.End().status(), Cat("cannot write to ", table.what)));
  std::string sql;
  if (!table.plan.deletes.empty()) sql += DeleteStagedSql(table.shape, table.staging) + ";";
  for (size_t group = 0; group < table.plan.upserts.size(); ++group) {
    sql += UpsertStagedSql(table.shape, table.staging, table.plan.upserts[group].columns,
                           static_cast<int>(group)) +
           ";";
  }
  return Annotate(connection_.Query(sql).status(), Cat("cannot write to ", table.what));
}

absl::Status Mirror::CopyAppends(Table& table) {
  const std::vector<uint16_t> columns = WritableColumns(table);
  ASSIGN_OR_RETURN(pg::CopyWriter copy, connection_.CopyIn(CopyTableSql(table.shape, columns)));
  std::string text;
  std::string now;
  AppendUtcTimestamp(UnixMicrosNow(), now);
  for (uint32_t index = 0; index < table.batch.changes(); ++index) {
    const TableBatch::Entry& entry = table.batch.entry(index);
    for (const uint16_t column : columns) AppendCell(table.batch.cell(index, column), text);
    text.append(Cat(entry.op, '\t'));
    AppendUtcTimestamp(entry.source_ts_us, text);
    text.append("\t").append(now).append("\n");
    if (text.size() < kCopyChunk) continue;
    RETURN_IF_ERROR(copy.Put(text));
    text.clear();
  }
  RETURN_IF_ERROR(copy.Put(text));
  return Annotate(copy.End().status(), Cat("cannot write to ", table.what));
}

}  // namespace walrelay::apply
