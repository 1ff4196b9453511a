// What a TablePlan holds, for the encoder and for transforms that will compose it differently.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "envelope/row_plan.h"
#include "envelope/source_block.h"
#include "envelope/table_plan.h"

namespace walrelay::envelope {

struct TablePlan::Impl {
  explicit Impl(SourceBlock source_block) : source(std::move(source_block)) {}

  uint64_t id = 0;  // Different for every plan of the process: an address may be used again.
  std::string topic;
  std::string schema;  // Names as Debezium has them (2.5 mangles those that are not ASCII).
  std::string table;
  std::string qualified_name;  // "schema.table": the data collection of transaction metadata.
  std::vector<std::string> key_names;
  std::vector<std::string> snapshot_columns;
  bool has_columns = false;  // Debezium skips rows of a table without any.

  RowPlan key;          // Only columns of a type that is known; all others are not in it.
  bool is_keyed = false;  // The table has a key, though perhaps of no column that is known: `{}`.
  RowPlan value;  // before and after.
  ConnectSchema key_schema;
  ConnectSchema envelope_schema;
  std::string key_prefix;    // `{"schema":…,"payload":`, or nothing without schemas.
  std::string value_prefix;  // The same, with `{"before":`.
  SourceBlock source;

  bool has_key() const { return is_keyed; }
};

}  // namespace walrelay::envelope
