// The shape of a table as the stream describes it, before the rows that have it.
//
// Source: PostgreSQL manual, "Logical Replication Message Formats", Relation.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "change/lsn.h"

namespace walrelay {

enum class ReplicaIdentity : char { kDefault = 'd', kNothing = 'n', kFull = 'f', kIndex = 'i' };

struct RelationColumn {
  std::string name;
  Oid type{};
  int32_t typmod = -1;
  bool identity = false;  // Part of the replica identity (the flag of pgoutput).
  bool operator==(const RelationColumn&) const = default;
};

// Travels as std::shared_ptr<const Relation>, so that a change keeps the schema it was decoded under.
struct Relation {
  Oid oid{};
  std::string schema;
  std::string table;
  ReplicaIdentity identity = ReplicaIdentity::kDefault;
  std::vector<RelationColumn> columns;  // In attribute order; dropped and generated columns are absent.
  bool operator==(const Relation&) const = default;
};

}  // namespace walrelay
