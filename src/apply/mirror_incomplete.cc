// Rows that lack values which were not sent and that nobody here knows: they are listed in
// walrelay.incomplete_rows until somebody sends them.
#include <algorithm>

#include "apply/array_text.h"
#include "apply/mirror.h"
#include "base/json.h"
#include "base/status.h"

namespace walrelay::apply {

std::string Mirror::RowKey(const Table& table, uint32_t index) const {
  std::string text;
  JsonWriter json(text);
  json.BeginObject();
  for (const uint16_t column : table.shape.key) {
    const Cell cell = table.batch.cell(index, column);
    json.Key(table.shape.columns[column].name);
    cell.state == CellState::kText ? json.String(cell.text) : json.Null();
  }
  json.EndObject();
  return text;
}

absl::StatusOr<int64_t> Mirror::IncompleteRowsNow() {
  if (!incomplete_now_) {
    ASSIGN_OR_RETURN(incomplete_now_, incomplete_rows_.Count());
  }
  return *incomplete_now_;
}

// What the batch knows of rows that were incomplete, and the rows that it leaves so.
absl::Status Mirror::MarkIncomplete(Table& table) {
  std::vector<IncompleteColumn> sent;
  if (table.has_incomplete) {
    std::vector<std::string> keys;
    std::unordered_map<std::string, uint32_t> entry_of;
    for (uint32_t index = 0; index < table.batch.changes(); ++index) {
      if (table.batch.entry(index).has_left) continue;
      keys.push_back(RowKey(table, index));
      entry_of.emplace(keys.back(), index);
    }
    ASSIGN_OR_RETURN(std::vector<IncompleteColumn> lacked,
                     incomplete_rows_.OfRows(table.shape.name, keys));
    for (IncompleteColumn& column : lacked) {
      const uint32_t index = entry_of.at(column.row_key);
      const TableBatch::Entry& entry = table.batch.entry(index);
      const auto place = table.shape.Find(column.column);
      if (entry.is_delete || entry.starts_anew || !place || table.batch.cell(index, *place).is_known())
        sent.push_back(std::move(column));
    }
  }
  std::vector<uint32_t> lacking;
  std::vector<uint32_t> changed;
  for (const uint32_t index : table.plan.unsent) {
    const bool is_new = table.batch.entry(index).is_new || table.batch.has_truncate();
    (is_new ? lacking : changed).push_back(index);
  }
  if (!changed.empty()) {
    ASSIGN_OR_RETURN(const std::vector<uint32_t> not_there, RowsNotThere(table, changed));
    lacking.insert(lacking.end(), not_there.begin(), not_there.end());
  }
  if (sent.empty() && lacking.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(transaction_.Begin());
  incomplete_now_.reset();
  if (!sent.empty()) RETURN_IF_ERROR(incomplete_rows_.Remove(sent));
  std::vector<IncompleteColumn> lacks;
  for (const uint32_t index : lacking) {
    for (size_t i = 0; i < table.shape.columns.size(); ++i) {
      const Cell cell = table.batch.cell(index, i);
      if (cell.state != CellState::kUnsent) continue;
      lacks.push_back({.table = table.shape.name,
                       .row_key = RowKey(table, index),
                       .column = table.shape.columns[i].name,
                       .awaits_lsn = std::string(cell.text)});
    }
  }
  if (!lacks.empty()) RETURN_IF_ERROR(incomplete_rows_.Add(lacks));
  incomplete_ += lacking.size();
  ASSIGN_OR_RETURN(table.has_incomplete, incomplete_rows_.Any(table.shape.name));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<uint32_t>> Mirror::RowsNotThere(const Table& table,
                                                           std::span<const uint32_t> entries) {
  std::vector<std::string> arrays;
  for (const uint16_t column : table.shape.key) {
    ArrayText array;
    for (const uint32_t index : entries) {
      const Cell cell = table.batch.cell(index, column);
      array.Add(cell.state == CellState::kText ? std::optional(cell.text) : std::nullopt);
    }
    arrays.push_back(std::move(array).Take());
  }
  std::vector<pg::Parameter> parameters(arrays.begin(), arrays.end());
  ASSIGN_OR_RETURN(const pg::Result there,
                   connection_.Execute(FindRowsSql(table.shape), parameters));
  std::vector<bool> found(entries.size());
  for (int row = 0; row < there.rows(); ++row) {
    if (const auto place = there.number<size_t>(row, 0)) found[*place - 1] = true;
  }
  std::vector<uint32_t> not_there;
  for (size_t i = 0; i < entries.size(); ++i) {
    if (!found[i]) not_there.push_back(entries[i]);
  }
  return not_there;
}

}  // namespace walrelay::apply
