// A table of the source beside its copy in a sink: which columns are compared and how, how rows are
// found and put into the same order on both servers, and the statements for that.
//
// Checksums are computed by the servers; of rows nothing but keys and hashes comes back. Both
// sessions must have been prepared with ComparedSession(), so that equal values print alike. Errors
// as pg/connection.h. Source: DESIGN.md §2; FORMAT.md §4.
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apply/mirror_table.h"
#include "apply/source_table.h"
#include "apply/verify/comparison_form.h"
#include "pg/connection.h"
#include "pg/connection_options.h"

namespace walrelay::apply {

enum class Side : uint8_t { kSource, kCopy };

struct ComparedTable {
  struct Column {
    std::string name;
    std::string quoted;
    ComparisonForm form;
  };
  struct KeyColumn {
    std::string name;
    std::string quoted;
    ComparisonForm form;
    // Both servers order its values alike, so that their indexes serve. Otherwise rows are ordered
    // by the bytes of the form.
    bool is_native = true;
    bool is_numeric = false;
    std::string source_type;
    std::string copy_type;
  };
  struct LeftOut {
    std::string name;
    std::string why;
  };

  SourceTableName name;
  std::string source;            // "public"."orders"
  std::string copy;              // "cdc_processed"."orders"
  std::string copy_name;         // For people.
  std::string copy_table;        // Its name in the sink's schema.
  std::string source_condition;  // Rows that are published; empty: all.
  std::string copy_condition;    // Rows that are not marked as deleted; empty: all.
  std::vector<Column> columns;   // Compared ones.
  std::vector<KeyColumn> key;    // Empty: the table has none.
  std::vector<LeftOut> left_out;
  std::vector<std::string> transferred;  // Columns whose values a repair takes from the source.
  bool source_is_utf8 = true;
  bool copy_is_utf8 = true;

  std::string Describe() const { return name.schema + "." + name.table; }
};

// How equal values print alike.
void ComparedSession(pg::ConnectionOptions& options);

struct CompareRequest {
  SinkKind kind = SinkKind::kLake;
  std::string copy_table;  // Its name in the sink.
  std::string publication;
  FormatLosses losses;
  // True: the column is masked, or cut, on its way.
  std::function<bool(const std::string& column, const std::string& type)> is_masked;
};

// FailedPrecondition: the table, or its copy, is not there.
absl::StatusOr<ComparedTable> ReadComparedTable(pg::Connection& source, pg::Connection& sink,
                                                const SourceTableName& name,
                                                const CompareRequest& request);

// Bounds of a range of keys: above `low`, up to and including `high`; empty: no bound.
struct KeyRange {
  std::vector<std::string> low;
  std::vector<std::string> high;
};

// The next rows of the source above a key. Parameters: `low`. Result: rows, sum, the key of the
// last one.
std::string NextChunkSql(const ComparedTable& table, bool has_low, int64_t rows);
// Rows and sum of a range. Parameters: low, high.
std::string RangeSumSql(const ComparedTable& table, Side side, const KeyRange& range);
// Key and hash of each row of a range. Parameters: low, high.
std::string RangeRowsSql(const ComparedTable& table, Side side, const KeyRange& range,
                         int64_t limit);
// Of the keys given: its number, a token that changes with the row, the hash of the row, then those
// of the columns. Parameters: numbers, then an array for each key column.
std::string RowsByKeySql(const ComparedTable& table, Side side);
// The columns that a repair takes, of the keys given. Parameters as above. First the key's number.
std::string TransferSql(const ComparedTable& table);

}  // namespace walrelay::apply
