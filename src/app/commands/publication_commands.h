// walrelay publication show, create, add, drop.
//
// A name that is empty means source.publication.name. Putting a table without a usable replica
// identity into a publication makes the application's own UPDATE and DELETE on it fail: `show`
// names such tables, `create` and `add` refuse them. Exit codes: exit_code.h.
#pragma once

#include <string>
#include <vector>

#include "app/config.h"
#include "app/console.h"
#include "base/status.h"
#include "pg/catalog.h"

namespace walrelay::app {

// schema.table, "Quoted".table, or table alone (in public). InvalidArgument for anything else.
absl::StatusOr<pg::TableName> ParseTableName(std::string_view text);

absl::Status ShowPublicationCommand(const Config& config, Console& console, const std::string& name,
                                    bool json);

struct CreatePublicationArguments {
  std::string name;
  std::string mode;  // all_tables, filtered, no_tables; empty: publication.autocreate.mode.
  Consent consent;
};
// Brings it into the state that the mode asks for. Taking tables out of an existing one is asked
// about.
absl::Status CreatePublicationCommand(const Config& config, Console& console,
                                      const CreatePublicationArguments& arguments);

struct PublicationTablesArguments {
  std::string name;
  std::vector<std::string> tables;
  Consent consent;
};
absl::Status AddTablesCommand(const Config& config, Console& console,
                              const PublicationTablesArguments& arguments);
// Without tables: the publication itself.
absl::Status DropPublicationCommand(const Config& config, Console& console,
                                    const PublicationTablesArguments& arguments);

}  // namespace walrelay::app
