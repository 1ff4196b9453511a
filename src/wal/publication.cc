#include "wal/publication.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/status.h"
#include "pg/quoting.h"

namespace walrelay::wal {
namespace {

constexpr size_t kTablesNamed = 5;  // In an error; the rest is counted.

std::vector<TableName> TablesOf(const pg::Result& result) {
  std::vector<TableName> tables;
  for (int row = 0; row < result.rows(); ++row) {
    tables.push_back(
        {.schema = std::string(result.text(row, 0)), .table = std::string(result.text(row, 1))});
  }
  std::sort(tables.begin(), tables.end());
  return tables;
}

absl::StatusOr<std::string> TableList(std::span<const TableName> tables) {
  std::string list;
  for (const TableName& table : tables) {
    ASSIGN_OR_RETURN(const std::string quoted, pg::QuoteQualified(table.schema, table.table));
    list += Cat(list.empty() ? "" : ", ", quoted);
  }
  return list;
}

std::string WithClause(const PublicationRequest& request) {
  const PublishedOperations& wanted = request.operations;
  std::string options;
  if (wanted != PublishedOperations{}) {
    std::string list;
    const auto add = [&list](bool is_wanted, std::string_view name) {
      if (is_wanted) list += Cat(list.empty() ? "" : ", ", name);
    };
    add(wanted.insert, "insert");
    add(wanted.update, "update");
    add(wanted.del, "delete");
    add(wanted.truncate, "truncate");
    options = Cat("publish = '", list, "'");
  }
  if (request.via_partition_root)
    options += Cat(options.empty() ? "" : ", ", "publish_via_partition_root = true");
  return options.empty() ? "" : Cat(" WITH (", options, ")");
}

absl::Status IdentityError(const std::string& publication, std::span<const TableName> tables) {
  std::string names;
  for (size_t i = 0; i < std::min(tables.size(), kTablesNamed); ++i) {
    names += Cat(names.empty() ? "" : ", ", tables[i]);
  }
  if (tables.size() > kTablesNamed) names += Cat(" and ", tables.size() - kTablesNamed, " more");
  return absl::FailedPreconditionError(
      Cat("publication ", publication,
          " is not made: once in it, every UPDATE and DELETE of the application would fail "
          "on tables without a usable replica identity: ",
          names,
          ". Give them a primary key; or ALTER TABLE ... REPLICA IDENTITY FULL (or USING INDEX); "
          "or leave them out with "
          "table.include.list and publication.autocreate.mode=filtered; or create the publication "
          "yourself"));
}

// All tables for an empty `wanted`; else those that are in it, directly or through their root.
std::vector<pg::ListedTable> Affected(std::span<const pg::ListedTable> all,
                                      std::span<const TableName> wanted) {
  std::vector<pg::ListedTable> affected;
  for (const pg::ListedTable& table : all) {
    const auto is_table = [&](const TableName& name) {
      return name == table.name || name == table.root;
    };
    if (std::any_of(wanted.begin(), wanted.end(), is_table)) affected.push_back(table);
  }
  return affected;
}

absl::StatusOr<std::vector<std::string>> PlanFiltered(const PublicationRequest& request,
                                                      const std::string& name,
                                                      const std::optional<Publication>& existing,
                                                      std::span<const pg::ListedTable> all) {
  if (request.tables.empty()) {
    return absl::FailedPreconditionError(
        Cat("publication.autocreate.mode=filtered, and no table passes the filters "
            "for publication ",
            request.name));
  }
  std::vector<TableName> wanted = request.tables;
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  if (existing && existing->all_tables) {
    return absl::FailedPreconditionError(
        Cat("publication ", request.name,
            " is FOR ALL TABLES, which publication.autocreate.mode=filtered cannot narrow: "
            "drop it, or set the mode to disabled"));
  }
  if (existing && existing->listed_tables == wanted && existing->schemas.empty())
    return std::vector<std::string>();
  if (existing &&
      (existing->has_row_filters || existing->has_column_lists || !existing->schemas.empty())) {
    return absl::FailedPreconditionError(
        Cat("publication ", request.name,
            " has other tables than those captured, and row filters, column lists or "
            "schemas, which bringing it into line would remove: change it yourself, or set "
            "publication.autocreate.mode "
            "to disabled"));
  }

  std::vector<TableName> added;
  const std::vector<TableName> present =
      existing ? existing->listed_tables : std::vector<TableName>();
  std::set_difference(wanted.begin(), wanted.end(), present.begin(), present.end(),
                      std::back_inserter(added));
  const PublishedOperations& operations = existing ? existing->operations : request.operations;
  const auto unusable = TablesWithoutUsableIdentity(Affected(all, added), operations);
  if (!unusable.empty()) return IdentityError(request.name, unusable);
  ASSIGN_OR_RETURN(const std::string list, TableList(wanted));
  if (existing)
    return std::vector<std::string>{Cat("ALTER PUBLICATION ", name, " SET TABLE ", list)};
  return std::vector<std::string>{
      Cat("CREATE PUBLICATION ", name, " FOR TABLE ", list, WithClause(request))};
}

absl::StatusOr<Publication> ReadExisting(pg::Connection& connection, const std::string& name) {
  ASSIGN_OR_RETURN(std::optional<Publication> publication, ReadPublication(connection, name));
  if (!publication) return absl::FailedPreconditionError(Cat("there is no publication ", name));
  return *std::move(publication);
}

absl::Status AlterTable(pg::Connection& connection, const std::string& publication,
                        std::string_view verb, const TableName& table) {
  ASSIGN_OR_RETURN(const std::string name, pg::QuoteIdentifier(publication));
  ASSIGN_OR_RETURN(const std::string quoted, pg::QuoteQualified(table.schema, table.table));
  return connection.Query(Cat("ALTER PUBLICATION ", name, ' ', verb, " TABLE ", quoted)).status();
}

}  // namespace

absl::StatusOr<std::optional<Publication>> ReadPublication(pg::Connection& connection,
                                                           const std::string& name) {
  const bool has_filters = connection.server_version() >= 150000;
  const std::string head_sql =
      Cat("SELECT pg_catalog.pg_get_userbyid(p.pubowner), puballtables, pubinsert, pubupdate, "
          "pubdelete, pubtruncate, "
          "pubviaroot, ",
          connection.server_version() >= 180000 ? "pubgencols = 's'" : "false",
          " FROM pg_catalog.pg_publication p WHERE pubname = $1");
  const std::string listed_sql = Cat(
      "SELECT n.nspname, c.relname, ",
      has_filters ? "r.prqual IS NOT NULL, r.prattrs IS NOT NULL" : "false, false",
      " FROM pg_catalog.pg_publication p JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid "
      "JOIN pg_catalog.pg_class c ON c.oid = r.prrelid JOIN pg_catalog.pg_namespace n ON n.oid = "
      "c.relnamespace "
      "WHERE p.pubname = $1");
  constexpr std::string_view kEffectiveSql =
      "SELECT schemaname, tablename FROM pg_catalog.pg_publication_tables WHERE pubname = $1";
  constexpr std::string_view kSchemasSql =
      "SELECT n.nspname FROM pg_catalog.pg_publication p JOIN pg_catalog.pg_publication_namespace "
      "s ON s.pnpubid = p.oid "
      "JOIN pg_catalog.pg_namespace n ON n.oid = s.pnnspid WHERE p.pubname = $1 ORDER BY 1";
  std::vector<pg::Statement> statements = {{.sql = head_sql, .parameters = {name}},
                                           {.sql = listed_sql, .parameters = {name}},
                                           {.sql = kEffectiveSql, .parameters = {name}}};
  if (has_filters) statements.push_back({.sql = kSchemasSql, .parameters = {name}});
  ASSIGN_OR_RETURN(const std::vector<pg::Result> results, connection.ExecuteAll(statements));

  const pg::Result& head = results[0];
  if (head.rows() == 0) return std::nullopt;
  Publication publication;
  publication.name = name;
  publication.owner = head.text(0, 0);
  publication.all_tables = head.is_true(0, 1);
  publication.operations = {.insert = head.is_true(0, 2),
                            .update = head.is_true(0, 3),
                            .del = head.is_true(0, 4),
                            .truncate = head.is_true(0, 5)};
  publication.via_partition_root = head.is_true(0, 6);
  publication.generated_columns = head.is_true(0, 7);
  publication.listed_tables = TablesOf(results[1]);
  for (int row = 0; row < results[1].rows(); ++row) {
    publication.has_row_filters = publication.has_row_filters || results[1].is_true(row, 2);
    publication.has_column_lists = publication.has_column_lists || results[1].is_true(row, 3);
  }
  publication.effective_tables = TablesOf(results[2]);
  for (int row = 0; has_filters && row < results[3].rows(); ++row) {
    publication.schemas.emplace_back(results[3].text(row, 0));
  }
  return publication;
}

absl::StatusOr<std::vector<std::string>> ListPublications(pg::Connection& connection) {
  ASSIGN_OR_RETURN(
      const pg::Result result,
      connection.Query("SELECT pubname FROM pg_catalog.pg_publication ORDER BY pubname"));
  std::vector<std::string> names;
  for (int row = 0; row < result.rows(); ++row) names.emplace_back(result.text(row, 0));
  return names;
}

std::optional<AutoCreate> ParseAutoCreate(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower == "disabled") return AutoCreate::kDisabled;
  if (lower == "all_tables") return AutoCreate::kAllTables;
  if (lower == "filtered") return AutoCreate::kFiltered;
  if (lower == "no_tables") return AutoCreate::kNoTables;
  return std::nullopt;
}

