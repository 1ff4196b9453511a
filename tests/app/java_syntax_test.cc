// What people write in include lists: each expression and name were given to Java 17's
// Pattern.compile(…, CASE_INSENSITIVE).matcher(…).matches(), whose answer stands here.
#include "app/java_syntax.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/filters.h"

namespace walrelay::app {
namespace {

using testing::HasSubstr;

enum Answer {
  kMatches,
  kDiffers,
  kWrong,     // Java: PatternSyntaxException.
  kOnlyJava,  // Java understands it; PCRE2 cannot, and we say so.
};

struct Case {
  std::string_view expression;
  std::string_view name;
  Answer java;
};

// clang-format off
constexpr Case kCases[] = {
    {R"(public\.orders)", R"(public.orders)", kMatches},
    {R"(public\.orders)", R"(publicXorders)", kDiffers},
    {R"(public.orders)", R"(publicXorders)", kMatches},
    {R"((?i)PUBLIC\.A)", R"(public.a)", kMatches},
    {R"((?-i)public\.A)", R"(public.a)", kDiffers},
    {R"((?-i:public)\.A)", R"(public.a)", kMatches},
    {R"((?i-s:Public)\.a)", R"(PUBLIC.A)", kMatches},
    {R"(public\.(?!tmp).*)", R"(public.tmp_1)", kDiffers},
    {R"(public\.(?!tmp).*)", R"(public.orders)", kMatches},
    {R"(public\..*(?<!_old))", R"(public.a_old)", kDiffers},
    {R"(public\..*(?<!_old))", R"(public.a_new)", kMatches},
    {R"(public\..*(?<=_v[0-9]))", R"(public.a_v2)", kMatches},
    {R"((?<schema>\w+)\.\k<schema>)", R"(a.a)", kMatches},
    {R"((?<schema>\w+)\.\k<schema>)", R"(a.b)", kDiffers},
    {R"((\w+)\.\1)", R"(ab.AB)", kMatches},
    {R"(public\.\p{Alpha}+)", R"(public.abc)", kMatches},
    {R"(public\.\p{Alpha}+)", R"(public.ab1)", kDiffers},
    {R"(public\.\p{Alpha}+)", R"(public.ä)", kDiffers},
    {R"(public\.[\p{Alnum}_]+)", R"(public.a_1)", kMatches},
    {R"(public\.[^\p{Digit}]+)", R"(public.abc)", kMatches},
    {R"(public\.[^\p{Digit}]+)", R"(public.a1)", kDiffers},
    {R"(public\.\P{Digit}+)", R"(public.ab)", kMatches},
    {R"(public\.\p{L}+)", R"(public.äb)", kMatches},
    {R"(public\.\p{IsAlphabetic}+)", R"(public.äb)", kMatches},
    {R"(public\.\p{IsLatin}+)", R"(public.äb)", kMatches},
    {R"(public\.\p{Lower}+)", R"(public.ABC)", kMatches},
    {R"(public\.\p{Lu}+)", R"(public.abc)", kMatches},
    {R"(public\.\p{Punct}+)", R"(public.$-_)", kMatches},
    {R"(a++b)", R"(aab)", kMatches},
    {R"(a*+ab)", R"(aab)", kDiffers},
    {R"((?>a|ab)c)", R"(abc)", kDiffers},
    {R"((?>a|ab)c)", R"(ac)", kMatches},
    {R"(public\.a{2,3})", R"(public.aaa)", kMatches},
    {R"(public\.a{2,})", R"(public.aaaa)", kMatches},
    {R"(public\.\d{4})", R"(public.2024)", kMatches},
    {R"(public\.a{)", R"(public.a{)", kWrong},
    {R"(public\.{a})", R"(public.{a})", kWrong},
    {R"(public\.a{x})", R"(public.a{x})", kWrong},
    {R"(public\.\Qa.b\E)", R"(public.a.b)", kMatches},
    {R"(public\.\Qa.b\E)", R"(public.aXb)", kDiffers},
    {R"(public\.\u00e4)", R"(public.ä)", kMatches},
    {R"(public\.\u00e4)", R"(public.Ä)", kDiffers},
    {R"((?iu)public\.ä)", R"(public.Ä)", kMatches},
    {R"((?u)public\.ä)", R"(public.Ä)", kMatches},
    {R"(public\.\x41)", R"(public.a)", kMatches},
    {R"(public\.\x{1F600})", R"(public.😀)", kMatches},
    {R"(public\.\uD83D\uDE00)", R"(public.😀)", kMatches},
    {R"(public\.\0101)", R"(public.a)", kMatches},
    {R"(public\.gr.n)", R"(public.grün)", kMatches},
    {R"(public\.[äöü]+)", R"(public.äü)", kMatches},
    {R"([a-z&&[^b]])", R"(a)", kOnlyJava},
    {R"([a-c[x-z]])", R"(y)", kOnlyJava},
    {R"([]a]+)", R"(]a)", kMatches},
    {R"([^]a]+)", R"(b)", kMatches},
    {R"([a-]+)", R"(a-)", kMatches},
    {R"([\w.]+)", R"(a.b)", kMatches},
    {R"(public\.\h*x)", R"(public. x)", kMatches},
    {R"(public\.\R)", R"(public.a)", kDiffers},
    {R"(public\.\y)", R"(public.y)", kWrong},
    {R"(public\.\_a)", R"(public._a)", kMatches},
    {R"(public\.\-a)", R"(public.-a)", kMatches},
    {R"((?x) public \. a # comment)", R"(public.a)", kMatches},
    {R"((?s)public.a)", R"(public.a)", kMatches},
    {R"((?d)public\.a)", R"(public.a)", kMatches},
    {R"((?U)public\.\w)", R"(public.ä)", kOnlyJava},
    {R"((?P<n>a))", R"(a)", kWrong},
    {R"((?|a|b))", R"(a)", kWrong},
    {R"((?#c)a)", R"(a)", kWrong},
    {R"((*UTF)a)", R"(a)", kWrong},
    {R"((?R))", R"(a)", kWrong},
    {R"((?1))", R"(a)", kWrong},
    {R"(*a)", R"(a)", kWrong},
    {R"(a))", R"(a))", kWrong},
    {R"((a)", R"(a)", kWrong},
    {R"(a})", R"(a})", kMatches},
    {R"(]a)", R"(]a)", kMatches},
    {R"(^public\.a$)", R"(public.a)", kMatches},
    {R"(\Apublic\.a\z)", R"(public.a)", kMatches},
    {R"(\bpublic\b\.a)", R"(public.a)", kMatches},
    {R"(public\.a|public\.b)", R"(public.b)", kMatches},
    {R"(.*)", R"(public.a)", kMatches},
    {R"([[:alpha:]]+)", R"(abc)", kOnlyJava},
    {R"([a-z]+\.[a-z]+)", R"(A.B)", kMatches},
    {R"([A-Z]+)", R"(abc)", kMatches},
    {R"(\p{javaLowerCase})", R"(a)", kOnlyJava},
    {R"(\p{InGreek})", R"(α)", kOnlyJava},
    {R"(\p{Nonsense})", R"(a)", kWrong},
    {R"(\p{block=Greek})", R"(α)", kOnlyJava},
    {R"(\p{script=Greek})", R"(α)", kMatches},
    {R"(\p{gc=Lu})", R"(A)", kMatches},
    {R"(\p{ASCII}+)", R"(ab)", kMatches},
    {R"(\p{LD}+)", R"(a1ä)", kMatches},
    {R"(\p{L1}+)", R"(aÿ)", kMatches},
};
// clang-format on

TEST(JavaSyntax, AnswersAsJavaDoesOrIsRefused) {
  for (const Case& c : kCases) {
    const auto health = std::make_shared<FilterHealth>();
    const auto list = RegexList::Compile("o", {std::string(c.expression)}, health);
    const std::string shown = Cat(c.expression, " on ", c.name);
    if (c.java == kWrong || c.java == kOnlyJava) {
      EXPECT_TRUE(absl::IsInvalidArgument(list.status())) << shown;
      continue;
    }
    ASSERT_TRUE(list.ok()) << shown << ": " << list.status();
    EXPECT_EQ(list->Matches(c.name), c.java == kMatches) << shown;
    EXPECT_TRUE(health->status().ok()) << shown << ": " << health->status();
  }
}

TEST(JavaSyntax, SaysWhatIsWrongAndWhere) {
  const auto error = [](std::string_view expression) {
    const auto made = JavaRegexToPcre(expression, true);
    EXPECT_FALSE(made.ok()) << expression;
    return std::string(Message(made.status()));
  };
  EXPECT_THAT(error("public.a{1"), HasSubstr("a comma inside an expression is written \\,"));
  EXPECT_THAT(error("public.a{1"), HasSubstr("(at character 8)"));
  EXPECT_THAT(error("[a-z&&[^x]]"), HasSubstr("only Java can"));
  EXPECT_THAT(error("[a-z"), HasSubstr("a class that is not closed"));
  EXPECT_THAT(error("a\\"), HasSubstr("ends in a backslash"));
  EXPECT_THAT(error("\\p{InGreek}"), HasSubstr("\\p{InGreek}, which only Java can"));
}

}  // namespace
}  // namespace walrelay::app
