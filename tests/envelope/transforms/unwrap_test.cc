#include "envelope/transforms/unwrap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/envelope/transforms/chain_fixture.h"

namespace walrelay::envelope {
namespace {

using Deletes = UnwrapOptions::Deletes;
using ::testing::HasSubstr;

UnwrapOptions Unwrapped(Deletes deletes, bool keep_tombstones = false) {
  UnwrapOptions options;
  options.deletes = deletes;
  options.keep_tombstones = keep_tombstones;
  return options;
}

TEST(Unwrap, PutsTheRowInThePlaceOfTheEnvelope) {
  Chain chain(Simple(), {Step(Unwrapped(Deletes::kDrop))});
  chain.Insert({"1", "a"});
  EXPECT_EQ(chain.value(), R"({"id":1,"v":"a"})");
  EXPECT_EQ(chain.key(), R"({"id":1})");
  EXPECT_EQ(chain.last().topic, "cdc.public.t");
  EXPECT_EQ(chain.last().spans.count, 0);
  chain.Update({"1", "a"}, {"1", nullptr});
  EXPECT_EQ(chain.value(), R"({"id":1,"v":"d"})") << "the converter writes the default";
}

TEST(Unwrap, TheRowsSchemaIsRequired) {
  Chain chain(Simple(), {Step(Unwrapped(Deletes::kNullValue))}, Compat::k3_6_1, true);
  chain.Insert({"1", "a"});
  EXPECT_THAT(chain.value(),
              HasSubstr(R"("optional":false,"name":"cdc.public.t.Value"},"payload")"));
  chain.Delete({"1", "a"});
  EXPECT_THAT(chain.value(),
              HasSubstr(R"("optional":true,"name":"cdc.public.t.Value"},"payload":null})"));
  ASSERT_EQ(chain.records().size(), 2u) << "the tombstone is dropped";
}

TEST(Unwrap, DeletesFollowTheirMode) {
  const auto of_delete = [](Deletes deletes, bool keep) {
    Chain chain(Simple(), {Step(Unwrapped(deletes, keep))});
    chain.Delete({"1", "a"});
    std::vector<std::string> values;
    for (const OwnedRecord& record : chain.records())
      values.push_back(record.value.value_or("(null)"));
    return values;
  };
  using Values = std::vector<std::string>;
  EXPECT_EQ(of_delete(Deletes::kDrop, false), Values{});
  EXPECT_EQ(of_delete(Deletes::kDrop, true), Values{"(null)"});
  EXPECT_EQ(of_delete(Deletes::kNullValue, false), Values{"null"});
  EXPECT_EQ(of_delete(Deletes::kTombstone, false), Values{"(null)"});
  EXPECT_EQ(of_delete(Deletes::kRewrite, true),
            (Values{R"({"id":1,"v":"a","__deleted":"true"})", "(null)"}));
}

TEST(Unwrap, TruncatesAreDropped) {
  Options options = TestOptions();
  options.skipped.truncate = false;
  options.transforms = {Step(Unwrapped(Deletes::kRewrite, true))};
  Chain chain(Simple(), options);
  chain.Truncate();
  EXPECT_TRUE(chain.records().empty());
}

TEST(Unwrap, AddsFieldsFromEverywhere) {
  UnwrapOptions unwrap = Unwrapped(Deletes::kDrop);
  unwrap.fields = {{"", "op", "__op"},
                   {"source", "table", "__table"},
                   {"source", "lsn", "__lsn"},
                   {"source", "sequence", "__seq"},
                   {"source", "snapshot", "__snapshot"},
                   {"source", "nothing", "__nothing"},
                   {"transaction", "id", "__id"},
                   {"before", "v", "__before_v"},
                   {"source", "origin", "__origin"}};
  Chain chain(Simple(), {Step(unwrap)});
  chain.Insert({"1", "a"});
  EXPECT_EQ(chain.value(), R"({"id":1,"v":"a","__op":"c","__table":"t","__lsn":23511704,)"
                           R"("__seq":"[\"23511432\",\"23511704\"]","__snapshot":null,"__id":null,)"
                           R"("__before_v":null,"__origin":null})");
  chain.Update({"1", "old"}, {"1", "new"});
  EXPECT_THAT(chain.value(), HasSubstr(R"("__before_v":"old")"));
}

TEST(Unwrap, AddedTimesOfTheClockAreVolatile) {
  UnwrapOptions unwrap = Unwrapped(Deletes::kDrop);
  unwrap.fields = {{"", "ts_ms", "a"}, {"source", "ts_ms", "b"}, {"", "ts_ns", "c"}};
  Chain chain(Simple(), {Step(unwrap)});
  chain.Insert({"1", "a"});
  const std::string value = chain.value();
  const VolatileSpans& spans = chain.last().spans;
  ASSERT_EQ(spans.count, 2);
  EXPECT_EQ(value.substr(spans.spans[0].offset, spans.spans[0].size), "1700000000456");
  EXPECT_EQ(value.substr(spans.spans[1].offset, spans.spans[1].size), "1700000000456789012");
}

TEST(Unwrap, AddsHeadersToTombstonesOnlyTheOp) {
  UnwrapOptions unwrap = Unwrapped(Deletes::kRewrite, true);
  unwrap.headers = {{"", "op", "__op"}, {"source", "table", "__table"}};
  Chain chain(Simple(), {Step(unwrap)});
  chain.Delete({"1", "a"});
  EXPECT_EQ(chain.headers(), "__op=d __table=t __op=d") << "the list is shared with the delete";
  chain.Insert({"1", "a"});
  EXPECT_EQ(chain.headers(), "__op=c __table=t");
}

TEST(Unwrap, InOldVersionsOtherRecordsGetHeadersToo) {
  UnwrapOptions unwrap = Unwrapped(Deletes::kDrop);
  unwrap.headers = {{"", "op", "__op"}};
  Chain old(Simple(), {Step(unwrap)}, Compat::k2_5_0);
  old.Message("p");
  EXPECT_EQ(old.headers(), "__op=m");
  old.Heartbeat();
  EXPECT_EQ(old.headers(), "");
  Chain later(Simple(), {Step(unwrap)});
  later.Message("p");
  EXPECT_EQ(later.headers(), "");

  unwrap.headers = {{"source", "lsn", "__lsn"}};
  Chain fails(Simple(), {Step(unwrap)}, Compat::k2_5_0);
  fails.Heartbeat();
  EXPECT_EQ(fails.status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(fails.status.message()), HasSubstr("transform t"));
}

TEST(Unwrap, RoutesByAColumn) {
  UnwrapOptions unwrap = Unwrapped(Deletes::kNullValue);
  unwrap.route_by_field = "v";
  Chain chain(Simple(), {Step(unwrap)});
  chain.Insert({"1", "a\"b"});
  EXPECT_EQ(chain.last().topic, "a\"b");
  chain.Insert({"1", " "});
  EXPECT_EQ(chain.last().topic, "cdc.public.t");
  chain.Insert({"1", nullptr});
  EXPECT_EQ(chain.last().topic, "cdc.public.t") << "null is no default here";
  chain.Delete({"1", "gone"});
  EXPECT_EQ(chain.last().topic, "gone");

  unwrap.route_by_field = "id";
  Chain fails(Simple(), {Step(unwrap)});
  fails.Insert({"1", "a"});
  EXPECT_THAT(std::string(fails.status.message()), HasSubstr("not a text column"));
}

TEST(Unwrap, RewritingPutsDefaultsWhateverTheConverterDoes) {
  Options options = TestOptions();
  options.value_schemas = options.value_null_as_default = false;
  options.transforms = {Step(Unwrapped(Deletes::kRewrite))};
  Chain chain(Simple(), options);
  chain.Insert({"1", nullptr});
  EXPECT_EQ(chain.value(), R"({"id":1,"v":"d","__deleted":"false"})");

  UnwrapOptions unwrap = Unwrapped(Deletes::kRewrite);
  unwrap.rewrite_null_as_default = false;
  options.transforms = {Step(unwrap)};
  Chain kept(Simple(), options);
  kept.Insert({"1", nullptr});
  EXPECT_EQ(kept.value(), R"({"id":1,"v":null,"__deleted":"false"})");
}

TEST(Unwrap, AFieldThatIsThereAlreadyFails) {
  UnwrapOptions unwrap = Unwrapped(Deletes::kDrop);
  unwrap.fields = {{"", "op", "v"}};
  Chain chain(Simple(), {Step(unwrap)});
  chain.Insert({"1", "a"});
  EXPECT_THAT(std::string(chain.status.message()), HasSubstr("already has a field v"));
}

}  // namespace
}  // namespace walrelay::envelope
