// From a configuration to the options of its stages.
#include "app/stage_options.h"

#include <gtest/gtest.h>

namespace walrelay::app {
namespace {

constexpr std::string_view kSharedSinks = R"([lake]
connection = "host=lake"
workers = 3
[target]
connection = "host=target"
workers = 2
)";

TEST(StageOptions, CommandsSeeASinkOnceHoweverManyWorkersItHas) {
  const auto config = ParseConfig(kSharedSinks, "test.toml", {});
  ASSERT_TRUE(config.ok()) << config.status();
  const auto sinks = MakeSinkOptions(*config, Stages::kApply);
  ASSERT_TRUE(sinks.ok()) << sinks.status();
  ASSERT_EQ(sinks->size(), 2u);
  EXPECT_EQ(sinks->at(0).stage, "lake");
  EXPECT_EQ(sinks->at(1).stage, "target");
}

TEST(StageOptions, ARunHasEveryWorker) {
  const auto config = ParseConfig(kSharedSinks, "test.toml", {});
  ASSERT_TRUE(config.ok()) << config.status();
  const auto workers = MakeWorkerOptions(*config, Stages::kApply);
  ASSERT_TRUE(workers.ok()) << workers.status();
  std::vector<std::string> names;
  for (const SinkWorkerOptions& options : *workers) names.push_back(options.name());
  EXPECT_EQ(names,
            (std::vector<std::string>{"lake-1", "lake-2", "lake-3", "target-1", "target-2"}));
}

}  // namespace
}  // namespace walrelay::app
