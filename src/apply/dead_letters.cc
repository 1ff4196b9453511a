#include "apply/dead_letters.h"

#include "apply/decimal.h"
#include "base/json.h"
#include "base/log.h"
#include "base/status.h"

namespace walrelay::apply {
namespace {

constexpr std::string_view kInsert =
    "INSERT INTO walrelay.dead_letters (pipeline, sink, kafka_topic, kafka_partition, "
    "kafka_offset, reason, record_headers, record_key, record_value, sqlstate, source_table, "
    "parked_key) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";

std::optional<std::string> Bytea(std::optional<std::string_view> bytes) {
  if (!bytes) return std::nullopt;
  std::string hex;
  AppendHexBytea(*bytes, hex);
  return hex;
}

// [["name", "value"], …]: names may repeat. Bytes that are no text become replacement characters.
std::string HeadersJson(const std::vector<RecordHeader>& headers) {
  std::string json;
  JsonWriter writer(json);
  writer.BeginArray();
  for (const RecordHeader& header : headers) {
    writer.BeginArray().String(header.name);
    if (header.value) {
      writer.String(*header.value);
    } else {
      writer.Null();
    }
    writer.EndArray();
  }
  writer.EndArray();
  return json;
}

}  // namespace

void DeadLetters::Add(const ConsumedRecord& record, const Refusal& why) {
  if (!why.is_follower) {
    log::Warn("topic ", record.topic, " partition ", record.partition, " offset ", record.offset,
              " goes to walrelay.dead_letters: ", why.reason);
  }
  const auto unless_empty = [](const std::string& text) {
    return text.empty() ? std::nullopt : std::optional(text);
  };
  letters_.push_back({.topic = std::string(record.topic),
                      .partition = Cat(record.partition),
                      .offset = Cat(record.offset),
                      .reason = why.reason,
                      .headers = HeadersJson(record.headers),
                      .key = Bytea(record.key),
                      .value = Bytea(record.value),
                      .sqlstate = unless_empty(why.sqlstate),
                      .source_table = unless_empty(why.row.table),
                      .parked_key = unless_empty(why.row.key)});
}

void DeadLetters::Unpark(std::string_view source_table) {
  for (Letter& letter : letters_) {
    if (!letter.parked_key || letter.source_table != source_table) continue;
    letter.parked_key.reset();
    letter.reason += kTruncatedSince;
  }
}

size_t DeadLetters::bytes() const {
  size_t total = 0;
  for (const Letter& letter : letters_) total += letter.value.value_or("").size();
  return total;
}

absl::Status DeadLetters::Queue(PreparedStatements& prepared, StatementQueue& queue) {
  if (letters_.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string* name, prepared.Name(std::string(kInsert)));
  const auto parameter = [](const std::optional<std::string>& text) {
    return text ? pg::Parameter(*text) : pg::Parameter();
  };
  for (const Letter& letter : letters_) {
    queue.Begin(*name, {.what = "table walrelay.dead_letters"});
    for (const std::string_view text :
         {std::string_view(pipeline_), std::string_view(sink_), std::string_view(letter.topic),
          std::string_view(letter.partition), std::string_view(letter.offset),
          std::string_view(letter.reason), std::string_view(letter.headers)}) {
      queue.Add(text);
    }
    for (const auto* text :
         {&letter.key, &letter.value, &letter.sqlstate, &letter.source_table, &letter.parked_key}) {
      queue.Add(parameter(*text));
    }
  }
  return absl::OkStatus();
}

}  // namespace walrelay::apply
