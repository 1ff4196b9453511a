// What tables bring along that people have made: foreign keys, triggers, generated and identity
// columns, partitions.
#include <utility>

#include "apply/letter_store.h"
#include "apply/session_role.h"
#include "tests/apply/sink_fixture.h"

namespace walrelay::apply::testing {
namespace {

// Tables t and child of the target; child.n refers to t.id, and its rows come before t's.
class ExistingTables : public BothSizes {
 protected:
  void SetUp() override {
    BothSizes::SetUp();
    if (IsSkipped()) return;
    target->All(Cat("CREATE ROLE ", Unprivileged(), " LOGIN PASSWORD 'plain'"));
  }
  void TearDown() override {
    if (IsSkipped()) return;
    target->All(Cat("DROP SCHEMA IF EXISTS walrelay, public CASCADE; DROP OWNED BY ",
                    Unprivileged(), "; DROP ROLE ", Unprivileged()));
  }
  static std::string Unprivileged() { return Cat("apply_plain_", getpid()); }

  // Of a role that may not set session_replication_role.
  SinkOptions PlainOptions() {
    target->All(Cat("GRANT ALL ON SCHEMA public TO ", Unprivileged(), "; GRANT CREATE ON DATABASE ",
                    target->One("SELECT current_database()"), " TO ", Unprivileged()));
    SinkOptions options = Options();
    options.connection.Set("user", Unprivileged());
    options.connection.Set("password", "plain");
    return options;
  }
  void MakeFamily(std::string_view constraint) {
    target->All(Cat(
        "CREATE TABLE public.t (id int PRIMARY KEY, v text, n numeric(10,2)); CREATE TABLE "
        "public.child (id int PRIMARY KEY, v text, n numeric(10,2) UNIQUE, t int, CONSTRAINT "
        "child_t FOREIGN KEY (t) REFERENCES public.t ", constraint, ")"));
  }
  void OwnedByPlain() {
    for (const std::string_view name : {"t", "child"})
      target->All(Cat("ALTER TABLE public.", name, " OWNER TO ", Unprivileged()));
  }
  // A row of child that refers to row `t` of t.
  void Child(int id, int t) {
    const std::string row = Cat(R"({"id":)", id, R"(,"v":"child","n":null,"t":)", t, "}");
    const std::string before = std::exchange(table, "child");
    const std::string own = std::exchange(
        fields, Cat(kFields, R"(,{"type":"int32","optional":true,"field":"t"})"));
    Event("c", "null", row, Cat(id));
    table = before;
    fields = own;
  }
  void Truncate() { Event("t", "null", "null", "-"); }
  std::string Children() { return target->All("SELECT id, t FROM public.child ORDER BY id"); }
  std::string Letters() {
    return target->All(
        "SELECT sqlstate, source_table, parked_key FROM walrelay.dead_letters ORDER BY id");
  }
  std::string Remarks(const SinkOptions& options) {
    SinkOptions session = options;
    auto connection = pg::Connection::Connect(session.connection);
    EXPECT_TRUE(connection.ok()) << Message(connection.status());
    EXPECT_TRUE(connection->Query("SET search_path = pg_catalog").ok());
    const auto role = TakeRole(*connection, options);
    EXPECT_TRUE(role.ok()) << Message(role.status());
    const auto remarks = RemarksOnRole(*connection, options.kind, *role);
    EXPECT_TRUE(remarks.ok()) << Message(remarks.status());
    std::string text;
    for (const std::string& remark : *remarks) text += remark + "\n";
    return text;
  }
};
INSTANTIATE_TEST_SUITE_P(Sink, ExistingTables, testing::kWays, testing::WayName);

bool Has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

TEST_P(ExistingTables, StopASinkThatAPolicyWouldHideRowsFrom) {
  if (IsSkipped()) return;
  target->All(Cat(
      "CREATE TABLE public.t (id int PRIMARY KEY, v text, n numeric); INSERT INTO public.t VALUES "
      "(2, 'hidden'); ALTER TABLE public.t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; "
      "CREATE POLICY one ON public.t USING (id = 1); ALTER TABLE public.t OWNER TO ",
      Unprivileged()));
  auto sink = Open(PlainOptions());
  Delete(2);
  MaybeMakeLarge();
  const auto result = Apply(*sink);
  EXPECT_NE(Message(result.status()).find("row-level security policy"), std::string_view::npos)
      << Message(result.status());
  EXPECT_EQ(target->All("SELECT id, v FROM public.t"), "2|hidden");
}

TEST_P(ExistingTables, AReplicaChecksNoForeignKeys) {
  MakeFamily("");
  auto sink = Open(Options());
  Child(1, 5);
  MaybeMakeLarge();
  MustApply(*sink);
  Insert(5, R"("five")");
  Delete(5);
  MaybeMakeLarge();
  EXPECT_EQ(MustApply(*sink).dead_letters, 0);
  EXPECT_EQ(Children(), "1|5");
  EXPECT_EQ(Remarks(Options()), "");
}

TEST_P(ExistingTables, ATruncateOfATableWithForeignKeysLeavesTheOthers) {
  MakeFamily("");
  auto sink = Open(Options());
  Insert(5, R"("five")");
  Child(1, 5);
  MustApply(*sink);
  Truncate();
  Insert(6, R"("six")");
  MaybeMakeLarge();
  MustApply(*sink);
  EXPECT_EQ(MirrorWithoutFillers("id"), "6");
  EXPECT_EQ(Children(), "1|5");
  EXPECT_EQ(target->One("SELECT count(*) FROM walrelay.parked_tables"), "0");
}

TEST_P(ExistingTables, ARoleThatMayNotBeAReplicaDefersWhatCanBeDeferred) {
  const SinkOptions plain = PlainOptions();
  MakeFamily("DEFERRABLE");
  OwnedByPlain();
  auto sink = Open(plain);
  Child(1, 5);
  Insert(5, R"("five")");
  MaybeMakeLarge();
  EXPECT_EQ(MustApply(*sink).dead_letters, 0);
  // Whose parent does not come with its batch goes to the dead letters alone, and can be tried
  // again.
  Child(2, 6);
  Child(3, 5);
  MaybeMakeLarge();
  EXPECT_EQ(MustApply(*sink).dead_letters, 1);
  EXPECT_EQ(Letters(), "23503|public.child|{\"id\":2}");
  EXPECT_EQ(Children(), "1|5\n3|5");
  LetterStore letters(target->connection(), "test", "target");
  ASSERT_EQ(*letters.Mark(std::nullopt), 1);
  EXPECT_EQ(sink->Attend()->letters, 0) << "its parent is still missing";
  Insert(6, R"("six")");
  MustApply(*sink);
  ASSERT_EQ(*letters.Mark(std::nullopt), 1);
  EXPECT_EQ(sink->Attend()->letters, 1);
  EXPECT_EQ(Children(), "1|5\n2|6\n3|5");
  EXPECT_EQ(Remarks(plain), "");
}

TEST_P(ExistingTables, ARoleThatMayNotBeAReplicaIsToldOfWhatCannotBeDeferred) {
  const SinkOptions plain = PlainOptions();
  MakeFamily("");
  OwnedByPlain();
  auto sink = Open(plain);
  Child(1, 5);
  Insert(5, R"("five")");
  MaybeMakeLarge();
  EXPECT_EQ(MustApply(*sink).dead_letters, 1);
  EXPECT_EQ(Letters(), "23503|public.child|{\"id\":1}");
  const std::string remarks = Remarks(plain);
  EXPECT_TRUE(Has(remarks, "child_t of public.child")) << remarks;
  EXPECT_TRUE(Has(remarks, "GRANT SET ON PARAMETER")) << remarks;
  if (target->connection().server_version() < 150'000) return;
  target->All(Cat("GRANT SET ON PARAMETER session_replication_role TO ", Unprivileged()));
  EXPECT_EQ(Remarks(plain), "");
}

TEST_P(ExistingTables, TriggersFireForAnOriginOnly) {
  target->All(
      "CREATE TABLE public.t (id int PRIMARY KEY, v text, n numeric(10,2)); CREATE FUNCTION "
      "public.count() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.n := coalesce(NEW.n, 0) + "
      "1; RETURN NEW; END $$; CREATE TRIGGER counts BEFORE INSERT ON public.t FOR EACH ROW EXECUTE "
      "FUNCTION public.count()");
  auto sink = Open(Options());
  Insert(1, R"("replica")");
  MaybeMakeLarge();
  MustApply(*sink);
  std::string remarks = Remarks(Options());
  EXPECT_TRUE(Has(remarks, "do not fire on what is written here: counts of public.t")) << remarks;
  sink.reset();
  SinkOptions origin = Options();
  origin.replication_role = ReplicationRole::kOrigin;
  sink = Open(origin);
  Insert(2, R"("origin")");
  MaybeMakeLarge();
  MustApply(*sink);
  remarks = Remarks(origin);
  EXPECT_TRUE(Has(remarks, "triggers fire on what is written here: counts of public.t")) << remarks;
  EXPECT_FALSE(Has(remarks, "GRANT")) << remarks;
  sink.reset();
  target->All("ALTER TABLE public.t ENABLE ALWAYS TRIGGER counts");
  sink = Open(Options());
  Insert(3, R"("always")");
  MustApply(*sink);
  EXPECT_EQ(MirrorWithoutFillers(), "1|replica|NULL\n2|origin|1.00\n3|always|1.00");
  EXPECT_EQ(Remarks(Options()), "");
}

TEST_P(ExistingTables, GeneratedColumnsAreTheServersBusiness) {
  target->All(
      "CREATE TABLE public.t (id int PRIMARY KEY, v text, n numeric(10,2) GENERATED ALWAYS AS (id "
      "* 2) STORED, twice text GENERATED ALWAYS AS (v || v) STORED)");
  auto sink = Open(Options());
  Event("c", "null", Row("1", R"("a")", R"("MDk=")"), "1");
  Insert(2, R"("b")");
  MaybeMakeLarge();
  EXPECT_EQ(MustApply(*sink).dead_letters, 0);
  Event("u", "null", Row("1", R"("c")", R"("MDk=")"), "1");
  Delete(2);
  MaybeMakeLarge();
  MustApply(*sink);
  EXPECT_EQ(MirrorWithoutFillers("id, v, n, twice"), "1|c|2.00|cc");
}

TEST_P(ExistingTables, IdentityColumnsTakeTheSourcesValues) {
  target->All(
      "CREATE TABLE public.t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text, n "
      "numeric(10,2), own bigint GENERATED ALWAYS AS IDENTITY)");
  auto sink = Open(Options());
  Insert(41, R"("a")");
  Insert(7, R"("b")");
  MaybeMakeLarge();
  MustApply(*sink);
  Event("u", "null", Row("41", R"("c")"), "41");
  Delete(7);
  Insert(8, R"("d")");
  MaybeMakeLarge();
  EXPECT_EQ(MustApply(*sink).dead_letters, 0);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "8|d\n41|c");
  EXPECT_EQ(target->One("SELECT count(own) = count(*) FROM public.t"), "t")
      << "what the source does not have is the target's own";
}

TEST_P(ExistingTables, OfARowWithoutAKeyColumnsOfTheTargetHaveTheirDefaults) {
  target->All(
      "CREATE TABLE public.t (own bigint GENERATED ALWAYS AS IDENTITY, id int, v text, n "
      "numeric(10,2), since date NOT NULL DEFAULT '2020-02-02')");
  auto sink = Open(Options());
  for (int id = 0; id < (GetParam().is_large ? 1000 : 3); ++id)
    Event("c", "null", Row(Cat(id), R"("x")"), "-");
  EXPECT_EQ(MustApply(*sink).dead_letters, 0);
  EXPECT_EQ(target->One("SELECT count(*) FROM public.t WHERE own > 0 AND since = '2020-02-02'"),
            GetParam().is_large ? "1000" : "3");
}

TEST_P(ExistingTables, AnIdentityThatCannotBeUpdatedParksTheTable) {
  target->All(
      "CREATE TABLE public.t (id int PRIMARY KEY, v text, n int GENERATED ALWAYS AS IDENTITY)");
  auto sink = Open(Options());
  Event("c", "null", Row("1", R"("a")", R"("MDk=")"), "1");
  MaybeMakeLarge();
  MustApply(*sink);
  const auto parked = sink->ParkedTopics();
  ASSERT_EQ(parked.count("cdc.public.t"), 1u);
  EXPECT_TRUE(Has(parked.at("cdc.public.t"), "SET GENERATED BY DEFAULT"));
}

TEST_P(ExistingTables, PartitionedTablesAreWrittenAsOne) {
  target->All(
      "CREATE TABLE public.t (id int PRIMARY KEY, v text, n numeric(10,2)) PARTITION BY RANGE "
      "(id); CREATE TABLE public.t_low PARTITION OF public.t FOR VALUES FROM (0) TO (10); CREATE "
      "TABLE public.t_high PARTITION OF public.t DEFAULT");
  auto sink = Open(Options());
  Insert(1, R"("low")");
  Insert(11, R"("high")");
  MaybeMakeLarge();
  MustApply(*sink);
  Event("u", "null", Row("1", R"("lower")", R"("MDk=")"), "1");
  const int64_t same = lsn;
  records.AddHeader(Event("d", Row("11", "null"), "null", "11"), "__debezium.newkey", "{\"id\":2}");
  lsn = same;
  records.AddHeader(Event("c", "null", Row("2", kUnsentText), "2"), "__debezium.oldkey",
                    "{\"id\":11}");
  Insert(12, R"("new")");
  for (int i = 0; GetParam().is_large && i < 600; ++i) Delete(100'000 + i);
  EXPECT_EQ(MustApply(*sink).dead_letters, 0);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "1|lower\n2|high\n12|new");
  EXPECT_EQ(target->One("SELECT count(*) FROM public.t_low"), "2");
  Truncate();
  Insert(3, R"("after")");
  MaybeMakeLarge();
  MustApply(*sink);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "3|after");
}

TEST_P(ExistingTables, PartitionedTablesWithoutAKeyLoseTheRightRow) {
  target->All(
      "CREATE TABLE public.t (id int, v text, n numeric(10,2)) PARTITION BY LIST (v); CREATE TABLE "
      "public.t_a PARTITION OF public.t FOR VALUES IN ('a'); CREATE TABLE public.t_rest PARTITION "
      "OF public.t DEFAULT");
  auto sink = Open(Options());
  for (int id = 0; id < (GetParam().is_large ? 1000 : 3); ++id)
    Event("c", "null", Row(Cat(id), R"("b")"), "-");
  Event("c", "null", Row("1", R"("a")"), "-");
  MustApply(*sink);
  Event("d", Row("1", R"("b")"), "null", "-");
  Event("u", Row("2", R"("b")"), Row("2", R"("a")"), "-");
  MustApply(*sink);
  EXPECT_EQ(target->All("SELECT id, v FROM public.t WHERE id < 3 ORDER BY id, v"), "0|b\n1|a\n2|a");
}

TEST_P(ExistingTables, AnUnsentValueOfAColumnThatMayNotBeNullStays) {
  target->All(
      "CREATE TABLE public.t (v text NOT NULL, n numeric(10,2) NOT NULL, id int PRIMARY KEY, since "
      "date NOT NULL DEFAULT '2020-02-02')");
  auto sink = Open(Options());
  fields =
      R"({"type":"int32","optional":false,"field":"id"},{"type":"string","optional":false,"field":"v"},)"
      R"({"type":"string","optional":false,"field":"n"},{"type":"string","optional":false,"field":"w"})";
  const auto row = [](std::string_view id, std::string_view v, std::string_view w) {
    return Cat(R"({"id":)", id, R"(,"v":)", v, R"(,"n":"123.45","w":")", w, R"("})");
  };
  Event("c", "null", row("1", R"("a")", "b"), "1");
  Event("c", "null", row("2", R"("a")", "b"), "2");
  EXPECT_EQ(MustApply(*sink).dead_letters, 0);
  const auto update = [&](int id) { Event("u", "null", row(Cat(id), kUnsentText, "c"), Cat(id)); };
  update(1);
  update(3);  // There is no such row, and none can be made of this.
  for (int id = 100'000; GetParam().is_large && id < 101'000; ++id) {
    Event("c", "null", row(Cat(id), R"("filler")", "b"), Cat(id));
    update(id);
  }
  EXPECT_EQ(MustApply(*sink).refused, 1);
  EXPECT_EQ(MirrorWithoutFillers("id, v, n, w, since"),
            "1|a|123.45|c|2020-02-02\n2|a|123.45|b|2020-02-02");
  EXPECT_EQ(Letters(), R"(23502|public.t|{"id":3})");
}

TEST_P(ExistingTables, TypesStayWhereNothingElseSaysThem) {
  target->All("CREATE TABLE public.t (id int PRIMARY KEY, v text, n smallint, r real)");
  auto sink = Open(Options());
  const auto add = [&](std::string_view id, std::string_view n) {
    records.Add("cdc.public.t", 0, offset++, Cat(R"({"id":)", id, "}"),
                Cat(R"({"before":null,"after":{"id":)", id, R"(,"v":"x","n":)", n,
                    R"(,"r":1.5},"source":{"schema":"public","table":"t","lsn":)", lsn++,
                    R"(},"op":"c","ts_ms":1})"));
  };
  add("1", "2");
  add("3", "99999");
  EXPECT_EQ(MustApply(*sink).refused, 1);
  EXPECT_EQ(Mirror("id, n, r, pg_typeof(id), pg_typeof(n), pg_typeof(r)"),
            "1|2|1.5|integer|smallint|real");
}

TEST_P(ExistingTables, OneWithoutAKeyIsAlteredLikeOthers) {
  target->All("CREATE TABLE public.t (id smallint, v text)");
  auto sink = Open(Options());
  Event("c", "null", Row("70000", R"("a")", R"("MDk=")"), "-");
  EXPECT_EQ(MustApply(*sink).dead_letters, 0);
  EXPECT_EQ(sink->ParkedTopics().size(), 0u);
  EXPECT_EQ(Mirror(), "70000|a|123.45");
}

}  // namespace
}  // namespace walrelay::apply::testing
