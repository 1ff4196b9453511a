// A member's assignment, as the consumer protocol writes it.
#include "kafka/consumer_group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace walrelay::kafka {
namespace {

using namespace std::string_literals;
using testing::ElementsAre;
using testing::IsEmpty;

// Version 0; topic "b" with partition 1, topic "a" with partitions 0 and 2; user data null.
const std::string kTwoTopics =
    "\0\0\0\0\0\2"
    "\0\1b\0\0\0\1\0\0\0\1"
    "\0\1a\0\0\0\2\0\0\0\0\0\0\0\2"
    "\377\377\377\377"s;

TEST(AssignedTopics, AreThoseOfTheMembersPartitions) {
  EXPECT_THAT(AssignedTopics(kTwoTopics), ElementsAre("a", "b"));
  EXPECT_THAT(AssignedTopics(kTwoTopics + "what a newer version adds"), ElementsAre("a", "b"));
}

TEST(AssignedTopics, NoneWhereThereIsNoAssignmentYet) { EXPECT_THAT(AssignedTopics(""), IsEmpty()); }

TEST(AssignedTopics, AsFarAsItCanBeRead) {
  for (size_t size = 0; size < kTwoTopics.size(); ++size)
    EXPECT_LE(AssignedTopics(kTwoTopics.substr(0, size)).size(), 2u) << size;
  EXPECT_THAT(AssignedTopics(kTwoTopics.substr(0, 20)), ElementsAre("b"));
  EXPECT_THAT(AssignedTopics("\0\0\177\377\377\377\377\377"s), IsEmpty());
}

}  // namespace
}  // namespace walrelay::kafka
