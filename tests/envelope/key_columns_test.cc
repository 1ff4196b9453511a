#include "envelope/key_columns.h"

#include <gtest/gtest.h>

#include "tests/envelope/fixture.h"

namespace walrelay::envelope {
namespace {

CatalogIndex Index(std::vector<std::string> columns, size_t key_columns, bool expressions = false) {
  CatalogIndex index;
  index.columns = std::move(columns);
  index.key_columns = key_columns;
  index.has_expressions = expressions;
  return index;
}

Table Abc() {
  Table table("public", "t");
  for (const char* name : {"a", "b", "c"}) table.Column(name, "int4");
  return table;
}

std::string Keys(Table& table, const Options& options = TestOptions()) {
  std::string names;
  for (const size_t i : KeyColumns(*table.relation(), table.catalog(), options))
    names += table.relation()->columns[i].name;
  return names;
}

TEST(KeyColumns, AreThePrimaryKeyInIndexOrder) {
  Table table = Abc();
  table.catalog().primary_key = Index({"c", "a"}, 2);
  table.catalog().unique_indexes = {Index({"b"}, 1)};
  EXPECT_EQ(Keys(table), "ca");
}

TEST(KeyColumns, OfAPrimaryKeyIncludeOthersIn25Only) {
  Table table = Abc();
  table.catalog().primary_key = Index({"a", "b"}, 1);
  EXPECT_EQ(Keys(table), "ab");
  EXPECT_EQ(Keys(table, TestOptions(Compat::k3_6_1)), "a");
}

TEST(KeyColumns, AreElseTheFirstUniqueIndexOverPlainColumns) {
  Table table = Abc();
  EXPECT_EQ(Keys(table), "");
  table.catalog().unique_indexes = {Index({"a"}, 1, true), Index({"c", "b"}, 1), Index({"a"}, 1)};
  EXPECT_EQ(Keys(table), "cb");
  EXPECT_EQ(Keys(table, TestOptions(Compat::k3_6_1)), "cb")
      << "INCLUDE columns of a unique index count in both";
}

TEST(KeyColumns, ThatTheStreamDoesNotHaveAreLeftOut) {
  Table table = Abc();
  table.catalog().primary_key = Index({"new", "b"}, 2);
  EXPECT_EQ(Keys(table), "b");
  table.catalog().primary_key = Index({"new"}, 1);
  table.catalog().unique_indexes = {Index({"a"}, 1)};
  EXPECT_EQ(Keys(table), "") << "there is a primary key: unique indexes are not looked at";
}

TEST(KeyColumns, MayBeConfigured) {
  Table table = Abc();
  table.catalog().primary_key = Index({"b"}, 1);
  Options options = TestOptions();
  options.message_key_columns = [](const std::string&, const std::string& name) {
    return name == "t" ? std::optional<std::vector<std::string>>({"c", "a", "gone"}) : std::nullopt;
  };
  EXPECT_EQ(Keys(table, options), "ac") << "2.5: in the table's order";
  options.compat = Compat::k3_6_1;
  EXPECT_EQ(Keys(table, options), "ca") << "3.6: in the option's order";
  options.message_key_columns = [](const std::string&, const std::string&) {
    return std::optional<std::vector<std::string>>({"nothing"});
  };
  EXPECT_EQ(Keys(table, options), "b") << "nothing matches: the primary key";
}

}  // namespace
}  // namespace walrelay::envelope
