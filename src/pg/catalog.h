// Reads what the catalog says about tables and types, as FORMAT.md §5 needs it.
//
// One round trip a call. Names are looked up as they are, not as patterns. The session must have
// search_path as pgjdbc sees it (the role's own), since pg_get_expr leaves out schemas that are on
// it. Errors as pg/connection.h. A table that is not there is no error: CatalogTable::exists is
// false. Source: FORMAT.md §4.0, §5.1-5.3; pgjdbc's PgDatabaseMetaData.
#pragma once

#include <absl/status/statusor.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "change/catalog.h"
#include "change/relation.h"
#include "pg/connection.h"

namespace walrelay::pg {

struct TableName {
  std::string schema;
  std::string table;
  auto operator<=>(const TableName&) const = default;
};
// "public.orders", for people.
std::string ToString(const TableName& name);

// One table as a candidate for capture.
struct ListedTable {
  TableName name;
  char kind = 'r';  // 'r' ordinary, 'p' partitioned.
  TableName root;   // Of a partition: its topmost ancestor; of others: the table itself.
  bool has_primary_key = false;
  ReplicaIdentity identity = ReplicaIdentity::kDefault;
  bool identity_usable =
      false;                    // UPDATE and DELETE work while it is published: key, index or full.
  bool unlogged = false;        // Not replicated.
  int64_t pages = 0;            // relpages of the last ANALYZE or VACUUM.
  int64_t estimated_rows = -1;  // reltuples; -1 unknown.
};

absl::StatusOr<CatalogTable> ReadTable(Connection& connection, std::string_view schema,
                                       std::string_view table);

// The types and all that they are made of: domains' bases, arrays' elements. A type that is not
// there is left out.
absl::StatusOr<CatalogTypes> ReadTypes(Connection& connection, std::span<const Oid> oids);

// Whether what the transaction did shows in the catalog to statements from now on; true as well when
// it was rolled back. A walsender sends a commit as soon as its record is written, a little before
// other sessions see it, and with synchronous replication long before.
absl::StatusOr<bool> IsVisible(Connection& connection, Xid xid);

// All user tables, ordinary and partitioned, by (schema, table). System schemas and temporary
// tables are left out.
absl::StatusOr<std::vector<ListedTable>> ListTables(Connection& connection);

}  // namespace walrelay::pg
