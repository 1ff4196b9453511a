// What a batch means for one table: its changes collapsed to the last one of each key, and how to
// write that.
//
// The rules:
// - A cell that was not sent, or that the record does not have, leaves the row's value alone; an
//   earlier value of the batch for the same key wins through.
// - A row that was deleted in the batch and inserted again starts anew: it is deleted first.
// - The `c` of a key change takes the cells that were not sent from the row of the old key: from
//   the batch, else from the database (Lookup), before anything is written. `d` and `c` have one LSN
//   and come in either order, as they may lie in different partitions. Where they come in different
//   batches, the caller keeps the old row aside, or has the new one wait (departures and arrivals).
//   The row of the old key is what it was when it left, whatever comes to its key later.
// - A truncate forgets what came before it.
// - With soft deletes a row that goes is written as it was last, and marked; one that starts anew is
//   deleted first all the same.
// - Without a key nothing is collapsed: rows are appended and removed in their order.
// Pure. Not thread-safe. Cells' texts are copied.
// Source: DESIGN.md §6; FAULTS.md §3 "TOAST".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "apply/cell.h"
#include "apply/method.h"

namespace walrelay::apply {

// What is known of a change beside its row.
struct ChangeInfo {
  char op = 0;  // r c u d
  int64_t source_ts_us = 0;
  uint32_t record = 0;        // Its place in the batch: for error messages.
  bool has_old_key = false;   // `c` of a key change.
  bool has_new_key = false;   // `d` of a key change.
  std::string_view lsn = {};  // Equal in the `d` and the `c` of a key change.
};

class TableBatch {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  struct Entry {
    uint32_t first_cell = 0;
    uint32_t cell_count = 0;
    bool is_delete = false;
    bool has_row = false;          // Its cells are a row's, not only a key's.
    bool starts_anew = false;      // Its row in the database, if any, is deleted first.
    bool is_new = false;           // The batch made it: it should not be in the database yet.
    bool has_left = false;         // No row to be written, but one that left for another key.
    uint32_t moved_from = kNone;   // Entry whose row in the database holds the unsent cells.
    char op = 0;
    int64_t source_ts_us = 0;
    uint32_t record = 0;
  };
  // Rows that are written with the same columns.
  struct Group {
    std::vector<uint16_t> columns;  // Those with a known cell; key columns are among them.
    bool is_delete = false;         // Soft: what these rows were last.
    bool is_new = false;            // As its entries.
    std::vector<uint32_t> entries = {};
  };
  struct Lookup {
    uint32_t entry = 0;
    uint32_t from = 0;
  };
  struct Departure {
    std::string_view lsn;
    uint32_t entry = 0;         // The row as it left.
    bool has_arrived = false;   // Its `c` is in the batch,
    bool was_awaited = false;   // and came first: its cells await this LSN.
  };
  struct Plan {
    bool truncate = false;
    std::vector<std::string_view> arrivals;  // LSNs of `c` without `d`: take what was kept aside.
    std::vector<Departure> departures;       // `d` whose `c` came before it, or has not come.
    std::vector<Lookup> lookups;             // First: fill cells from the database.
    std::vector<uint32_t> deletes;      // Then these keys.
    std::vector<uint32_t> marks;        // Soft: these keys are marked as deleted.
    // Then these rows; keys are unique. New ones come last: they may take a unique value that
    // another row gives up.
    std::vector<Group> upserts;
    std::vector<uint32_t> unsent;  // Rows of these with unsent cells.
    TableLoad Load(size_t bytes) const;
    bool has_moves() const { return !arrivals.empty() || !departures.empty() || !lookups.empty(); }
  };

  // `key` are column numbers; none: the table has no key.
  explicit TableBatch(std::vector<uint16_t> key, bool soft_deletes = false)
      : key_(std::move(key)), soft_deletes_(soft_deletes) {}

  void Upsert(Cells cells, const ChangeInfo& info);
  // Of the cells only the key counts; without a key the whole row.
  void Delete(Cells cells, const ChangeInfo& info);
  void Truncate();

  bool has_key() const { return !key_.empty(); }
  bool has_truncate() const { return truncate_; }
  bool empty() const { return entries_.empty() && !truncate_; }
  size_t changes() const { return entries_.size(); }  // With the rows that have left.
  size_t bytes() const { return arena_.size(); }

  // Of the changes so far. After Fill() of the lookups ask again.
  Plan MakePlan() const;
  const Entry& entry(uint32_t index) const { return entries_[index]; }
  Cells cells(uint32_t index) const { return CellsOf(entries_[index]); }
  // The whole cell row of an entry; cells beyond what it has are absent.
  Cell cell(uint32_t index, size_t column) const;
  // What a lookup found; cells that are not unsent, or await something else, stay.
  void Fill(uint32_t index, Cells found);
  // The same for all cells that await the row of this LSN. What is not known of it nobody knows.
  void FillAwaiting(std::string_view lsn, Cells found);

  void Clear();

 private:
  Cells CellsOf(const Entry& entry) const {
    return {cells_.data() + entry.first_cell, entry.cell_count};
  }
  uint32_t FindOrAdd(Cells cells, bool* added);
  void StoreCells(Entry& entry, Cells cells, bool merge);
  void Leave(uint32_t index, std::string_view lsn);
  void TakeFromOldKey(uint32_t index, std::string_view lsn);
  void Append(Cells cells, const ChangeInfo& info, bool is_delete);

  std::vector<uint16_t> key_;
  bool soft_deletes_;
  Arena arena_;
  std::vector<Cell> cells_;
  std::vector<Entry> entries_;
  std::unordered_map<std::string_view, uint32_t> by_key_;
  std::unordered_map<std::string_view, size_t> departure_of_;  // By LSN.
  std::vector<Departure> departures_;
  std::vector<std::string_view> arrivals_;
  std::string key_text_;
  bool truncate_ = false;
};

}  // namespace walrelay::apply
