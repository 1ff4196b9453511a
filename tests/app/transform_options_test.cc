#include "app/transform_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace walrelay::app {
namespace {

using ::testing::HasSubstr;

constexpr const char* kUnwrap = "io.debezium.transforms.ExtractNewRecordState";
constexpr const char* kOutbox = "io.debezium.transforms.outbox.EventRouter";

Config With(Settings source, std::string compat = "3.6.1.Final") {
  Config config;
  config.pipeline.compat = std::move(compat);
  config.source = std::move(source);
  return config;
}

// One transform `t` of the class with the options.
Config One(const std::string& type, const Settings& options, std::string compat = "3.6.1.Final") {
  Settings source = {{"transforms", "t"}, {"transforms.t.type", type}};
  for (const auto& [name, value] : options) source["transforms.t." + name] = value;
  return With(std::move(source), std::move(compat));
}

std::string ErrorOf(const Config& config) {
  const auto steps = MakeTransforms(config);
  return steps.ok() ? "" : std::string(steps.status().message());
}

template <class Options>
Options OptionsOf(const Config& config) {
  const auto steps = MakeTransforms(config);
  EXPECT_TRUE(steps.ok()) << steps.status();
  return std::get<Options>(steps->at(0).transform);
}

TEST(TransformOptions, NoneAreNone) {
  const auto steps = MakeTransforms(With({}));
  ASSERT_TRUE(steps.ok());
  EXPECT_TRUE(steps->empty());
}

TEST(TransformOptions, KeepTheirOrderAndPredicates) {
  const auto steps =
      MakeTransforms(With({{"transforms", "b, a"},
                           {"transforms.a.type", "org.apache.kafka.connect.transforms.Filter"},
                           {"transforms.a.predicate", "p"},
                           {"transforms.a.negate", "TRUE"},
                           {"transforms.b.type", kUnwrap},
                           {"predicates", "p"},
                           {"predicates.p.type", "RecordIsTombstone"}}));
  ASSERT_TRUE(steps.ok()) << steps.status();
  ASSERT_EQ(steps->size(), 2u);
  EXPECT_EQ((*steps)[0].name, "b");
  EXPECT_FALSE((*steps)[0].predicate);
  EXPECT_EQ((*steps)[1].name, "a");
  EXPECT_TRUE((*steps)[1].predicate);
  EXPECT_TRUE((*steps)[1].negate);
}

TEST(TransformOptions, OtherClassesAndOptionsAreRefusedByName) {
  EXPECT_THAT(ErrorOf(One("io.debezium.transforms.partitions.PartitionRouting", {})),
              HasSubstr("source.transforms.t.type: "
                        "'io.debezium.transforms.partitions.PartitionRouting' is not built"));
  EXPECT_THAT(ErrorOf(One("org.apache.kafka.connect.transforms.ExtractField$Value", {})),
              HasSubstr("is not built"));
  EXPECT_THAT(ErrorOf(One(kUnwrap, {{"add.field", "op"}})),
              HasSubstr("source.transforms.t.add.field: is not an option of "
                        "io.debezium.transforms.ExtractNewRecordState; did you mean add.fields?"));
  EXPECT_THAT(ErrorOf(One(kUnwrap, {{"drop.fields.header.name", "h"}})), HasSubstr("not built"));
  EXPECT_THAT(ErrorOf(One(kOutbox, {{"tracing.operation.name", "x"}})), HasSubstr("OpenTelemetry"));
  EXPECT_THAT(ErrorOf(With({{"predicates", "p"}, {"predicates.p.type", "x.P"}})),
              HasSubstr("source.predicates.p.type: 'x.P' is not built"));
}

TEST(TransformOptions, WhatBelongsToNoNameIsRefused) {
  EXPECT_THAT(ErrorOf(With({{"transforms.t.type", kUnwrap}})),
              HasSubstr("source.transforms.t.type: belongs to no name in source.transforms"));
  EXPECT_THAT(ErrorOf(With({{"transforms", "t,t"}, {"transforms.t.type", kUnwrap}})),
              HasSubstr("names one twice"));
  EXPECT_THAT(ErrorOf(One(kUnwrap, {{"predicate", "q"}})),
              HasSubstr("is not in source.predicates"));
  EXPECT_THAT(ErrorOf(One(kUnwrap, {{"negate", "true"}})), HasSubstr("no predicate to negate"));
}

TEST(UnwrapOptions, DeletesFollowTheVersion) {
  using Deletes = envelope::UnwrapOptions::Deletes;
  const auto of = [](const Settings& options, const char* compat) {
    return OptionsOf<envelope::UnwrapOptions>(One(kUnwrap, options, compat));
  };
  EXPECT_EQ(of({}, "3.6.1.Final").deletes, Deletes::kNullValue);
  EXPECT_FALSE(of({}, "3.6.1.Final").keep_tombstones);
  EXPECT_EQ(of({}, "2.5.0.Final").deletes, Deletes::kDrop);
  EXPECT_EQ(
      of({{"delete.handling.mode", "NONE"}, {"drop.tombstones", "false"}}, "2.5.0.Final").deletes,
      Deletes::kNullValue);
  EXPECT_TRUE(of({{"drop.tombstones", "false"}}, "2.5.0.Final").keep_tombstones);
  // The newer option rules out the older ones.
  EXPECT_EQ(of({{"delete.handling.mode", "none"},
                {"delete.tombstone.handling.mode", "rewrite-with-tombstone"}},
               "2.5.0.Final")
                .deletes,
            Deletes::kRewrite);
  EXPECT_THAT(ErrorOf(One(kUnwrap, {{"delete.tombstone.handling.mode", "delete-to-tombstone"}},
                          "2.5.0.Final")),
              HasSubstr("must be one of: tombstone, drop, rewrite, rewrite-with-tombstone"));
}

TEST(UnwrapOptions, OptionsOfAnotherVersionAreSaid) {
  const Config config = One(kUnwrap, {{"drop.tombstones", "false"}});
  EXPECT_EQ(ErrorOf(config), "");
  EXPECT_THAT(
      TransformNotices(config),
      ::testing::ElementsAre(HasSubstr("source.transforms.t.drop.tombstones means nothing")));
}

TEST(UnwrapOptions, AddedFieldsFindTheirStructs) {
  const auto fields =
      OptionsOf<envelope::UnwrapOptions>(
          One(kUnwrap, {{"add.fields", "op, lsn,source.ts_ms:at ,id,after.x,ts_us"}}))
          .fields;
  ASSERT_EQ(fields.size(), 6u);
  const auto is = [&](size_t i, const char* parent, const char* field, const char* name) {
    EXPECT_EQ(fields[i].parent, parent);
    EXPECT_EQ(fields[i].field, field);
    EXPECT_EQ(fields[i].name, name);
  };
  is(0, "", "op", "__op");
  is(1, "source", "lsn", "__lsn");
  is(2, "source", "ts_ms", "__at");
  is(3, "transaction", "id", "__id");
  is(4, "after", "x", "__after_x");
  is(5, "", "ts_us", "__ts_us");
}

TEST(UnwrapOptions, AddedFieldsThatWouldEndTheTaskAreRefused) {
  EXPECT_THAT(ErrorOf(One(kUnwrap, {{"add.fields", "foo.bar"}})), HasSubstr("no struct foo"));
  EXPECT_THAT(ErrorOf(One(kUnwrap, {{"add.fields", "before"}})), HasSubstr("whole struct"));
  EXPECT_THAT(ErrorOf(One(kUnwrap, {{"add.headers", "a:b:c"}})), HasSubstr("field or field:name"));
}

TEST(OutboxOptions, PlacementsHaveAliases) {
  const auto outbox = OptionsOf<envelope::OutboxOptions>(
      One(kOutbox, {{"table.fields.additional.placement", "a:header, b:envelope:c,p:partition"}}));
  ASSERT_EQ(outbox.additional.size(), 3u);
  EXPECT_EQ(outbox.additional[1].field, "b");
  EXPECT_EQ(outbox.additional[1].alias, "c");
  EXPECT_THAT(ErrorOf(One(kOutbox, {{"table.fields.additional.placement", "a"}})),
              HasSubstr("column:placement"));
}

TEST(OutboxOptions, TheDefaultRouteNamesItsGroup) {
  const auto outbox = OptionsOf<envelope::OutboxOptions>(One(kOutbox, {}));
  const auto topic = outbox.topic("order");
  ASSERT_TRUE(topic.ok());
  EXPECT_EQ(*topic, "outbox.event.order");
}

TEST(RouterOptions, NeedTheirExpressions) {
  constexpr const char* kRouter = "io.debezium.transforms.ByLogicalTableRouter";
  EXPECT_THAT(ErrorOf(One(kRouter, {})), HasSubstr("source.transforms.t.topic.regex: is missing"));
  EXPECT_THAT(
      ErrorOf(One(kRouter,
                  {{"topic.regex", "a"}, {"topic.replacement", "b"}, {"key.field.regex", "c"}})),
      HasSubstr("key.field.replacement: must be given"));
  EXPECT_THAT(ErrorOf(One("org.apache.kafka.connect.transforms.RegexRouter",
                          {{"regex", "(a"}, {"replacement", ""}})),
              HasSubstr("not a regular expression"));
}

}  // namespace
}  // namespace walrelay::app
