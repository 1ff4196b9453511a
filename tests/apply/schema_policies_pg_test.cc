// Each kind of change of a source table under each policy: what the mirror looks like then, which
// rows arrive, whether the table waits or the sink stops, and that it goes on where somebody has
// seen to it.
#include <gtest/gtest.h>

#include <vector>

#include "tests/apply/sink_fixture.h"

namespace walrelay::apply {
namespace {

using testing::BothSizes;

struct Shown {
  std::string field;          // The schema of the column beside id; empty: there is none.
  std::string row;            // $ stands for its id.
  std::vector<int> ids = {};  // One record each.
  std::string key = R"({"id":$})";
};

// A state of the mirror: its columns; its rows; how many records are dead letters, where any are.
struct Change {
  std::string name;
  SchemaPolicy SchemaPolicies::*option = nullptr;  // Null: none of them says anything about it.
  std::string mirror = {};                         // Made beforehand; empty: by the first record.
  std::vector<Shown> before, after;
  std::string was = {};      // The state where it waits or stops.
  std::string applied;       // With the policy apply; "waits".
  std::string ignored = {};  // With the policy ignore.
  std::string repair = {};   // What somebody does about it here.
  std::string repaired = {};
  std::string resumed = {};  // Where nothing was done: goes on with this state, or "waits" again.
};

constexpr std::string_view kText = R"(,{"type":"string","optional":true,"field":"v"})";
constexpr std::string_view kNotNull = R"(,{"type":"string","optional":false,"field":"v"})";
constexpr std::string_view kInteger = R"(,{"type":"int32","optional":true,"field":"v"})";
constexpr std::string_view kBigint = R"(,{"type":"int64","optional":true,"field":"v"})";
constexpr std::string_view kOther = R"(,{"type":"string","optional":true,"field":"w"})";
constexpr std::string_view kOtherInteger = R"(,{"type":"int32","optional":true,"field":"w"})";
constexpr std::string_view kDefault =
    R"(,{"type":"string","optional":true,"default":"x","field":"v"})";

Shown Rows(std::string_view field, std::string_view row, std::vector<int> ids) {
  return {.field = std::string(field), .row = std::string(row), .ids = std::move(ids)};
}
const Shown kOne = Rows(kText, R"({"id":$,"v":"one"})", {1});
const std::string kWas = "id integer, v text; id:1,v:one";

const Change kChanges[] = {
    {.name = "ColumnAdded",
     .option = &SchemaPolicies::column_added,
     .before = {Rows("", R"({"id":$})", {1})},
     .after = {Rows(kText, R"({"id":$,"v":"two"})", {2})},
     .was = "id integer; id:1",
     .applied = "id integer, v text; id:1,v:null id:2,v:two",
     .ignored = "id integer; id:1 id:2",
     .repair = "ADD v text",
     .repaired = "id integer, v text; id:1,v:null id:2,v:two",
     .resumed = "waits"},
    {.name = "ColumnDropped",
     .option = &SchemaPolicies::column_dropped,
     .before = {kOne},
     .after = {Rows("", R"({"id":$})", {2})},
     .was = kWas,
     .applied = "id integer; id:1 id:2",
     .ignored = "id integer, v text; id:1,v:one id:2,v:null",
     .repair = "DROP v",
     .repaired = "id integer; id:1 id:2",
     .resumed = "id integer, v text; id:1,v:one id:2,v:null"},
    {.name = "ColumnRenamed",
     .option = &SchemaPolicies::column_dropped,
     .before = {kOne},
     .after = {Rows(kOther, R"({"id":$,"w":"two"})", {2})},
     .was = kWas,
     .applied = "waits",
     .ignored = "id integer, v text, w text; id:1,v:one,w:null id:2,v:null,w:two",
     .repair = "RENAME v TO w",
     .repaired = "id integer, w text; id:1,w:one id:2,w:two",
     .resumed = "id integer, v text, w text; id:1,v:one,w:null id:2,v:null,w:two"},
    {.name = "ColumnWidened",
     .option = &SchemaPolicies::column_widened,
     .before = {Rows(kInteger, R"({"id":$,"v":1})", {1})},
     .after = {Rows(kBigint, R"({"id":$,"v":2})", {2}),
               Rows(kBigint, R"({"id":$,"v":3000000000})", {3})},
     .was = "id integer, v integer; id:1,v:1",
     .applied = "id integer, v bigint; id:1,v:1 id:2,v:2 id:3,v:3000000000",
     .ignored = "id integer, v integer; id:1,v:1 id:2,v:2; 1",
     .repair = "ALTER v TYPE bigint",
     .repaired = "id integer, v bigint; id:1,v:1 id:2,v:2 id:3,v:3000000000",
     .resumed = "waits"},
    {.name = "ColumnNarrowed",
     .before = {Rows(kBigint, R"({"id":$,"v":3000000000})", {1})},
     .after = {Rows(kInteger, R"({"id":$,"v":2})", {2})},
     .applied = "id integer, v bigint; id:1,v:3000000000 id:2,v:2"},
    {.name = "ColumnRetyped",
     .option = &SchemaPolicies::column_retyped,
     .before = {Rows(kInteger, R"({"id":$,"v":1})", {1})},
     .after = {Rows(kText, R"({"id":$,"v":"2"})", {2}),
               Rows(kText, R"({"id":$,"v":"three"})", {3})},
     .was = "id integer, v integer; id:1,v:1",
     .applied = "id integer, v text; id:1,v:1 id:2,v:2 id:3,v:three",
     .ignored = "id integer, v integer; id:1,v:1 id:2,v:2; 1",
     .repair = "ALTER v TYPE text",
     .repaired = "id integer, v text; id:1,v:1 id:2,v:2 id:3,v:three",
     .resumed = "id integer, v integer; id:1,v:1 id:2,v:2; 1"},
    {.name = "DefaultChanged",
     .before = {kOne},
     .after = {Rows(kDefault, R"({"id":$,"v":"two"})", {2}),
               Rows(kDefault, R"({"id":$,"v":null})", {3})},
     .applied = "id integer, v text; id:1,v:one id:2,v:two id:3,v:null"},
    {.name = "NullAllowed",
     .option = &SchemaPolicies::column_nullable,
     .mirror = "(id int PRIMARY KEY, v text NOT NULL)",
     .before = {Rows(kNotNull, R"({"id":$,"v":"one"})", {1})},
     .after = {Rows(kText, R"({"id":$,"v":"two"})", {2}), Rows(kText, R"({"id":$,"v":null})", {3})},
     .was = "id integer, v text NOT NULL; id:1,v:one",
     .applied = "id integer, v text; id:1,v:one id:2,v:two id:3,v:null",
     .ignored = "id integer, v text NOT NULL; id:1,v:one id:2,v:two; 1",
     .repair = "ALTER v DROP NOT NULL",
     .repaired = "id integer, v text; id:1,v:one id:2,v:two id:3,v:null",
     .resumed = "waits"},
    {.name = "NullForbidden",
     .before = {kOne},
     .after = {Rows(kNotNull, R"({"id":$,"v":"two"})", {2})},
     .applied = "id integer, v text; id:1,v:one id:2,v:two"},
    {.name = "TableCreated",
     .option = &SchemaPolicies::table_created,
     .before = {},
     .after = {kOne},
     .was = "no table",
     .applied = kWas,
     .ignored = "no table",
     .repair = "(id int PRIMARY KEY, v text)",
     .repaired = kWas,
     .resumed = "waits"},
    {.name = "TableDropped",  // No record says so.
     .before = {kOne},
     .after = {},
     .applied = kWas},
    {.name = "TableMadeAnewAlike",  // Nor of this.
     .before = {Rows(kText, R"({"id":$,"v":"one"})", {1, 2})},
     .after = {Rows(kText, R"({"id":$,"v":"anew"})", {2, 3})},
     .applied = "id integer, v text; id:1,v:one id:2,v:anew id:3,v:anew"},
    {.name = "TableMadeAnewOtherwise",
     .option = &SchemaPolicies::column_dropped,
     .before = {kOne},
     .after = {Rows(kOtherInteger, R"({"id":$,"w":2})", {2})},
     .was = kWas,
     .applied = "id integer, w integer; id:1,w:null id:2,w:2",
     .ignored = "id integer, v text, w integer; id:1,v:one,w:null id:2,v:null,w:2",
     .repair = "DROP v",
     .repaired = "id integer, w integer; id:1,w:null id:2,w:2",
     .resumed = "id integer, v text, w integer; id:1,v:one,w:null id:2,v:null,w:2"},
    {.name = "KeyChanged",  // Nothing but a unique index on it helps.
     .before = {Rows(kNotNull, R"({"id":$,"v":"v$"})", {1})},
     .after = {{.field = std::string(kNotNull),
                .row = R"({"id":$,"v":"v$"})",
                .ids = {2},
                .key = R"({"v":"v$"})"}},
     .was = "id integer, v text; id:1,v:v1",
     .applied = "waits",
     .repair = "DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (v)",
     .repaired = "id integer NOT NULL, v text; id:1,v:v1 id:2,v:v2",
     .resumed = "waits"},
};

constexpr int kFillers = 100'000;  // Their ids begin here.

class EachPolicy : public BothSizes {
 protected:
  // A new sink whose option, or each of them, says so.
  std::unique_ptr<Sink> OpenWith(const Change& change, SchemaPolicy policy) {
    SinkOptions options = Options();
    if (change.option != nullptr) {
      options.schema.*change.option = policy;
    } else {
      options.schema = {policy, policy, policy, policy, policy, policy};
    }
    return Open(options);
  }
  void Put(const Shown& shown, int id) {
    fields = Cat(R"({"type":"int32","optional":false,"field":"id"})", shown.field);
    const auto with_id = [id](std::string text) {
      for (size_t at; (at = text.find('$')) != text.npos;) text.replace(at, 1, Cat(id));
      return text;
    };
    Keyed("c", "null", with_id(shown.row), with_id(shown.key));
  }
  void PutAll(const std::vector<Shown>& all) {
    for (const Shown& shown : all) {
      for (const int id : shown.ids) Put(shown, id);
    }
    if (all.empty() || !GetParam().is_large) return;
    for (int i = 0; i < 1000; ++i) Put(all.front(), kFillers + static_cast<int>(offset));
  }
  std::string State() {
    if (target->One("SELECT to_regclass('public.t')") == "NULL") return "no table";
    const std::string letters = target->One("SELECT count(*) FROM walrelay.dead_letters");
    return target->One(R"(
      SELECT (SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) ||
                     CASE WHEN a.attnotnull AND NOT a.attnum = ANY (i.indkey) THEN ' NOT NULL' ELSE '' END, ', ' ORDER BY attnum)
              FROM pg_attribute a, pg_index i WHERE attrelid = 'public.t'::regclass AND attnum > 0 AND NOT attisdropped
               AND attname !~ '^__' AND i.indrelid = attrelid AND indisprimary) || '; ' ||
             (SELECT string_agg((SELECT string_agg(key || ':' || coalesce(value, 'null'), ',' ORDER BY key)
                                 FROM jsonb_each_text(to_jsonb(t)) WHERE key !~ '^__'), ' ' ORDER BY id)
              FROM public.t WHERE id < )" +
                       Cat(kFillers) + ")") +
           (letters == "0" ? "" : Cat("; ", letters));
  }
  void Repair(const Change& change) {
    target->All(Cat(change.was == "no table" ? "CREATE TABLE public.t " : "ALTER TABLE public.t ",
                    change.repair));
  }
  std::string Parked() { return target->One("SELECT count(*) FROM walrelay.parked_tables"); }

