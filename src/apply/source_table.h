// What the source's catalog says about a table: the exact types that its copies are given.
//
// Optional knowledge: without it types come from the schema block of the records, or from a table
// that exists.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace walrelay::apply {

struct SourceColumn {
  std::string name;
  std::string type;  // As format_type() prints it, domains resolved: "numeric(10,2)", "text[]".
  bool is_built_in =
      true;  // Its type (of an array: its element's) is in pg_catalog: every server has it.
  bool not_null = false;
  bool is_enum = false;  // Kept as text: labels may be added at any time.
  // What rows have that were there before it was added with a default, and were not written since.
  std::optional<std::string> old_rows = {};
  bool operator==(const SourceColumn&) const = default;
};

struct SourceTable {
  std::vector<SourceColumn> columns;
  // What `before` of a delete tells rows apart by: the replica identity's index, else the primary
  // key; empty: nothing but the whole row. The records' key may be another one (a unique index,
  // INCLUDE columns, message.key.columns).
  std::vector<std::string> identity;
  bool has_full_identity = false;  // REPLICA IDENTITY FULL: records bring unsent TOAST values too.
  const SourceColumn* Find(std::string_view column) const {
    for (const SourceColumn& one : columns) {
      if (one.name == column) return &one;
    }
    return nullptr;
  }
  bool operator==(const SourceTable&) const = default;
};

// A table by its name in the source.
struct SourceTableName {
  std::string schema;
  std::string table;
  auto operator<=>(const SourceTableName&) const = default;
};

}  // namespace walrelay::apply
