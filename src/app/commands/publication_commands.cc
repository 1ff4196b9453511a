#include "app/commands/publication_commands.h"

#include <algorithm>

#include "app/capture_options.h"
#include "app/commands/source_session.h"
#include "app/option_table.h"
#include "app/source_errors.h"
#include "base/json.h"
#include "pg/quoting.h"
#include "wal/publication.h"

namespace walrelay::app {
namespace {

using pg::TableName;

std::string NameOr(const std::string& name, const Config& config) {
  return name.empty() ? OptionReader(Section::kSource, config.source).Text("publication.name")
                      : name;
}

absl::StatusOr<wal::Publication> Existing(pg::Connection& connection, const std::string& name) {
  auto publication = wal::ReadPublication(connection, name);
  if (!publication.ok()) return SourceError(publication.status(), ExitCode::kUnknown);
  if (*publication) return **publication;
  return ExitError(
      ExitCode::kPublicationMissing,
      Cat("there is no publication ", name, "; make it with: walrelay publication create"));
}

std::string Joined(const std::vector<TableName>& tables) {
  std::string text;
  for (const TableName& table : tables) text += Cat(text.empty() ? "" : ", ", table);
  return text;
}

std::string OperationsText(const wal::PublishedOperations& operations) {
  std::string text;
  const auto add = [&](bool sent, std::string_view name) {
    if (sent) text += Cat(text.empty() ? "" : ", ", name);
  };
  add(operations.insert, "insert");
  add(operations.update, "update");
  add(operations.del, "delete");
  add(operations.truncate, "truncate");
  return text.empty() ? std::string("nothing") : text;
}

std::string_view IdentityText(const pg::ListedTable& table) {
  switch (table.identity) {
    case ReplicaIdentity::kDefault:
      return table.has_primary_key ? "primary key" : "none (no primary key)";
    case ReplicaIdentity::kNothing:
      return "nothing";
    case ReplicaIdentity::kFull:
      return "full";
    case ReplicaIdentity::kIndex:
      return table.identity_usable ? "index" : "index that is gone";
  }
  return "";
}

// What a publication comes to, with what the catalog says about its tables.
struct Shown {
  wal::Publication publication;
  std::vector<pg::ListedTable> tables;  // Published now.
  std::vector<TableName> without_identity;
};

absl::StatusOr<Shown> Look(pg::Connection& connection, const std::string& name) {
  ASSIGN_OR_RETURN(wal::Publication publication, Existing(connection, name));
  auto all = pg::ListTables(connection);
  if (!all.ok()) return SourceError(all.status(), ExitCode::kUnknown);
  Shown shown{.publication = std::move(publication), .tables = {}, .without_identity = {}};
  for (const pg::ListedTable& table : *all) {
    const auto& effective = shown.publication.effective_tables;
    if (std::ranges::find(effective, table.name) != effective.end()) shown.tables.push_back(table);
  }
  shown.without_identity =
      wal::TablesWithoutUsableIdentity(shown.tables, shown.publication.operations);
  return shown;
}

std::string ShownJson(const Shown& shown) {
  const wal::Publication& publication = shown.publication;
  std::string text;
  JsonWriter json(text);
  json.BeginObject();
  json.Key("name").String(publication.name);
  json.Key("owner").String(publication.owner);
  json.Key("all_tables").Bool(publication.all_tables);
  json.Key("publish").String(OperationsText(publication.operations));
  json.Key("publish_via_partition_root").Bool(publication.via_partition_root);
  json.Key("row_filters").Bool(publication.has_row_filters);
  json.Key("column_lists").Bool(publication.has_column_lists);
  json.Key("schemas").BeginArray();
  for (const std::string& schema : publication.schemas) json.String(schema);
  json.EndArray();
  json.Key("tables").BeginArray();
  for (const pg::ListedTable& table : shown.tables) {
    json.BeginObject();
    json.Key("schema").String(table.name.schema);
    json.Key("table").String(table.name.table);
    json.Key("replica_identity").String(IdentityText(table));
    json.Key("identity_usable").Bool(table.identity_usable);
    json.EndObject();
  }
  json.EndArray().EndObject();
  return text;
}

void PrintShown(const Shown& shown, Console& console) {
  const wal::Publication& publication = shown.publication;
  std::vector<std::pair<std::string, std::string>> lines = {
      {"publication", publication.name},
      {"owner", publication.owner},
      {"holds",
       publication.all_tables ? "all tables, also those made later" : "the tables named below"},
      {"sends", OperationsText(publication.operations)},
      {"via partition root", publication.via_partition_root ? "yes" : "no"},
  };
  for (const std::string& schema : publication.schemas) lines.emplace_back("schema", schema);
  if (publication.has_row_filters)
    lines.emplace_back("row filters", "yes: rows outside of them are not captured");
  if (publication.has_column_lists)
    lines.emplace_back("column lists", "yes: other columns are not captured");
  console.out << AlignedPairs(lines) << '\n';
  TextTable table({"TABLE", "REPLICA IDENTITY"});
  for (const pg::ListedTable& each : shown.tables)
    table.Add({pg::ToString(each.name), std::string(IdentityText(each))});
  console.out << table.ToString();
  if (shown.without_identity.empty()) return;
  console.err << Cat("\nDanger: UPDATE and DELETE of the application fail on ",
                     Joined(shown.without_identity),
                     ": published without a usable replica identity. Give them a primary key, or "
                     "ALTER TABLE … REPLICA "
                     "IDENTITY FULL, or take them out: walrelay publication drop TABLE\n");
}

absl::StatusOr<wal::PublicationRequest> RequestFor(const CaptureOptions& options,
                                                   const CreatePublicationArguments& arguments,
                                                   const std::vector<pg::ListedTable>& all) {
  wal::PublicationRequest request;
  request.name = arguments.name.empty() ? options.publication : arguments.name;
  request.mode = options.publication_mode;
  request.via_partition_root = options.publish_via_partition_root;
  if (!arguments.mode.empty()) {
    const auto mode = wal::ParseAutoCreate(arguments.mode);
    if (!mode)
      return absl::InvalidArgumentError("--mode must be one of: all_tables, filtered, no_tables");
    request.mode = *mode;
  }
  if (request.mode == wal::AutoCreate::kDisabled) {
    return absl::InvalidArgumentError(
        "publication.autocreate.mode is disabled; say what to create with --mode all_tables, "
        "filtered or no_tables");
  }
  if (request.mode == wal::AutoCreate::kFiltered) {
    ASSIGN_OR_RETURN(request.tables, CapturedTables(options, all));
  }
  return request;
}

std::vector<TableName> Removed(const std::optional<wal::Publication>& existing,
                               const wal::PublicationRequest& request) {
  std::vector<TableName> removed;
  if (!existing) return removed;
  for (const TableName& table : existing->listed_tables) {
    if (std::ranges::find(request.tables, table) == request.tables.end()) removed.push_back(table);
  }
  return removed;
}

absl::StatusOr<std::vector<TableName>> ParseTables(const std::vector<std::string>& names) {
  std::vector<TableName> tables;
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(TableName table, ParseTableName(name));
    tables.push_back(std::move(table));
  }
  return tables;
}

absl::Status CheckListed(const wal::Publication& publication,
                         const std::vector<TableName>& tables) {
  for (const TableName& table : tables) {
    const auto& listed = publication.listed_tables;
    if (std::ranges::find(listed, table) != listed.end()) continue;
    const std::string_view why = publication.all_tables ? ", which holds all tables" : "";
    return ExitError(ExitCode::kPublicationUnsuitable,
                     Cat("table ", table, " is not named in publication ", publication.name, why));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TableName> ParseTableName(std::string_view text) {
  std::vector<std::string> parts(1);
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '"' && i + 1 < text.size() && text[i + 1] == '"') {
      parts.back().push_back('"');
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == '.' && !quoted) {
      parts.emplace_back();
    } else {
      parts.back().push_back(c);
    }
  }
  const bool empty =
      std::ranges::any_of(parts, [](const std::string& part) { return part.empty(); });
  if (quoted || empty || parts.size() > 2) {
    return absl::InvalidArgumentError(
        Cat("'", text, "' must be a table's name: table, schema.table or \"Schema\".\"Table\""));
  }
  if (parts.size() == 1) return TableName{.schema = "public", .table = parts[0]};
  return TableName{.schema = parts[0], .table = parts[1]};
}

absl::Status ShowPublicationCommand(const Config& config, Console& console, const std::string& name,
                                    bool json) {
  ASSIGN_OR_RETURN(pg::Connection connection, ConnectToSource(config));
  ASSIGN_OR_RETURN(const Shown shown, Look(connection, NameOr(name, config)));
  if (json) {
    console.out << ShownJson(shown) << '\n';
  } else {
    PrintShown(shown, console);
  }
  return absl::OkStatus();
}

absl::Status CreatePublicationCommand(const Config& config, Console& console,
                                      const CreatePublicationArguments& arguments) {
  ASSIGN_OR_RETURN(const CaptureOptions options, MakeCaptureOptions(config));
  ASSIGN_OR_RETURN(pg::Connection connection, ConnectToSource(config));
  const auto all = pg::ListTables(connection);
  if (!all.ok()) return SourceError(all.status(), ExitCode::kUnknown);
  ASSIGN_OR_RETURN(const wal::PublicationRequest request, RequestFor(options, arguments, *all));
  const auto existing = wal::ReadPublication(connection, request.name);
  if (!existing.ok()) return SourceError(existing.status(), ExitCode::kUnknown);
  const auto statements = wal::PlanPublication(request, *existing, *all);
  if (!statements.ok()) return PublicationError(statements.status());
  if (statements->empty()) {
    console.out << Cat("Publication ", request.name, " is there already, as it should be\n");
    return absl::OkStatus();
  }
  std::string plan;
  for (const std::string& statement : *statements)
    plan += Cat(plan.empty() ? "" : "\n", statement, ";");
  const std::vector<TableName> removed = Removed(*existing, request);
  bool proceed = false;
  if (removed.empty()) {
    proceed = MayProceedUnasked(console, arguments.consent, plan);
  } else {
    plan += Cat("\nThis takes ", Joined(removed),
                " out of the publication: their changes are no longer captured, and "
                "other readers of the publication lose them too.");
    ASSIGN_OR_RETURN(proceed, MayProceed(console, arguments.consent, plan));
  }
  if (!proceed) return absl::OkStatus();
  if (const auto done = wal::EnsurePublication(connection, request); !done.ok()) {
    return PublicationError(done.status());
  }
  console.out << Cat(*existing ? "Changed" : "Created", " publication ", request.name, "\n");
  return absl::OkStatus();
}

absl::Status AddTablesCommand(const Config& config, Console& console,
                              const PublicationTablesArguments& arguments) {
  ASSIGN_OR_RETURN(const std::vector<TableName> tables, ParseTables(arguments.tables));
  ASSIGN_OR_RETURN(pg::Connection connection, ConnectToSource(config));
  ASSIGN_OR_RETURN(const wal::Publication publication,
                   Existing(connection, NameOr(arguments.name, config)));
  if (publication.all_tables) {
    console.out << Cat("Publication ", publication.name, " holds all tables already\n");
    return absl::OkStatus();
  }
  const std::string plan =
      Cat("Adds ", Joined(tables), " to publication ", publication.name,
          ": changes from now on are sent; rows that are there already are not.");
  if (!MayProceedUnasked(console, arguments.consent, plan)) return absl::OkStatus();
  for (const TableName& table : tables) {
    const auto& listed = publication.listed_tables;
    if (std::ranges::find(listed, table) != listed.end()) {
      console.out << Cat(table, " is in publication ", publication.name, " already\n");
      continue;
    }
    if (auto status = wal::AddTable(connection, publication.name, table); !status.ok()) {
      return PublicationError(std::move(status));
    }
    console.out << Cat("Added ", table, " to publication ", publication.name, "\n");
  }
  return absl::OkStatus();
}

absl::Status DropPublicationCommand(const Config& config, Console& console,
                                    const PublicationTablesArguments& arguments) {
  ASSIGN_OR_RETURN(const std::vector<TableName> tables, ParseTables(arguments.tables));
  ASSIGN_OR_RETURN(pg::Connection connection, ConnectToSource(config));
  ASSIGN_OR_RETURN(const wal::Publication publication,
                   Existing(connection, NameOr(arguments.name, config)));
  RETURN_IF_ERROR(CheckListed(publication, tables));
  const std::string consequence =
      tables.empty()
          ? Cat("Drops publication ", publication.name, " (", publication.effective_tables.size(),
                " tables): every slot that reads it stops with an error. A new one of the same "
                "name does not "
                "help for WAL that was written before it: what those slots have not read yet is "
                "lost.")
          : Cat("Takes ", Joined(tables), " out of publication ", publication.name,
                ": changes that are not read yet may be missing, and later ones are not captured.");
  ASSIGN_OR_RETURN(const bool proceed, MayProceed(console, arguments.consent, consequence));
  if (!proceed) return absl::OkStatus();
  if (tables.empty()) {
    ASSIGN_OR_RETURN(const std::string quoted, pg::QuoteIdentifier(publication.name));
    if (auto status = connection.Query(Cat("DROP PUBLICATION ", quoted)).status(); !status.ok()) {
      return PublicationError(std::move(status));
    }
    console.out << Cat("Dropped publication ", publication.name, "\n");
    return absl::OkStatus();
  }
  for (const TableName& table : tables) {
    if (auto status = wal::DropTable(connection, publication.name, table); !status.ok()) {
      return PublicationError(std::move(status));
    }
    console.out << Cat("Took ", table, " out of publication ", publication.name, "\n");
  }
  return absl::OkStatus();
}

}  // namespace walrelay::app
