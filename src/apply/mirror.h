// The mirror of the source's tables: a batch's rows on their way into the tables of one sink.
//
// Add() reads rows, makes tables that are missing and follows the schema of the source; Queue() or
// Write() puts them into the database. Owned by a Sink, on its thread. After an error other than DataLoss of Add() it is
// of no further use. Source: DESIGN.md §6.
#pragma once

#include <absl/status/status.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "apply/envelope_reader.h"
#include "apply/incomplete_rows.h"
#include "apply/known_schemas.h"
#include "apply/last_truncate.h"
#include "apply/mirror_table.h"
#include "apply/placeholder.h"
#include "apply/plan.h"
#include "apply/row_mapping.h"
#include "apply/session_role.h"
#include "apply/sink.h"
#include "apply/statement_queue.h"
#include "apply/table_catalog.h"
#include "apply/value_text.h"
#include "pg/connection.h"

namespace walrelay::apply {

// The transaction of a batch, begun when something needs it.
class Transaction {
 public:
  // `first` runs behind each BEGIN: it is what decides whether the transaction may happen.
  Transaction(pg::Connection& connection, std::function<absl::Status()> first)
      : connection_(connection), first_(std::move(first)) {}
  // Has constraints that can wait for it checked at the end.
  void set_defers_constraints(bool defers) { defers_constraints_ = defers; }
  bool defers_constraints() const { return defers_constraints_; }
  absl::Status Begin();
  bool is_open() const { return open_; }
  int64_t number() const { return number_; }  // How many there were, with the open one.
  absl::Status Commit();
  absl::Status Rollback();
  // Checks now what would be checked at the end.
  absl::Status CheckConstraints();
  // Within it; may be nested.
  absl::Status Savepoint();
  absl::Status Release();
  absl::Status RollbackToSavepoint();

 private:
  pg::Connection& connection_;
  std::function<absl::Status()> first_;
  bool defers_constraints_ = false;
  bool open_ = false;
  int64_t number_ = 0;
};

inline constexpr char kDeferConstraints[] = "SET CONSTRAINTS ALL DEFERRED";

// Makes the error of a row into the one reported: adds table and coordinates.
using RowError =
    absl::FunctionRef<absl::Status(const StatementQueue::Purpose&, const absl::Status&)>;

class Mirror {
 public:
  Mirror(pg::Connection& connection, const SinkOptions& options, Placeholder placeholder,
         Transaction& transaction, PreparedStatements& prepared);

  void set_role(const SessionRole& role) { role_ = role; }

  // A row event or truncate. DataLoss: the record's fault; nothing of it was taken. IsWriteFirst():
  // write what was added before, then add it again. Other errors, as those of MakePlans(), Queue()
  // and Write(), are marked with the table (table_fault.h).
  absl::Status Add(const Envelope& envelope, uint32_t record);
  // True where what was added before must be written before this: rows that a truncate marks as
  // deleted must be there.
  bool IsBarrier(const Envelope& envelope) const {
    return options_.soft_deletes && envelope.op == 't' && !changed_.empty();
  }

  // Whether a row came before a truncate of its table that was applied. Add() makes no row of it; a
  // deleted one with soft deletes.
  absl::StatusOr<bool> IsGone(const Envelope& envelope);
  LastTruncates& last_truncates() { return last_truncates_; }

  // Sets how each table is written; reads what moved rows need. Then:
  absl::Status MakePlans();
  size_t rows() const { return rows_; }
  size_t bytes() const { return bytes_; }
  // Rows that lack a value from this batch on.
  size_t incomplete() const { return incomplete_; }
  // Of all tables and batches, in the database.
  absl::StatusOr<int64_t> IncompleteRowsNow();
  // No table is truncated or copied into: Queue() does it all.
  absl::Status Queue(StatementQueue& queue);
  // In the open transaction; large tables by COPY.
  absl::Status Write(RowError failed);
  // The same; where the last that it does can be left to the server, its answer goes to `later`
  // (pg::Connection::Settle): then true. An error of it does not say of which table it is.
  absl::StatusOr<bool> WriteLeaving(RowError failed, const pg::Later& later);

  // A table was parked: when it goes on, the change of its schema that Add() has refused is not
  // asked about again.
  absl::Status AcceptRefused(std::string_view source_table);

  void Clear();
  // After a rollback: tables and columns that were made are gone again. Reads them anew.
  void Forget();

 private:
  using Groups = std::span<const TableBatch::Group>;
  struct Table {
    SourceTableName source;
    MirrorTable shape;
    RowMapping row;
    RowMapping key;
    TableBatch batch;
    TableBatch::Plan plan;
    std::string full_name;         // Of the source: "public.orders".
    std::string what;              // For errors: "table public.orders".
    std::string staging;           // Its temporary table,
    bool has_staging = false;      // once it was made for this shape,
    int64_t staged_in = 0;         // and the transaction that has put rows there: see Transaction.
    CopyChance* copy_chance = nullptr;    // Of its Taken.
    bool has_left_copy = false;           // Its last COPY was left at the server.
    int64_t truncated_us = 0;  // Source time of the batch's last truncate.
    bool is_changed = false;
    bool has_incomplete = false;          // It has rows in walrelay.incomplete_rows.
    bool is_provisional = false;          // Only a truncate was seen: its key is not known yet.
    bool has_source_key = false;          // Its key is the source's replica identity,
    bool has_record_key = true;           // and, or else, that of its records.
    std::vector<std::string> record_key;  // Columns of the records' key when it was opened.
    std::optional<SourceTable> in_source;  // What the source's catalog said then.
    std::optional<KnownSchema> known;      // The newest schema that it has followed.
    std::optional<LastTruncate> truncated;  // The newest that was applied, ever.
    explicit Table(MirrorTable made)
        : shape(std::move(made)), batch(shape.key, shape.soft_deletes()) {}
  };

