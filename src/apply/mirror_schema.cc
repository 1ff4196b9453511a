// The part of Mirror that follows the schemas of source tables, each kind of change by its policy.
//
// A change comes with the first record that shows it. Rows of before are written first, so a table
// is altered, or parked, exactly there. Of several partitions the others may have records of the
// older schema left: their LSNs tell, and they change nothing.
#include <algorithm>

#include "apply/mirror.h"
#include "apply/table_fault.h"
#include "base/log.h"
#include "base/status.h"

namespace walrelay::apply {
namespace {

std::string Names(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += Cat(list.empty() ? "" : ", ", name);
  return Cat("(", list, ")");
}

std::string Describe(const std::vector<SchemaChange>& changes) {
  std::string text;
  for (const SchemaChange& change : changes)
    text += Cat(text.empty() ? "" : "; ", Describe(change));
  return text;
}

// Those that say what is done, and may say otherwise.
std::string Options(SinkKind kind, const std::vector<SchemaChange>& changes,
                    const SchemaPolicies& policies) {
  std::string text;
  for (const SchemaChange& change : changes) {
    if (PolicyOf(change.kind, policies) == SchemaPolicy::kApply) continue;
    const std::string option = Cat(SinkName(kind), ".", OptionOf(change.kind));
    if (text.find(option) == std::string::npos) text += Cat(text.empty() ? "" : ", ", option);
  }
  return text;
}

}  // namespace

absl::Status Mirror::MakeTable(const Envelope& envelope, const std::string& name, const Fields& row,
                               const RecordKey& key, const SourceTable* source) {
  const std::string source_table = Cat(envelope.schema, ".", envelope.table);
  const std::string here = Cat(MirrorSchemaOf(options_.kind), ".", name);
  if (options_.schema.table_created != SchemaPolicy::kApply) {
    const absl::Status missing = absl::FailedPreconditionError(
        Cat("there is no table ", here, " for ", source_table, ": create it, or set ",
            SinkName(options_.kind), ".schema.table.created = apply"));
    return options_.schema.table_created == SchemaPolicy::kStop ? StopsTheSink(missing) : missing;
  }
  RETURN_IF_ERROR(catalog_.Create(name, row, key, source));
  RETURN_IF_ERROR(known_schemas_.Remove(source_table));
  log::Info("created table ", here, " for ", source_table);
  return absl::OkStatus();
}

bool Mirror::HasSameKey(const Table& table, const Envelope& envelope) const {
  if (envelope.has_unreadable_key) return true;
  bool same = envelope.key.size() == table.record_key.size();
  size_t i = 0;
  for (auto it = envelope.key.begin(); same && it != envelope.key.end(); ++it, ++i)
    same = it.name() == table.record_key[i];
  return same;
}

// Asked of each record.
bool Mirror::HasNewSchema(const Table& table, const Envelope& envelope) const {
  if (!HasSameKey(table, envelope)) return true;
  if (envelope.op == 'd' && table.has_record_key && envelope.key.is_object()) return false;
  // The stream says the same as the snapshot did: what differs from now on has changed.
  if (table.known && table.known->is_snapshot && envelope.op != 'r') return true;
  return envelope.row_fields != nullptr ? !table.row.HasSchema(envelope.row_fields)
                                        : !table.row.Fits(envelope.row(), nullptr);
}

absl::Status Mirror::FollowSchema(Table& table, const Envelope& envelope) {
  const auto has_other_schema = [&](const KnownSchema& seen) {
    return table.known && (table.known->columns != seen.columns || table.known->key != seen.key);
  };
  KnownSchema seen;
  ASSIGN_OR_RETURN(std::vector<SchemaChange> changes, FindChanges(table, envelope, seen));
  if (changes.empty() && HasSameKey(table, envelope) && !has_other_schema(seen))
    return Remember(table, seen);
  if (!table.batch.empty()) return WriteFirst();
  // With what the source says now, and what others may have done meanwhile.
  RETURN_IF_ERROR(transaction_.Begin());
  RETURN_IF_ERROR(catalog_.LockName(table.shape.name));
  RETURN_IF_ERROR(Reopen(table, envelope));
  ASSIGN_OR_RETURN(changes, FindChanges(table, envelope, seen));
  RETURN_IF_ERROR(CheckStillHasKey(table, seen));
  if (!changes.empty()) RETURN_IF_ERROR(Follow(table, changes, seen));
  return Remember(table, seen);
}

// `seen`: the schema of the record.
absl::StatusOr<std::vector<SchemaChange>> Mirror::FindChanges(const Table& table,
                                                              const Envelope& envelope,
                                                              KnownSchema& seen) {
  seen = KnownSchema();
  seen.is_snapshot = envelope.op == 'r';
  seen.lsn = LsnOf(envelope).value_or(0);
  for (auto it = envelope.key.begin(); it != envelope.key.end(); ++it)
    seen.key.emplace_back(it.name());
  const SourceTable* source = table.in_source ? &*table.in_source : nullptr;
  const bool has_schema = envelope.row_fields != nullptr;
  SchemaNow now;
  now.is_snapshot = seen.is_snapshot;
  const Fields fields = has_schema ? **envelope.row_fields : FieldsOfObject(envelope.row());
  for (const Field& field : fields) {
    SchemaNow::Column column;
    column.name = field.name;
    column.optional = has_schema && field.type.optional;
    if (has_schema) column.type = PostgresType(field.type);
    ASSIGN_OR_RETURN(column.wanted, catalog_.TypeOf(field, source));
    if (const SourceColumn* exact = source == nullptr ? nullptr : source->Find(field.name)) {
      column.is_exact = true;
      column.old_rows = exact->old_rows;
      if (!has_schema) column.type = column.wanted;
    }
    seen.columns.push_back({column.name, column.type});
    now.columns.push_back(std::move(column));
  }
  now.knows_source = source != nullptr;
  if (source != nullptr) {
    for (const SourceColumn& column : source->columns) {
      if (!seen.Has(column.name)) now.only_in_source.push_back(column.name);
    }
  }
  const KnownSchema* before = table.known ? &*table.known : nullptr;
  if (before != nullptr && seen.lsn < before->lsn) {
    // From another partition: what it has and the mirror lacks was dropped meanwhile, or is not
    // there yet.
    std::erase_if(now.columns, [&](const SchemaNow::Column& column) {
      return std::find(before->dropped.begin(), before->dropped.end(), column.name) !=
             before->dropped.end();
    });
    seen = *before;
    before = nullptr;
  } else {
    seen = Successor(before, std::move(seen));
  }
  return apply::FindChanges(before, now, table.shape);
}

// Anew; nothing of it waits to be written.
absl::Status Mirror::Reopen(Table& table, const Envelope& envelope) {
  absl::StatusOr<std::unique_ptr<Table>> opened = Open(envelope);
  if (!opened.ok()) {
    if (HasSameKey(table, envelope)) return opened.status();
    return Annotate(opened.status(), Cat(table.what, ": the key of its records has changed from ",
                                         Names(table.record_key)));
  }
  if (*opened == nullptr) return absl::FailedPreconditionError(Cat(table.what, " is gone"));
  (*opened)->is_changed = table.is_changed;
  table = std::move(**opened);
  return absl::OkStatus();
}

absl::Status Mirror::CheckStillHasKey(const Table& table, const KnownSchema& seen) {
  if (!table.known || table.known->key.empty() || !seen.key.empty() || !table.shape.key.empty())
    return absl::OkStatus();
  refused_ = Refused{.source_table = table.full_name, .schema = seen};
  return absl::FailedPreconditionError(
      Cat(table.what, ": the key of its records has changed from ", Names(table.known->key),
          " to none, so rows are told apart by all their values from now on. Drop the unique ",
          "indexes that the source has no more, and go on"));
}

absl::Status Mirror::Follow(Table& table, const std::vector<SchemaChange>& changes,
                            const KnownSchema& seen) {
  const SchemaDecision decision = Decide(changes, options_.schema);
  if (!decision.waits.empty()) {
    refused_ = Refused{.source_table = table.full_name, .schema = seen};
    const std::string options = Options(options_.kind, decision.waits, options_.schema);
    const absl::Status waits = absl::FailedPreconditionError(
        Cat(table.what, ": ", Describe(decision.waits), ". Alter the table here as it should be, ",
            "and go on", options.empty() ? "" : "; or set ", options));
    return decision.policy == SchemaPolicy::kStop ? StopsTheSink(waits) : waits;
  }
  if (!decision.ignore.empty()) {
    log::Warn(SinkName(options_.kind), ": ", table.what, ": ", Describe(decision.ignore),
              "; ignored, as ", Options(options_.kind, decision.ignore, options_.schema), " says");
  }
  if (decision.apply.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(catalog_.Alter(table.shape, decision.apply));
  log::Info(SinkName(options_.kind), ": ", table.what, ": ", Describe(decision.apply),
            "; the table here was altered");
  RETURN_IF_ERROR(prepared_.Forget());
  RecordKey key;
  for (const uint16_t column : table.shape.key)
    key.fields.push_back({table.shape.columns[column].name, {}});
  ASSIGN_OR_RETURN(std::optional<MirrorTable> shape, catalog_.Read(table.shape.name, key));
  if (!shape) return absl::FailedPreconditionError(Cat(table.what, " is gone"));
  table.shape = *std::move(shape);
  return absl::OkStatus();
}

absl::Status Mirror::Remember(Table& table, const KnownSchema& seen) {
  if (table.known && table.known->SameAs(seen)) return absl::OkStatus();
  RETURN_IF_ERROR(transaction_.Begin());
  RETURN_IF_ERROR(known_schemas_.Write(table.full_name, seen));
  table.known = seen;
  return absl::OkStatus();
}

absl::Status Mirror::AcceptRefused(std::string_view source_table) {
  if (!refused_ || refused_->source_table != source_table) return absl::OkStatus();
  const Refused refused = *std::exchange(refused_, std::nullopt);
  return known_schemas_.Write(refused.source_table, refused.schema);
}

}  // namespace walrelay::apply
