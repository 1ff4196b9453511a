// How the schema of a source table, which its records show, differs from what it was before and
// from its mirror, and what is to be done about it.
//
// What the mirror lacks shows by itself: a column, room for a value, NULL. That a column was
// dropped or has another type shows only beside the schema before: a column that the source never
// had may be in the mirror for good reason. A column that becomes narrower or NOT NULL, and a
// default that changes, ask for nothing: the mirror keeps room for more, and records bring all
// their values. Pure. Source: DESIGN.md §6.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apply/mirror_table.h"
#include "apply/schema_policy.h"

namespace walrelay::apply {

// The newest schema of a source table that its mirror has followed.
struct KnownSchema {
  struct Column {
    std::string name;
    std::string type;  // As PostgresType() says of its schema block; empty: not known.
    bool operator==(const Column&) const = default;
  };
  std::vector<Column> columns;
  std::vector<std::string> key;      // Of its records.
  std::vector<std::string> dropped;  // Columns that it had once.
  int64_t lsn = 0;                   // Of the first record that showed it; 0: none.
  bool is_snapshot = false;          // That was a snapshot's.

  bool Has(std::string_view column) const;
  bool SameAs(const KnownSchema& other) const {
    return columns == other.columns && key == other.key && is_snapshot == other.is_snapshot;
  }
};
// `seen`, with what it has dropped. `before` may be null.
KnownSchema Successor(const KnownSchema* before, KnownSchema seen);

// What a record and the source's catalog say now.
struct SchemaNow {
  struct Column {
    std::string name;
    std::string type;                          // As in KnownSchema; empty: only a value is known.
    std::string wanted;                        // The type that the mirror's column should have,
    bool is_exact = false;                     // by the source's catalog.
    bool optional = false;                     // May be NULL.
    std::optional<std::string> old_rows = {};  // What rows have that were there before it.
  };
  std::vector<Column> columns;
  bool knows_source = false;                // The source's catalog was read. Columns that it has
  std::vector<std::string> only_in_source;  // and records have not: generated or filtered.
  bool is_snapshot = false;
};

struct SchemaChange {
  enum class Kind : uint8_t { kAdded, kDropped, kWidened, kRetyped, kNullable };
  Kind kind;
  std::string column;
  std::string here = {};    // Its type in the mirror.
  std::string wanted = {};  // The type that it should have.
  std::optional<std::string> old_rows = {};
  std::string renamed_to = {};  // kDropped: a column that came with its type when it went.
  bool operator==(const SchemaChange&) const = default;
};

// `before` may be null. In an order in which they can be applied.
std::vector<SchemaChange> FindChanges(const KnownSchema* before, const SchemaNow& now,
                                      const MirrorTable& mirror);

SchemaPolicy PolicyOf(SchemaChange::Kind kind, const SchemaPolicies& policies);
// "schema.column.added".
std::string_view OptionOf(SchemaChange::Kind kind);
// "column note is new in the source (text)".
std::string Describe(const SchemaChange& change);

// What is to be done about all changes of a table at once: nothing is applied when one of them
// waits for somebody.
struct SchemaDecision {
  SchemaPolicy policy = SchemaPolicy::kApply;  // Never kIgnore.
  std::vector<SchemaChange> apply;
  std::vector<SchemaChange> ignore;
  std::vector<SchemaChange> waits;  // With kPark and kStop: those that say so.
};
SchemaDecision Decide(const std::vector<SchemaChange>& changes, const SchemaPolicies& policies);

// "ALTER TABLE … ADD COLUMN …, ALTER COLUMN …": one statement, so that the table is rewritten once
// at most. InvalidArgument as pg/quoting.h.
absl::StatusOr<std::string> AlterSql(const MirrorTable& mirror,
                                     const std::vector<SchemaChange>& changes);

}  // namespace walrelay::apply