  absl::Status AddRow(const Envelope& envelope, uint32_t record);
  absl::Status Truncate(Table* table, const Envelope& envelope);
  void Change(Table& table);
  void Upsert(Table& table, Cells cells, const ChangeInfo& info, bool is_gone);
  absl::StatusOr<Table*> Find(const Envelope& envelope);
  absl::StatusOr<std::unique_ptr<Table>> Open(const Envelope& envelope);
  static absl::Status ChooseKey(const Envelope& envelope, const Fields& row,
                                const SourceTable* source, RecordKey& key);
  static absl::Status CheckUpdatable(const MirrorTable& table, JsonValue object);
  absl::Status MakeTable(const Envelope& envelope, const std::string& name, const Fields& row,
                         const RecordKey& key, const SourceTable* source);
  bool HasSameKey(const Table& table, const Envelope& envelope) const;
  bool HasNewSchema(const Table& table, const Envelope& envelope) const;
  absl::Status FollowSchema(Table& table, const Envelope& envelope);
  absl::StatusOr<std::vector<SchemaChange>> FindChanges(const Table& table,
                                                        const Envelope& envelope,
                                                        KnownSchema& seen);
  absl::Status Reopen(Table& table, const Envelope& envelope);
  absl::Status CheckStillHasKey(const Table& table, const KnownSchema& seen);
  absl::Status Follow(Table& table, const std::vector<SchemaChange>& changes,
                      const KnownSchema& seen);
  absl::Status Remember(Table& table, const KnownSchema& seen);
  absl::Status ReadRow(Table& table, RowMapping& mapping, JsonValue object,
                       const SharedFields* fields, const Placeholder* placeholder);
  absl::Status ReadMoves(Table& table);
  absl::Status MoveRows(Table& table);
  struct OldRow {
    std::vector<Cell> cells;
    Arena texts;
  };
  absl::Status ReadOldRow(const Table& table, uint32_t index, OldRow& row);
  absl::Status TakeKeptRow(Table& table, std::string_view lsn);
  absl::Status Depart(Table& table, const TableBatch::Departure& departure);
  absl::StatusOr<bool> IsAwaited(const Table& table, std::string_view lsn);
  absl::Status KeepRow(const Table& table, std::string_view lsn,
                       std::span<const MovedColumn> row);
  absl::Status GiveToWaiting(Table& table, std::string_view lsn, std::span<const MovedColumn> row);
  absl::Status ForgetMoves(Table& table);
  absl::Status MarkIncomplete(Table& table);
  absl::StatusOr<std::vector<uint32_t>> RowsNotThere(const Table& table,
                                                     std::span<const uint32_t> entries);
  std::string RowKey(const Table& table, uint32_t index) const;
  std::optional<SourceTable> SourceOf(const SourceTableName& name) const;
  absl::Status QueueTable(Table& table, StatementQueue& queue);
  absl::Status QueueAppends(Table& table, StatementQueue& queue);
  absl::Status WriteTable(Table& table, RowError failed);
  absl::StatusOr<bool> WriteKeyed(Table& table, RowError failed, const pg::Later& later);
  absl::Status WriteAppends(Table& table, RowError failed);
  absl::Status QueueChanges(Table& table, Groups groups, StatementQueue& queue);
  absl::Status QueueKeys(Table& table, std::span<const uint32_t> entries, const std::string& sql,
                         bool with_metadata, StatementQueue& queue);
  absl::Status QueueTruncate(Table& table, StatementQueue& queue);
  absl::Status WriteStaged(Table& table, Groups groups, bool deletes, const pg::Later& later);
  absl::StatusOr<bool> CopyInserts(Table& table, Groups groups);
  absl::Status CopyRows(Table& table, std::span<const uint16_t> columns,
                        std::span<const uint32_t> entries, const pg::Later& later = nullptr);
  absl::Status PrepareStaging(Table& table);
  std::string_view TimestampText(int64_t micros);
  std::vector<uint16_t> WritableColumns(const Table& table) const;
  std::vector<uint16_t> KnownColumns(const Table& table, uint32_t index) const;

  pg::Connection& connection_;
  const SinkOptions& options_;
  Placeholder placeholder_;
  Transaction& transaction_;
  PreparedStatements& prepared_;
  TableCatalog catalog_;
  KnownSchemas known_schemas_;
  LastTruncates last_truncates_;
  IncompleteRows incomplete_rows_;
  ValueText values_;
  SessionRole role_;

  // By schema, NUL, table of the source. Null: it has no copy here, as the policy says.
  std::unordered_map<std::string, std::unique_ptr<Table>> tables_;
  struct Taken {
    SourceTableName source;
    size_t number = 0;
    CopyChance copy_chance = {};
  };
  std::unordered_map<std::string, Taken> taken_;  // Mirror table → source table.
  std::vector<Table*> changed_;  // In the order of their first change in the batch.
  std::string lookup_;
  std::vector<Cell> cells_;
  Arena texts_;       // Of the row being read.
  Arena timestamps_;  // Of the batch.
  std::string text_;
  size_t rows_ = 0;
  size_t bytes_ = 0;
  size_t incomplete_ = 0;
  std::optional<int64_t> incomplete_now_;  // None: to be counted.
  struct Refused {
    std::string source_table;
    KnownSchema schema;
  };
  std::optional<Refused> refused_;  // The last change of a schema that waits for somebody.
};

}  // namespace walrelay::apply
