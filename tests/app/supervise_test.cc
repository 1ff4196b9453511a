#include "app/supervise.h"

#include <gtest/gtest.h>

#include <thread>

namespace walrelay::app {
namespace {

using namespace std::chrono_literals;

class SuperviseTest : public testing::Test {
 protected:
  absl::Status Run(const std::function<absl::Status()>& session) {
    return Supervise("capture", board_, stop_, session);
  }
  admin::State state() { return board_.Read().front().state; }

  admin::StatusBoard board_;
  StopSignal stop_;
};

TEST_F(SuperviseTest, RepeatsATransientErrorAndShowsThatItWaits) {
  int calls = 0;
  const absl::Status status = Run([&] {
    EXPECT_EQ(state(), calls == 0 ? admin::State::kStarting : admin::State::kWaiting);
    return ++calls < 3 ? absl::UnavailableError("server gone") : absl::DataLossError("gap");
  });
  EXPECT_EQ(calls, 3);
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_EQ(state(), admin::State::kFailed);
  EXPECT_EQ(board_.Read().front().detail, "gap");
}

TEST_F(SuperviseTest, SaysSinceWhenItWaitsOverAllTries) {
  std::vector<WallTime> waits_since;
  (void)Run([&] {
    waits_since.push_back(board_.Read().front().since);
    if (waits_since.size() == 3) board_.Set("capture", admin::State::kStreaming);
    return waits_since.size() < 5 ? absl::UnavailableError("server gone")
                                  : absl::DataLossError("gap");
  });
  EXPECT_EQ(waits_since[1], waits_since[2]);
  EXPECT_GT(waits_since[3], waits_since[2]) << "it had worked";
  EXPECT_EQ(waits_since[3], waits_since[4]);
}

TEST_F(SuperviseTest, GivesUpAfterSoManyRetriesWhereThereIsALimit) {
  int calls = 0;
  const absl::Status status = Supervise(
      "capture", board_, stop_,
      [&] {
        ++calls;
        return absl::UnavailableError("server gone");
      },
      /*max_retries=*/2);
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(Message(status), "given up after 2 tries in a row: server gone");
  EXPECT_EQ(state(), admin::State::kFailed);
}

TEST_F(SuperviseTest, StopEndsTheWaitForTheNextTry) {
  std::jthread stopper;
  const auto begun = std::chrono::steady_clock::now();
  const absl::Status status = Run([&] {
    stopper = std::jthread([this] {
      while (state() != admin::State::kWaiting) std::this_thread::sleep_for(1ms);
      stop_.Ask();
    });
    return absl::UnavailableError("server gone");
  });
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(state(), admin::State::kStopped);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 5s);
}

TEST_F(SuperviseTest, StopIsNotAnError) {
  EXPECT_TRUE(Run([&] {
                stop_.Ask();
                return absl::CancelledError("stop");
              }).ok());
  EXPECT_EQ(state(), admin::State::kStopped);
}

TEST_F(SuperviseTest, APermanentErrorWhileStoppingStillCounts) {
  EXPECT_TRUE(absl::IsDataLoss(Run([&] {
    stop_.Ask();
    return absl::DataLossError("gap");
  })));
}

}  // namespace
}  // namespace walrelay::app
