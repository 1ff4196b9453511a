// Plays what the real Debezium recorded into a target, and the SQL that it was recorded from into a
// source: both must hold equal values in the end, but for what Debezium's format itself loses.
// tests/apply/losses/<case>.<version>.txt lists that, line by line, README.md there why: NaN in precise
// decimals, the length of varbit, types without a mapping, TOAST values that are published as NULL,
// rows that no server takes. Types are those of the source's catalog; for the shop also those of the records
// alone. WALRELAY_TEST_GOLDENS names the folder of cases (default: those of this repository),
// WALRELAY_TEST_CASES those to play, and WALRELAY_TEST_RECORD=1 writes the files of losses anew.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

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

std::vector<std::string> Cases() {
  const char* given = std::getenv("WALRELAY_TEST_CASES");
  std::istringstream names(given != nullptr ? given
                                            : "shop types times arrays keys primary-key-change "
                                              "replica-identity truncate user-types toast-default "
                                              "toast-full domains money-required defaults-modes "
                                              "types-string-base64 types-double-hex-map "
                                              "arrays-modes times-adaptive-microseconds "
                                              "times-microseconds-3.6 times-isostring-3.6 "
                                              "times-nanoseconds-3.6 times-connect "
                                              "types-unknown-included "
                                              "arrays-string-unknown "
                                              "toast-hex-map-string toast-placeholder "
                                              "schemas-disabled schemas-disabled-numeric");
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
  if (has("unavailable.value.placeholder", "hex:c3a4007f"))
    options.unavailable_placeholder = "hex:c3a4007f";
}

// psql, since cases use its commands.
void PlaySql(const Database& source, const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) return;
  std::string conninfo;
  for (const auto& [keyword, value] : source.options().keywords)
    conninfo += Cat(keyword, "='", value, "' ");
  const std::string command = Cat("psql -qX -v ON_ERROR_STOP=0 -d \"", conninfo, "\" -f ",
                                  file.string(), " >/dev/null 2>&1");
  EXPECT_EQ(std::system(command.c_str()), 0) << file;
}

std::string LossesFile(const std::string& name, const std::string& version, bool one_batch) {
  return Cat(WALRELAY_SOURCE_DIR "/tests/apply/losses/", name, ".", version,
             one_batch ? ".one-batch.txt" : ".txt");
}

// A row that is refused on its way may be fine again at the end of a batch: then one batch of all
// loses less, and has a file of its own.
std::string Losses(const std::string& name, const std::string& version, bool one_batch) {
  std::ifstream own(LossesFile(name, version, one_batch));
  if (own || !one_batch) return {std::istreambuf_iterator<char>(own), {}};
  return Losses(name, version, false);
}

