// Slot and publication commands on a real server: WALRELAY_TEST_SOURCE.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>

#include "app/cli.h"
#include "app/exit_code.h"
#include "base/json.h"
#include "pg/connection.h"

namespace walrelay::app {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class CommandsPgTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* source = std::getenv("WALRELAY_TEST_SOURCE");
    if (source == nullptr) GTEST_SKIP() << "set WALRELAY_TEST_SOURCE";
    options_ = *pg::ConnectionOptions::Parse(source);
    auto connection = pg::Connection::Connect(options_);
    ASSERT_TRUE(connection.ok()) << connection.status();
    connection_.emplace(*std::move(connection));
    Clean();
    Sql(Cat("CREATE SCHEMA ", name_));
    Sql(Cat("CREATE TABLE ", name_, ".good (id int PRIMARY KEY, v text)"));
    Sql(Cat("CREATE TABLE ", name_, ".other (id int PRIMARY KEY)"));
    Sql(Cat("CREATE TABLE ", name_, ".bad (id int)"));
  }
  void TearDown() override {
    if (connection_) Clean();
  }

  void Clean() {
    for (const std::string& slot : {name_, name_ + "_2"}) {
      Sql(
          Cat("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE "
              "slot_name = '",
              slot, "'"));
    }
    Sql(Cat("DROP PUBLICATION IF EXISTS ", name_));
    Sql(Cat("DROP SCHEMA IF EXISTS ", name_, " CASCADE"));
  }
  std::string Sql(const std::string& sql) {
    const auto result = connection_->Query(sql);
    EXPECT_TRUE(result.ok()) << sql << ": " << result.status();
    if (!result.ok() || result->rows() == 0) return "";
    return std::string(result->text(0, 0));
  }

  struct Outcome {
    ExitCode code;
    std::string out;
    std::string err;
  };
  Outcome Walrelay(std::vector<std::string> arguments, const std::string& typed = "",
                   bool interactive = false) {
    const auto set = [&](std::string_view key, std::string_view value) {
      arguments.insert(arguments.end(), {"--set", Cat("source.", key, "=", value)});
    };
    set("database.hostname", options_.Get("host"));
    set("database.port", options_.Get("port"));
    set("database.user", options_.Get("user"));
    set("database.dbname", options_.Get("dbname"));
    set("slot.name", name_);
    set("publication.name", name_);
    set("publication.autocreate.mode", "filtered");
    set("table.include.list", Cat(name_, "\\.(good|other)"));
    std::ostringstream out;
    std::ostringstream err;
    std::istringstream in(typed);
    Console console{.out = out, .err = err, .in = in, .interactive = interactive};
    const std::vector<std::string> environment = {
        Cat("WALRELAY_SOURCE_DATABASE_PASSWORD=",
            password_.value_or(std::string(options_.Get("password"))))};
    const int code = RunCommandLine(arguments, environment, console, [](const Config&, Stages) {
      return absl::InternalError("not here");
    });
    return {ExitCode{code}, out.str(), err.str()};
  }
  bool SlotExists(const std::string& slot) {
    return Sql(Cat("SELECT count(*) FROM pg_replication_slots WHERE slot_name = '", slot, "'")) ==
           "1";
  }
  bool PublicationExists() {
    return Sql(Cat("SELECT count(*) FROM pg_publication WHERE pubname = '", name_, "'")) == "1";
  }
  std::string PublishedTables() {
    return Sql(
        Cat("SELECT string_agg(tablename, ',' ORDER BY tablename) FROM pg_publication_tables WHERE "
            "pubname = '",
            name_, "'"));
  }
  void CreatePublicationAndSlot() {
    ASSERT_EQ(Walrelay({"publication", "create"}).code, ExitCode::kOk);
    ASSERT_EQ(Walrelay({"slot", "create"}).code, ExitCode::kOk);
  }

  const std::string name_ = Cat("cli_", getpid());
  pg::ConnectionOptions options_;
  std::optional<std::string> password_;
  std::optional<pg::Connection> connection_;
};

TEST_F(CommandsPgTest, ASlotNeedsItsPublicationFirst) {
  const Outcome outcome = Walrelay({"slot", "create"});
  EXPECT_EQ(outcome.code, ExitCode::kPublicationMissing) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("walrelay publication create"));
  EXPECT_FALSE(SlotExists(name_));
}

