// The writing half of Mirror: plans into statements.
#include "apply/mirror.h"
#include "apply/raw_events.h"
#include "apply/table_fault.h"
#include "base/clock.h"
#include "base/status.h"
#include "pg/copy_text.h"
#include "pg/error.h"

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

RowMark MarkOf(const TableBatch::Group& group) {
  return group.is_delete ? RowMark::kDeleted : RowMark::kLive;
}

absl::Status PutWhenFull(pg::CopyWriter& copy, std::string& text) {
  if (text.size() < kCopyChunk) return absl::OkStatus();
  const absl::Status status = copy.Put(text);
  text.clear();
  return status;
}

}  // namespace

std::vector<uint16_t> Mirror::WritableColumns(const Table& table) const {
  std::vector<uint16_t> columns;
  for (size_t i = 0; i < table.shape.columns.size(); ++i) {
    if (table.shape.columns[i].writable) columns.push_back(static_cast<uint16_t>(i));
  }
  return columns;
}

// Those of a row without a key that the server is told; the others have their defaults.
std::vector<uint16_t> Mirror::KnownColumns(const Table& table, uint32_t index) const {
  std::vector<uint16_t> columns = WritableColumns(table);
  std::erase_if(columns, [&](uint16_t column) { return !table.batch.cell(index, column).is_known(); });
  return columns;
}

absl::Status Mirror::MakePlans() {
  for (Table* table : changed_) {
    if (!table->batch.has_key()) {
      rows_ += table->batch.changes();
    } else {
      RETURN_IF_ERROR(WithTable(ReadMoves(*table), table->full_name));
      rows_ += table->plan.Load(0).rows();
    }
    bytes_ += table->batch.bytes();
  }
  return absl::OkStatus();
}

absl::Status Mirror::Queue(StatementQueue& queue) {
  for (Table* table : changed_)
    RETURN_IF_ERROR(WithTable(QueueTable(*table, queue), table->full_name));
  return absl::OkStatus();
}

absl::Status Mirror::QueueTable(Table& table, StatementQueue& queue) {
  if (table.batch.has_truncate()) RETURN_IF_ERROR(QueueTruncate(table, queue));
  if (!table.batch.has_key()) return QueueAppends(table, queue);
  return QueueChanges(table, table.plan.upserts, queue);
}

absl::Status Mirror::QueueTruncate(Table& table, StatementQueue& queue) {
  ASSIGN_OR_RETURN(const std::string* name, prepared_.Name(TruncateSql(table.shape)));
  queue.Begin(*name, {.what = table.what, .source_table = table.full_name});
  if (table.shape.soft_deletes()) queue.Add(TimestampText(table.truncated_us));
  return absl::OkStatus();
}

// A statement by the key of each entry.
absl::Status Mirror::QueueKeys(Table& table, std::span<const uint32_t> entries,
                               const std::string& sql, bool with_metadata, StatementQueue& queue) {
  if (entries.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string* name, prepared_.Name(sql));
  for (const uint32_t index : entries) {
    const TableBatch::Entry& entry = table.batch.entry(index);
    queue.Begin(*name,
                {.what = table.what, .source_table = table.full_name, .record = entry.record});
    for (const uint16_t column : table.shape.key)
      queue.Add(ParameterOf(table.batch.cell(index, column)));
    if (!with_metadata) continue;
    queue.Add(std::string_view(&entry.op, 1));
    queue.Add(TimestampText(entry.source_ts_us));
  }
  return absl::OkStatus();
}

