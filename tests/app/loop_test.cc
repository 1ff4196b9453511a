#include "app/loop.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <thread>

namespace walrelay::app {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

class LoopTest : public testing::Test {
 protected:
  LoopTest() { EXPECT_EQ(pipe(pipe_.data()), 0); }
  ~LoopTest() override {
    loop_.Forget(reader());
    close(pipe_[0]);
    close(pipe_[1]);
  }
  int reader() const { return pipe_[0]; }
  void Write() { EXPECT_EQ(write(pipe_[1], "x", 1), 1); }
  void Drain() {
    char byte;
    EXPECT_EQ(read(pipe_[0], &byte, 1), 1);
  }

  StopSignal stop_;
  Loop loop_{stop_};
  std::array<int, 2> pipe_{};
};

TEST_F(LoopTest, ReturnsAtTheDeadlineWhenNothingHappens) {
  const auto begun = Clock::now();
  EXPECT_TRUE(loop_.Wait({{.fd = reader()}}, begun + 30ms).ok());
  EXPECT_GE(Clock::now() - begun, 30ms);
}

TEST_F(LoopTest, ReturnsAtOnceForADescriptorThatIsReadyAgainAndAgain) {
  for (int round = 0; round < 3; ++round) {
    Write();
    const auto begun = Clock::now();
    EXPECT_TRUE(loop_.Wait({{.fd = reader()}}, begun + 10s).ok());
    EXPECT_LT(Clock::now() - begun, 5s);
    Drain();
  }
}

TEST_F(LoopTest, SeesBytesThatWereLeftUnreadByAnEarlierRound) {
  Write();
  Write();
  for (int round = 0; round < 2; ++round) {
    const auto begun = Clock::now();
    EXPECT_TRUE(loop_.Wait({{.fd = reader()}}, begun + 10s).ok());
    EXPECT_LT(Clock::now() - begun, 5s);
    Drain();
  }
}

TEST_F(LoopTest, ADescriptorArmedInARoundThatTimedOutIsStillSeen) {
  EXPECT_TRUE(loop_.Wait({{.fd = reader()}}, Clock::now() + 5ms).ok());
  std::jthread writer([this] {
    std::this_thread::sleep_for(20ms);
    Write();
  });
  const auto begun = Clock::now();
  EXPECT_TRUE(loop_.Wait({{.fd = reader()}}, begun + 10s).ok());
  EXPECT_LT(Clock::now() - begun, 5s);
}

TEST_F(LoopTest, StopWakesItFromAnotherThread) {
  std::jthread stopper([this] {
    std::this_thread::sleep_for(20ms);
    stop_.Ask();
  });
  const auto begun = Clock::now();
  EXPECT_TRUE(absl::IsCancelled(loop_.Wait({{.fd = reader()}}, begun + 10s)));
  EXPECT_LT(Clock::now() - begun, 5s);
  EXPECT_TRUE(absl::IsCancelled(loop_.Wait({}, begun + 10s))) << "and for ever after";
}

TEST_F(LoopTest, AForgottenDescriptorCanBeWatchedAgain) {
  EXPECT_TRUE(loop_.Wait({{.fd = reader()}}, Clock::now() + 5ms).ok());
  loop_.Forget(reader());
  Write();
  const auto begun = Clock::now();
  EXPECT_TRUE(loop_.Wait({{.fd = reader()}}, begun + 10s).ok());
  EXPECT_LT(Clock::now() - begun, 5s);
}

}  // namespace
}  // namespace walrelay::app
