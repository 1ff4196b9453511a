#include "pg/error.h"

#include <gtest/gtest.h>

#include "base/status.h"

namespace walrelay::pg {
namespace {

TEST(CodeOfSqlState, SaysWhatTheCallerDoesNext) {
  using absl::StatusCode;
  for (const char* state :
       {"08006", "57P01", "57P03", "57014", "53300", "53100", "55006", "55P03", "25006", "25P03"}) {
    EXPECT_EQ(CodeOfSqlState(state), StatusCode::kUnavailable) << state;
  }
  for (const char* state : {"40001", "40P01"})
    EXPECT_EQ(CodeOfSqlState(state), StatusCode::kAborted) << state;
  for (const char* state : {"28P01", "28000", "3D000", "42704", "42P01", "42501", "55000", "58P01",
                            "23505", "0A000", "XX000"}) {
    EXPECT_EQ(CodeOfSqlState(state), StatusCode::kFailedPrecondition) << state;
  }
  for (const char* state : {"42601", "42602", "22P02"}) {
    EXPECT_EQ(CodeOfSqlState(state), StatusCode::kInvalidArgument) << state;
  }
  EXPECT_EQ(CodeOfSqlState("XX001"), StatusCode::kDataLoss);
  EXPECT_EQ(CodeOfSqlState("40003"), StatusCode::kUnknown);
}

TEST(ErrorWithSqlState, KeepsTheStateThroughAnnotate) {
  const absl::Status status = ErrorWithSqlState("55006", "slot busy");
  EXPECT_EQ(SqlStateOf(Annotate(status, "source")), "55006");
  EXPECT_EQ(SqlStateOf(absl::UnavailableError("gone")), "");
}

}  // namespace
}  // namespace walrelay::pg
