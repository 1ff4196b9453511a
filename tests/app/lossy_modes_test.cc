// Handling modes that lose digits are named, and only where there is a copy that lacks them.
#include "app/lossy_modes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status.h"

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

constexpr const char* kIntervals = "interval.handling.mode = numeric (Debezium's default)";

TEST(LossyModes, AreNamedWithTheirColumns) {
  EXPECT_THAT(LossyModes(With({{"decimal.handling.mode", "double"},
                               {"time.precision.mode", "connect"},
                               {"interval.handling.mode", "string"},
                               {"unavailable.value.placeholder", "gone"},
                               {"money.fraction.digits", "0"}})),
              ElementsAre(HasSubstr("decimal.handling.mode = double: numeric and money columns"),
                          HasSubstr("time.precision.mode = connect: time and timestamp columns"),
                          HasSubstr("unavailable.value.placeholder is not Debezium's default"),
                          HasSubstr("money.fraction.digits = 0: money columns")));
}

TEST(LossyModes, IncludeThoseOfTheNewerDebezium) {
  for (const char* mode : {"nanoseconds", "isostring"}) {
    Config config = With({{"time.precision.mode", mode}, {"interval.handling.mode", "string"}});
    config.pipeline.compat = "3.6.1.Final";
    EXPECT_THAT(LossyModes(config), ElementsAre(HasSubstr(Cat("time.precision.mode = ", mode))));
  }
}

TEST(LossyModes, UnknownTypesAreLostAsTextOnly) {
  EXPECT_THAT(LossyModes(With({{"include.unknown.datatypes", "true"}})),
              ElementsAre(HasSubstr(kIntervals)));
  EXPECT_THAT(LossyModes(With({{"include.unknown.datatypes", "true"},
                               {"binary.handling.mode", "hex"}})),
              ElementsAre(HasSubstr(kIntervals), HasSubstr("include.unknown.datatypes")));
}

TEST(LossyModes, OfTheDefaultsAreIntervals) {
  EXPECT_THAT(LossyModes(With({})), ElementsAre(HasSubstr(kIntervals)));
  EXPECT_THAT(LossyModes(With({{"interval.handling.mode", "string"}})), IsEmpty());
}

TEST(LossyModes, AreNoneWithoutASink) {
  EXPECT_THAT(LossyModes(With({{"decimal.handling.mode", "double"}}, false)), IsEmpty());
}

}  // namespace
}  // namespace walrelay::app
