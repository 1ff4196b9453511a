#include "app/exit_code.h"

#include <gtest/gtest.h>

#include <set>

namespace walrelay::app {
namespace {

TEST(ExitCode, TravelsWithTheStatus) {
  const auto fails = []() -> absl::Status {
    RETURN_IF_ERROR(ExitError(ExitCode::kSlotAhead, "slot s is ahead"));
    return absl::OkStatus();
  };
  const absl::Status status = fails();
  EXPECT_EQ(ExitCodeOf(status), ExitCode::kSlotAhead);
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_EQ(Message(status), "slot s is ahead");
}

TEST(ExitCode, TheInnermostPlaceKnowsBest) {
  const absl::Status status =
      WithExitCode(ExitError(ExitCode::kSlotMissing, "gone"), ExitCode::kSourceUnreachable);
  EXPECT_EQ(ExitCodeOf(status), ExitCode::kSlotMissing);
}

TEST(ExitCode, ComesFromTheStatusCodeWhenNothingIsAttached) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), ExitCode::kOk);
  EXPECT_EQ(ExitCodeOf(absl::CancelledError("stop")), ExitCode::kOk);
  EXPECT_EQ(ExitCodeOf(absl::InvalidArgumentError("bad")), ExitCode::kUsage);
  EXPECT_EQ(ExitCodeOf(absl::DataLossError("gap")), ExitCode::kDataLoss);
  EXPECT_EQ(ExitCodeOf(absl::InternalError("?")), ExitCode::kUnknown);
}

TEST(ExitCode, AnOkStatusStaysOk) {
  EXPECT_TRUE(WithExitCode(absl::OkStatus(), ExitCode::kUnknown).ok());
}

TEST(ExitCode, TableHasUniqueAscendingCodesAndNames) {
  std::set<std::string_view> names;
  int last = -1;
  for (const ExitCodeText& row : ExitCodeTable()) {
    EXPECT_GT(static_cast<int>(row.code), last);
    last = static_cast<int>(row.code);
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_FALSE(row.meaning.empty());
  }
}

// Every code that can be made is in the table: 0 to 125 is what a shell can tell from a signal.
TEST(ExitCode, TableKnowsEveryCodeThatAStatusCarries) {
  for (const ExitCodeText& row : ExitCodeTable()) {
    if (row.code == ExitCode::kOk) continue;
    EXPECT_EQ(ExitCodeOf(ExitError(row.code, "x")), row.code) << row.name;
    EXPECT_LT(static_cast<int>(row.code), 126);
  }
}

}  // namespace
}  // namespace walrelay::app
