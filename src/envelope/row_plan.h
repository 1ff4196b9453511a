// A struct of columns, prepared: the bytes between the values, an encoder a column, and what stands
// for a value that is not there.
//
// Source: DESIGN.md §5; FORMAT.md §4.0, §4.4, §5.2.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "change/change.h"
#include "envelope/codec.h"
#include "envelope/column_mapping.h"
#include "envelope/connect_schema.h"

namespace walrelay::envelope {

// Bytes for a value that was not encoded. `is_null`: Connect's struct holds null, whatever the
// converter writes for it.
struct StandIn {
  std::string json;
  bool is_null = true;
};

struct ColumnPlan {
  static constexpr size_t kNotRead = std::numeric_limits<size_t>::max();

  std::string name;               // Of the column, for errors.
  size_t source = kNotRead;       // Index in the tuple; kNotRead: always NULL.
  bool reads_null = false;        // Every value is taken for NULL (FORMAT.md §4.1, name).
  bool fails_on_failure = false;  // event.converting.failure.handling.mode=fail
  std::string lead;               // `{"id":` or `,"id":`
  Codec codec;
  std::optional<ValueMapping> mapping;

  // None: Debezium's task would fail.
  std::optional<StandIn> null;
  std::optional<StandIn> toast;
  std::optional<StandIn> failed;
};

struct RowPlan {
  ConnectSchema schema;  // The struct: neither optional nor with a name.
  std::vector<ColumnPlan> columns;
};

// What of a row is null in Connect's struct: together with the bytes it tells whether two rows are
// equal.
using NullMask = std::vector<bool>;

// Where a column's value stands in the buffer.
struct FieldSpan {
  size_t begin = 0;
  size_t end = 0;
  bool is_null = true;  // In Connect's struct.
};

// Appends the row as a JSON object. `old_row`, if any, supplies TOAST values that the new one
// lacks. `nulls`, if given, is replaced by the row's mask. FailedPrecondition names the column.
absl::Status AppendRow(Buffer& out, const RowPlan& plan, const Tuple& row, const Tuple* old_row,
                       NullMask* nulls);
// The same, and says where each value stands; `spans` is replaced.
absl::Status AppendRow(Buffer& out, const RowPlan& plan, const Tuple& row, const Tuple* old_row,
                       NullMask* nulls, std::vector<FieldSpan>& spans);

}  // namespace walrelay::envelope
