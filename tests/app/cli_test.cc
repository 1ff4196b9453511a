// The command line as a user types it; no server.
#include "app/cli.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "app/exit_code.h"
#include "app/option_table.h"
#include "base/json.h"

namespace walrelay::app {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct Outcome {
  int code = 0;
  std::string out;
  std::string err;
  std::optional<Stages> started;  // What the pipeline was asked to run.
  Config config;                  // With which configuration.
};

Outcome Walrelay(const std::vector<std::string>& arguments,
                 const std::vector<std::string>& environment = {},
                 absl::Status result = absl::OkStatus()) {
  Outcome outcome;
  std::ostringstream out;
  std::ostringstream err;
  std::istringstream in;
  Console console{.out = out, .err = err, .in = in, .interactive = false};
  outcome.code =
      RunCommandLine(arguments, environment, console, [&](const Config& config, Stages stages) {
        outcome.started = stages;
        outcome.config = config;
        return result;
      });
  outcome.out = out.str();
  outcome.err = err.str();
  return outcome;
}

std::string WriteFile(const std::string& name, const std::string& text) {
  const std::string path = testing::TempDir() + name;
  std::ofstream(path) << text;
  return path;
}

TEST(Cli, RunsTheStagesThatItIsAskedFor) {
  EXPECT_EQ(Walrelay({"run"}).started, Stages::kAll);
  EXPECT_EQ(Walrelay({"produce"}).started, Stages::kCapture);
  EXPECT_EQ(Walrelay({"apply"}).started, Stages::kApply);
  EXPECT_EQ(Walrelay({"run"}).code, 0);
}

TEST(Cli, PutsFileEnvironmentAndSetTogether) {
  const std::string file = WriteFile("cli.toml",
                                     "[source]\ndatabase.hostname = \"db\"\ndatabase.user = \"u\"\n"
                                     "database.dbname = \"d\"\ntopic.prefix = \"p\"\n[kafka]\n"
                                     "bootstrap.servers = \"b:1\"\n");
  const Outcome outcome = Walrelay({"produce", "--config", file, "--set", "source.slot.name=s",
                                    "--set", "source.table.include.list=public.a,public.b"},
                                   {"WALRELAY_SOURCE_DATABASE_USER=other"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.config.source.at("slot.name"), "s");
  EXPECT_EQ(outcome.config.source.at("table.include.list"), "public.a,public.b");
  EXPECT_EQ(outcome.config.source.at("database.user"), "other");
  EXPECT_EQ(outcome.config.source.at("database.hostname"), "db");
}

TEST(Cli, EndsWithTheCodeOfTheError) {
  const Outcome outcome =
      Walrelay({"run"}, {}, ExitError(ExitCode::kSlotAhead, "slot s is\nahead"));
  EXPECT_EQ(outcome.code, 22);
  EXPECT_EQ(outcome.err, "walrelay: slot s is ahead\n") << "one line";
  EXPECT_EQ(Walrelay({"run"}, {}, absl::CancelledError("stop")).code, 0);
  EXPECT_EQ(Walrelay({"run"}, {}, absl::InternalError("?")).code, 1);
}

TEST(Cli, ConfigurationErrorsAreUsageErrors) {
  const Outcome outcome = Walrelay({"run", "--set", "source.slot.nam=x"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.err,
            "walrelay: --set: unknown option source.slot.nam; did you mean slot.name?\n");
  EXPECT_FALSE(outcome.started.has_value());
  EXPECT_EQ(Walrelay({"run", "--config", "/does/not/exist"}).code, 2);
}

TEST(Cli, RefusesAConfigurationThatIsNotComplete) {
  const std::string no_sinks = WriteFile("no_sinks.toml",
                                         "[source]\ntopic.prefix = \"p\"\n[kafka]\n"
                                         "bootstrap.servers = \"b:1\"\n");
  const Outcome apply = Walrelay({"apply", "--config", no_sinks});
  EXPECT_EQ(apply.code, 2);
  EXPECT_THAT(apply.err, HasSubstr("[lake] and [target] are both missing"));
  EXPECT_THAT(Walrelay({"run", "--config", no_sinks}).err,
              HasSubstr("source.database.hostname is missing"));
  const std::string no_brokers = WriteFile("no_brokers.toml", "[source]\ntopic.prefix = \"p\"\n");
  EXPECT_THAT(Walrelay({"apply", "--config", no_brokers}).err,
              HasSubstr("kafka.bootstrap.servers is missing"));
}

TEST(Cli, NamesTheNearestCommand) {
  EXPECT_EQ(Walrelay({}).code, 2);
  const Outcome outcome = Walrelay({"slto", "list"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("did you mean slot?"));
  EXPECT_THAT(Walrelay({"slot", "dorp"}).err, HasSubstr("did you mean drop?"));
  EXPECT_EQ(Walrelay({"slot"}).code, 2);
  EXPECT_EQ(Walrelay({"run", "--nonsense"}).code, 2);
}

TEST(Cli, HelpListsCommandsExamplesAndExitCodes) {
  const Outcome outcome = Walrelay({"--help"});
  EXPECT_EQ(outcome.code, 0);
  for (const std::string_view command :
       {"run", "produce", "apply", "slot", "publication", "position", "config", "version"}) {
    EXPECT_THAT(outcome.out, HasSubstr(Cat("  ", command, " "))) << command;
  }
  EXPECT_THAT(outcome.out, HasSubstr("walrelay produce --config walrelay.toml"));
  for (const ExitCodeText& row : ExitCodeTable()) {
    EXPECT_THAT(outcome.out, HasSubstr(std::string(row.meaning))) << row.name;
  }
}

TEST(Cli, EveryCommandHasHelp) {
  const std::vector<std::vector<std::string>> commands = {{"run"},
                                                          {"produce"},
                                                          {"apply"},
                                                          {"slot", "list"},
                                                          {"slot", "show"},
                                                          {"slot", "create"},
                                                          {"slot", "drop"},
                                                          {"slot", "advance"},
                                                          {"slot", "copy"},
                                                          {"publication", "show"},
                                                          {"publication", "create"},
                                                          {"publication", "add"},
                                                          {"publication", "drop"},
                                                          {"position", "show"},
                                                          {"position", "export"},
                                                          {"position", "import"},
                                                          {"position", "rewind"},
                                                          {"verify"},
                                                          {"rebuild"},
                                                          {"position"},
                                                          {"slot"},
                                                          {"apply", "parked"},
                                                          {"apply", "resume"},
                                                          {"dlq", "list"},
                                                          {"dlq", "show"},
                                                          {"dlq", "retry"},
                                                          {"dlq", "drop"},
                                                          {"config", "check"},
                                                          {"config", "explain"},
                                                          {"config", "import"},
                                                          {"version"}};
  for (std::vector<std::string> command : commands) {
    command.emplace_back("--help");
    const Outcome outcome = Walrelay(command);
    EXPECT_EQ(outcome.code, 0) << command.front();
    EXPECT_THAT(outcome.out, HasSubstr("Usage: walrelay")) << command.front();
    EXPECT_THAT(outcome.out, HasSubstr("Exit codes: walrelay --help")) << command.front();
  }
}

TEST(Cli, DestructiveCommandsTakeYesAndDryRun) {
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"slot", "drop", "--help"},
                                             {"dlq", "drop", "--help"},
                                             {"position", "import", "--help"},
                                             {"position", "rewind", "--help"},
                                             {"slot", "--help"},
                                             {"position", "--help"},
                                             {"slot", "advance", "--help"},
                                             {"publication", "drop", "--help"},
                                             {"publication", "create", "--help"}}) {
    EXPECT_THAT(Walrelay(command).out, AllOf(HasSubstr("--yes"), HasSubstr("--dry-run")))
        << command[1];
  }
}

// The list is the reference: whatever the table knows stands in it.
TEST(Cli, ListOptionsShowsEveryOption) {
  const Outcome outcome = Walrelay({"config", "check", "--list-options"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  for (const Option& option : AllOptions()) {
    EXPECT_THAT(outcome.out, HasSubstr(Cat("  ", option.name, "  ("))) << option.name;
    EXPECT_THAT(outcome.out, HasSubstr(std::string(option.note))) << option.name;
  }
  EXPECT_THAT(outcome.out, HasSubstr("  linger.ms\n"));
}

TEST(Cli, ConfigCheckShowsWhatIsInForceWithoutSecrets) {
  const Outcome outcome = Walrelay({"config", "check", "--set", "source.slot.name=mine"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("walrelay run: complete"));
  EXPECT_THAT(outcome.out, HasSubstr("built-in configuration"));
  EXPECT_THAT(outcome.out, testing::ContainsRegex("source.slot.name +mine +--set"));
  EXPECT_THAT(outcome.out, Not(HasSubstr("source_password")));
  EXPECT_THAT(outcome.out, Not(HasSubstr("target_password")));
}

TEST(Cli, ConfigCheckSpeaksJson) {
  const Outcome outcome = Walrelay({"config", "check", "--json"});
  JsonReader reader;
  const auto json = reader.Parse(outcome.out);
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_EQ((*json)["complete_for"].size(), 3U);
  EXPECT_GT((*json)["settings"].size(), 10U);
  EXPECT_THAT(outcome.out, Not(HasSubstr("_password")));
}

TEST(Cli, ConfigCheckFailsWhereNothingCanRun) {
  const std::string file = WriteFile("empty.toml", "[kafka]\nbootstrap.servers = \"b:1\"\n");
  const Outcome outcome = Walrelay({"config", "check", "--config", file});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("database.hostname is missing"));
}

constexpr char kConnector[] = R"({"name":"shop","config":{"database.hostname":"db",
  "database.user":"u","database.password":"hidden","database.dbname":"d","topic.prefix":"p",
  "plugin.name":"pgoutput","max.batch.size":"4096"%s}})";

