#include "apply/plan.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <tuple>

namespace walrelay::apply {
namespace {

// Key cells joined so that no two different keys look alike: length, colon, text; "n" for NULL.
void JoinKey(Cells cells, const std::vector<uint16_t>& key, std::string& out) {
  out.clear();
  for (const uint16_t column : key) {
    const Cell cell = column < cells.size() ? cells[column] : Cell();
    if (cell.state != CellState::kText) {
      out.push_back('n');
      continue;
    }
    char digits[24];
    const char* end = std::to_chars(digits, digits + sizeof(digits), cell.text.size()).ptr;
    out.append(digits, static_cast<size_t>(end - digits));
    out.push_back(':');
    out.append(cell.text);
  }
}

}  // namespace

TableLoad TableBatch::Plan::Load(size_t bytes) const {
  TableLoad load{.deletes = deletes.size() + marks.size(), .bytes = bytes};
  for (const Group& group : upserts) {
    (group.is_new ? load.inserts : load.updates) += group.entries.size();
  }
  return load;
}

uint32_t TableBatch::FindOrAdd(Cells cells, bool* added) {
  JoinKey(cells, key_, key_text_);
  const auto found = by_key_.find(key_text_);
  *added = found == by_key_.end();
  if (!*added) return found->second;
  const auto index = static_cast<uint32_t>(entries_.size());
  entries_.emplace_back();
  by_key_.emplace(arena_.Copy(key_text_), index);
  return index;
}

// With `merge` cells that are not known leave those of the entry alone.
void TableBatch::StoreCells(Entry& entry, Cells cells, bool merge) {
  if (entry.cell_count < cells.size()) {
    const uint32_t old_first = entry.first_cell;
    const uint32_t old_count = entry.cell_count;
    entry.first_cell = static_cast<uint32_t>(cells_.size());
    entry.cell_count = static_cast<uint32_t>(cells.size());
    cells_.resize(cells_.size() + cells.size());
    for (uint32_t i = 0; i < old_count; ++i) cells_[entry.first_cell + i] = cells_[old_first + i];
  }
  for (uint32_t i = 0; i < entry.cell_count; ++i) {
    Cell& stored = cells_[entry.first_cell + i];
    const Cell cell = i < cells.size() ? cells[i] : Cell();
    if (cell.is_known()) {
      stored = {cell.state, arena_.Copy(cell.text)};
    } else if (!merge || stored.state == CellState::kAbsent) {
      stored = {cell.state, arena_.Copy(cell.text)};
    }
  }
}

void TableBatch::Upsert(Cells cells, const ChangeInfo& info) {
  if (!has_key()) return Append(cells, info, false);
  bool added = false;
  const uint32_t index = FindOrAdd(cells, &added);
  Entry& entry = entries_[index];
  const bool merge = !added && !entry.is_delete;
  if (!merge) entry.moved_from = kNone;
  if (!added && entry.is_delete) entry.starts_anew = true;
  if (!merge) entry.is_new = entry.starts_anew || info.op == 'c' || info.op == 'r';
  StoreCells(entry, cells, merge);
  entry.is_delete = false;
  entry.has_row = true;
  entry.op = info.op;
  entry.source_ts_us = info.source_ts_us;
  entry.record = info.record;
  if (info.has_old_key && !info.lsn.empty()) TakeFromOldKey(index, info.lsn);
}

void TableBatch::TakeFromOldKey(uint32_t index, std::string_view lsn) {
  Entry& entry = entries_[index];
  const auto found = departure_of_.find(lsn);
  if (found == departure_of_.end()) {
    arrivals_.push_back(arena_.Copy(lsn));
    for (uint32_t i = 0; i < entry.cell_count; ++i) {
      Cell& cell = cells_[entry.first_cell + i];
      if (cell.state == CellState::kUnsent) cell.text = arrivals_.back();
    }
    return;
  }
  Departure& departure = departures_[found->second];
  departure.has_arrived = true;
  const Entry& old = entries_[departure.entry];
  bool asks_database = false;
  for (uint32_t i = 0; i < entry.cell_count; ++i) {
    Cell& cell = cells_[entry.first_cell + i];
    if (cell.state != CellState::kUnsent) continue;
    const Cell known = i < old.cell_count ? cells_[old.first_cell + i] : Cell();
    if (known.state == CellState::kAbsent || known == Cell{CellState::kUnsent, {}}) {
      asks_database = true;
    } else {
      cell = known;
    }
  }
  if (!asks_database) return;
  // A row of the old key that was made in this batch has nothing in the database; one that was
  // moved there has.
  if (old.moved_from != kNone) {
    entry.moved_from = old.moved_from;
  } else if (!old.is_new) {
    entry.moved_from = departure.entry;
  }
}

// Keeps the row as it is now: its key may get another one in the same batch.
void TableBatch::Leave(uint32_t index, std::string_view lsn) {
  Entry left = entries_[index];
  left.has_left = true;
  left.is_delete = false;
  left.first_cell = static_cast<uint32_t>(cells_.size());
  for (uint32_t i = 0; i < left.cell_count; ++i) {
    cells_.push_back(cells_[entries_[index].first_cell + i]);
  }
  Departure departure{.lsn = arena_.Copy(lsn), .entry = static_cast<uint32_t>(entries_.size())};
  entries_.push_back(left);
  const auto waiting = std::find(arrivals_.begin(), arrivals_.end(), lsn);
  if (waiting != arrivals_.end()) {
    departure.has_arrived = departure.was_awaited = true;
    arrivals_.erase(waiting);
  }
  departure_of_[departure.lsn] = departures_.size();
  departures_.push_back(departure);
}

void TableBatch::Delete(Cells cells, const ChangeInfo& info) {
  if (!has_key()) return Append(cells, info, true);
  bool added = false;
  const uint32_t index = FindOrAdd(cells, &added);
  if (added) {
    Entry& entry = entries_[index];
    // Cells that it has otherwise stay, for the `c` that may follow.
    std::vector<Cell> key_only(cells.size());
    for (const uint16_t column : key_) key_only[column] = cells[column];
    StoreCells(entry, key_only, false);
  }
  if (info.has_new_key && !info.lsn.empty()) Leave(index, info.lsn);
  Entry& entry = entries_[index];
  entry.is_delete = true;
  entry.op = info.op;
  entry.source_ts_us = info.source_ts_us;
  entry.record = info.record;
}

void TableBatch::Append(Cells cells, const ChangeInfo& info, bool is_delete) {
  Entry& entry = entries_.emplace_back();
  StoreCells(entry, cells, false);
  entry.is_delete = is_delete;
  entry.op = info.op;
  entry.source_ts_us = info.source_ts_us;
  entry.record = info.record;
}

void TableBatch::Truncate() {
  Clear();
  truncate_ = true;
}

void TableBatch::Clear() {
  by_key_.clear();
  departure_of_.clear();
  departures_.clear();
  arrivals_.clear();
  entries_.clear();
  cells_.clear();
  arena_.Clear();
  truncate_ = false;
}

Cell TableBatch::cell(uint32_t index, size_t column) const {
  const Entry& entry = entries_[index];
  return column < entry.cell_count ? cells_[entry.first_cell + column] : Cell();
}

void TableBatch::Fill(uint32_t index, Cells found) {
  Entry& entry = entries_[index];
  for (uint32_t i = 0; i < entry.cell_count && i < found.size(); ++i) {
    Cell& cell = cells_[entry.first_cell + i];
    if (cell == Cell{CellState::kUnsent, {}} && found[i].state != CellState::kAbsent) {
      cell = {found[i].state, arena_.Copy(found[i].text)};
    }
  }
  entry.moved_from = kNone;
}

void TableBatch::FillAwaiting(std::string_view lsn, Cells found) {
  for (const Entry& entry : entries_) {
    for (uint32_t i = 0; i < entry.cell_count; ++i) {
      Cell& cell = cells_[entry.first_cell + i];
      if (cell.state != CellState::kUnsent || cell.text != lsn) continue;
      const Cell value = i < found.size() ? found[i] : Cell();
      cell = {value.state == CellState::kAbsent ? CellState::kUnsent : value.state,
              arena_.Copy(value.text)};
    }
  }
}

TableBatch::Plan TableBatch::MakePlan() const {
  Plan plan;
  plan.truncate = truncate_;
  plan.arrivals = arrivals_;
  for (const Departure& departure : departures_) {
    if (departure.has_arrived && !departure.was_awaited) continue;
    plan.departures.push_back(departure);
    const uint32_t moved_from = entries_[departure.entry].moved_from;
    if (moved_from != kNone) plan.lookups.push_back({departure.entry, moved_from});
  }
  // Groups by the columns that are known. Most rows have all of them, so the last group is tried
  // first.
  std::map<std::tuple<bool, bool, std::vector<uint16_t>>, size_t> groups;
  std::vector<uint16_t> columns;
  size_t last = 0;
  for (uint32_t index = 0; index < entries_.size(); ++index) {
    const Entry& entry = entries_[index];
    if (entry.has_left) continue;
    // A truncate has taken care of what is in the database.
    if (!truncate_ && (entry.starts_anew || (entry.is_delete && !soft_deletes_)))
      plan.deletes.push_back(index);
    if (entry.is_delete && !(soft_deletes_ && entry.has_row)) {
      if (!truncate_ && soft_deletes_) plan.marks.push_back(index);
      continue;
    }
    if (entry.moved_from != kNone) plan.lookups.push_back({index, entry.moved_from});
    columns.clear();
    bool has_unsent = false;
    for (uint32_t i = 0; i < entry.cell_count; ++i) {
      const Cell& cell = cells_[entry.first_cell + i];
      if (cell.is_known()) columns.push_back(static_cast<uint16_t>(i));
      if (cell.state == CellState::kUnsent) has_unsent = true;
    }
    if (has_unsent && !entry.is_delete) plan.unsent.push_back(index);
    const bool is_new = entry.is_new && !entry.is_delete;
    if (last < plan.upserts.size() && plan.upserts[last].is_new == is_new &&
        plan.upserts[last].is_delete == entry.is_delete && plan.upserts[last].columns == columns) {
      plan.upserts[last].entries.push_back(index);
      continue;
    }
    const auto [found, added] =
        groups.emplace(std::tuple(is_new, entry.is_delete, columns), plan.upserts.size());
    if (added)
      plan.upserts.push_back(
          {.columns = columns, .is_delete = entry.is_delete, .is_new = is_new});
    last = found->second;
    plan.upserts[last].entries.push_back(index);
  }
  std::stable_partition(plan.upserts.begin(), plan.upserts.end(),
                        [](const Group& group) { return !group.is_new; });
  return plan;
}

}  // namespace walrelay::apply
