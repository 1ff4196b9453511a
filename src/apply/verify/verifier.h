// Compares a table of the source with its copy while writes go on.
//
// Chunks of rows by key range: number of rows and a sum of hashes on both sides. Chunks that differ
// are looked at again when the sink has passed what the source had then, and those that still
// differ row by row. A row counts as different when the sink has passed the position at which the
// source was read, the source's row has not changed meanwhile, and the copy is another one still; a
// row that keeps changing is unsettled. A repair writes such rows with the sink locked out, and
// only when the source's row is still the one that was compared: what is written is never older
// than what is there. Errors as pg/connection.h; one thread. Source: DESIGN.md §2 "Link B".
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "apply/verify/compared_table.h"
#include "change/lsn.h"
#include "pg/connection.h"

namespace walrelay::apply {

enum class RowFault : uint8_t { kMissing, kExtra, kDifferent };
std::string_view RowFaultName(RowFault fault);  // "missing"

struct RowDifference {
  RowFault fault = RowFault::kDifferent;
  std::string key;                   // "id=7"
  std::vector<std::string> columns;  // Of kDifferent.
  bool is_repaired = false;
};

struct TableComparison {
  int64_t source_rows = 0;
  int64_t chunks = 0;
  int64_t chunks_looked_at_again = 0;
  bool is_keyless = false;
  bool keyless_differs = false;
  int64_t copy_rows = 0;  // Of a keyless table.
  std::vector<RowDifference> differences;
  bool has_more = false;     // Rows than were looked at.
  int64_t unsettled = 0;     // Rows that changed whenever they were looked at.
  std::string not_compared;  // Not empty: why there is no answer about all of it.

  bool differs() const { return keyless_differs || !differences.empty(); }
  int64_t Count(RowFault fault) const;
};

struct VerifyOptions {
  int64_t chunk_rows = 10'000;
  size_t max_rows = 10'000;  // That are looked at by key, of one table.
  int rounds = 6;            // For a row that keeps changing.
  // Returns when the sink has applied all that the source had committed before this position.
  // DeadlineExceeded, FailedPrecondition: it does not; why.
  std::function<absl::Status(Lsn)> await_applied;
  std::function<void(const TableComparison& so_far)> progress = [](const TableComparison&) {};
  // Writes rows from the source into the copy; empty: rows are only named. Of the keys given: those
  // whose row at the source has this token (empty: is not there). Says which were written.
  struct Row {
    std::vector<std::string> key;
    std::string token;
  };
  std::function<absl::StatusOr<std::vector<bool>>(const std::vector<Row>&)> repair;
};

absl::StatusOr<TableComparison> CompareTable(pg::Connection& source, pg::Connection& sink,
                                             const ComparedTable& table,
                                             const VerifyOptions& options);

// The keys of rows as the parameters of RowsByKeySql.
class KeyParameters {
 public:
  explicit KeyParameters(size_t key_columns) : columns_(key_columns) {}
  void Add(const std::vector<std::string>& key);
  std::vector<std::string> Take() &&;  // One array a parameter.

 private:
  std::vector<std::vector<std::string>> columns_;
};

}  // namespace walrelay::apply
