// Reads a record that went through ExtractNewRecordState: the row in the place of its envelope, and
// what the envelope said among its fields (add.fields) or headers (add.headers).
//
// Needed are op, schema, table, lsn and source.ts_ms, and __deleted, which rows have where deletes
// are rewritten (delete.tombstone.handling.mode=rewrite, in Debezium 2.5
// delete.handling.mode=rewrite). In the other modes a delete is dropped, or is a null value that
// says nothing: a topic whose deletes cannot be seen cannot be mirrored, so its rows are refused.
// Names have the prefix __, which is the default. Pure. Errors are DataLoss and say what to set;
// they never hold content.
// Source: FORMAT.md §12.1.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "change/record.h"

namespace walrelay::apply {

struct UnwrappedRow {
  char op = 0;
  std::string schema;
  std::string table;
  std::string lsn;
  int64_t source_ts_us = 0;
  std::string row;     // JSON, without what was added.
  std::string source;  // What was added, as an object: op, schema, table, lsn, ts_ms, …
};

// `value` is an object, or null.
absl::StatusOr<UnwrappedRow> ReadUnwrapped(JsonValue value,
                                           const std::vector<RecordHeader>& headers);

// Whether a field is one that the transform adds: __op, __source_ts_ms, __deleted, …
bool IsAddedField(std::string_view name);

}  // namespace walrelay::apply
