#include "apply/table_name.h"

#include <map>

#include "apply/conflict.h"
#include "base/status.h"

namespace walrelay::apply {
namespace {

constexpr size_t kMaxNameBytes =
    63;  // NAMEDATALEN - 1; the server would cut a longer one silently.
constexpr std::string_view kSchema = "${schema}";
constexpr std::string_view kTable = "${table}";

}  // namespace

absl::StatusOr<std::string> MirrorTableName(std::string_view format,
                                            const SourceTableName& source) {
  std::string name;
  bool has_table = false;
  for (size_t i = 0; i < format.size();) {
    const std::string_view rest = format.substr(i);
    if (rest.starts_with(kSchema)) {
      name += source.schema;
      i += kSchema.size();
    } else if (rest.starts_with(kTable)) {
      name += source.table;
      has_table = true;
      i += kTable.size();
    } else if (rest.starts_with("${")) {
      return absl::InvalidArgumentError(
          Cat("target.table.format \"", format, "\" knows only ${schema} and ${table}"));
    } else {
      name += format[i++];
    }
  }
  if (!has_table) {
    return absl::InvalidArgumentError(Cat("target.table.format \"", format, "\" lacks ${table}"));
  }
  if (name.size() > kMaxNameBytes) {
    return absl::FailedPreconditionError(Cat("table name \"", name, "\" is longer than ",
                                             kMaxNameBytes,
                                             " bytes; shorten it with target.table.format"));
  }
  return name;
}

absl::Status CheckTableNames(std::string_view format, std::span<const SourceTableName> tables) {
  std::map<std::string, SourceTableName> taken;
  for (const SourceTableName& table : tables) {
    ASSIGN_OR_RETURN(const std::string name, MirrorTableName(format, table));
    const auto [found, is_new] = taken.emplace(name, table);
    if (is_new || found->second == table) continue;
    return SinkConflict(Cat("tables ", found->second.schema, ".", found->second.table, " and ",
                            table.schema, ".", table.table, " would both be written to ", name,
                            "; set target.table.format, for example \"${schema}_${table}\""));
  }
  return absl::OkStatus();
}

}  // namespace walrelay::apply