std::string WriteConnector(const std::string& name, const std::string& more) {
  std::string text = kConnector;
  text.replace(text.find("%s"), 2, more);
  return WriteFile(name, text);
}

TEST(Cli, TakesAConnectorAsItIs) {
  const std::string file = WriteConnector("connector.json", "");
  const Outcome missing = Walrelay({"produce", "--connector", file});
  EXPECT_EQ(missing.code, 2);
  EXPECT_THAT(missing.err, HasSubstr("kafka.bootstrap.servers is missing (a connector does not"));
  const Outcome outcome =
      Walrelay({"produce", "--connector", file, "--set", "kafka.bootstrap.servers=b:1"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.started, Stages::kCapture);
  EXPECT_EQ(outcome.config.pipeline.name, "shop");
  EXPECT_FALSE(outcome.config.target.has_value());
}

TEST(Cli, ExplainsEveryKeyEvenOfAConfigurationThatCannotBeUsed) {
  const Outcome good = Walrelay({"config", "explain", WriteConnector("good.json", "")});
  EXPECT_EQ(good.code, 0) << good.err;
  EXPECT_THAT(good.out, HasSubstr("7 honoured, 1 mean nothing here, 0 refused"));
  EXPECT_THAT(good.out, Not(HasSubstr("hidden")));

  const std::string bad =
      WriteConnector("bad.json", R"(,"slot.nam":"s","converters":"iso","slot.name":"BIG")");
  const Outcome outcome = Walrelay({"config", "explain", bad});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.out, HasSubstr("2 refused"));
  EXPECT_THAT(outcome.out, HasSubstr("did you mean slot.name?"));
  EXPECT_THAT(outcome.err, HasSubstr("(and 1 more)"));
  const Outcome layered = Walrelay({"config", "explain", "--connector", bad, "--json"});
  EXPECT_EQ(layered.code, 2);
  JsonReader reader;
  const auto list = reader.Parse(layered.out);
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_EQ(list->size(), 11u);

  const Outcome together =
      Walrelay({"config", "explain", WriteConnector("big.json", R"(,"slot.name":"BIG")")});
  EXPECT_EQ(together.code, 2) << "what cannot be seen key by key";
  EXPECT_THAT(together.err, HasSubstr("must be 1 to 63 characters"));
}

