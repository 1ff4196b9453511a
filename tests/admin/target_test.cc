#include "admin/target.h"

#include <gmock/gmock.h>

namespace walrelay::admin {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(ParseTarget, SplitsPathAndQuery) {
  const Target target = ParseTarget("/connectors/a/?expand=status&expand=info&flag");
  EXPECT_THAT(target.segments, ElementsAre("connectors", "a"));
  EXPECT_THAT(target.query,
              ElementsAre(Pair("expand", "status"), Pair("expand", "info"), Pair("flag", "")));
  EXPECT_TRUE(target.Asks("expand", "info"));
  EXPECT_FALSE(target.Asks("expand", "topics"));
}

TEST(ParseTarget, DecodesEachSegmentOnItsOwn) {
  EXPECT_THAT(ParseTarget("/a%2Fb/%c3%a9").segments, ElementsAre("a/b", "é"));
}

TEST(ParseTarget, LeavesInvalidEscapesAsTheyAre) {
  EXPECT_THAT(ParseTarget("/%").segments, ElementsAre("%"));
  EXPECT_THAT(ParseTarget("/%4").segments, ElementsAre("%4"));
  EXPECT_THAT(ParseTarget("/%4g/%-1").segments, ElementsAre("%4g", "%-1"));
}

TEST(ParseTarget, TakesAnythingForATarget) {
  EXPECT_THAT(ParseTarget("").segments, IsEmpty());
  EXPECT_THAT(ParseTarget("///?&&=&?").segments, IsEmpty());
  EXPECT_THAT(ParseTarget("*").segments, ElementsAre("*"));
}

}  // namespace
}  // namespace walrelay::admin