  void Play(const Change& change, SchemaPolicy policy);
  std::unique_ptr<Sink> PlayUpTo(const Change& change, SchemaPolicy policy);
  void Waits(const Change& change, SchemaPolicy policy);
  void Stops(const Change& change);
};
INSTANTIATE_TEST_SUITE_P(Sink, EachPolicy,
                         ::testing::Values(testing::Way{},
                                           testing::Way{.is_large = true, .leaves = true}),
                         testing::WayName);

// The records of the change are there, and have not been applied.
std::unique_ptr<Sink> EachPolicy::PlayUpTo(const Change& change, SchemaPolicy policy) {
  target->Empty();
  records = {};
  applied = 0;
  offset = 0;
  auto sink = Open(Options());
  if (!change.mirror.empty()) target->All(Cat("CREATE TABLE public.t ", change.mirror));
  PutAll(change.before);
  MustApply(*sink);
  PutAll(change.after);
  sink.reset();
  return OpenWith(change, policy);
}

void EachPolicy::Play(const Change& change, SchemaPolicy policy) {
  const bool has_option = change.option != nullptr;
  if (has_option && policy == SchemaPolicy::kStop) return Stops(change);
  const std::string& wanted =
      has_option && policy == SchemaPolicy::kIgnore ? change.ignored : change.applied;
  if (wanted == "waits" || (has_option && policy == SchemaPolicy::kPark))
    return Waits(change, policy);
  auto sink = PlayUpTo(change, policy);
  MustApply(*sink);
  EXPECT_EQ(State(), wanted);
  EXPECT_EQ(Parked(), "0");
}