TEST(Cli, ImportsAConnectorAsToml) {
  const Outcome outcome = Walrelay({"config", "import", WriteConnector("import.json", "")});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("\"database.password\" = \"${env:DATABASE_PASSWORD}\""));
  EXPECT_THAT(outcome.err, HasSubstr("set DATABASE_PASSWORD in the environment"));
  const std::string toml = WriteFile("imported.toml", outcome.out);
  const Outcome run =
      Walrelay({"produce", "--config", toml, "--set", "kafka.bootstrap.servers=b:1"},
               {"DATABASE_PASSWORD=hidden"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.config.source.at("database.password"), "hidden");
}

TEST(Cli, TellsItsVersion) {
  EXPECT_THAT(Walrelay({"version"}).out, StartsWith("walrelay "));
  EXPECT_THAT(Walrelay({"version", "--json"}).out, StartsWith("{\"version\":\""));
  // Without looking at a configuration that might be broken.
  EXPECT_EQ(Walrelay({"version"}, {"WALRELAY_SOURCE_NONSENSE=1"}).code, 0);
}

TEST(Cli, AdvanceNeedsAPlaceToGo) {
  EXPECT_EQ(Walrelay({"slot", "advance", "s"}).code, 2);
  const Outcome outcome = Walrelay({"slot", "advance", "s", "--to", "here"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("must be an LSN such as 16/B3748, or current"));
}

TEST(Cli, AnUnreachableSourceHasItsOwnCode) {
  const Outcome outcome = Walrelay({"slot", "list", "--set", "source.database.port=1"});
  EXPECT_EQ(outcome.code, static_cast<int>(ExitCode::kSourceUnreachable)) << outcome.err;
}

}  // namespace
}  // namespace walrelay::app
