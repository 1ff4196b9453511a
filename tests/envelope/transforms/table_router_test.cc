#include "envelope/transforms/table_router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/envelope/transforms/chain_fixture.h"

namespace walrelay::envelope {
namespace {

using ::testing::HasSubstr;

TableRouterOptions Routed() {
  TableRouterOptions options;
  options.topic = Rename("cdc.public.t", "cdc.public.all");
  return options;
}

TEST(TableRouter, NamesTopicAndSchemasAnew) {
  Chain chain(Simple(), {Step(Routed())}, Compat::k3_6_1, true);
  chain.Insert({"1", "a"});
  EXPECT_EQ(chain.last().topic, "cdc.public.all");
  EXPECT_THAT(chain.key(), HasSubstr(R"("name":"cdc.public.all.Key")"));
  EXPECT_THAT(chain.value(), HasSubstr(R"("name":"cdc.public.all.Value","field":"before")"));
  EXPECT_THAT(chain.value(), HasSubstr(R"("name":"cdc.public.all.Value","field":"after")"));
  EXPECT_THAT(chain.value(), HasSubstr(R"("name":"cdc.public.all.Envelope","version":2)"));
  EXPECT_EQ(chain.last().spans.count, 3);
}

TEST(TableRouter, KeysSayWhereTheyAreFrom) {
  TableRouterOptions options = Routed();
  Chain chain(Simple(), {Step(options)});
  chain.Delete({"1", "a"});
  EXPECT_EQ(chain.value(), "(null)");
  EXPECT_EQ(chain.key(), R"({"id":1,"__dbz__physicalTableIdentifier":"cdc.public.t"})");

  options.key_field_name = "from";
  options.key_field = Rename("cdc.public.t", "t\"");
  Chain named(Simple(), {Step(options)});
  named.Insert({"1", "a"});
  EXPECT_EQ(named.key(), R"({"id":1,"from":"t\""})");

  options.enforce_uniqueness = false;
  Chain plain(Simple(), {Step(options)});
  plain.Insert({"1", "a"});
  EXPECT_EQ(plain.key(), R"({"id":1})");
}

TEST(TableRouter, InOldVersionsNullBecomesTheDefault) {
  for (const Compat compat : {Compat::k2_5_0, Compat::k3_6_1}) {
    Options options = TestOptions(compat);
    options.value_schemas = options.value_null_as_default = false;
    options.transforms = {Step(Routed())};
    Chain chain(Simple(), options);
    chain.Insert({"1", nullptr});
    EXPECT_THAT(chain.value(),
                HasSubstr(compat == Compat::k2_5_0 ? R"("after":{"id":1,"v":"d"})"
                                                   : R"("after":{"id":1,"v":null})"));
  }
}

TEST(TableRouter, LeavesOtherRecordsAlone) {
  Chain chain(Simple(), {Step(Routed())});
  chain.Heartbeat();
  EXPECT_EQ(chain.last().topic, "__debezium-heartbeat.cdc");
  EXPECT_EQ(chain.key(), R"({"serverName":"cdc"})");
}

TEST(TableRouter, ANullKeyStaysNull) {
  Table table("public", "t");
  table.Column("v", "text");
  Chain chain(table, {Step(Routed())});
  chain.Insert({"a"});
  EXPECT_EQ(chain.last().topic, "cdc.public.all");
  EXPECT_FALSE(chain.last().key);
}

TEST(TableRouter, AKeyThatIsNoStructFails) {
  Chain chain(Simple(), {Step(KeyFieldOptions{.field = "id"}), Step(Routed())});
  chain.Insert({"1", "a"});
  EXPECT_THAT(std::string(chain.status.message()), HasSubstr("the key is not a struct"));
}

TEST(LruCache, ForgetsWhatWasUsedLongestAgo) {
  LruCache<std::string, int> cache(2);
  cache.Put("a", 1);
  cache.Put("b", 2);
  ASSERT_NE(cache.Find("a"), nullptr);
  cache.Put("c", 3);
  EXPECT_EQ(cache.Find("b"), nullptr);
  EXPECT_EQ(*cache.Find("a"), 1);
  EXPECT_EQ(*cache.Find("c"), 3);
}

}  // namespace
}  // namespace walrelay::envelope
