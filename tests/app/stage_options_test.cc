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

TEST(StageOptions, ASourceThatIsNotNamedIsNotAskedAndNothingIsGuessedOfIt) {
  const auto sink = [](std::string_view source) {
    const auto config = ParseConfig(Cat("[source]\n", source, "\n", kSharedSinks), "test.toml", {});
    EXPECT_TRUE(config.ok()) << config.status();
    auto sinks = MakeSinkOptions(*config, Stages::kApply);
    EXPECT_TRUE(sinks.ok()) << sinks.status();
    return std::move(sinks->at(0).sink);
  };
  using Binary = apply::SchemalessFormat::Binary;
  const apply::SinkOptions nothing = sink("'topic.prefix' = 'cdc'");
  EXPECT_FALSE(nothing.source_table);
  EXPECT_EQ(nothing.schemaless.binary, Binary::kUnsaid);
  const apply::SinkOptions mode = sink("'topic.prefix' = 'cdc'\n'binary.handling.mode' = 'bytes'");
  EXPECT_FALSE(mode.source_table);
  EXPECT_EQ(mode.schemaless.binary, Binary::kBase64);
  const apply::SinkOptions source =
      sink("'topic.prefix' = 'cdc'\n'database.hostname' = 'h'\n'database.user' = 'u'\n"
           "'database.dbname' = 'd'");
  EXPECT_TRUE(source.source_table);
  EXPECT_EQ(source.schemaless.binary, Binary::kBase64);
}

}  // namespace
}  // namespace walrelay::app
