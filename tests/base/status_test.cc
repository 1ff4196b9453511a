#include "base/status.h"

#include <gtest/gtest.h>

namespace walrelay {
namespace {

absl::StatusOr<int> Half(int value) {
  if (value % 2 != 0) return absl::InvalidArgumentError(Cat(value, " is odd"));
  return value / 2;
}

absl::StatusOr<int> Quarter(int value) {
  ASSIGN_OR_RETURN(const int half, Half(value));
  return Half(half);
}

TEST(Cat, JoinsTextNumbersAndBooleans) {
  EXPECT_EQ(Cat("a", std::string("b"), 'c', -1, uint64_t{18446744073709551615u}, true), "abc-118446744073709551615true");
}

TEST(AssignOrReturn, PassesTheErrorUp) {
  EXPECT_EQ(*Quarter(8), 2);
  EXPECT_EQ(Message(Quarter(6).status()), "3 is odd");
}

TEST(Annotate, KeepsTheCodeAndAddsThePlace) {
  const absl::Status status = Annotate(absl::UnavailableError("gone"), "source");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Message(status), "source: gone");
  EXPECT_TRUE(Annotate(absl::OkStatus(), "source").ok());
}

}  // namespace
}  // namespace walrelay
