#include "apply/table_fault.h"

#include <absl/strings/cord.h>

#include <charconv>

#include "apply/conflict.h"
#include "apply/row_fault.h"
#include "base/status.h"
#include "pg/error.h"

namespace walrelay::apply {
namespace {

constexpr char kPayload[] = "walrelay/source-table";
constexpr char kStopsPayload[] = "walrelay/stops-the-sink";
constexpr char kWriteFirstPayload[] = "walrelay/write-first";
constexpr char kCutPayload[] = "walrelay/cut-before";
constexpr char kAlonePayload[] = "walrelay/apply-alone";
constexpr std::string_view kInsufficientPrivilege = "42501";

// The table is not what it was (undefined column, wrong type, no unique index), or something
// depends on it.
bool ConcernsTheTable(std::string_view sqlstate) {
  if (sqlstate == kInsufficientPrivilege) return false;  // Of the role: all tables will meet it.
  const std::string_view of_class = sqlstate.substr(0, 2);
  return of_class == "42" || of_class == "0A" || of_class == "2B" || of_class == "55";
}

absl::Status WithIndex(std::string_view message, const char* payload, uint32_t index) {
  absl::Status status = absl::AbortedError(absl::string_view(message.data(), message.size()));
  status.SetPayload(payload, absl::Cord(Cat(index)));
  return status;
}

std::optional<uint32_t> IndexOf(const absl::Status& status, const char* payload) {
  const auto found = status.GetPayload(payload);
  if (!found) return std::nullopt;
  const std::string digits(*found);
  uint32_t index = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), index);
  return index;
}

}  // namespace

absl::Status WithTable(absl::Status status, std::string_view source_table) {
  if (status.ok() || status.GetPayload(kPayload)) return status;
  status.SetPayload(kPayload,
                    absl::Cord(absl::string_view(source_table.data(), source_table.size())));
  return status;
}

absl::Status StopsTheSink(absl::Status status) {
  status.SetPayload(kStopsPayload, absl::Cord("1"));
  return status;
}

absl::Status WriteFirst() {
  absl::Status status = absl::AbortedError("a schema changes behind rows of this batch");
  status.SetPayload(kWriteFirstPayload, absl::Cord("1"));
  return status;
}

bool IsWriteFirst(const absl::Status& status) {
  return status.GetPayload(kWriteFirstPayload).has_value();
}

absl::Status CutBefore(uint32_t index) {
  return WithIndex("the batch is cut where a schema changes", kCutPayload, index);
}

std::optional<uint32_t> CutOf(const absl::Status& status) { return IndexOf(status, kCutPayload); }

absl::Status ApplyAlone(uint32_t index) {
  return WithIndex("a record is a batch of its own", kAlonePayload, index);
}

std::optional<uint32_t> AloneOf(const absl::Status& status) {
  return IndexOf(status, kAlonePayload);
}

std::optional<std::string> FaultyTable(const absl::Status& status) {
  const auto table = status.GetPayload(kPayload);
  if (!table || IsSinkConflict(status) || IsRowFault(status)) return std::nullopt;
  if (status.GetPayload(kStopsPayload)) return std::nullopt;
  if (!absl::IsFailedPrecondition(status) && !absl::IsInvalidArgument(status)) return std::nullopt;
  const std::string sqlstate = pg::SqlStateOf(status);
  if (!sqlstate.empty() && !ConcernsTheTable(sqlstate)) return std::nullopt;
  return std::string(*table);
}

}  // namespace walrelay::apply