// The deletes, then the rows of `groups`.
absl::Status Mirror::QueueChanges(Table& table, Groups groups, StatementQueue& queue) {
  RETURN_IF_ERROR(QueueKeys(table, table.plan.deletes, DeleteRowSql(table.shape), false, queue));
  if (!table.plan.marks.empty())
    RETURN_IF_ERROR(QueueKeys(table, table.plan.marks, MarkRowSql(table.shape), true, queue));
  for (const TableBatch::Group& group : groups) {
    ASSIGN_OR_RETURN(const std::string* name,
                     prepared_.Name(UpsertRowSql(table.shape, group.columns, MarkOf(group))));
    for (const uint32_t index : group.entries) {
      const TableBatch::Entry& entry = table.batch.entry(index);
      queue.Begin(*name,
                  {.what = table.what, .source_table = table.full_name, .record = entry.record});
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
    const std::vector<uint16_t> columns = KnownColumns(table, index);
    // An update is a row that goes and one that comes: what it was is no deleted row.
    const bool is_marked = entry.is_delete && entry.op != 'u' && table.shape.soft_deletes();
    const std::string sql = is_marked         ? MarkWholeRowSql(table.shape, columns)
                            : entry.is_delete ? DeleteWholeRowSql(table.shape, columns)
                                              : UpsertRowSql(table.shape, columns, RowMark::kLive);
    ASSIGN_OR_RETURN(const std::string* name, prepared_.Name(sql));
    queue.Begin(*name, {.what = table.what,
                        .source_table = table.full_name,
                        .record = entry.record,
                        .needs_row = entry.is_delete});
    for (const uint16_t column : columns) queue.Add(ParameterOf(table.batch.cell(index, column)));
    if (entry.is_delete && !is_marked) continue;
    queue.Add(std::string_view(&entry.op, 1));
    queue.Add(TimestampText(entry.source_ts_us));
  }
  return absl::OkStatus();
}

absl::Status Mirror::Write(RowError failed) {
  for (Table* table : changed_)
    RETURN_IF_ERROR(WithTable(WriteTable(*table, failed), table->full_name));
  return absl::OkStatus();
}

absl::StatusOr<bool> Mirror::WriteLeaving(RowError failed, const pg::Later& later) {
  if (changed_.size() != 1 || changed_[0]->batch.has_truncate() || !changed_[0]->batch.has_key()) {
    RETURN_IF_ERROR(Write(failed));
    return false;
  }
  absl::StatusOr<bool> left = WriteKeyed(*changed_[0], failed, later);
  if (!left.ok()) return WithTable(left.status(), changed_[0]->full_name);
  return left;
}

absl::Status Mirror::WriteTable(Table& table, RowError failed) {
  if (table.batch.has_truncate()) {
    StatementQueue queue;
    RETURN_IF_ERROR(QueueTruncate(table, queue));
    RETURN_IF_ERROR(queue.Run(connection_, failed));
  }
  return table.batch.has_key() ? WriteKeyed(table, failed, nullptr).status()
                               : WriteAppends(table, failed);
}

// True when the last answer was left for `later`.
absl::StatusOr<bool> Mirror::WriteKeyed(Table& table, RowError failed, const pg::Later& later) {
  const TableLoad load = table.plan.Load(table.batch.bytes());
  if (std::exchange(table.has_left_copy, false)) table.copy_chance->Succeeded();  // Else we were made anew.
  Methods methods = ChooseMethods(load, true);
  if (methods.copy_inserts && !table.copy_chance->Try()) methods = ChooseMethods(load, false);
  Groups changes = table.plan.upserts;
  Groups inserts;
  if (methods.copy_inserts) {
    // New rows are the last groups.
    size_t first = 0;
    while (first < changes.size() && !changes[first].is_new) ++first;
    inserts = changes.subspan(first);
    changes = changes.first(first);
  }
  if (methods.changes == Method::kStaging) {
    const bool leaves = later && inserts.empty();
    RETURN_IF_ERROR(WriteStaged(table, changes, true, leaves ? later : nullptr));
    if (leaves) return true;
  } else {
    StatementQueue queue;
    RETURN_IF_ERROR(QueueChanges(table, changes, queue));
    RETURN_IF_ERROR(queue.Run(connection_, failed));
  }
  if (inserts.empty()) return false;
  if (later && inserts.size() == 1) {
    // Where the server refuses a row, all of the batch comes again, and CopyInserts() sees to it.
    RETURN_IF_ERROR(CopyRows(table, inserts[0].columns, inserts[0].entries, later));
    table.has_left_copy = true;
    return true;
  }
  ASSIGN_OR_RETURN(const bool copied, CopyInserts(table, inserts));
  if (!copied) RETURN_IF_ERROR(WriteStaged(table, inserts, false, nullptr));
  return false;
}

// False when the server refused: nothing of them is there then.
absl::StatusOr<bool> Mirror::CopyInserts(Table& table, Groups groups) {
  RETURN_IF_ERROR(connection_.Query("SAVEPOINT walrelay_copy").status());
  absl::Status copied;
  for (const TableBatch::Group& group : groups) {
    if (copied.ok()) copied = CopyRows(table, group.columns, group.entries);
  }
  if (copied.ok()) {
    table.copy_chance->Succeeded();
    RETURN_IF_ERROR(connection_.Query("RELEASE SAVEPOINT walrelay_copy").status());
    return true;
  }
  if (pg::SqlStateOf(copied).empty() || absl::IsUnavailable(copied)) return copied;
  table.copy_chance->Failed();
  RETURN_IF_ERROR(
      connection_.Query("ROLLBACK TO SAVEPOINT walrelay_copy; RELEASE SAVEPOINT walrelay_copy")
          .status());
  return false;
}

absl::Status Mirror::WriteAppends(Table& table, RowError failed) {
  if (table.batch.changes() == 0) return absl::OkStatus();  // It was truncated, no more.
  std::vector<uint32_t> entries(table.batch.changes());
  const std::vector<uint16_t> columns = KnownColumns(table, 0);
  bool may_copy = true;  // COPY knows inserts only, and has no defaults for single rows.
  for (uint32_t i = 0; i < entries.size(); ++i) {
    entries[i] = i;
    may_copy = may_copy && !table.batch.entry(i).is_delete && KnownColumns(table, i) == columns;
  }
  const Methods methods =
      ChooseMethods({.inserts = entries.size(), .bytes = table.batch.bytes()}, may_copy);
  if (methods.copy_inserts) return CopyRows(table, columns, entries);
  StatementQueue queue;
  RETURN_IF_ERROR(QueueAppends(table, queue));
  return queue.Run(connection_, failed);
}

absl::Status Mirror::PrepareStaging(Table& table) {
  if (table.has_staging) return absl::OkStatus();
  const std::string sql = Cat("DROP TABLE IF EXISTS pg_temp.", table.staging, "; ",
                              CreateStagingSql(table.shape, table.staging));
  table.has_staging = true;
  return Annotate(connection_.Query(sql).status(),
                  Cat("cannot make a staging table for ", table.shape.Describe()));
}

absl::Status Mirror::WriteStaged(Table& table, Groups groups, bool deletes, const pg::Later& later) {
  deletes &= !table.plan.deletes.empty() || !table.plan.marks.empty();
  if (groups.empty() && !deletes) return absl::OkStatus();
  RETURN_IF_ERROR(PrepareStaging(table));
  // The commit empties it; what an earlier call of this transaction left must go too.
  if (table.staged_in == transaction_.number())
    RETURN_IF_ERROR(connection_.Query(Cat("TRUNCATE pg_temp.", table.staging)).status());
  table.staged_in = transaction_.number();
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
    return PutWhenFull(copy, text);
  };
  if (deletes) {
    for (const uint32_t index : table.plan.deletes) RETURN_IF_ERROR(put(index, kDeleteGroup));
    for (const uint32_t index : table.plan.marks) RETURN_IF_ERROR(put(index, kMarkGroup));
  }
  for (size_t group = 0; group < groups.size(); ++group) {
    for (const uint32_t index : groups[group].entries) {
      RETURN_IF_ERROR(put(index, static_cast<int>(group)));
    }
  }
  RETURN_IF_ERROR(copy.Put(text));
  RETURN_IF_ERROR(Annotate(copy.End().status(), Cat("cannot write to ", table.what)));
  std::string sql;
  if (deletes && !table.plan.deletes.empty())
    sql += DeleteStagedSql(table.shape, table.staging) + ";";
  if (deletes && !table.plan.marks.empty())
    sql += MarkStagedSql(table.shape, table.staging) + ";";
  for (size_t group = 0; group < groups.size(); ++group) {
    sql += UpsertStagedSql(table.shape, table.staging, groups[group].columns,
                           MarkOf(groups[group]), static_cast<int>(group)) +
           ";";
  }
  if (later) return connection_.QueryLater(sql, later);
  return Annotate(connection_.Query(sql).status(), Cat("cannot write to ", table.what));
}

// Straight into the table.
absl::Status Mirror::CopyRows(Table& table, std::span<const uint16_t> columns,
                              std::span<const uint32_t> entries, const pg::Later& later) {
  ASSIGN_OR_RETURN(pg::CopyWriter copy, connection_.CopyIn(CopyTableSql(table.shape, columns)));
  std::string text;
  std::string tail = "\t";
  AppendUtcTimestamp(UnixMicrosNow(), tail);
  tail.push_back('\n');
  for (const uint32_t index : entries) {
    const TableBatch::Entry& entry = table.batch.entry(index);
    for (const uint16_t column : columns) AppendCell(table.batch.cell(index, column), text);
    text.push_back(entry.op);
    text.push_back('\t');
    AppendUtcTimestamp(entry.source_ts_us, text);
    text.append(tail);
    RETURN_IF_ERROR(PutWhenFull(copy, text));
  }
  RETURN_IF_ERROR(copy.Put(text));
  if (later) return copy.EndLater(later);
  return Annotate(copy.End().status(), Cat("cannot write to ", table.what));
}

}  // namespace walrelay::apply
