#include "app/java_regex.h"

#include <gtest/gtest.h>

namespace walrelay::app {
namespace {

std::optional<std::string> Replaced(std::string_view regex, std::string_view replacement,
                                    std::string_view name) {
  auto compiled = JavaRegex::Compile("regex", regex);
  EXPECT_TRUE(compiled.ok()) << compiled.status();
  const auto replace = JavaReplacement::Make("replacement", *std::move(compiled), replacement);
  EXPECT_TRUE(replace.ok()) << replace.status();
  const auto result = replace->Apply(name);
  EXPECT_TRUE(result.ok()) << result.status();
  return *result;
}

std::string ReplacementError(std::string_view regex, std::string_view replacement) {
  auto compiled = JavaRegex::Compile("regex", regex);
  EXPECT_TRUE(compiled.ok());
  const auto made = JavaReplacement::Make("replacement", *std::move(compiled), replacement);
  return made.ok() ? "" : std::string(made.status().message());
}

bool Matches(std::string_view regex, std::string_view name) {
  const auto compiled = JavaRegex::Compile("regex", regex);
  EXPECT_TRUE(compiled.ok());
  const auto result = compiled->Matches(name);
  return result.ok() && *result;
}

TEST(JavaRegex, MatchesWholeNamesWithTheirCase) {
  EXPECT_TRUE(Matches("cdc\\.(a|ab)", "cdc.ab"));
  EXPECT_FALSE(Matches("cdc\\.a", "cdc.ab"));
  EXPECT_FALSE(Matches("CDC.*", "cdc.a"));
  EXPECT_TRUE(Matches("(?i)CDC.*", "cdc.a"));
}

TEST(JavaRegex, RefusesWhatDoesNotCompileAndWhatOnlyJavaCan) {
  EXPECT_FALSE(JavaRegex::Compile("o", "(a").ok());
  EXPECT_FALSE(JavaRegex::Compile("o", "[a-z&&[^b]]").ok());
}

TEST(JavaRegex, AnExpressionThatCannotBeDecidedIsAnError) {
  const auto compiled = JavaRegex::Compile("o", "(x+x+)+y");
  ASSERT_TRUE(compiled.ok());
  EXPECT_EQ(compiled->Matches(std::string(60, 'x') + "yx").status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(JavaReplacement, PutsGroupsByNumberAndName) {
  EXPECT_EQ(Replaced("(.*)\\.(.*)", "$2-$1", "a.b"), "b-a");
  EXPECT_EQ(Replaced("(?<first>.)(.*)", "${first}x$2", "abc"), "axbc");
  EXPECT_EQ(Replaced("(.)(.*)", "$0$1", "abc"), "abca");
}

TEST(JavaReplacement, ANumberIsAsLongAsThereAreGroups) {
  EXPECT_EQ(Replaced("(a)(b)", "$12", "ab"), "a2");
  EXPECT_EQ(Replaced("(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)", "$10", "abcdefghij"), "j");
}

TEST(JavaReplacement, ABackslashTakesTheNextCharacterAsItIs) {
  EXPECT_EQ(Replaced("(.*)", "\\$1\\\\$1", "a"), "$1\\a");
}

// Java matches the whole first, and then replaces what find() finds from the start.
TEST(JavaReplacement, ReplacesTheFirstFindWhichMayBeLess) {
  EXPECT_EQ(Replaced("a|ab", "x", "ab"), "xb");
  EXPECT_EQ(Replaced("(.*)", "[$1]", ""), "[]");
}

TEST(JavaReplacement, AGroupThatTookNoPartIsEmpty) {
  EXPECT_EQ(Replaced("(a)|(b)", "<$1$2>", "b"), "<b>");
}

TEST(JavaReplacement, RefusesGroupsThatAreNotThere) {
  EXPECT_NE(ReplacementError("(a)", "$2"), "");
  EXPECT_NE(ReplacementError("(a)", "${name}"), "");
  EXPECT_NE(ReplacementError("(a)", "$"), "");
  EXPECT_NE(ReplacementError("(a)", "${unclosed"), "");
  EXPECT_NE(ReplacementError("(a)", "a\\"), "");
}

TEST(JavaReplacement, NamesThatDoNotMatchHaveNone) {
  EXPECT_EQ(Replaced("a(.*)", "$1", "b"), std::nullopt);
}

}  // namespace
}  // namespace walrelay::app
