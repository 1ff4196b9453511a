#include "apply/schema_change.h"

#include <algorithm>

#include "base/status.h"
#include "pg/quoting.h"

namespace walrelay::apply {
namespace {

using Kind = SchemaChange::Kind;

template <class Columns>
auto FindColumn(const Columns& columns, std::string_view name) {
  return std::find_if(columns.begin(), columns.end(),
                      [&](const auto& column) { return column.name == name; });
}

// A schema block has no lengths of texts and no precision of times, so the type that it leads to
// may be wider than the source's.
bool IsSureOfItsWidth(const SchemaNow::Column& column) {
  return column.is_exact || column.wanted == "integer" || column.wanted == "bigint" ||
         column.wanted == "double precision" || column.wanted.starts_with("numeric(");
}

// `old_type` empty: not known.
std::optional<SchemaChange> ChangeOfType(std::string_view old_type, const SchemaNow::Column& now,
                                         const MirrorColumn& here) {
  const std::string& type = here.type.sql;
  if (now.type.empty()) return std::nullopt;  // A value does not say its column's type.
  if (IsWider(type, now.wanted)) {
    if (!IsSureOfItsWidth(now)) return std::nullopt;
    return SchemaChange{
        .kind = Kind::kWidened, .column = now.name, .here = type, .wanted = now.wanted};
  }
  const bool is_retyped = !old_type.empty() && !now.type.empty() && old_type != now.type &&
                          !IsWider(old_type, now.type) && !IsWider(now.type, old_type);
  // The mirror may have been altered by hand, or have more room.
  if (!is_retyped || type == now.wanted || IsWider(now.wanted, type)) return std::nullopt;
  return SchemaChange{
      .kind = Kind::kRetyped, .column = now.name, .here = type, .wanted = now.wanted};
}

// A column that is new with the type of one that is gone; empty: there is none.
std::string NewOfType(const KnownSchema::Column& gone, const SchemaNow& now,
                      const MirrorTable& mirror) {
  for (const SchemaNow::Column& column : now.columns) {
    if (!gone.type.empty() && column.type == gone.type && !mirror.Find(column.name))
      return column.name;
  }
  return "";
}

void FindDropped(const KnownSchema& before, const SchemaNow& now, const MirrorTable& mirror,
                 std::vector<SchemaChange>& changes) {
  // A snapshot reads generated columns, the stream does not have them: the catalog tells.
  const bool may_be_generated = before.is_snapshot && !now.is_snapshot && !now.knows_source;
  for (const KnownSchema::Column& old : before.columns) {
    if (FindColumn(now.columns, old.name) != now.columns.end()) continue;
    if (std::find(now.only_in_source.begin(), now.only_in_source.end(), old.name) !=
        now.only_in_source.end())
      continue;
    const auto place = mirror.Find(old.name);
    if (!place || !mirror.columns[*place].writable) continue;
    const std::string renamed_to = NewOfType(old, now, mirror);
    if (may_be_generated && renamed_to.empty()) continue;
    // Rows come without it from now on, also where it stays.
    if (mirror.columns[*place].not_null && !mirror.IsKey(*place))
      changes.push_back({.kind = Kind::kNullable, .column = old.name});
    changes.push_back({.kind = Kind::kDropped, .column = old.name, .renamed_to = renamed_to});
  }
}

}  // namespace

bool KnownSchema::Has(std::string_view column) const {
  return FindColumn(columns, column) != columns.end();
}

KnownSchema Successor(const KnownSchema* before, KnownSchema seen) {
  if (before == nullptr) return seen;
  std::vector<std::string> dropped = before->dropped;
  for (const KnownSchema::Column& column : before->columns) dropped.push_back(column.name);
  std::sort(dropped.begin(), dropped.end());
  dropped.erase(std::unique(dropped.begin(), dropped.end()), dropped.end());
  std::erase_if(dropped, [&](const std::string& name) { return seen.Has(name); });
  seen.dropped = std::move(dropped);
  return seen;
}

std::vector<SchemaChange> FindChanges(const KnownSchema* before, const SchemaNow& now,
                                      const MirrorTable& mirror) {
  std::vector<SchemaChange> changes;
  for (const SchemaNow::Column& column : now.columns) {
    const auto place = mirror.Find(column.name);
    if (!place) {
      changes.push_back({.kind = Kind::kAdded,
                         .column = column.name,
                         .wanted = column.wanted,
                         .old_rows = column.old_rows});
      continue;
    }
    const MirrorColumn& here = mirror.columns[*place];
    if (!here.writable) continue;
    if (here.is_identity_always && !mirror.IsKey(*place)) continue;  // Nobody may update it.
    std::string_view old_type;
    if (before != nullptr) {
      const auto old = FindColumn(before->columns, column.name);
      // A snapshot says the same of a type as the stream (goldens: types, arrays, domains, …).
      if (old != before->columns.end()) old_type = old->type;
    }
    if (auto change = ChangeOfType(old_type, column, here)) changes.push_back(*std::move(change));
    if (column.optional && here.not_null && !mirror.IsKey(*place))
      changes.push_back({.kind = Kind::kNullable, .column = column.name});
  }
  if (before != nullptr) FindDropped(*before, now, mirror, changes);
  return changes;
}

SchemaPolicy PolicyOf(Kind kind, const SchemaPolicies& policies) {
  switch (kind) {
    case Kind::kAdded:
      return policies.column_added;
    case Kind::kDropped:
      return policies.column_dropped;
    case Kind::kWidened:
      return policies.column_widened;
    case Kind::kRetyped:
      return policies.column_retyped;
    case Kind::kNullable:
      return policies.column_nullable;
  }
  return SchemaPolicy::kStop;
}

std::string_view OptionOf(Kind kind) {
  switch (kind) {
    case Kind::kAdded:
      return "schema.column.added";
    case Kind::kDropped:
      return "schema.column.dropped";
    case Kind::kWidened:
      return "schema.column.widened";
    case Kind::kRetyped:
      return "schema.column.retyped";
    case Kind::kNullable:
      return "schema.column.nullable";
  }
  return "";
}

std::string Describe(const SchemaChange& change) {
  switch (change.kind) {
    case Kind::kAdded:
      return Cat("column ", change.column, " is new in the source (", change.wanted, ")");
    case Kind::kDropped:
      if (change.renamed_to.empty())
        return Cat("column ", change.column, " was dropped or renamed in the source");
      return Cat("column ", change.column, " is gone in the source and column ", change.renamed_to,
                 ", of its type, is new: if it was renamed, rename it here too, else its values do "
                 "not come to ",
                 change.renamed_to);
    case Kind::kWidened:
    case Kind::kRetyped:
      return Cat("column ", change.column, " is ", change.here, " here and ", change.wanted,
                 " in the source");
    case Kind::kNullable:
      return Cat("column ", change.column, " may be NULL in the source and not here");
  }
  return "";
}

SchemaDecision Decide(const std::vector<SchemaChange>& changes, const SchemaPolicies& policies) {
  SchemaDecision decision;
  for (const SchemaChange& change : changes) {
    SchemaPolicy policy = PolicyOf(change.kind, policies);
    // Values that may belong to a column which goes on are not dropped.
    if (!change.renamed_to.empty() && policy == SchemaPolicy::kApply) policy = SchemaPolicy::kPark;
    switch (policy) {
      case SchemaPolicy::kApply:
        decision.apply.push_back(change);
        break;
      case SchemaPolicy::kIgnore:
        decision.ignore.push_back(change);
        break;
      case SchemaPolicy::kPark:
        if (decision.policy == SchemaPolicy::kApply) decision.policy = SchemaPolicy::kPark;
        decision.waits.push_back(change);
        break;
      case SchemaPolicy::kStop:
        decision.policy = SchemaPolicy::kStop;
        decision.waits.push_back(change);
        break;
    }
  }
  return decision;
}

absl::StatusOr<std::string> AlterSql(const MirrorTable& mirror,
                                     const std::vector<SchemaChange>& changes) {
  std::string actions;
  for (const SchemaChange& change : changes) {
    ASSIGN_OR_RETURN(const std::string name, pg::QuoteIdentifier(change.column));
    if (!actions.empty()) actions += ", ";
    switch (change.kind) {
      case Kind::kAdded:
        actions += Cat("ADD COLUMN ", name, " ", change.wanted);
        if (change.old_rows) {
          ASSIGN_OR_RETURN(const std::string value, pg::QuoteLiteral(*change.old_rows));
          actions += Cat(" DEFAULT ", value);
        }
        break;
      case Kind::kDropped:
        actions += Cat("DROP COLUMN ", name);
        break;
      case Kind::kWidened:
      case Kind::kRetyped:
        actions += Cat("ALTER COLUMN ", name, " TYPE ", change.wanted, " USING ", name,
                       "::", change.wanted);
        break;
      case Kind::kNullable:
        actions += Cat("ALTER COLUMN ", name, " DROP NOT NULL");
        break;
    }
  }
  return Cat("ALTER TABLE ", mirror.quoted, " ", actions);
}

}  // namespace walrelay::apply