void EachPolicy::Waits(const Change& change, SchemaPolicy policy) {
  for (const bool is_repaired : {false, true}) {
    auto sink = PlayUpTo(change, policy);
    MustApply(*sink);
    EXPECT_EQ(State(), change.was);
    EXPECT_EQ(Parked(), "1");
    if (is_repaired) Repair(change);
    Resume(*sink);
    const bool waits = !is_repaired && change.resumed == "waits";
    EXPECT_EQ(State(), is_repaired ? change.repaired : waits ? change.was : change.resumed);
    EXPECT_EQ(Parked(), waits ? "1" : "0");
  }
}

void EachPolicy::Stops(const Change& change) {
  auto sink = PlayUpTo(change, SchemaPolicy::kStop);
  for (int start = 1; start <= 2; ++start) {
    applied = 0;
    const auto result = Apply(*sink);
    EXPECT_EQ(result.status().code(), absl::StatusCode::kFailedPrecondition) << "start " << start;
    EXPECT_EQ(State(), change.was);
    EXPECT_EQ(Parked(), "0");
    if (start == 2) Repair(change);
    sink.reset();
    sink = OpenWith(change, SchemaPolicy::kStop);
  }
  applied = 0;
  MustApply(*sink);
  EXPECT_EQ(State(), change.repaired);
}

TEST_P(EachPolicy, DoesWithEachChangeWhatItSays) {
  for (const Change& change : kChanges) {
    for (const auto& [policy, name] :
         {std::pair(SchemaPolicy::kApply, "apply"), std::pair(SchemaPolicy::kIgnore, "ignore"),
          std::pair(SchemaPolicy::kPark, "park"), std::pair(SchemaPolicy::kStop, "stop")}) {
      SCOPED_TRACE(Cat(change.name, ", ", name));
      Play(change, policy);
    }
  }
}

}  // namespace
}  // namespace walrelay::apply