absl::StatusOr<std::vector<std::string>> PlanPublication(const PublicationRequest& request,
                                                         const std::optional<Publication>& existing,
                                                         std::span<const pg::ListedTable> all) {
  ASSIGN_OR_RETURN(const std::string name, pg::QuoteIdentifier(request.name));
  if (request.mode == AutoCreate::kFiltered) return PlanFiltered(request, name, existing, all);
  if (existing) return std::vector<std::string>();
  switch (request.mode) {
    case AutoCreate::kDisabled:
      return absl::FailedPreconditionError(
          Cat("there is no publication ", request.name,
              ", and publication.autocreate.mode=disabled: create it first"));
    case AutoCreate::kAllTables: {
      const auto unusable = TablesWithoutUsableIdentity(all, request.operations);
      if (!unusable.empty()) return IdentityError(request.name, unusable);
      return std::vector<std::string>{
          Cat("CREATE PUBLICATION ", name, " FOR ALL TABLES", WithClause(request))};
    }
    case AutoCreate::kNoTables:
    case AutoCreate::kFiltered:
      break;
  }
  return std::vector<std::string>{Cat("CREATE PUBLICATION ", name, WithClause(request))};
}

absl::StatusOr<std::vector<std::string>> EnsurePublication(pg::Connection& connection,
                                                           const PublicationRequest& request) {
  ASSIGN_OR_RETURN(const std::optional<Publication> existing,
                   ReadPublication(connection, request.name));
  ASSIGN_OR_RETURN(const std::vector<pg::ListedTable> all, pg::ListTables(connection));
  ASSIGN_OR_RETURN(std::vector<std::string> statements, PlanPublication(request, existing, all));
  if (statements.empty()) return statements;

  ASSIGN_OR_RETURN(const pg::Result standby,
                   connection.Query("SELECT pg_catalog.pg_is_in_recovery()"));
  if (standby.is_true(0, 0)) {
    return absl::FailedPreconditionError(Cat("the server is a standby, where publication ",
                                             request.name,
                                             " cannot be made or changed: do it on the primary"));
  }
  // One query string is one transaction, and SET LOCAL ends with it.
  std::string sql = Cat("BEGIN; SET LOCAL statement_timeout = ", request.statement_timeout.count());
  for (const std::string& statement : statements) sql += Cat("; ", statement);
  const absl::Status status = connection.Query(sql + "; COMMIT").status();
  if (!status.ok()) {
    if (!connection.is_lost()) (void)connection.Query("ROLLBACK");
    return Annotate(status, Cat("cannot bring about publication ", request.name));
  }
  return statements;
}