void Record(const std::string& name, const std::string& version, bool one_batch,
            const std::string& losses) {
  if (losses != Losses(name, version, one_batch))
    std::ofstream(LossesFile(name, version, one_batch)) << losses;
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

// Values of both sides, each read by the source's type.
void CompareTable(Database& source, Database& target, const std::string& schema,
                  const std::string& table, bool exact, Comparison& result) {
  const std::string columns =
      source.All(Cat("SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM "
                     "pg_attribute WHERE attnum > 0 AND NOT "
                     "attisdropped AND attgenerated = '' AND attrelid = '",
                     schema, ".", table, "'::regclass"));
  const std::string key =
      source.All(Cat("SELECT coalesce((SELECT string_agg(quote_ident(attname), ', ') FROM pg_index "
                     "i JOIN pg_attribute a ON a.attrelid = "
                     "i.indrelid AND a.attnum = ANY(i.indkey) WHERE i.indrelid = '",
                     schema, ".", table, "'::regclass AND indisprimary), '1')"));
  const std::string kept = WithoutLetters(target, Cat(schema, ".", table));
  std::istringstream names(columns);
  for (std::string name; std::getline(names, name, ',');) {
    if (name.starts_with(' ')) name.erase(0, 1);
    std::string plain = name;
    if (plain.starts_with('"')) plain = plain.substr(1, plain.size() - 2);
    const std::string here =
        target.One(Cat("SELECT count(*) FROM pg_attribute WHERE attrelid = 'public.", table,
                       "'::regclass AND attname = '", plain, "' AND NOT attisdropped"));
    if (here == "0") {
      result.differences += Cat(table, ".", name, ": missing\n");
      continue;
    }
    const std::string type =
        source.One(Cat("SELECT atttypid::regtype FROM pg_attribute WHERE attrelid = '", schema, ".",
                       table, "'::regclass AND attname = '", plain, "'"));
    const auto text = [&](const std::string& from) {
      std::string value = name;
      if (type == "numeric")
        value = Cat("trim_scale(", name, ")");  // Equal values, whatever zeros they show.
      if (type == "numeric[]")
        value = Cat("CASE WHEN ", name, " IS NOT NULL THEN ARRAY(SELECT trim_scale(x) FROM unnest(",
                    name, ") WITH ORDINALITY AS u (x, n) ORDER BY n) END");
      if (type == "json" && !exact) value = Cat(name, "::jsonb");
      return Cat("SELECT ", value, "::text FROM ", from, kept, " ORDER BY ", key);
    };
    const std::string theirs = source.All(text(schema + "." + table));
    std::string ours = target.All(text("public." + table));
    const bool has_default =
        source.One(Cat("SELECT atthasdef AND NOT attnotnull FROM pg_attribute WHERE attrelid = '",
                       schema, ".", table, "'::regclass AND attname = '", plain, "'")) == "t";
    if (has_default) ours = WithoutNullLines(theirs, ours);
    ++result.compared;
    if (theirs != ours)
      result.differences += Cat(table, ".", name, " ", type, ":\n", DifferentLines(theirs, ours));
  }
}

class Golden : public ::testing::TestWithParam<std::tuple<std::string, std::string, bool>> {};

TEST_P(Golden, EndsWithEqualValuesOnBothSides) {
  const auto& [name, version, exact] = GetParam();
  auto source = Database::Create("WALRELAY_TEST_SOURCE", "golden");
  auto target = Database::Create("WALRELAY_TEST_TARGET", "golden");
  if (source == nullptr || target == nullptr)
    GTEST_SKIP() << "set WALRELAY_TEST_SOURCE and WALRELAY_TEST_TARGET";
  const auto folder = Goldens() / name;
  const auto file = folder / (version + ".jsonl");
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "no " << file;
  for (const char* sql : {"setup.sql", "stream.sql", "restart.sql"}) PlaySql(*source, folder / sql);

  SinkOptions options;
  options.connection = target->options();
  options.pipeline = "golden";
  SetModes(folder, options);
  if (exact) {
    options.source_table = [&](const std::string& schema, const std::string& table) {
      return ReadSourceTable(source->connection(), schema, table);
    };
  }
  target->One(
      "CREATE EXTENSION IF NOT EXISTS hstore; CREATE EXTENSION IF NOT EXISTS citext; CREATE "
      "EXTENSION IF NOT EXISTS "
      "ltree; CREATE EXTENSION IF NOT EXISTS isn; SELECT 1");
  Records records;
  records.Load(file);
  std::erase_if(records.all, [](const ConsumedRecord& record) {
    return record.topic == "connect_offsets" || record.topic.ends_with("transaction") ||
           record.topic.find("heartbeat") != std::string_view::npos;
  });
  for (const size_t batch_size : {size_t{1}, size_t{1'000'000}}) {
    target->All(
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public; DROP SCHEMA IF EXISTS walrelay CASCADE; "
        "CREATE EXTENSION "
        "hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree; CREATE EXTENSION isn");
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
    for (const auto& [table, events] : tables) {
      if (table.find("golden_end") != std::string::npos || table == ".") continue;
      if (source->One(Cat("SELECT to_regclass('", table, "') IS NOT NULL")) != "t") continue;
      const size_t dot = table.find('.');
      CompareTable(*source, *target, table.substr(0, dot), table.substr(dot + 1), exact, result);
    }
    const bool one_batch = batch_size != 1;
    if (exact && std::getenv("WALRELAY_TEST_RECORD") != nullptr) {
      Record(name, version, one_batch, result.differences);
    } else {
      EXPECT_EQ(result.differences, exact ? Losses(name, version, one_batch) : "")
          << "batches of " << batch_size;
    }
    EXPECT_GT(result.compared, 0);
  }
}

// Case, version, exact types.
std::vector<std::tuple<std::string, std::string, bool>> Runs() {
  std::vector<std::tuple<std::string, std::string, bool>> runs;
  for (const std::string& name : Cases()) {
    for (const char* version : {"2.5.0.Final", "3.6.1.Final"}) {
      if (!std::filesystem::exists(Goldens() / name / Cat(version, ".jsonl"))) continue;
      runs.emplace_back(name, version, true);
      if (name == "shop") runs.emplace_back(name, version, false);
    }
  }
  return runs;
}

INSTANTIATE_TEST_SUITE_P(Cases, Golden, ::testing::ValuesIn(Runs()), [](const auto& given) {
  std::string name = std::get<0>(given.param) + "_" + std::get<1>(given.param).substr(0, 3) +
                     (std::get<2>(given.param) ? "_source_types" : "_schema_types");
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return name;
});

}  // namespace
}  // namespace walrelay::apply
