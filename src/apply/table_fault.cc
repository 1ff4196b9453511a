#include "apply/table_fault.h"

#include <absl/strings/cord.h>

#include "apply/conflict.h"
#include "apply/row_fault.h"
#include "pg/error.h"

namespace walrelay::apply {
namespace {

constexpr char kPayload[] = "walrelay/source-table";
constexpr std::string_view kInsufficientPrivilege = "42501";

// The table is not what it was (undefined column, wrong type, no unique index), or something
// depends on it.
bool ConcernsTheTable(std::string_view sqlstate) {
  if (sqlstate == kInsufficientPrivilege) return false;  // Of the role: all tables will meet it.
  const std::string_view of_class = sqlstate.substr(0, 2);
  return of_class == "42" || of_class == "0A" || of_class == "2B" || of_class == "55";
}

}  // namespace

absl::Status WithTable(absl::Status status, std::string_view source_table) {
  if (status.ok() || status.GetPayload(kPayload)) return status;
  status.SetPayload(kPayload,
                    absl::Cord(absl::string_view(source_table.data(), source_table.size())));
  return status;
}

std::optional<std::string> FaultyTable(const absl::Status& status) {
  const auto table = status.GetPayload(kPayload);
  if (!table || IsSinkConflict(status) || IsRowFault(status)) return std::nullopt;
  if (!absl::IsFailedPrecondition(status) && !absl::IsInvalidArgument(status)) return std::nullopt;
  const std::string sqlstate = pg::SqlStateOf(status);
  if (!sqlstate.empty() && !ConcernsTheTable(sqlstate)) return std::nullopt;
  return std::string(*table);
}

}  // namespace walrelay::apply
