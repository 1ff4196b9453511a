// A decoded pgoutput message: what happened, as values.
//
// Tuples hold views into the message they were decoded from: a change lives no longer than the handling of its message,
// and whoever keeps it copies. A column is Null, an unchanged TOAST value that was not sent, or text; every consumer
// must say what it does with each.
// Source: PostgreSQL manual, "Logical Replication Message Formats"; PROTOCOL.md §4.6.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "change/lsn.h"
#include "change/relation.h"

namespace walrelay {

struct ColumnValue {
  enum class Kind : uint8_t { kNull, kUnchangedToast, kText };
  Kind kind = Kind::kNull;
  std::string_view text;  // Only with kText: the type's output text, not NUL-terminated.

  static ColumnValue Null() { return {}; }
  static ColumnValue UnchangedToast() { return {.kind = Kind::kUnchangedToast, .text = {}}; }
  static ColumnValue Text(std::string_view text) { return {.kind = Kind::kText, .text = text}; }
  bool operator==(const ColumnValue&) const = default;
};

// One value a column of the relation, in its order.
using Tuple = std::vector<ColumnValue>;

// What Update and Delete say of the old row.
enum class OldTuple : uint8_t {
  kNone,  // Nothing was sent: the identity did not change.
  kKey,   // 'K': identity columns only; all others arrive as Null.
  kFull,  // 'O': the complete row (REPLICA IDENTITY FULL).
};

struct Begin {
  Lsn final_lsn{};               // Equals the commit LSN of the Commit that follows.
  int64_t commit_time_micros{};  // Since 1970.
  Xid xid{};
};
struct Commit {
  Lsn commit_lsn{};
  Lsn end_lsn{};  // Where the next transaction may begin: what is confirmed.
  int64_t commit_time_micros{};
};
struct Origin {
  Lsn commit_lsn{};
  std::string name;
};
struct RelationChange {
  std::shared_ptr<const Relation> relation;  // Valid from here until the next one with its oid.
};
struct TypeChange {
  Oid oid{};
  std::string schema;
  std::string name;
};
struct Insert {
  std::shared_ptr<const Relation> relation;
  Tuple new_tuple;
};
struct Update {
  std::shared_ptr<const Relation> relation;
  OldTuple old_kind = OldTuple::kNone;
  Tuple old_tuple;  // Empty with kNone.
  Tuple new_tuple;
};
struct Delete {
  std::shared_ptr<const Relation> relation;
  OldTuple old_kind = OldTuple::kKey;  // Never kNone.
  Tuple old_tuple;
};
struct Truncate {
  std::vector<std::shared_ptr<const Relation>> relations;
  bool cascade = false;
  bool restart_identity = false;
};
// pg_logical_emit_message. A non-transactional one arrives outside Begin … Commit, or between its messages.
struct LogicalMessage {
  bool transactional = false;
  Lsn lsn{};
  std::string_view prefix;
  std::string_view content;
};

using Change = std::variant<Begin, Commit, Origin, RelationChange, TypeChange, Insert, Update, Delete, Truncate, LogicalMessage>;

}  // namespace walrelay
