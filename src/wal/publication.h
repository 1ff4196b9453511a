// Publications: what is in them, and bringing them into the state that publication.autocreate.mode
// asks for.
//
// Create the publication before the slot: the server looks it up in the catalog as it was at each
// WAL record. A table without usable replica identity in a publication of updates or deletes makes
// the *application's own* UPDATE and DELETE fail, so nothing here ever adds one. Errors as
// pg/connection.h. Source: OPTIONS.md §3.2; DESIGN.md §5; PostgreSQL manual, CREATE PUBLICATION.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pg/catalog.h"
#include "pg/connection.h"

namespace walrelay::wal {

using pg::TableName;

// What a publication sends.
struct PublishedOperations {
  bool insert = true;
  bool update = true;
  bool del = true;
  bool truncate = true;
  bool operator==(const PublishedOperations&) const = default;
};

struct Publication {
  std::string name;
  std::string owner;
  bool all_tables = false;
  PublishedOperations operations;
  bool via_partition_root = false;
  std::vector<TableName> listed_tables;     // Named in it, sorted.
  std::vector<std::string> schemas;         // FOR TABLES IN SCHEMA (15), sorted.
  std::vector<TableName> effective_tables;  // What it comes to now, sorted (pg_publication_tables).
  bool has_row_filters = false;             // 15
  bool has_column_lists = false;            // 15
  bool generated_columns = false;           // 18: publish_generated_columns = stored
};

absl::StatusOr<std::optional<Publication>> ReadPublication(pg::Connection& connection,
                                                           const std::string& name);
absl::StatusOr<std::vector<std::string>> ListPublications(pg::Connection& connection);

// publication.autocreate.mode
enum class AutoCreate { kDisabled, kAllTables, kFiltered, kNoTables };
std::optional<AutoCreate> ParseAutoCreate(std::string_view text);

struct PublicationRequest {
  std::string name;
  AutoCreate mode = AutoCreate::kAllTables;
  std::vector<TableName> tables;  // kFiltered: the tables that are captured.
  PublishedOperations operations;
  bool via_partition_root = false;
  std::chrono::milliseconds statement_timeout{90'000};
};

// The statements that bring the publication about; none when it is as it should be. Pure.
// FailedPrecondition names what stands against it and what to do. `all` is what pg::ListTables
// says.
absl::StatusOr<std::vector<std::string>> PlanPublication(const PublicationRequest& request,
                                                         const std::optional<Publication>& existing,
                                                         std::span<const pg::ListedTable> all);

// Reads, plans, executes, in one transaction; says which statements were executed.
absl::StatusOr<std::vector<std::string>> EnsurePublication(pg::Connection& connection,
                                                           const PublicationRequest& request);

// FailedPrecondition when the table's identity is not usable.
absl::Status AddTable(pg::Connection& connection, const std::string& publication,
                      const TableName& table);
absl::Status DropTable(pg::Connection& connection, const std::string& publication,
                       const TableName& table);

// Those whose UPDATE or DELETE would fail once they are published with these operations.
std::vector<TableName> TablesWithoutUsableIdentity(std::span<const pg::ListedTable> tables,
                                                   const PublishedOperations& operations);

}  // namespace walrelay::wal