TEST_F(CommandsPgTest, CreatesShowsAndListsASlot) {
  ASSERT_EQ(Walrelay({"publication", "create"}).code, ExitCode::kOk);
  EXPECT_EQ(Walrelay({"slot", "create", "--dry-run"}).code, ExitCode::kOk);
  EXPECT_FALSE(SlotExists(name_));
  const Outcome created = Walrelay({"slot", "create"});
  EXPECT_EQ(created.code, ExitCode::kOk) << created.err;
  EXPECT_THAT(created.out, ContainsRegex("which begins at [0-9A-F]+/[0-9A-F]+"));
  EXPECT_EQ(Walrelay({"slot", "create"}).code, ExitCode::kSlotUnsuitable) << "exists";

  EXPECT_THAT(Walrelay({"slot", "show"}).out,
              AllOf(HasSubstr(name_), HasSubstr("pgoutput"), HasSubstr("WAL retained")));
  EXPECT_THAT(Walrelay({"slot", "list"}).out, AllOf(HasSubstr("CONFIRMED"), HasSubstr(name_)));
  JsonReader reader;
  const Outcome json = Walrelay({"slot", "show", name_, "--json"});
  const auto parsed = reader.Parse(json.out);
  ASSERT_TRUE(parsed.ok()) << json.out;
  EXPECT_EQ((*parsed)["name"].text(), name_);
  EXPECT_EQ((*parsed)["active"].Bool(), false);
  const Outcome list = Walrelay({"slot", "list", "--json"});
  EXPECT_TRUE(reader.Parse(list.out).ok()) << list.out;
}

TEST_F(CommandsPgTest, AMissingSlotHasItsOwnCode) {
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"slot", "show"},
                                             {"slot", "drop", "--yes"},
                                             {"slot", "advance", "--to", "current", "--yes"},
                                             {"slot", "copy", "elsewhere"}}) {
    const Outcome outcome = Walrelay(command);
    EXPECT_EQ(outcome.code, ExitCode::kSlotMissing) << command[1] << outcome.err;
  }
}

TEST_F(CommandsPgTest, DropSaysWhatIsLostAndAsks) {
  CreatePublicationAndSlot();
  const Outcome unasked = Walrelay({"slot", "drop"});
  EXPECT_EQ(unasked.code, ExitCode::kNotConfirmed);
  EXPECT_THAT(unasked.err, AllOf(HasSubstr("never sent"), HasSubstr("--yes")));
  EXPECT_EQ(Walrelay({"slot", "drop", "--dry-run"}).code, ExitCode::kOk);
  EXPECT_EQ(Walrelay({"slot", "drop"}, "n\n", true).code, ExitCode::kNotConfirmed);
  EXPECT_TRUE(SlotExists(name_));
  EXPECT_EQ(Walrelay({"slot", "drop"}, "y\n", true).code, ExitCode::kOk);
  EXPECT_FALSE(SlotExists(name_));
}

TEST_F(CommandsPgTest, AdvanceMovesForwardOnly) {
  CreatePublicationAndSlot();
  const std::string before = Sql(
      Cat("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = '", name_, "'"));
  Sql(Cat("INSERT INTO ", name_, ".good SELECT g FROM generate_series(1, 100) g"));
  EXPECT_EQ(Walrelay({"slot", "advance", "--to", "current", "--dry-run"}).code, ExitCode::kOk);
  EXPECT_EQ(Walrelay({"slot", "advance", "--to", "current"}).code, ExitCode::kNotConfirmed);
  EXPECT_EQ(Sql(Cat("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = '",
                    name_, "'")),
            before);

  const Outcome moved = Walrelay({"slot", "advance", "--to", "current", "--yes"});
  EXPECT_EQ(moved.code, ExitCode::kOk) << moved.err;
  EXPECT_THAT(moved.err, HasSubstr("are never sent"));
  EXPECT_NE(Sql(Cat("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = '",
                    name_, "'")),
            before);
  EXPECT_EQ(Walrelay({"slot", "advance", "--to", before, "--yes"}).code, ExitCode::kUsage)
      << "backwards";
  EXPECT_EQ(Walrelay({"slot", "advance", "--to", "FFFFFFFF/0", "--yes"}).code, ExitCode::kUsage)
      << "beyond the server";
}

TEST_F(CommandsPgTest, CopyMakesASecondReader) {
  CreatePublicationAndSlot();
  EXPECT_EQ(Walrelay({"slot", "copy", name_ + "_2", "--dry-run"}).code, ExitCode::kOk);
  EXPECT_FALSE(SlotExists(name_ + "_2"));
  const Outcome copied = Walrelay({"slot", "copy", name_ + "_2"});
  EXPECT_EQ(copied.code, ExitCode::kOk) << copied.err;
  EXPECT_TRUE(SlotExists(name_ + "_2"));
  EXPECT_EQ(Walrelay({"slot", "copy", name_ + "_2"}).code, ExitCode::kSlotUnsuitable) << "exists";
}

