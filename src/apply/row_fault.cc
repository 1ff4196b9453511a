#include "apply/row_fault.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "pg/error.h"

namespace walrelay::apply {
namespace {

constexpr std::array<std::string_view, 9> kClasses = {
    "21",  // cardinality_violation
    "22",  // data_exception: out of range, too long, invalid text
    "23",  // integrity_constraint_violation
    "27",  // triggered_data_change_violation
    "2F",  // sql_routine_exception
    "38",  // external_routine_exception
    "44",  // with_check_option_violation
    "54",  // program_limit_exceeded: a key too large for its index
    "P0",  // plpgsql: RAISE in a trigger
};

}  // namespace

bool IsRowFault(const absl::Status& status) {
  const std::string sqlstate = pg::SqlStateOf(status);
  if (sqlstate.empty()) return false;
  return std::find(kClasses.begin(), kClasses.end(), std::string_view(sqlstate).substr(0, 2)) !=
         kClasses.end();
}

}  // namespace walrelay::apply
