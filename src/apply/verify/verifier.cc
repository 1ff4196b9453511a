#include "apply/verify/verifier.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "apply/array_text.h"
#include "base/status.h"

namespace walrelay::apply {
namespace {

constexpr size_t kRowsAtOnce = 500;
constexpr int kKeylessLooks = 4;

struct Sum {
  std::string rows;
  std::string hashes;
  bool operator==(const Sum&) const = default;
};

Sum SumOf(const pg::Result& result) {
  return {std::string(result.text(0, 0)), std::string(result.text(0, 1))};
}

int64_t Number(std::string_view text) {
  int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::vector<pg::Parameter> Parameters(const std::vector<std::string>& first,
                                      const std::vector<std::string>& then = {}) {
  std::vector<pg::Parameter> parameters;
  for (const std::string& text : first) parameters.emplace_back(text);
  for (const std::string& text : then) parameters.emplace_back(text);
  return parameters;
}

absl::StatusOr<Sum> RangeSum(pg::Connection& connection, const ComparedTable& table, Side side,
                             const KeyRange& range) {
  ASSIGN_OR_RETURN(const pg::Result sum, connection.Execute(RangeSumSql(table, side, range),
                                                            Parameters(range.low, range.high)));
  return SumOf(sum);
}

// A position behind all that the source has shown so far.
absl::StatusOr<Lsn> PositionOf(pg::Connection& source) {
  ASSIGN_OR_RETURN(const pg::Result row, source.Query("SELECT pg_current_wal_insert_lsn()"));
  const auto lsn = ParseLsn(row.text(0, 0));
  if (!lsn) return absl::InternalError("pg_current_wal_insert_lsn() is no LSN");
  return *lsn;
}

// One look at a row.
struct Look {
  std::string token;  // Empty: it is not there.
  std::string hash;
  std::vector<std::string> columns;
};

struct Suspect {
  std::vector<std::string> key;
  Look before;  // At the source, before the wait;
  Look copy;    // after it,
  Look after;   // and at the source again.
  int confirmed = 0;
};

class Comparison {
 public:
  Comparison(pg::Connection& source, pg::Connection& sink, const ComparedTable& table,
             const VerifyOptions& options)
      : source_(source), sink_(sink), table_(table), options_(options) {}

  absl::StatusOr<TableComparison> Run() {
    if (table_.key.empty()) {
      RETURN_IF_ERROR(CompareKeyless());
    } else {
      RETURN_IF_ERROR(CompareChunks());
      if (!ranges_.empty()) RETURN_IF_ERROR(LookAgain());
      if (!suspects_.empty()) RETURN_IF_ERROR(Settle());
    }
    return std::move(result_);
  }

 private:
  absl::Status CompareChunks();
  absl::Status LookAgain();
  absl::Status CollectRows(const KeyRange& range);
  absl::Status Settle();
  absl::Status Judge(std::vector<Suspect>& still_open);
  absl::Status Report(std::vector<Suspect>& confirmed, std::vector<Suspect>& still_open);
  absl::Status CompareKeyless();
  absl::Status ReadRows(Side side, Look Suspect::*look);
  // False: there is no answer, and the result says why.
  absl::StatusOr<bool> Await();

  pg::Connection& source_;
  pg::Connection& sink_;
  const ComparedTable& table_;
  const VerifyOptions& options_;
  TableComparison result_;
  std::vector<KeyRange> ranges_;  // That differ.
  std::vector<Suspect> suspects_;
};

absl::Status Comparison::CompareChunks() {
  std::vector<std::string> low;
  for (bool more = true; more;) {
    ASSIGN_OR_RETURN(
        const pg::Result chunk,
        source_.Execute(NextChunkSql(table_, !low.empty(), options_.chunk_rows), Parameters(low)));
    const Sum sum = SumOf(chunk);
    const int64_t rows = Number(sum.rows);
    KeyRange range{.low = low, .high = {}};
    more = rows == options_.chunk_rows;
    for (size_t i = 0; more && i < table_.key.size(); ++i) {
      range.high.emplace_back(chunk.text(0, static_cast<int>(i) + 2));
    }
    ASSIGN_OR_RETURN(const Sum copy, RangeSum(sink_, table_, Side::kCopy, range));
    low = range.high;
    if (copy != sum) ranges_.push_back(std::move(range));
    result_.source_rows += rows;
    ++result_.chunks;
    options_.progress(result_);
  }
  result_.chunks_looked_at_again = static_cast<int64_t>(ranges_.size());
  return absl::OkStatus();
}

absl::StatusOr<bool> Comparison::Await() {
  ASSIGN_OR_RETURN(const Lsn lsn, PositionOf(source_));
  const absl::Status applied = options_.await_applied(lsn);
  if (applied.ok()) return true;
  if (!absl::IsDeadlineExceeded(applied) && !absl::IsFailedPrecondition(applied)) return applied;
  result_.not_compared = Message(applied);
  return false;
}

absl::Status Comparison::LookAgain() {
  ASSIGN_OR_RETURN(const bool applied, Await());
  if (!applied) return absl::OkStatus();
  for (const KeyRange& range : ranges_) {
    ASSIGN_OR_RETURN(const Sum source, RangeSum(source_, table_, Side::kSource, range));
    ASSIGN_OR_RETURN(const Sum copy, RangeSum(sink_, table_, Side::kCopy, range));
    if (source == copy) continue;
    if (suspects_.size() >= options_.max_rows) {
      result_.has_more = true;
      break;
    }
    RETURN_IF_ERROR(CollectRows(range));
    options_.progress(result_);
  }
  return absl::OkStatus();
}

// Rows of a range that are not the same on both sides now; most of them have changed in between.
absl::Status Comparison::CollectRows(const KeyRange& range) {
  const auto key_columns = static_cast<int>(table_.key.size());
  // A range has grown, or the copy has rows that are not the source's: the limit bounds what is
  // held, and which rows differ is decided by their keys later.
  const int64_t limit = 2 * options_.chunk_rows + 1000;
  const std::vector<pg::Parameter> parameters = Parameters(range.low, range.high);
  std::map<std::vector<std::string>, std::string> hashes;
  for (const Side side : {Side::kSource, Side::kCopy}) {
    pg::Connection& connection = side == Side::kSource ? source_ : sink_;
    ASSIGN_OR_RETURN(const pg::Result rows,
                     connection.Execute(RangeRowsSql(table_, side, range, limit), parameters));
    for (int row = 0; row < rows.rows(); ++row) {
      std::vector<std::string> key;
      for (int i = 0; i < key_columns; ++i) key.emplace_back(rows.text(row, i));
      const std::string_view hash = rows.text(row, key_columns);
      if (side == Side::kSource) {
        hashes.emplace(std::move(key), hash);
        continue;
      }
      const auto found = hashes.find(key);
      if (found == hashes.end()) {
        hashes.emplace(std::move(key), "");
      } else if (found->second == hash) {
        hashes.erase(found);
      }
    }
  }
  for (const auto& [key, hash] : hashes) {
    if (suspects_.size() >= options_.max_rows) {
      result_.has_more = true;
      break;
    }
    suspects_.push_back({.key = key, .before = {}, .copy = {}, .after = {}});
  }
  return absl::OkStatus();
}

absl::Status Comparison::ReadRows(Side side, Look Suspect::*look) {
  pg::Connection& connection = side == Side::kSource ? source_ : sink_;
  const std::string sql = RowsByKeySql(table_, side);
  for (size_t begin = 0; begin < suspects_.size(); begin += kRowsAtOnce) {
    const size_t end = std::min(begin + kRowsAtOnce, suspects_.size());
    KeyParameters keys(table_.key.size());
    for (size_t i = begin; i < end; ++i) {
      keys.Add(suspects_[i].key);
      suspects_[i].*look = Look();
    }
    const std::vector<std::string> arrays = std::move(keys).Take();
    ASSIGN_OR_RETURN(const pg::Result rows, connection.Execute(sql, Parameters(arrays)));
    for (int row = 0; row < rows.rows(); ++row) {
      Look& found = suspects_[begin + static_cast<size_t>(Number(rows.text(row, 0)))].*look;
      found.token = rows.text(row, 1);
      found.hash = rows.text(row, 2);
      found.columns.clear();
      for (int i = 3; i < rows.columns(); ++i) found.columns.emplace_back(rows.text(row, i));
    }
  }
  return absl::OkStatus();
}

absl::Status Comparison::Settle() {
  for (int round = 0; round < options_.rounds && !suspects_.empty(); ++round) {
    RETURN_IF_ERROR(ReadRows(Side::kSource, &Suspect::before));
    ASSIGN_OR_RETURN(const bool applied, Await());
    if (!applied) return absl::OkStatus();
    RETURN_IF_ERROR(ReadRows(Side::kCopy, &Suspect::copy));
    RETURN_IF_ERROR(ReadRows(Side::kSource, &Suspect::after));
    std::vector<Suspect> still_open;
    RETURN_IF_ERROR(Judge(still_open));
    suspects_ = std::move(still_open);
    options_.progress(result_);
  }
  result_.unsettled = static_cast<int64_t>(suspects_.size());
  return absl::OkStatus();
}

absl::Status Comparison::Judge(std::vector<Suspect>& still_open) {
  std::vector<Suspect> confirmed;
  for (Suspect& suspect : suspects_) {
    // Where the source's row has not changed, the copy must have it by now; where it has, the copy
    // may have either.
    if (suspect.copy.hash == suspect.before.hash || suspect.copy.hash == suspect.after.hash)
      continue;
    const bool same = suspect.before.token == suspect.after.token;
    suspect.confirmed = same ? suspect.confirmed + 1 : 0;
    // A row that is not there has no token: one may have come and gone again in between, once.
    const int needed = suspect.after.token.empty() ? 2 : 1;
    (suspect.confirmed >= needed ? confirmed : still_open).push_back(std::move(suspect));
  }
  return Report(confirmed, still_open);
}

absl::Status Comparison::Report(std::vector<Suspect>& confirmed, std::vector<Suspect>& still_open) {
  std::vector<bool> written(confirmed.size());
  if (options_.repair && !confirmed.empty()) {
    std::vector<VerifyOptions::Row> rows;
    for (const Suspect& suspect : confirmed) rows.push_back({suspect.key, suspect.after.token});
    ASSIGN_OR_RETURN(written, options_.repair(rows));
  }
  for (size_t n = 0; n < confirmed.size(); ++n) {
    Suspect& suspect = confirmed[n];
    // It has changed just now: whether it still differs is asked again.
    if (options_.repair && !written[n]) {
      suspect.confirmed = 0;
      still_open.push_back(std::move(suspect));
      continue;
    }
    RowDifference difference;
    difference.is_repaired = written[n];
    if (suspect.copy.token.empty()) difference.fault = RowFault::kMissing;
    if (suspect.after.token.empty()) difference.fault = RowFault::kExtra;
    for (size_t i = 0; i < table_.key.size(); ++i) {
      difference.key += Cat(i == 0 ? "" : ", ", table_.key[i].name, "=", suspect.key[i]);
    }
    for (size_t i = 0; difference.fault == RowFault::kDifferent && i < table_.columns.size(); ++i) {
      if (suspect.copy.columns[i] != suspect.after.columns[i])
        difference.columns.push_back(table_.columns[i].name);
    }
    result_.differences.push_back(std::move(difference));
  }
  return absl::OkStatus();
}

// The whole table is one chunk, without an order; it must stand still for as long as a look takes.
absl::Status Comparison::CompareKeyless() {
  result_.is_keyless = true;
  result_.chunks = 1;
  for (int look = 0; look < kKeylessLooks; ++look) {
    ASSIGN_OR_RETURN(const Sum before, RangeSum(source_, table_, Side::kSource, {}));
    result_.source_rows = Number(before.rows);
    ASSIGN_OR_RETURN(const Sum early, RangeSum(sink_, table_, Side::kCopy, {}));
    result_.copy_rows = Number(early.rows);
    if (early == before) return absl::OkStatus();
    ++result_.chunks_looked_at_again;
    ASSIGN_OR_RETURN(const bool applied, Await());
    if (!applied) return absl::OkStatus();
    ASSIGN_OR_RETURN(const Sum copy, RangeSum(sink_, table_, Side::kCopy, {}));
    ASSIGN_OR_RETURN(const Sum after, RangeSum(source_, table_, Side::kSource, {}));
    result_.copy_rows = Number(copy.rows);
    result_.source_rows = Number(after.rows);
    if (copy == before || copy == after) return absl::OkStatus();
    if (before == after && look > 0) {
      result_.keyless_differs = true;
      return absl::OkStatus();
    }
  }
  result_.not_compared = "it has no key, and its rows changed whenever they were looked at";
  return absl::OkStatus();
}

}  // namespace

std::string_view RowFaultName(RowFault fault) {
  switch (fault) {
    case RowFault::kMissing:
      return "missing";
    case RowFault::kExtra:
      return "extra";
    case RowFault::kDifferent:
      return "different";
  }
  return "different";
}

int64_t TableComparison::Count(RowFault fault) const {
  return std::count_if(differences.begin(), differences.end(),
                       [&](const RowDifference& row) { return row.fault == fault; });
}

void KeyParameters::Add(const std::vector<std::string>& key) {
  for (size_t i = 0; i < columns_.size(); ++i) columns_[i].push_back(key[i]);
}

std::vector<std::string> KeyParameters::Take() && {
  std::vector<std::string> arrays;
  ArrayText numbers;
  for (size_t n = 0; !columns_.empty() && n < columns_[0].size(); ++n) numbers.Add(Cat(n));
  arrays.push_back(std::move(numbers).Take());
  for (const std::vector<std::string>& column : columns_) {
    ArrayText values;
    for (const std::string& value : column) values.Add(value);
    arrays.push_back(std::move(values).Take());
  }
  return arrays;
}

absl::StatusOr<TableComparison> CompareTable(pg::Connection& source, pg::Connection& sink,
                                             const ComparedTable& table,
                                             const VerifyOptions& options) {
  return Comparison(source, sink, table, options).Run();
}

}  // namespace walrelay::apply
