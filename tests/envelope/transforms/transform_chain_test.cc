#include "envelope/transforms/transform_chain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/envelope/transforms/chain_fixture.h"

namespace walrelay::envelope {
namespace {

using ::testing::HasSubstr;

TransformStep Never(TransformOptions transform) {
  return Step(std::move(transform), TopicNameMatches{Is("another")});
}

TEST(TransformChain, WhatNoTransformTouchesKeepsItsBytes) {
  for (const Compat compat : {Compat::k2_5_0, Compat::k3_6_1}) {
    Options options = TestOptions(compat);
    options.skipped.truncate = false;
    Chain plain(Simple(), options);
    options.transforms = {Never(DropOptions{}), Never(UnwrapOptions{})};
    Chain chained(Simple(), options);
    for (Chain* chain : {&plain, &chained}) {
      chain->Insert({"1", "a\"ü"});
      chain->Update({"1", "a"}, {"2", nullptr});
      chain->Delete({"2", "x"});
      chain->Truncate();
      chain->Message("p");
      chain->Heartbeat();
    }
    ASSERT_EQ(plain.records().size(), chained.records().size());
    for (size_t i = 0; i < plain.records().size(); ++i) {
      const OwnedRecord& a = plain.records()[i];
      const OwnedRecord& b = chained.records()[i];
      EXPECT_EQ(a.topic, b.topic);
      EXPECT_EQ(a.key, b.key);
      EXPECT_EQ(a.value, b.value);
      EXPECT_EQ(a.headers, b.headers);
      EXPECT_EQ(a.partition, b.partition);
      ASSERT_EQ(a.spans.count, b.spans.count);
      for (uint8_t s = 0; s < a.spans.count; ++s) {
        EXPECT_EQ(a.spans.spans[s].offset, b.spans.spans[s].offset);
        EXPECT_EQ(a.spans.spans[s].size, b.spans.spans[s].size);
      }
    }
  }
}

TEST(TransformChain, FilterDropsWhatItsPredicateSays) {
  Chain dropped(Simple(), {Step(DropOptions{}, TopicNameMatches{Is("cdc.public.t")})});
  dropped.Insert({"1", "a"});
  EXPECT_TRUE(dropped.records().empty());
  dropped.Heartbeat();
  EXPECT_EQ(dropped.records().size(), 1u);

  Chain negated(Simple(), {Step(DropOptions{}, TopicNameMatches{Is("cdc.public.t")}, true)});
  negated.Insert({"1", "a"});
  EXPECT_EQ(negated.records().size(), 1u);

  Chain tombstones(Simple(), {Step(DropOptions{}, RecordIsTombstone{})});
  tombstones.Delete({"1", "a"});
  ASSERT_EQ(tombstones.records().size(), 1u);
  EXPECT_TRUE(tombstones.last().value);

  Chain keys(Simple(), {Step(DropOptions{}, HasHeaderKey{"__debezium.newkey"})});
  keys.Update({"1", "a"}, {"2", "a"});
  ASSERT_EQ(keys.records().size(), 1u);
  EXPECT_EQ(keys.key(), R"({"id":2})");
}

TEST(TransformChain, APredicateSeesWhatTheTransformsBeforeHaveMade) {
  Chain chain(Simple(), {Step(TopicRouterOptions{.topic = Prefixed("x-")}),
                         Step(DropOptions{}, TopicNameMatches{Is("x-cdc.public.t")}, true)});
  chain.Insert({"1", "a"});
  EXPECT_EQ(chain.last().topic, "x-cdc.public.t");
  chain.Heartbeat();
  EXPECT_EQ(chain.records().size(), 1u);
}

TEST(TransformChain, BehindARouterATombstoneHasHeadersOfItsOwn) {
  UnwrapOptions unwrap;
  unwrap.deletes = UnwrapOptions::Deletes::kRewrite;
  unwrap.keep_tombstones = true;
  unwrap.headers = {{"source", "table", "__table"}};
  Chain chain(Simple(), {Step(TopicRouterOptions{.topic = Prefixed("x-")}), Step(unwrap)});
  chain.Delete({"1", "a"});
  EXPECT_FALSE(chain.last().value);
  EXPECT_EQ(chain.headers(), "");
}

TEST(TransformChain, ATopicAlwaysHasOneAddress) {
  Chain chain(Simple(), {Step(TopicRouterOptions{.topic = Prefixed("x-")})});
  chain.Insert({"1", "a"});
  const void* const address = chain.last().topic_cache;
  chain.Delete({"1", "a"});
  EXPECT_EQ(chain.last().topic_cache, address);
  chain.Heartbeat();
  EXPECT_NE(chain.last().topic_cache, address);
  EXPECT_EQ(chain.last().partition, 0);
}

TEST(TransformChain, ExtractFieldMakesAKeyOfOneColumn) {
  Chain chain(Simple(), {Step(KeyFieldOptions{.field = "id"})}, Compat::k3_6_1, true);
  chain.Delete({"1", "a"});
  EXPECT_EQ(chain.key(), R"({"schema":{"type":"int32","optional":false},"payload":1})");
  Chain missing(Simple(), {Step(KeyFieldOptions{.field = "x"})});
  missing.Insert({"1", "a"});
  EXPECT_THAT(std::string(missing.status.message()), HasSubstr("the key has no field x"));
}

TEST(TransformChain, StringKeysFollowTheTransforms) {
  Options options = TestOptions();
  options.string_keys = true;
  options.transforms = {Never(DropOptions{})};
  Chain plain(Simple(), options);
  plain.Insert({"1", "a"});
  EXPECT_EQ(plain.key(), "Struct{id=1}");
  plain.Heartbeat();
  EXPECT_EQ(plain.key(), "Struct{serverName=cdc}");

  TableRouterOptions router;
  router.topic = Rename("cdc.public.t", "all");
  options.transforms = {Step(router)};
  Chain routed(Simple(), options);
  routed.Insert({"1", "a"});
  EXPECT_EQ(routed.key(), "Struct{id=1,__dbz__physicalTableIdentifier=cdc.public.t}");

  options.transforms = {Step(KeyFieldOptions{.field = "id"})};
  Chain extracted(Simple(), options);
  extracted.Insert({"1", "a"});
  EXPECT_EQ(extracted.key(), "1");
}

}  // namespace
}  // namespace walrelay::envelope
