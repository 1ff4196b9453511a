// What walrelay verify says: progress, a line for each copy, the rows that differ, and the verdict.
//
// Rows are named by key and columns, never by other values.
#pragma once

#include <string>
#include <vector>

#include "app/console.h"
#include "apply/verify/compared_table.h"
#include "apply/verify/verifier.h"
#include "base/clock.h"
#include "base/status.h"

namespace walrelay::app {

struct CopyResult {
  std::string sink;
  std::string table;  // Of the source.
  apply::TableComparison comparison;
  std::vector<apply::ComparedTable::LeftOut> left_out;
  std::vector<std::string> lossy_columns;
  std::string remark;  // "no rows, and no copy yet"
  // Rows of the copy that lack values which were never sent, and that no key change is to bring.
  std::vector<std::string> incomplete;

  bool differs() const { return comparison.differs() || !incomplete.empty(); }

  bool is_repaired() const;
  // "equal", "repaired", "different: 1 missing, 2 different, 1 incomplete", "not compared: …"
  std::string Verdict() const;
};

class VerifyReport {
 public:
  VerifyReport(Console& console, bool json) : console_(console), json_(json) {}

  // A copy's comparison goes on; a line now and then.
  void Progress(const std::string& sink, const std::string& table,
                const apply::TableComparison& so_far);
  void Add(CopyResult result);
  // Prints the result, and says what the process ends with.
  absl::Status Finish();

 private:
  void PrintText() const;
  void PrintJson() const;

  Console& console_;
  bool json_;
  SteadyTime next_line_{};
  std::vector<CopyResult> results_;
};

}  // namespace walrelay::app
