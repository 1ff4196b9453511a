#include "apply/plan.h"

#include <algorithm>
#include <charconv>
#include <map>

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

bool HasUnsent(Cells cells) {
  for (const Cell& cell : cells) {
    if (cell.state == CellState::kUnsent) return true;
  }
  return false;
}

}  // namespace

TableLoad TableBatch::Plan::Load(size_t bytes) const {
  TableLoad load{.deletes = deletes.size(), .bytes = bytes};
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
      stored = {cell.state, {}};
    }
  }
}

void TableBatch::Upsert(Cells cells, const ChangeInfo& info) {
  if (!has_key()) return Append(cells, info, false);
  bool added = false;
  const uint32_t index = FindOrAdd(cells, &added);
  Entry& entry = entries_[index];
  const bool merge = !added && !entry.is_delete;
  if (!merge) {
    entry.moved_from = kNone;
    entry.awaits = {};
  }
  if (!added && entry.is_delete) entry.starts_anew = true;
  if (!merge) entry.is_new = entry.starts_anew || info.op == 'c' || info.op == 'r';
  StoreCells(entry, cells, merge);
  entry.is_delete = false;
  entry.op = info.op;
  entry.source_ts_us = info.source_ts_us;
  entry.record = info.record;
  if (info.has_old_key && !info.lsn.empty()) TakeFromOldKey(index, info.lsn);
}

void TableBatch::TakeFromOldKey(uint32_t index, std::string_view lsn) {
  Entry& entry = entries_[index];
  const auto found = moved_away_.find(lsn);
  if (found == moved_away_.end()) {
    arrivals_.push_back({arena_.Copy(lsn), index});
    entry.awaits = arrivals_.back().lsn;
    return;
  }
  found->second.has_arrived = true;
  if (!HasUnsent(CellsOf(entry))) return;
  const Entry& old = entries_[found->second.entry];
  for (uint32_t i = 0; i < entry.cell_count && i < old.cell_count; ++i) {
    Cell& cell = cells_[entry.first_cell + i];
    if (cell.state == CellState::kUnsent && cells_[old.first_cell + i].is_known()) {
      cell = cells_[old.first_cell + i];
    }
  }
  // A row of the old key that was made in this batch has nothing in the database; one that was
  // moved there has.
  entry.awaits = old.awaits;
  if (old.moved_from != kNone) {
    entry.moved_from = old.moved_from;
  } else if (!old.starts_anew && old.awaits.empty()) {
    entry.moved_from = found->second.entry;
  }
}

void TableBatch::Delete(Cells cells, const ChangeInfo& info) {
  if (!has_key()) return Append(cells, info, true);
  bool added = false;
  const uint32_t index = FindOrAdd(cells, &added);
  Entry& entry = entries_[index];
  if (added) {
    // Cells that it has otherwise stay, for the `c` that may follow.
    std::vector<Cell> key_only(cells.size());
    for (const uint16_t column : key_) key_only[column] = cells[column];
    StoreCells(entry, key_only, false);
  }
  if (info.has_new_key && !info.lsn.empty()) moved_away_[arena_.Copy(info.lsn)] = {index};
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
  // What was kept aside for rows that are gone is thrown away: it has no entry any more.
  std::vector<std::string> taken;
  for (const KeyChange& arrival : arrivals_) taken.emplace_back(arrival.lsn);
  Clear();
  truncate_ = true;
  for (const std::string& lsn : taken) arrivals_.push_back({arena_.Copy(lsn), kNone});
}

void TableBatch::Clear() {
  by_key_.clear();
  moved_away_.clear();
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
    if (cell.state == CellState::kUnsent && found[i].is_known()) {
      cell = {found[i].state, arena_.Copy(found[i].text)};
    }
  }
  entry.moved_from = kNone;
  entry.awaits = {};
}

void TableBatch::FillAwaiting(std::string_view lsn, Cells found) {
  for (uint32_t index = 0; index < entries_.size(); ++index) {
    if (entries_[index].awaits == lsn) Fill(index, found);
  }
}

TableBatch::Plan TableBatch::MakePlan() const {
  Plan plan;
  plan.truncate = truncate_;
  plan.arrivals = arrivals_;
  for (const auto& [lsn, departure] : moved_away_) {
    if (!departure.has_arrived) plan.departures.push_back({lsn, departure.entry});
  }
  // Groups by the columns that are known. Most rows have all of them, so the last group is tried
  // first.
  std::map<std::pair<bool, std::vector<uint16_t>>, size_t> groups;
  std::vector<uint16_t> columns;
  size_t last = 0;
  for (uint32_t index = 0; index < entries_.size(); ++index) {
    const Entry& entry = entries_[index];
    if (entry.is_delete || entry.starts_anew) {
      if (!truncate_) plan.deletes.push_back(index);
      if (entry.is_delete) continue;
    }
    columns.clear();
    bool has_unsent = false;
    for (uint32_t i = 0; i < entry.cell_count; ++i) {
      const Cell& cell = cells_[entry.first_cell + i];
      if (cell.is_known()) columns.push_back(static_cast<uint16_t>(i));
      if (cell.state == CellState::kUnsent) has_unsent = true;
    }
    if (has_unsent && entry.moved_from != kNone) plan.lookups.push_back({index, entry.moved_from});
    if (has_unsent && entry.moved_from == kNone && (entry.starts_anew || entry.op != 'u'))
      ++plan.incomplete;
    if (last < plan.upserts.size() && plan.upserts[last].is_new == entry.is_new &&
        plan.upserts[last].columns == columns) {
      plan.upserts[last].entries.push_back(index);
      continue;
    }
    const auto [found, added] =
        groups.emplace(std::pair(entry.is_new, columns), plan.upserts.size());
    if (added) plan.upserts.push_back({.columns = columns, .is_new = entry.is_new});
    last = found->second;
    plan.upserts[last].entries.push_back(index);
  }
  std::stable_partition(plan.upserts.begin(), plan.upserts.end(),
                        [](const Group& group) { return !group.is_new; });
  return plan;
}

}  // namespace walrelay::apply
