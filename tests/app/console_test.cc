#include "app/console.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "app/commands/publication_commands.h"
#include "app/exit_code.h"

namespace walrelay::app {
namespace {

using testing::HasSubstr;

struct Asked {
  absl::StatusOr<bool> answer = false;
  std::string shown;
};

Asked Ask(const Consent& consent, bool interactive, const std::string& typed) {
  std::ostringstream out;
  std::ostringstream err;
  std::istringstream in(typed);
  Console console{.out = out, .err = err, .in = in, .interactive = interactive};
  Asked asked;
  asked.answer = MayProceed(console, consent, "All is lost.");
  asked.shown = err.str();
  EXPECT_TRUE(out.str().empty()) << "results only";
  return asked;
}

TEST(MayProceed, AsksOnATerminal) {
  EXPECT_TRUE(*Ask({}, true, "y\n").answer);
  EXPECT_TRUE(*Ask({}, true, "yes\n").answer);
  for (const std::string typed : {"n\n", "\n", "", "yep\n"}) {
    const Asked asked = Ask({}, true, typed);
    EXPECT_EQ(ExitCodeOf(asked.answer.status()), ExitCode::kNotConfirmed) << typed;
    EXPECT_THAT(asked.shown, HasSubstr("All is lost.\nGo on? [y/N]"));
  }
}

TEST(MayProceed, NeedsYesWhereNobodyCanAnswer) {
  EXPECT_EQ(ExitCodeOf(Ask({}, false, "y\n").answer.status()), ExitCode::kNotConfirmed);
  EXPECT_TRUE(*Ask({.yes = true}, false, "").answer);
}

TEST(MayProceed, OnlyLooksInADryRunEvenWithYes) {
  const Asked asked = Ask({.yes = true, .dry_run = true}, true, "y\n");
  EXPECT_FALSE(*asked.answer);
  EXPECT_THAT(asked.shown, HasSubstr("Dry run: nothing was done."));
}

TEST(TextTable, AlignsByCharacters) {
  TextTable table({"A", "B"});
  table.Add({"grün", "1"});
  table.Add({"x", ""});
  EXPECT_EQ(table.ToString(), "A     B\ngrün  1\nx\n");
}

TEST(ParseTableName, TakesQuotedAndBareNames) {
  const auto name = [](std::string_view text) {
    const auto parsed = ParseTableName(text);
    return parsed.ok() ? Cat(parsed->schema, "|", parsed->table) : std::string("error");
  };
  EXPECT_EQ(name("orders"), "public|orders");
  EXPECT_EQ(name("sales.orders"), "sales|orders");
  EXPECT_EQ(name("\"My Schema\".\"a.b\"\"c\""), "My Schema|a.b\"c");
  for (const std::string_view bad : {"", ".", "a.", ".b", "a.b.c", "\"a"})
    EXPECT_EQ(name(bad), "error") << bad;
}

}  // namespace
}  // namespace walrelay::app
