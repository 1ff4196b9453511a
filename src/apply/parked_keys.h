// Keys of which a change could not be applied: their later changes wait behind it in the dead
// letters, so that no state appears that never existed.
//
// Pure. Not thread-safe. Source: FAULTS.md §3 "Poison message".
#pragma once

#include <set>
#include <string>
#include <utility>

namespace walrelay::apply {

// A row of the source: its table as "schema.table", and its key as the record has it.
struct RowId {
  std::string table;
  std::string key;  // Without a key the whole row; empty: neither, it cannot be parked.
  auto operator<=>(const RowId&) const = default;
};

class ParkedKeys {
 public:
  bool empty() const { return keys_.empty(); }
  size_t size() const { return keys_.size(); }
  bool Contains(const RowId& row) const { return keys_.contains(row); }
  bool ContainsTable(const std::string& table) const {
    const auto first = keys_.lower_bound({table, {}});
    return first != keys_.end() && first->table == table;
  }

  void Park(const RowId& row) {
    if (!row.key.empty()) keys_.insert(row);
  }
  // A truncate leaves nothing that could be wrong.
  void ReleaseTable(const std::string& table) {
    std::erase_if(keys_, [&](const RowId& row) { return row.table == table; });
  }
  // As the database has them: at the start, and when a part of a transaction was rolled back.
  void Reset(std::set<RowId> keys) { keys_ = std::move(keys); }

 private:
  std::set<RowId> keys_;
};

}  // namespace walrelay::apply
