// Plays what the real Debezium recorded into a target, and the SQL that it was recorded from into a
// source: both must hold equal values in the end, but for what Debezium's format itself loses.
// tests/apply/losses/<case>.<version>.txt lists that, line by line, README.md there why: NaN in
// precise decimals, the length of varbit, types without a mapping, TOAST values that are published
// as NULL, rows that no server takes. Mirrors have their types from the source's catalog, from
// tables that are there before, or from the schema blocks alone; the records come with these blocks
// and, made of them, without. WALRELAY_TEST_GOLDENS names the folder of cases (default: those of
// this repository), WALRELAY_TEST_CASES those to play, and WALRELAY_TEST_RECORD=1 writes the files
// of losses anew.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <vector>

#include "apply/envelope_reader.h"
#include "apply/sink.h"
#include "apply/source_catalog.h"
#include "tests/apply/database.h"
#include "tests/apply/records.h"

namespace walrelay::apply {
namespace {

using testing::Database;
using testing::Records;

std::filesystem::path Goldens() {
  const char* folder = std::getenv("WALRELAY_TEST_GOLDENS");
  return folder != nullptr ? folder : WALRELAY_SOURCE_DIR "/tests/goldens";
}

// Where mirrors have their types from.
enum class Types { kSource, kTable, kRecords };

struct Play {
  std::string name;
  std::string version;
  Types types = Types::kSource;
  bool has_schemas = true;  // As recorded; off: made into what they are without schemas.
  std::string Mode() const {
    const char* from = types == Types::kSource  ? "source"
                       : types == Types::kTable ? "table"
                                                : "records";
    return Cat(from, has_schemas ? "" : "-plain");
  }
};

void PrintTo(const Play& play, std::ostream* out) {
  *out << play.name << ' ' << play.version << ' ' << play.Mode();
}

// Not among them:
//   columns, columns-included, filters, skipped-operations: the connector is told to leave things
//   out names, names-avro, names-unicode, names-wildcard: fields and tables have other names than
//   in the source generated, schema-change, -behind, types-dropped-behind: tables are parked, as
//   policies say keys-string: keys are no JSON; tables without a key cannot be applied from them
//   partitions-leaf, partitions-root: a table and its partitions are a topic each, and a mirror
//   each topic-options: rows are truncated at the source, which is not sent outbox, route, unwrap,
//   transforms-…: no envelopes of tables, see unwrapped_pg_test heartbeat, messages, xmin,
//   transaction-metadata, snapshot-…: rows are those of other cases
std::vector<std::string> Cases() {
  const char* given = std::getenv("WALRELAY_TEST_CASES");
  std::istringstream names(
      given != nullptr
          ? given
          : "shop types times arrays keys primary-key-change primary-key-change-no-tombstones "
            "replica-identity truncate user-types toast-default toast-full domains money-required "
            "defaults defaults-expressions defaults-modes defaults-scale-3.6 keys-configured "
            "large-transaction origin restart restart-after-snapshot restart-transactions "
            "savepoints skip-unchanged types-propagated types-string-base64 types-double-hex-map "
            "types-unknown-included user-types-unknown-included arrays-modes "
            "arrays-string-unknown times-adaptive-microseconds times-microseconds-3.6 "
            "times-isostring-3.6 times-nanoseconds-3.6 times-connect toast-hex-map-string "
            "toast-placeholder schemas-disabled schemas-disabled-numeric");
  return {std::istream_iterator<std::string>(names), {}};
}

// What schema blocks do not say: as `walrelay apply` has it from [source].
void SetModes(const std::filesystem::path& folder, SinkOptions& options) {
  std::ifstream in(folder / "connector.json");
  const std::string connector{std::istreambuf_iterator<char>(in), {}};
  const auto has = [&](std::string_view option, std::string_view value) {
    return connector.find(Cat("\"", option, "\":\"", value, "\"")) != std::string::npos;
  };
  using Binary = SchemalessFormat::Binary;
  SchemalessFormat& format = options.schemaless;
  if (has("binary.handling.mode", "hex")) format.binary = Binary::kHex;
  if (has("binary.handling.mode", "base64-url-safe")) format.binary = Binary::kBase64UrlSafe;
  format.decimals_are_text = has("decimal.handling.mode", "string");
  for (const int digits : {0, 4}) {
    if (has("money.fraction.digits", Cat(digits))) format.money_digits = digits;
  }
  format.only_timestamps_are_adaptive = has("time.precision.mode", "adaptive_time_microseconds");
  constexpr std::pair<std::string_view, int> kFixed[] = {
      {"connect", 3}, {"microseconds", 6}, {"isostring", 6}, {"nanoseconds", 9}};
  for (const auto& [mode, digits] : kFixed) {
    if (!has("time.precision.mode", mode)) continue;
    format.times_are_adaptive = false;
    format.time_digits = digits;
  }
  if (has("unavailable.value.placeholder", "hex:c3a4007f"))
    options.unavailable_placeholder = "hex:c3a4007f";
}

std::string Conninfo(const Database& database) {
  std::string conninfo;
  for (const auto& [keyword, value] : database.options().keywords)
    conninfo += Cat(keyword, "='", value, "' ");
  return Cat("\"", conninfo, "\"");
}

void Shell(const std::string& command) {
  EXPECT_EQ(std::system(Cat(command, " >/dev/null 2>&1").c_str()), 0) << command;
}

// psql, since cases use its commands.
void PlaySql(const Database& source, const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) return;
  Shell(Cat("psql -qX -v ON_ERROR_STOP=0 -d ", Conninfo(source), " -f ", file.string()));
}

// As an operator makes them beforehand.
void CopyTables(const Database& source, const Database& target) {
  Shell(Cat("pg_dump --schema-only --no-owner --no-publications -d ", Conninfo(source),
            " | psql -qX -v ON_ERROR_STOP=0 -d ", Conninfo(target)));
}

// The record as a converter with schemas.enable = false writes it.
std::optional<std::string> WithoutSchema(std::optional<std::string_view> text) {
  constexpr std::string_view kSchema = "{\"schema\":", kPayload = ",\"payload\":";
  JsonReader reader;
  if (!text || !text->starts_with(kSchema))
    return text ? std::optional(std::string(*text)) : std::nullopt;
  const auto parsed = reader.Parse(*text);
  EXPECT_TRUE(parsed.ok());
  const JsonValue schema = (*parsed)["schema"];
  const size_t size = schema.is_null() ? 4 : schema.json().size();
  EXPECT_EQ(text->substr(kSchema.size() + size, kPayload.size()), kPayload);
  const std::string_view rest = text->substr(kSchema.size() + size + kPayload.size());
  return std::string(rest.substr(0, rest.size() - 1));
}

std::filesystem::path LossesFile(const Play& play, std::string_view how) {
  return Cat(WALRELAY_SOURCE_DIR "/tests/apply/losses/", play.name, ".", play.version, how, ".txt");
}

// A row that is refused on its way may be fine again at the end of a batch: then one batch of all
// loses less. What is lost in one mode only has a file of its own, too.
std::vector<std::string> LossesFiles(const Play& play, bool one_batch) {
  if (play.types == Types::kTable) return {Cat(".", play.Mode()), ".table", ""};
  if (play.Mode() != "source") return {Cat(".", play.Mode()), ""};
  return one_batch ? std::vector<std::string>{".one-batch", ""} : std::vector<std::string>{""};
}

std::string Losses(const Play& play, bool one_batch) {
  for (const std::string& how : LossesFiles(play, one_batch)) {
    if (std::ifstream in(LossesFile(play, how)); in)
      return {std::istreambuf_iterator<char>(in), {}};
  }
  return "";
}

void Record(const Play& play, bool one_batch, const std::string& losses) {
  const auto file = LossesFile(play, LossesFiles(play, one_batch).front());
  std::filesystem::remove(file);
  if (losses != Losses(play, one_batch)) std::ofstream(file) << losses;
}

// Rows that the target could not take: a condition that leaves them out, for both sides.
std::string WithoutLetters(Database& target, const std::string& table) {
  const std::string rows = target.One(Cat(
      "SELECT string_agg(DISTINCT (SELECT '(' || string_agg(quote_ident(k.key) || '::text = ' || "
      "quote_literal(k.value), ' AND ') || ')' FROM json_each_text(l.parked_key::json) k), ' OR ') "
      "FROM walrelay.dead_letters l WHERE source_table = '",
      table, "'"));
  return rows == "NULL" ? "" : Cat(" WHERE NOT (", rows, ")");
}

// Names of columns that records have, by table.
using Sent = std::map<std::string, std::set<std::string, std::less<>>>;

Sent SentColumns(const std::vector<ConsumedRecord>& records) {
  Sent sent;
  EnvelopeReader reader;
  for (const ConsumedRecord& record : records) {
    if (!record.value) continue;
    const auto envelope = reader.Read(record);
    if (!envelope.ok()) continue;
    auto& names = sent[Cat((*envelope)->schema, ".", (*envelope)->table)];
    const JsonValue row = (*envelope)->row();
    for (auto it = row.begin(); it != row.end(); ++it) names.emplace(it.name());
  }
  return sent;
}

struct Comparison {
  std::string differences;
  int compared = 0;
};

// Debezium publishes the default for a NULL in a nullable column that has one (FORMAT.md §5.2):
// what was NULL is not known.
std::string WithoutNullLines(const std::string& theirs, const std::string& ours) {
  std::istringstream their_lines(theirs), our_lines(ours);
  std::string kept;
  for (std::string their_line, our_line; std::getline(our_lines, our_line);) {
    if (std::getline(their_lines, their_line) && their_line == "NULL") our_line = "NULL";
    kept += kept.empty() ? our_line : "\n" + our_line;
  }
  return kept;
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines(1);
  for (const char c : text) {
    if (c == '\n') {
      lines.emplace_back();
    } else {
      lines.back() += c;
    }
  }
  return lines;
}

std::string DifferentLines(const std::string& theirs, const std::string& ours) {
  std::vector<std::string> their_lines = Lines(theirs), our_lines = Lines(ours);
  const size_t count = std::max(their_lines.size(), our_lines.size());
  their_lines.resize(count, "(no row)");
  our_lines.resize(count, "(no row)");
  std::string differences;
  for (size_t i = 0; i < count; ++i) {
    if (their_lines[i] != our_lines[i])
      differences += Cat("  ", their_lines[i].substr(0, 80), " -> ", our_lines[i].substr(0, 80), "\n");
  }
  return differences;
}

// A column's value, as both sides can say it. `here`: the type of the mirror's column; the source's
// type is that of both where `knows`.
struct Expressions {
  std::string there;
  std::string here;
};
Expressions SameForm(const std::string& name, const std::string& type, const std::string& exact,
                     const std::string& here, bool knows) {
  const auto of_elements = [&](std::string_view function, std::string_view array) {
    return Cat("CASE WHEN ", name, " IS NOT NULL THEN ARRAY(SELECT ", function, "(x) FROM unnest(",
               name, array, ") WITH ORDINALITY AS u (x, n) ORDER BY n) END");
  };
  // Whatever zeros they show.
  const std::string trimmed = Cat("trim_scale(", name, "::text::numeric)");
  const std::string all_trimmed = of_elements("trim_scale", "::numeric[]");
  if (type == "numeric") return {trimmed, trimmed};
  if (type == "numeric[]") return {all_trimmed, all_trimmed};
  // Of types that Debezium does not know the mirror has the bytes of the text.
  if (here == "bytea" && type != here)
    return {Cat(name, "::text"), Cat("convert_from(", name, ", 'UTF8')")};
  if (here == type || !knows) return {name, name};
  if (here == "jsonb" && type == "json") return {Cat(name, "::jsonb"), name};
  if (here == "jsonb" && type == "hstore") return {Cat("hstore_to_jsonb(", name, ")"), name};
  if (here == "jsonb[]" && type == "json[]") return {Cat(name, "::jsonb[]"), name};
  if (here == "jsonb[]" && type == "hstore[]") return {of_elements("hstore_to_jsonb", ""), name};
  if (here == "boolean") return {name, Cat(name, "::int")};
  return {name, Cat(name, "::text::", exact)};
}

// Values of both sides, each read by the source's type.
void CompareTable(Database& source, Database& target, const std::string& schema,
                  const std::string& table, const Play& play, const Sent& sent,
                  Comparison& result) {
  const auto type_of = [&](Database& database, const std::string& relation, const std::string& name,
                           const char* type = "atttypid::regtype") {
    return database.One(Cat("SELECT ", type, " FROM pg_attribute WHERE attrelid = '", relation,
                            "'::regclass AND attname = '", name, "' AND NOT attisdropped"));
  };
  const std::string there = Cat(schema, ".", table), here = Cat("public.", table);
  const std::string columns =
      source.All(Cat("SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM "
                     "pg_attribute WHERE attnum > 0 AND NOT "
                     "attisdropped AND attgenerated = '' AND attrelid = '",
                     there, "'::regclass"));
  const std::string key =
      source.All(Cat("SELECT coalesce((SELECT string_agg(quote_ident(attname), ', ') FROM pg_index "
                     "i JOIN pg_attribute a ON a.attrelid = "
                     "i.indrelid AND a.attnum = ANY(i.indkey) WHERE i.indrelid = '",
                     there, "'::regclass AND indisprimary), '1')"));
  const std::string kept = WithoutLetters(target, there);
  std::istringstream names(columns);
  for (std::string name; std::getline(names, name, ',');) {
    if (name.starts_with(' ')) name.erase(0, 1);
    std::string plain = name;
    if (plain.starts_with('"')) plain = plain.substr(1, plain.size() - 2);
    const std::string mirror_type = type_of(target, here, plain);
    if (mirror_type.empty() || !sent.at(there).contains(plain)) {
      result.differences += Cat(table, ".", name, ": missing\n");
      continue;
    }
    const std::string type = type_of(source, there, plain);
    const bool knows = target.One(Cat("SELECT to_regtype('", type, "') IS NOT NULL")) == "t";
    const char* kFormat = "format_type(atttypid, atttypmod)";
    const std::string exact = type_of(source, there, plain, kFormat);
    const Expressions value = SameForm(name, type, exact, mirror_type, knows);
    const auto select = [&](const std::string& expression, const std::string& from) {
      return Cat("SELECT (", expression, ")::text FROM ", from, kept, " ORDER BY ", key);
    };
    if (play.types == Types::kRecords) {
      const std::string made = type_of(target, here, plain, kFormat);
      if (exact != made)
        result.differences += Cat(table, ".", name, ": ", exact, " -> ", made, "\n");
    }
    const std::string theirs = source.All(select(value.there, there));
    std::string ours = target.All(select(value.here, here));
    const bool has_default = type_of(source, there, plain, "atthasdef AND NOT attnotnull") == "t";
    if (has_default) ours = WithoutNullLines(theirs, ours);
    ++result.compared;
    if (theirs != ours)
      result.differences += Cat(table, ".", name, " ", type, ":\n", DifferentLines(theirs, ours));
  }
}

class Golden : public ::testing::TestWithParam<Play> {};

TEST_P(Golden, EndsWithEqualValuesOnBothSides) {
  const Play& play = GetParam();
  auto source = Database::Create("WALRELAY_TEST_SOURCE", "golden");
  auto target = Database::Create("WALRELAY_TEST_TARGET", "golden");
  if (source == nullptr || target == nullptr)
    GTEST_SKIP() << "set WALRELAY_TEST_SOURCE and WALRELAY_TEST_TARGET";
  const auto folder = Goldens() / play.name;
  for (const char* sql : {"setup.sql", "stream.sql", "restart.sql"}) PlaySql(*source, folder / sql);

  SinkOptions options;
  options.connection = target->options();
  options.pipeline = "golden";
  SetModes(folder, options);
  if (play.types == Types::kSource) {
    options.source_table = [&](const std::string& schema, const std::string& table) {
      return ReadSourceTable(source->connection(), schema, table);
    };
  }
  Records recorded;
  recorded.Load(folder / (play.version + ".jsonl"));
  std::erase_if(recorded.all, [](const ConsumedRecord& record) {
    return record.topic == "connect_offsets" || record.topic.ends_with("transaction") ||
           record.topic.find("heartbeat") != std::string_view::npos;
  });
  Records records;
  for (const ConsumedRecord& record : recorded.all) {
    if (play.has_schemas) {
      records.all.push_back(record);
      continue;
    }
    records
        .Add(record.topic, record.partition, record.offset, WithoutSchema(record.key),
             WithoutSchema(record.value))
        .headers = record.headers;
  }
  std::vector<size_t> batch_sizes = {1};
  if (play.Mode() == "source") batch_sizes.push_back(1'000'000);
  const Sent sent = SentColumns(records.all);
  for (const size_t batch_size : batch_sizes) {
    target->All(
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public; DROP SCHEMA IF EXISTS walrelay "
        "CASCADE");
    target->All(
        "CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree; CREATE "
        "EXTENSION isn");
    if (play.types == Types::kTable) CopyTables(*source, *target);
    ASSERT_TRUE(target->AwaitSessionLocks());
    auto sink = Sink::Open(options);
    ASSERT_TRUE(sink.ok()) << Message(sink.status());
    std::map<std::string, int64_t> tables;
    for (size_t at = 0; at < records.all.size(); at += batch_size) {
      const auto batch =
          std::span(records.all).subspan(at, std::min(batch_size, records.all.size() - at));
      const auto applied = (*sink)->Apply(batch);
      ASSERT_TRUE(applied.ok()) << "at record " << at << " " << batch[0].topic << ": "
                                << Message(applied.status());
      for (const auto& [table, ops] : applied->events_by_table) {
        for (const auto& [op, events] : ops) tables[table] += events;
      }
    }
    Comparison result;
    const std::string letters = target->All(
        "SELECT DISTINCT source_table, parked_key, sqlstate FROM walrelay.dead_letters WHERE "
        "sqlstate IS "
        "NOT NULL ORDER BY 1, 2, 3");
    if (!letters.empty()) result.differences = Cat("rows that were refused:\n", letters, "\n");
    for (const auto& [topic, why] : (*sink)->ParkedTopics())
      result.differences += Cat("parked: ", topic, ": ", why, "\n");
    for (const auto& [table, events] : tables) {
      if (table.find("golden_end") != std::string::npos || table == ".") continue;
      if (source->One(Cat("SELECT to_regclass('", table, "') IS NOT NULL")) != "t") continue;
      const size_t dot = table.find('.');
      CompareTable(*source, *target, table.substr(0, dot), table.substr(dot + 1), play, sent,
                   result);
    }
    const bool one_batch = batch_size != 1;
    if (std::getenv("WALRELAY_TEST_RECORD") != nullptr) {
      Record(play, one_batch, result.differences);
    } else {
      EXPECT_EQ(result.differences, Losses(play, one_batch)) << "batches of " << batch_size;
    }
    EXPECT_GT(result.compared, 0);
  }
}

std::vector<Play> Plays() {
  using Names = std::set<std::string>;
  const Names with_tables = {"shop",
                             "types",
                             "arrays",
                             "times",
                             "keys",
                             "domains",
                             "user-types",
                             "replica-identity",
                             "schemas-disabled",
                             "toast-default",
                             "types-unknown-included",
                             "schemas-disabled-numeric"};
  const Names of_records = {
      "shop", "types", "arrays", "times", "times-connect", "times-isostring-3.6", "domains"};
  // What is not told apart from other text without a schema block, or is about something else.
  const Names without_plain = {
      "schemas-disabled", "schemas-disabled-numeric", "user-types-unknown-included",
      "keys-configured",  "large-transaction",        "origin",
      "restart",          "restart-after-snapshot",   "restart-transactions",
      "savepoints",       "skip-unchanged",           "primary-key-change-no-tombstones"};
  std::vector<Play> plays;
  for (const std::string& name : Cases()) {
    for (const char* version : {"2.5.0.Final", "3.6.1.Final"}) {
      if (!std::filesystem::exists(Goldens() / name / Cat(version, ".jsonl"))) continue;
      plays.push_back({name, version, Types::kSource});
      if (with_tables.contains(name)) plays.push_back({name, version, Types::kTable});
      if (of_records.contains(name)) plays.push_back({name, version, Types::kRecords});
      if (without_plain.contains(name)) continue;
      plays.push_back({name, version, Types::kSource, false});
      plays.push_back({name, version, Types::kTable, false});
    }
  }
  return plays;
}

INSTANTIATE_TEST_SUITE_P(Cases, Golden, ::testing::ValuesIn(Plays()), [](const auto& given) {
  std::string name =
      Cat(given.param.name, "_", given.param.version.substr(0, 3), "_", given.param.Mode());
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return name;
});

}  // namespace
}  // namespace walrelay::apply