TEST_F(CommandsPgTest, CreatesAFilteredPublicationAndBringsItIntoLine) {
  EXPECT_EQ(Walrelay({"publication", "show"}).code, ExitCode::kPublicationMissing);
  const Outcome dry = Walrelay({"publication", "create", "--dry-run"});
  EXPECT_THAT(dry.err, HasSubstr("CREATE PUBLICATION"));
  EXPECT_FALSE(PublicationExists());
  EXPECT_EQ(Walrelay({"publication", "create"}).code, ExitCode::kOk);
  EXPECT_EQ(PublishedTables(), "good,other");
  EXPECT_THAT(Walrelay({"publication", "create"}).out, HasSubstr("is there already"));

  // A table that somebody added is taken out again only with consent.
  Sql(Cat("CREATE TABLE ", name_, ".extra (id int PRIMARY KEY)"));
  Sql(Cat("ALTER PUBLICATION ", name_, " ADD TABLE ", name_, ".extra"));
  const Outcome refused = Walrelay({"publication", "create"});
  EXPECT_EQ(refused.code, ExitCode::kNotConfirmed);
  EXPECT_THAT(refused.err, HasSubstr(Cat("This takes ", name_, ".extra out of the publication")));
  EXPECT_EQ(PublishedTables(), "extra,good,other");
  EXPECT_EQ(Walrelay({"publication", "create", "--yes"}).code, ExitCode::kOk);
  EXPECT_EQ(PublishedTables(), "good,other");
}

TEST_F(CommandsPgTest, RefusesATableWithoutReplicaIdentityByName) {
  ASSERT_EQ(Walrelay({"publication", "create"}).code, ExitCode::kOk);
  const Outcome refused = Walrelay({"publication", "add", name_ + ".bad"});
  EXPECT_EQ(refused.code, ExitCode::kReplicaIdentity) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr(name_ + ".bad"));
  const Outcome all =
      Walrelay({"publication", "create", "--publication", name_ + "x", "--mode", "all_tables"});
  EXPECT_EQ(all.code, ExitCode::kReplicaIdentity) << all.err;
  EXPECT_EQ(PublishedTables(), "good,other");
}

TEST_F(CommandsPgTest, ShowNamesTheDangerOfAHandMadePublication) {
  Sql(Cat("CREATE PUBLICATION ", name_, " FOR TABLE ", name_, ".good, ", name_, ".bad"));
  const Outcome shown = Walrelay({"publication", "show"});
  EXPECT_EQ(shown.code, ExitCode::kOk) << shown.err;
  EXPECT_THAT(shown.out, AllOf(HasSubstr(name_ + ".good"), HasSubstr("primary key")));
  EXPECT_THAT(shown.err, AllOf(HasSubstr("UPDATE and DELETE of the application fail on"),
                               HasSubstr(name_ + ".bad"), Not(HasSubstr(name_ + ".good"))));
  JsonReader reader;
  const Outcome json = Walrelay({"publication", "show", "--json"});
  const auto parsed = reader.Parse(json.out);
  ASSERT_TRUE(parsed.ok()) << json.out;
  EXPECT_EQ((*parsed)["tables"].size(), 2U);
}

TEST_F(CommandsPgTest, AddsAndTakesOutTables) {
  Sql(Cat("CREATE PUBLICATION ", name_, " FOR TABLE ", name_, ".good"));
  EXPECT_EQ(Walrelay({"publication", "add", name_ + ".other", "--dry-run"}).code, ExitCode::kOk);
  EXPECT_EQ(PublishedTables(), "good");
  EXPECT_EQ(Walrelay({"publication", "add", name_ + ".other"}).code, ExitCode::kOk);
  EXPECT_EQ(PublishedTables(), "good,other");
  EXPECT_EQ(Walrelay({"publication", "drop", name_ + ".other"}).code, ExitCode::kNotConfirmed);
  EXPECT_EQ(Walrelay({"publication", "drop", name_ + ".nothing", "--yes"}).code,
            ExitCode::kPublicationUnsuitable);
  EXPECT_EQ(Walrelay({"publication", "drop", name_ + ".other", "--yes"}).code, ExitCode::kOk);
  EXPECT_EQ(PublishedTables(), "good");
}

TEST_F(CommandsPgTest, DropsThePublicationItself) {
  Sql(Cat("CREATE PUBLICATION ", name_, " FOR TABLE ", name_, ".good"));
  const Outcome asked = Walrelay({"publication", "drop"});
  EXPECT_EQ(asked.code, ExitCode::kNotConfirmed);
  EXPECT_THAT(asked.err, HasSubstr("every slot that reads it stops"));
  EXPECT_EQ(Walrelay({"publication", "drop", "--dry-run", "--yes"}).code, ExitCode::kOk);
  EXPECT_TRUE(PublicationExists());
  EXPECT_EQ(Walrelay({"publication", "drop", "--yes"}).code, ExitCode::kOk);
  EXPECT_FALSE(PublicationExists());
}

TEST_F(CommandsPgTest, AWrongPasswordHasItsOwnCodeAndIsNotShown) {
  password_ = "hidden-password";
  const Outcome outcome = Walrelay({"slot", "list"});
  EXPECT_EQ(outcome.code, ExitCode::kSourceRefused) << outcome.err;
  EXPECT_THAT(outcome.err, Not(HasSubstr("hidden-password")));
}

}  // namespace
}  // namespace walrelay::app
