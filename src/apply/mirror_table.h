// What is known of one table of the sink, and the statements that write it.
//
// Pure values and text; apply/table_catalog reads and makes them. Every name is qualified and
// quoted, so nothing depends on search_path.
#pragma once

#include <absl/status/statusor.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apply/field_type.h"
#include "apply/sink.h"

namespace walrelay::apply {

// Whether a row is marked as deleted, with soft deletes.
constexpr std::string_view kDeletedColumn = "__deleted";

// The names of the columns that we add to each row.
struct MetadataColumns {
  std::string_view operation;
  std::string_view timestamp;
  std::string_view synced_at;
  std::string_view deleted;  // With soft deletes; else empty.
  size_t size() const { return deleted.empty() ? 3 : 4; }
};
MetadataColumns MetadataColumnsOf(SinkKind kind, bool soft_deletes);
// "lake" or "target", as in walrelay.progress.
std::string_view SinkName(SinkKind kind);
// cdc_processed or public.
std::string_view MirrorSchemaOf(SinkKind kind);

struct MirrorColumn {
  std::string name;
  std::string quoted;
  ColumnType type;
  bool writable = true;  // Not GENERATED … STORED.
  bool not_null = false;
  bool is_identity_always = false;
  bool needs_value = false;  // NOT NULL, without a default.
  std::string
      equality;  // Operator of its type: "OPERATOR(pg_catalog.=)"; empty when its type has none.
};

struct MirrorTable {
  std::string schema;
  std::string name;
  std::string quoted;                 // "cdc_processed"."orders"
  std::vector<MirrorColumn> columns;  // Without the metadata columns.
  std::vector<uint16_t> key;          // Empty: rows are appended, and removed as a whole.
  MetadataColumns metadata;
  bool is_referenced = false;  // By foreign keys of other tables.
  bool is_adopted = false;     // It lacked our columns.

  bool soft_deletes() const { return !metadata.deleted.empty(); }
  std::optional<uint16_t> Find(std::string_view column) const;
  bool IsKey(uint16_t column) const { return std::find(key.begin(), key.end(), column) != key.end(); }
  std::string Describe() const { return schema + "." + name; }
};

// What a row becomes: one that is there, or, with soft deletes, the last state of one that is not.
enum class RowMark : uint8_t { kLive, kDeleted };

// INSERT … ON CONFLICT of one row. Parameters: the columns' values, then operation and source time.
std::string UpsertRowSql(const MirrorTable& table, std::span<const uint16_t> columns, RowMark mark);
// DELETE of one row. Parameters: the key's values.
std::string DeleteRowSql(const MirrorTable& table);
// Soft: marks the row, where it is. Parameters: the key's values, operation and source time.
std::string MarkRowSql(const MirrorTable& table);
// DELETE of one row that is equal in all columns given. Parameters: their values.
std::string DeleteWholeRowSql(const MirrorTable& table, std::span<const uint16_t> columns);
// Soft: the same row is marked. Parameters: the columns' values, operation and source time.
std::string MarkWholeRowSql(const MirrorTable& table, std::span<const uint16_t> columns);
// TRUNCATE, or DELETE where foreign keys refer to the table; soft: marks all rows, with the time as $1.
std::string TruncateSql(const MirrorTable& table);
// Gives one column of a row its value. Parameters: the value, the key's values.
std::string SetColumnSql(const MirrorTable& table, uint16_t column);
// Which of many rows are there: their places among those asked for, from 1. Parameters: an array of
// each key column's values, as text.
std::string FindRowsSql(const MirrorTable& table);
// The columns of the row with a key, as text. Parameters: the key's values.
std::string SelectRowSql(const MirrorTable& table, std::span<const uint16_t> columns);

// A temporary table with the columns of `table`, the group of each row (kDeleteGroup: to be
// deleted, kMarkGroup: to be marked as deleted), operation and source time.
inline constexpr int kDeleteGroup = -1;
inline constexpr int kMarkGroup = -2;
std::string CreateStagingSql(const MirrorTable& table, std::string_view staging);
std::string CopyStagingSql(const MirrorTable& table, std::string_view staging,
                           std::span<const uint16_t> columns);
std::string UpsertStagedSql(const MirrorTable& table, std::string_view staging,
                            std::span<const uint16_t> columns, RowMark mark, int group);
std::string MarkStagedSql(const MirrorTable& table, std::string_view staging);
std::string DeleteStagedSql(const MirrorTable& table, std::string_view staging);
// COPY straight into a table without a key; synced_at by default value is not needed: it is among
// the columns.
std::string CopyTableSql(const MirrorTable& table, std::span<const uint16_t> columns);

}  // namespace walrelay::apply
