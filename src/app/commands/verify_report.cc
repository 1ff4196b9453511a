#include "app/commands/verify_report.h"

#include <algorithm>

#include "app/exit_code.h"
#include "base/json.h"

namespace walrelay::app {
namespace {

using namespace std::chrono_literals;

constexpr auto kLineEvery = 2s;
constexpr size_t kMostShown = 100;  // Rows of one copy, as text.

std::string Names(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += Cat(list.empty() ? "" : ", ", name);
  return list;
}

std::string RowLine(const apply::RowDifference& row) {
  std::string line = Cat(row.key, ": ", apply::RowFaultName(row.fault));
  if (!row.columns.empty()) line += Cat(" in ", Names(row.columns));
  return row.is_repaired ? line + "; repaired" : line;
}

}  // namespace

bool CopyResult::is_repaired() const {
  if (!incomplete.empty()) return false;
  for (const apply::RowDifference& row : comparison.differences) {
    if (!row.is_repaired) return false;
  }
  return !comparison.differences.empty() && !comparison.has_more;
}

std::string CopyResult::Verdict() const {
  const apply::TableComparison& found = comparison;
  std::string faults;
  for (const apply::RowFault fault :
       {apply::RowFault::kMissing, apply::RowFault::kExtra, apply::RowFault::kDifferent}) {
    const int64_t count = found.Count(fault);
    if (count == 0) continue;
    faults += Cat(faults.empty() ? "" : ", ", count, " ", apply::RowFaultName(fault));
  }
  if (!incomplete.empty())
    faults += Cat(faults.empty() ? "" : ", ", incomplete.size(), " incomplete");
  std::string verdict = "equal";
  if (found.keyless_differs) {
    verdict = Cat("different: ", found.source_rows, " rows at the source, ", found.copy_rows,
                  " here", found.is_keyless ? ", without a key that tells which" : "");
  } else if (!faults.empty()) {
    verdict = Cat(is_repaired() ? "repaired: " : "different: ", faults,
                  found.has_more ? ", and more" : "");
  }
  std::string open = found.not_compared;
  if (found.unsettled != 0) {
    open = Cat(found.unsettled, " rows changed whenever they were looked at");
  }
  if (!open.empty()) {
    verdict =
        verdict == "equal" ? Cat("not compared: ", open) : Cat(verdict, "; not compared: ", open);
  }
  return remark.empty() ? verdict : Cat(verdict, " (", remark, ")");
}

void VerifyReport::Progress(const std::string& sink, const std::string& table,
                            const apply::TableComparison& so_far) {
  const SteadyTime now = std::chrono::steady_clock::now();
  if (now < next_line_) return;
  next_line_ = now + kLineEvery;
  console_.err << Cat(sink, " ", table, ": ", so_far.source_rows, " rows, ", so_far.chunks,
                      " chunks, ", so_far.chunks_looked_at_again, " looked at again, ",
                      so_far.differences.size(), " rows differ\n");
}

void VerifyReport::Add(CopyResult result) { results_.push_back(std::move(result)); }

void VerifyReport::PrintText() const {
  TextTable table({"SINK", "TABLE", "ROWS", "RESULT"});
  std::string rows, notes;
  for (const CopyResult& result : results_) {
    const auto& found = result.comparison;
    table.Add({result.sink, result.table, std::to_string(found.source_rows), result.Verdict()});
    const std::string name = Cat(result.sink, " ", result.table);
    for (size_t i = 0; i < found.differences.size(); ++i) {
      if (i == kMostShown) {
        rows += Cat(name, ": … and ", found.differences.size() - i, " more (--json has all)\n");
        break;
      }
      rows += Cat(name, " ", RowLine(found.differences[i]), "\n");
    }
    for (size_t i = 0; i < std::min(result.incomplete.size(), kMostShown); ++i)
      rows += Cat(name, " ", result.incomplete[i], "\n");
    for (const auto& column : result.left_out) {
      notes += Cat(name, ": column ", column.name, " is left out: ", column.why, "\n");
    }
    if (!result.lossy_columns.empty()) {
      notes += Cat(name, ": as far as the format tells: ", Names(result.lossy_columns), "\n");
    }
  }
  console_.out << table.ToString() << rows << notes;
}

void VerifyReport::PrintJson() const {
  std::string text;
  JsonWriter json(text);
  json.BeginArray();
  for (const CopyResult& result : results_) {
    const auto& found = result.comparison;
    json.BeginObject();
    json.Key("sink").String(result.sink);
    json.Key("table").String(result.table);
    json.Key("source_rows").Int(found.source_rows);
    json.Key("chunks").Int(found.chunks);
    json.Key("chunks_looked_at_again").Int(found.chunks_looked_at_again);
    json.Key("verdict").String(result.Verdict());
    json.Key("equal").Bool(!result.differs() && found.not_compared.empty() && found.unsettled == 0);
    json.Key("unsettled").Int(found.unsettled);
    json.Key("differences").BeginArray();
    for (const apply::RowDifference& row : found.differences) {
      json.BeginObject();
      json.Key("key").String(row.key);
      json.Key("fault").String(apply::RowFaultName(row.fault));
      json.Key("columns").BeginArray();
      for (const std::string& column : row.columns) json.String(column);
      json.EndArray();
      json.Key("repaired").Bool(row.is_repaired);
      json.EndObject();
    }
    json.EndArray();
    json.Key("incomplete").BeginArray();
    for (const std::string& row : result.incomplete) json.String(row);
    json.EndArray();
    json.Key("left_out").BeginArray();
    for (const auto& column : result.left_out) {
      json.BeginObject()
          .Key("column")
          .String(column.name)
          .Key("why")
          .String(column.why)
          .EndObject();
    }
    json.EndArray();
    json.Key("lossy_columns").BeginArray();
    for (const std::string& column : result.lossy_columns) json.String(column);
    json.EndArray();
    json.EndObject();
  }
  json.EndArray();
  console_.out << text << '\n';
}

absl::Status VerifyReport::Finish() {
  json_ ? PrintJson() : PrintText();
  size_t differ = 0, open = 0;
  for (const CopyResult& result : results_) {
    const auto& found = result.comparison;
    if (result.differs() && !result.is_repaired()) {
      ++differ;
    } else if (!found.not_compared.empty() || found.unsettled != 0) {
      ++open;
    }
  }
  if (differ != 0) {
    return ExitError(ExitCode::kCopiesDiffer,
                     Cat(differ, " of ", results_.size(), " copies differ from the source"));
  }
  if (open != 0) {
    return ExitError(ExitCode::kNotCompared,
                     Cat(open, " of ", results_.size(), " copies could not be compared"));
  }
  return absl::OkStatus();
}

}  // namespace walrelay::app
