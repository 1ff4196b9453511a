#include "apply/mirror.h"

#include <algorithm>

#include "apply/lossy_columns.h"
#include "apply/raw_events.h"
#include "apply/table_fault.h"
#include "apply/table_name.h"
#include "apply/unsaid_bytes.h"
#include "base/log.h"
#include "base/status.h"

namespace walrelay::apply {
absl::Status Transaction::Begin() {
  RETURN_IF_ERROR(connection_.Settle());  // That may end one.
  if (open_) return absl::OkStatus();
  const std::string begin = defers_constraints_ ? Cat("BEGIN; ", kDeferConstraints) : "BEGIN";
  RETURN_IF_ERROR(connection_.Query(begin).status());
  open_ = true;
  ++number_;
  return first_();
}

absl::Status Transaction::Commit() {
  open_ = false;
  return connection_.Commit();
}

absl::Status Transaction::Rollback() {
  RETURN_IF_ERROR(connection_.Settle());
  if (!open_) return absl::OkStatus();
  open_ = false;
  return connection_.Query("ROLLBACK").status();
}

absl::Status Transaction::CheckConstraints() {
  if (!defers_constraints_) return absl::OkStatus();
  return connection_.Query(Cat("SET CONSTRAINTS ALL IMMEDIATE; ", kDeferConstraints)).status();
}

absl::Status Transaction::Savepoint() {
  return connection_.Query("SAVEPOINT walrelay_part").status();
}

absl::Status Transaction::Release() {
  return connection_.Query("RELEASE SAVEPOINT walrelay_part").status();
}

absl::Status Transaction::RollbackToSavepoint() {
  return connection_.Query("ROLLBACK TO SAVEPOINT walrelay_part; RELEASE SAVEPOINT walrelay_part")
      .status();
}

Mirror::Mirror(pg::Connection& connection, const SinkOptions& options, Placeholder placeholder,
               Transaction& transaction, PreparedStatements& prepared)
    : connection_(connection),
      options_(options),
      placeholder_(std::move(placeholder)),
      transaction_(transaction),
      prepared_(prepared),
      catalog_(connection, options.kind, options.soft_deletes, options.answer_limit()),
      known_schemas_(connection, options.pipeline, std::string(SinkName(options.kind))),
      last_truncates_(connection, options.pipeline, std::string(SinkName(options.kind))),
      incomplete_rows_(connection, options.pipeline, SinkName(options.kind)),
      values_(options.schemaless) {}

absl::Status Mirror::Add(const Envelope& envelope, uint32_t record) {
  const absl::Status added = AddRow(envelope, record);
  return added.ok() ? added : WithTable(added, Cat(envelope.schema, ".", envelope.table));
}

absl::Status Mirror::AddRow(const Envelope& envelope, uint32_t record) {
  ASSIGN_OR_RETURN(Table * table, Find(envelope));
  if (envelope.op == 't') return Truncate(table, envelope);
  if (table == nullptr) return absl::OkStatus();
  const bool is_gone = table->truncated && table->truncated->Covers(envelope);
  if (is_gone && !options_.soft_deletes) return absl::OkStatus();
  if (HasNewSchema(*table, envelope)) RETURN_IF_ERROR(FollowSchema(*table, envelope));
  Change(*table);
  texts_.Clear();
  const bool is_delete = envelope.op == 'd';
  const bool has_key_object =
      table->batch.has_key() && table->has_record_key && envelope.key.is_object();
  cells_.assign(table->shape.columns.size(), Cell());
  if (!is_delete || !has_key_object) {
    // Only an update can leave out what it did not change, and the `c` that a key change makes of
    // one. Without a key the old row is sent, and has it all: what looks like a placeholder is text.
    const bool may_be_unsent =
        (envelope.op == 'u' && table->batch.has_key()) || envelope.has_old_key;
    RETURN_IF_ERROR(ReadRow(*table, table->row, envelope.row(), envelope.row_fields,
                            may_be_unsent ? &placeholder_ : nullptr));
  }
  bool lacks_key = false;
  for (const uint16_t column : table->shape.key) lacks_key |= !cells_[column].is_known();
  if (lacks_key && has_key_object) {
    // Column filters leave keys alone: the record's key has what its row has not.
    RETURN_IF_ERROR(ReadRow(*table, table->key, envelope.key, envelope.key_fields, nullptr));
  }
  const ChangeInfo info{.op = envelope.op,
                        .source_ts_us = envelope.source_ts_us,
                        .record = record,
                        .has_old_key = envelope.has_old_key,
                        .has_new_key = envelope.has_new_key,
                        .lsn = envelope.source_lsn};
  if (is_delete) {
    table->batch.Delete(cells_, info);
    return absl::OkStatus();
  }
  // A row of a table without a key that changes: the old one goes, the new one comes.
  if (envelope.op == 'u' && !table->batch.has_key()) {
    if (!envelope.before.is_object()) {
      return absl::FailedPreconditionError(
          Cat(table->what, ": a row without a key changed and its old values were not ",
              "sent; set REPLICA IDENTITY FULL at the source"));
    }
    std::vector<Cell> after = cells_;
    Arena after_texts;
    for (Cell& cell : after) cell.text = after_texts.Copy(cell.text);
    cells_.assign(table->shape.columns.size(), Cell());
    RETURN_IF_ERROR(ReadRow(*table, table->row, envelope.before, envelope.row_fields, nullptr));
    table->batch.Delete(cells_, info);
    Upsert(*table, after, info, is_gone);
    return absl::OkStatus();
  }
  Upsert(*table, cells_, info, is_gone);
  return absl::OkStatus();
}

void Mirror::Change(Table& table) {
  if (table.is_changed) return;
  table.is_changed = true;
  changed_.push_back(&table);
}

// With soft deletes also a row that a truncate has taken away, and that only comes now.
void Mirror::Upsert(Table& table, Cells cells, const ChangeInfo& info, bool is_gone) {
  table.batch.Upsert(cells, info);
  if (!is_gone) return;
  table.batch.Delete(cells, {.op = 't',
                             .source_ts_us = table.truncated->source_ts_us,
                             .record = info.record});
}

// Also of a table that has no copy yet: older rows may come from other partitions.
absl::Status Mirror::Truncate(Table* table, const Envelope& envelope) {
  if (table != nullptr && table->truncated && table->truncated->Covers(envelope))
    return absl::OkStatus();
  if (const auto lsn = LsnOf(envelope)) {
    const LastTruncate truncated{.lsn = *lsn, .source_ts_us = envelope.source_ts_us};
    RETURN_IF_ERROR(transaction_.Begin());
    RETURN_IF_ERROR(
        last_truncates_.Write(Cat(envelope.schema, ".", envelope.table), truncated));
    if (table != nullptr) table->truncated = truncated;
  }
  if (table == nullptr) return absl::OkStatus();
  Change(*table);
  table->batch.Truncate();
  table->truncated_us = envelope.source_ts_us;
  return absl::OkStatus();
}

absl::StatusOr<bool> Mirror::IsGone(const Envelope& envelope) {
  ASSIGN_OR_RETURN(
      const std::optional<LastTruncate> truncated,
      last_truncates_.Read(Cat(envelope.schema, ".", envelope.table)));
  return truncated && truncated->Covers(envelope);
}

absl::StatusOr<Mirror::Table*> Mirror::Find(const Envelope& envelope) {
  lookup_.assign(envelope.schema).append(1, '\0').append(envelope.table);
  const auto found = tables_.find(lookup_);
  if (found != tables_.end() &&
      (found->second == nullptr || !found->second->is_provisional || envelope.op == 't'))
    return found->second.get();
  ASSIGN_OR_RETURN(std::unique_ptr<Table> table, Open(envelope));
  if (table == nullptr && envelope.op == 't') return static_cast<Table*>(nullptr);
  if (found == tables_.end()) return tables_.emplace(lookup_, std::move(table)).first->second.get();
  // The address stays: it may be among those changed.
  table->is_changed = found->second->is_changed;
  if (found->second->batch.has_truncate()) table->batch.Truncate();
  table->truncated_us = found->second->truncated_us;
  *found->second = std::move(*table);
  return found->second.get();
}

// What tells the rows of the mirror apart: the source's replica identity where it is known, since
// that is what a delete brings; else the key of the records. A key that may be NULL tells nothing
// apart.
absl::Status Mirror::ChooseKey(const Envelope& envelope, const Fields& row,
                               const SourceTable* source, RecordKey& key) {
  key.is_known = !envelope.has_unreadable_key;
  key.fields.clear();
  if (source != nullptr && !source->identity.empty()) {
    for (const std::string& name : source->identity) {
      const auto field = std::find_if(row.begin(), row.end(),
                                      [&](const Field& other) { return other.name == name; });
      if (field != row.end()) key.fields.push_back(*field);
    }
    if (key.fields.size() == source->identity.size()) {
      key.is_known = true;
      for (Field& field : key.fields) field.type.optional = false;
      return absl::OkStatus();
    }
    key.fields.clear();
  }
  if (!envelope.key.is_object()) return absl::OkStatus();
  key.fields =
      envelope.key_fields != nullptr ? **envelope.key_fields : FieldsOfObject(envelope.key);
  const auto may_be_null = [&](const Field& field) {
    const SourceColumn* column = source == nullptr ? nullptr : source->Find(field.name);
    return field.type.optional || (column != nullptr && !column->not_null);
  };
  if (std::any_of(key.fields.begin(), key.fields.end(), may_be_null)) key.fields.clear();
  return absl::OkStatus();
}

// Null when there is nothing to do: a table that has no copy here.
absl::StatusOr<std::unique_ptr<Mirror::Table>> Mirror::Open(const Envelope& envelope) {
  const SourceTableName source{std::string(envelope.schema), std::string(envelope.table)};
  ASSIGN_OR_RETURN(const std::string name, MirrorTableName(options_.target_table_format, source));
  const auto [taken, is_new] = taken_.emplace(name, Taken{source, taken_.size()});
  if (!is_new && taken->second.source != source) {
    const SourceTableName both[] = {taken->second.source, source};
    return CheckTableNames(options_.target_table_format, both);
  }
  const bool is_truncate = envelope.op == 't';
  const std::optional<SourceTable> types = is_truncate ? std::nullopt : SourceOf(source);
  const SourceTable* known = types ? &*types : nullptr;
  const Fields row = is_truncate                      ? Fields()
                     : envelope.row_fields != nullptr ? **envelope.row_fields
                                                      : FieldsOfObject(envelope.row());
  RecordKey key;
  if (!is_truncate) RETURN_IF_ERROR(ChooseKey(envelope, row, known, key));
  ASSIGN_OR_RETURN(std::optional<MirrorTable> shape, catalog_.Read(name, key));
  if (!shape) {
    if (is_truncate) return nullptr;
    RETURN_IF_ERROR(transaction_.Begin());
    RETURN_IF_ERROR(catalog_.LockName(name));
    ASSIGN_OR_RETURN(shape, catalog_.Read(name, key));
  }
  if (!shape) {
    if (options_.schema.table_created == SchemaPolicy::kIgnore) return nullptr;
    RETURN_IF_ERROR(MakeTable(envelope, name, row, key, known));
    ASSIGN_OR_RETURN(shape, catalog_.Read(name, key));
    if (!shape) return absl::FailedPreconditionError(Cat("table ", name, " is gone again"));
  }
  if (shape->is_adopted) {
    ASSIGN_OR_RETURN(const auto remarks,
                     RemarksOnRole(connection_, options_.kind, role_, name));
    for (const std::string& remark : remarks) log::Warn(SinkName(options_.kind), ": ", remark);
  }
  if (is_new) {
    Fields read = row;
    for (Field& field : read) {
      const auto column = shape->Find(field.name);
      if (envelope.row_fields == nullptr && column)
        field.type = TypeOfColumn(shape->columns[*column].type, options_.schemaless);
    }
    if (const std::string lost = LossyColumns(read, *shape); !lost.empty()) {
      log::Warn(SinkName(options_.kind), ": records of ", source.schema, ".", source.table,
                " cannot say all that its columns hold: ", lost);
    }
    const bool is_hex = options_.schemaless.binary == SchemalessFormat::Binary::kHex;
    const std::string unsent = known == nullptr || known->has_full_identity
                                   ? ""
                                   : ColumnsUnsentAsNull(read, *shape, is_hex);
    if (!unsent.empty()) {
      log::Warn(SinkName(options_.kind),
                ": an update that leaves a large value of these columns of ", source.schema, ".",
                source.table, " alone makes it NULL here: ", unsent,
                "; Debezium has no placeholder for their types. REPLICA IDENTITY FULL keeps them");
    }
  }
  if (is_new && known != nullptr) {
    if (const std::string without = ColumnsWithoutField(row, *known); !without.empty()) {
      log::Info(SinkName(options_.kind), ": records of ", source.schema, ".", source.table,
                " have nothing of columns ", without,
                ": types that Debezium does not know (include.unknown.datatypes), generated "
                "columns, or filters");
    }
  }
  auto table = std::make_unique<Table>(*std::move(shape));
  table->source = source;
  table->full_name = Cat(source.schema, ".", source.table);
  table->what = Cat("table ", table->shape.Describe());
  table->staging = Cat("walrelay_staging_", taken->second.number);
  table->copy_chance = &taken->second.copy_chance;
  table->is_provisional = is_truncate;
  table->has_source_key =
      known != nullptr && !known->identity.empty() && key.fields.size() == known->identity.size();
  for (auto it = envelope.key.begin(); it != envelope.key.end(); ++it) {
    table->record_key.emplace_back(it.name());
    const auto column = table->shape.Find(it.name());
    const size_t place = table->record_key.size() - 1;
    table->has_record_key &= place < table->shape.key.size() && column == table->shape.key[place];
  }
  table->has_record_key &= table->record_key.size() == table->shape.key.size();
  table->in_source = types;
  ASSIGN_OR_RETURN(table->known, known_schemas_.Read(table->full_name));
  ASSIGN_OR_RETURN(table->truncated, last_truncates_.Read(table->full_name));
  ASSIGN_OR_RETURN(table->has_incomplete, incomplete_rows_.Any(name));
  return table;
}

std::optional<SourceTable> Mirror::SourceOf(const SourceTableName& name) const {
  if (!options_.source_table) return std::nullopt;
  absl::StatusOr<std::optional<SourceTable>> table = options_.source_table(name.schema, name.table);
  if (table.ok()) return *std::move(table);
  log::Warn("types of ", name.schema, ".", name.table,
            " are taken from its records: ", Message(table.status()));
  return std::nullopt;
}

absl::Status Mirror::ReadRow(Table& table, RowMapping& mapping, JsonValue object,
                             const SharedFields* fields, const Placeholder* placeholder) {
  const bool is_new = !mapping.Fits(object, fields);
  const bool bytes_are_unsaid = options_.schemaless.binary == SchemalessFormat::Binary::kUnsaid;
  if (bytes_are_unsaid && (is_new || fields == nullptr))
    RETURN_IF_ERROR(CheckUnsaidBytes(table.shape, object, fields));
  if (is_new) {
    mapping.Make(object, fields, table.shape, options_.schemaless);
    RETURN_IF_ERROR(CheckUpdatable(table.shape, object));
  }
  return mapping.Read(object, table.shape, placeholder, values_, texts_, cells_);
}

// Columns of an existing table that take a value once or never.
absl::Status Mirror::CheckUpdatable(const MirrorTable& table, JsonValue object) {
  for (auto it = object.begin(); it != object.end(); ++it) {
    const auto number = table.Find(it.name());
    if (!number) continue;
    const MirrorColumn& column = table.columns[*number];
    const bool is_key = table.IsKey(*number);
    if (is_key && !column.writable) {
      return absl::FailedPreconditionError(Cat("column ", column.name, " of ", table.Describe(),
                                               " is GENERATED, and of the key of its records: make "
                                               "it a plain column"));
    }
    if (!is_key && column.is_identity_always && !table.key.empty()) {
      return absl::FailedPreconditionError(
          Cat("column ", column.name, " of ", table.Describe(), " is GENERATED ALWAYS AS IDENTITY, "
              "so the server lets nobody update it: ALTER TABLE ", table.quoted, " ALTER COLUMN ",
              column.quoted, " SET GENERATED BY DEFAULT"));
    }
  }
  return absl::OkStatus();
}

void Mirror::Clear() {
  for (Table* table : changed_) {
    table->batch.Clear();
    table->plan = {};
    table->is_changed = false;
  }
  changed_.clear();
  timestamps_.Clear();
  rows_ = bytes_ = incomplete_ = 0;
}

void Mirror::Forget() {
  Clear();
  tables_.clear();
}

std::string_view Mirror::TimestampText(int64_t micros) {
  text_.clear();
  AppendUtcTimestamp(micros, text_);
  return timestamps_.Copy(text_);
}

}  // namespace walrelay::apply
