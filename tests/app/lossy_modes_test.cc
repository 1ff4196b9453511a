// Handling modes that lose digits are named, and only where there is a copy that lacks them.
#include "app/lossy_modes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace walrelay::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Config With(const Settings& source, bool target = true) {
  Config config;
  config.source = {{"topic.prefix", "p"}};
  for (const auto& [key, value] : source) config.source[key] = value;
  if (target) config.target = SinkSettings{.connection = "host=h"};
  return config;
}

TEST(LossyModes, AreNamedWithTheirColumns) {
  EXPECT_THAT(LossyModes(With({{"decimal.handling.mode", "double"},
                               {"time.precision.mode", "connect"},
                               {"money.fraction.digits", "0"}})),
              ElementsAre(HasSubstr("decimal.handling.mode = double: numeric and money columns"),
                          HasSubstr("time.precision.mode = connect: time and timestamp columns"),
                          HasSubstr("money.fraction.digits = 0: money columns")));
}

TEST(LossyModes, AreNoneByDefaultAndWithoutASink) {
  EXPECT_THAT(LossyModes(With({})), IsEmpty());
  EXPECT_THAT(LossyModes(With({{"decimal.handling.mode", "string"}})), IsEmpty());
  EXPECT_THAT(LossyModes(With({{"decimal.handling.mode", "double"}}, false)), IsEmpty());
}

}  // namespace
}  // namespace walrelay::app
