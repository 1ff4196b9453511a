// Reads, creates and extends the sink's mirror tables.
//
// All in the transaction that is open. What does not fit is FailedPrecondition and names table and
// column. Source: DESIGN.md §6; PostgreSQL manual, "System
// Catalogs".
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apply/field_type.h"
#include "apply/mirror_table.h"
#include "apply/schema_change.h"
#include "apply/source_table.h"
#include "pg/connection.h"

namespace walrelay::apply {

// The key that records carry. No columns: the source table has none. `is_known` false: records do
// not tell (their key is no JSON), so an existing table's primary key is taken.
struct RecordKey {
  bool is_known = true;
  std::vector<Field> fields;
};

class TableCatalog {
 public:
  // `limit` holds for statements on this connection; those that may rewrite a table have longer.
  TableCatalog(pg::Connection& connection, SinkKind kind, bool soft_deletes,
               std::chrono::milliseconds limit)
      : connection_(connection),
        kind_(kind),
        ours_(MetadataColumnsOf(kind, soft_deletes)),
        limit_(limit) {}

  // Nullopt when there is no such table.
  absl::StatusOr<std::optional<MirrorTable>> Read(const std::string& name, const RecordKey& key);
  // Waits for others that may be making the same table, until the transaction ends.
  absl::Status LockName(const std::string& name);
  // `source` may be null.
  absl::Status Create(const std::string& name, const Fields& row, const RecordKey& key,
                      const SourceTable* source);
  // The type of the column that a field goes to. `source` may be null.
  absl::StatusOr<std::string> TypeOf(const Field& field, const SourceTable* source);
  absl::Status Alter(const MirrorTable& table, const std::vector<SchemaChange>& changes);
  // The columns that we add to each row, where an existing table lacks them.
  absl::Status AddMetadataColumns(const std::string& name);

 private:
  absl::StatusOr<std::string> ColumnSql(const Field& field, const SourceTable* source);
  absl::StatusOr<std::string> TypeHere(const SourceColumn& column, const FieldType& type);
  absl::StatusOr<bool> ReadColumns(MirrorTable& table);
  absl::Status ReadKey(MirrorTable& table, const RecordKey& key);
  absl::Status CheckName(std::string_view column) const;

  pg::Connection& connection_;
  SinkKind kind_;
  MetadataColumns ours_;
  std::chrono::milliseconds limit_;
};

}  // namespace walrelay::apply
