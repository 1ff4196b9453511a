#include "app/known_history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/exit_code.h"

namespace walrelay::app {
namespace {

using testing::AllOf;
using testing::HasSubstr;

KnownHistory History(uint64_t begin = 100) {
  return KnownHistory(
      {.begin = Lsn{begin}, .last_commit = Lsn{300}, .last_commit_micros = 7, .end = Lsn{400}});
}

TEST(KnownHistory, IsTheSameWhereItsLastTransactionEndsAtTheSamePlace) {
  KnownHistory history = History();
  EXPECT_TRUE(history.Ended(Lsn{200}, 7).ok());
  EXPECT_TRUE(history.Ended(Lsn{300}, 7).ok());
  EXPECT_TRUE(history.Passed().ok());
}

TEST(KnownHistory, NeedsNoTransactionThatTheSlotHasPassed) {
  EXPECT_TRUE(History(300).Passed().ok());
  EXPECT_TRUE(History(350).Passed().ok());
}

TEST(KnownHistory, MayEndWithAMessage) {
  KnownHistory history(
      {.begin = Lsn{100}, .last_commit = Lsn{400}, .last_commit_micros = 0, .end = Lsn{400}});
  EXPECT_EQ(ExitCodeOf(history.Passed()), ExitCode::kPositionBeyondServer);
  EXPECT_TRUE(history.Ended(Lsn{400}, 0).ok());
  EXPECT_TRUE(history.Passed().ok());
}

TEST(KnownHistory, IsAnotherOneWithoutItsLastTransaction) {
  KnownHistory history = History();
  EXPECT_TRUE(history.Ended(Lsn{200}, 7).ok());
  EXPECT_TRUE(history.Ended(Lsn{299}, 7).ok());
  EXPECT_EQ(ExitCodeOf(history.Passed()), ExitCode::kPositionBeyondServer);
}

TEST(KnownHistory, IsAnotherOneWhereItsLastTransactionWasAtAnotherTime) {
  const absl::Status status = History().Ended(Lsn{300}, 8);
  EXPECT_EQ(ExitCodeOf(status), ExitCode::kPositionBeyondServer);
  EXPECT_THAT(std::string(status.message()), HasSubstr("another one has ended there"));
}

TEST(KnownHistory, ComparesNoTimeThatIsNotKnown) {
  EXPECT_TRUE(History().Ended(Lsn{300}, 0).ok());
  KnownHistory of_before(
      {.begin = Lsn{100}, .last_commit = Lsn{300}, .last_commit_micros = 0, .end = Lsn{400}});
  EXPECT_TRUE(of_before.Ended(Lsn{300}, 8).ok());
  EXPECT_TRUE(of_before.Passed().ok());
}

TEST(KnownHistory, IsAnotherOneWithATransactionBehindTheLast) {
  KnownHistory history = History();
  EXPECT_TRUE(history.Ended(Lsn{300}, 7).ok());
  const absl::Status status = history.Ended(Lsn{350}, 7);
  EXPECT_EQ(ExitCodeOf(status), ExitCode::kPositionBeyondServer);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("ended at 0/12C"), HasSubstr("has ended at 0/15E"),
                    HasSubstr("0/64 to 0/190 (300 bytes of WAL)"), HasSubstr("when_needed")));
}

}  // namespace
}  // namespace walrelay::app