absl::Status AddTable(pg::Connection& connection, const std::string& publication,
                      const TableName& table) {
  ASSIGN_OR_RETURN(const Publication existing, ReadExisting(connection, publication));
  ASSIGN_OR_RETURN(const std::vector<pg::ListedTable> all, pg::ListTables(connection));
  const std::array<TableName, 1> wanted = {table};
  const auto unusable = TablesWithoutUsableIdentity(Affected(all, wanted), existing.operations);
  if (!unusable.empty()) return IdentityError(publication, unusable);
  return AlterTable(connection, publication, "ADD", table);
}

absl::Status DropTable(pg::Connection& connection, const std::string& publication,
                       const TableName& table) {
  return AlterTable(connection, publication, "DROP", table);
}

std::vector<TableName> TablesWithoutUsableIdentity(std::span<const pg::ListedTable> tables,
                                                   const PublishedOperations& operations) {
  std::vector<TableName> unusable;
  if (!operations.update && !operations.del) return unusable;
  for (const pg::ListedTable& table : tables) {
    // Rows live in the partitions, whose own identities count; unlogged tables are not published.
    if (table.kind == 'r' && !table.unlogged && !table.identity_usable)
      unusable.push_back(table.name);
  }
  return unusable;
}

}  // namespace walrelay::wal
