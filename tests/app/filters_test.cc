#include "app/filters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace walrelay::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

SharedFilterHealth Health() { return std::make_shared<FilterHealth>(); }

RegexList List(std::string_view text, SharedFilterHealth health = Health()) {
  auto list = RegexList::Parse("source.table.include.list", text, std::move(health));
  EXPECT_TRUE(list.ok()) << list.status();
  return *list;
}

std::string CompileError(std::string_view text) {
  const auto list = RegexList::Parse("source.table.include.list", text, Health());
  EXPECT_FALSE(list.ok()) << text;
  return std::string(Message(list.status()));
}

TEST(SplitRegexList, CutsAtCommasAndDropsBlanks) {
  EXPECT_THAT(SplitRegexList(" public.a ,public.b,, s\\.c "),
              ElementsAre("public.a", "public.b", "s\\.c"));
  EXPECT_THAT(SplitRegexList(""), ElementsAre());
  EXPECT_THAT(SplitRegexList(" , "), ElementsAre());
}

TEST(SplitRegexList, KeepsAnEscapedCommaInsideTheExpression) {
  EXPECT_THAT(SplitRegexList("a{1\\,3},b"), ElementsAre("a{1,3}", "b"));
  // An escaped backslash does not escape the comma after it.
  EXPECT_THAT(SplitRegexList("a\\\\,b"), ElementsAre("a\\\\", "b"));
  EXPECT_THAT(SplitRegexList("a\\"), ElementsAre("a\\"));
}

TEST(RegexList, MustMatchTheWholeName) {
  const RegexList list = List("public.order");
  EXPECT_TRUE(list.Matches("public.order"));
  EXPECT_FALSE(list.Matches("public.orders"));
  EXPECT_FALSE(list.Matches("xpublic.order"));
  EXPECT_FALSE(list.Matches("public.order\n"));
}

TEST(RegexList, TriesEveryAlternativeForTheWholeName) {
  EXPECT_TRUE(List("public.(a|ab)").Matches("public.ab"));
  EXPECT_TRUE(List("public.a|public.ab").Matches("public.ab"));
}

TEST(RegexList, IgnoresCase) {
  EXPECT_TRUE(List("PUBLIC.Orders").Matches("public.orders"));
  EXPECT_TRUE(List("public.grün").Matches("PUBLIC.GRün"));
  EXPECT_FALSE(List("public.grün").Matches("public.GRÜN")) << "Java folds ASCII only";
}

TEST(RegexList, CountsCharactersNotBytes) {
  EXPECT_TRUE(List("public.gr.n").Matches("public.grün"));
  EXPECT_TRUE(List("public.gr[äöü]n").Matches("public.grün"));
}

TEST(RegexList, SaysWhichExpressionsMatch) {
  EXPECT_THAT(List("public.c,public.[ab],public.*").AllMatches("public.b"), ElementsAre(1, 2));
}

TEST(RegexList, NamesTheOptionOfABadExpression) {
  EXPECT_THAT(CompileError("public.(a"),
              HasSubstr("source.table.include.list: 'public.(a' is not a regular"));
}

TEST(RegexList, RefusesClassesThatOnlyJavaUnderstands) {
  EXPECT_THAT(CompileError("public.[a-z&&[^x]]"), HasSubstr("only Java can"));
  EXPECT_THAT(CompileError("public.[a-c[m-p]]"), HasSubstr("only Java can"));

  EXPECT_TRUE(List("public.[\\[\\]&]+").Matches("public.[&]"));
  EXPECT_TRUE(List("public.[^]]+").Matches("public.ab"));
}

TEST(RegexList, GivesUpOnACatastrophicExpressionAndReportsIt) {
  const SharedFilterHealth health = Health();
  const RegexList list = List("(a+)+", health);
  const std::string name = std::string(200, 'a') + "c";
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(list.Matches(name));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
  EXPECT_TRUE(absl::IsInvalidArgument(health->status()));
  EXPECT_THAT(std::string(Message(health->status())), HasSubstr("'(a+)+' cannot be decided"));
}

TEST(RegexList, StaysHealthyOnHonestExpressions) {
  const SharedFilterHealth health = Health();
  EXPECT_FALSE(
      List("public\\.(orders|customers)_[0-9]+,audit\\..*", health).Matches(std::string(63, 'x')));
  EXPECT_TRUE(health->status().ok());
}

TEST(NameFilter, IncludesExcludesOrPassesAll) {
  const auto make = [](std::optional<std::string> include, std::optional<std::string> exclude) {
    return *NameFilter::Make("source.schema.include.list", include, "source.schema.exclude.list",
                             exclude, Health());
  };
  EXPECT_TRUE(make({}, {}).Passes("x"));
  EXPECT_TRUE(make("a", {}).Passes("a"));
  EXPECT_FALSE(make("a", {}).Passes("b"));
  EXPECT_FALSE(make({}, "a").Passes("a"));
  EXPECT_TRUE(make({}, "a").Passes("b"));
  EXPECT_TRUE(make("", "").Passes("x")) << "an empty list is no list";
}

TEST(NameFilter, RefusesBothListsAtOnce) {
  const auto both = NameFilter::Make("source.schema.include.list", "a",
                                     "source.schema.exclude.list", "b", Health());
  EXPECT_THAT(
      std::string(Message(both.status())),
      HasSubstr("source.schema.include.list and source.schema.exclude.list exclude each other"));
}

TEST(TableFilter, LeavesOutTheSystemsOwnTablesUnlessAskedFor) {
  TableFilter filter;
  EXPECT_FALSE(filter.Captures("pg_catalog", "pg_class"));
  EXPECT_FALSE(filter.Captures("information_schema", "tables"));
  EXPECT_FALSE(filter.Captures("pg_temp_3", "t"));
  EXPECT_FALSE(filter.Captures("public", "spatial_ref_sys"));
  EXPECT_TRUE(filter.Captures("public", "orders"));
  filter.ignore_builtin = false;
  EXPECT_TRUE(filter.Captures("public", "spatial_ref_sys"));
}

TEST(TableFilter, NeedsBothSchemaAndTableToPass) {
  TableFilter filter;
  filter.schemas = *NameFilter::Make("i", "sales", "e", std::nullopt, Health());
  filter.tables = *NameFilter::Make("i", std::nullopt, "e", "sales.tmp.*", Health());
  EXPECT_TRUE(filter.Captures("sales", "orders"));
  EXPECT_FALSE(filter.Captures("sales", "tmp_1"));
  EXPECT_FALSE(filter.Captures("public", "orders"));
}

TEST(KeyColumns, GathersTheColumnsOfEveryEntryThatMatches) {
  const auto keys = KeyColumns::Parse("public.a:z,x;(.*).b:y; public.a:x,w", Health());
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_THAT(*keys->Of("public", "a"), ElementsAre("z", "x", "w"));
  EXPECT_THAT(*keys->Of("other", "b"), ElementsAre("y"));
  EXPECT_EQ(keys->Of("public", "c"), std::nullopt);
}

TEST(KeyColumns, RefusesWhatIsNotTablesColonColumns) {
  for (const std::string_view bad :
       {"public.a", ":x", "public.a:", "a:b:c", "public.a:x;nothing"}) {
    const auto keys = KeyColumns::Parse(bad, Health());
    EXPECT_TRUE(absl::IsInvalidArgument(keys.status())) << bad;
  }
}

}  // namespace
}  // namespace walrelay::app
