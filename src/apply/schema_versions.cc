#include "apply/schema_versions.h"

#include "base/status.h"

namespace walrelay::apply {
namespace {

constexpr size_t kMaxKnown = 100'000;  // A bound on memory, not a limit that anyone meets.

// What is stored before the offset decides, not what this process has seen: after a start, and when
// a record comes late, the version may be there already.
constexpr std::string_view kInsert = R"(
INSERT INTO walrelay.schemas (topic, partition, source_table, from_offset, key_schema, value_schema)
SELECT $1::text, $2::int4, $3::text, $4::int8, $5::text, $6::text WHERE NOT EXISTS (
  SELECT FROM (SELECT key_schema, value_schema FROM walrelay.schemas
               WHERE topic = $1 AND partition = $2 AND source_table = $3 AND from_offset <= $4
               ORDER BY from_offset DESC LIMIT 1) AS s
  WHERE s.key_schema IS NOT DISTINCT FROM $5 AND s.value_schema IS NOT DISTINCT FROM $6)
ON CONFLICT (topic, partition, source_table, from_offset)
DO UPDATE SET key_schema = EXCLUDED.key_schema, value_schema = EXCLUDED.value_schema)";

pg::Parameter SchemaParameter(std::string_view schema) {
  return schema.empty() ? pg::Parameter() : pg::Parameter(schema);
}

}  // namespace

bool SchemaVersions::IsAtLast(const ConsumedRecord& record, const Envelope& envelope) const {
  return last_ != known_.end() && record.partition == last_->first.partition &&
         record.topic == last_->first.topic && envelope.table == last_table_ &&
         envelope.schema == last_schema_;
}

void SchemaVersions::Add(const ConsumedRecord& record, const Envelope& envelope) {
  const Numbers numbers{.value = envelope.value_schema_id, .key = envelope.key_schema_id};
  const bool is_at_last = IsAtLast(record, envelope);
  if (is_at_last && last_->second == numbers) return;
  if (!is_at_last) {
    if (known_.size() >= kMaxKnown) known_.clear();
    const auto [found, is_new] = known_.try_emplace(
        {std::string(record.topic), record.partition, Cat(envelope.schema, ".", envelope.table)});
    last_ = found;
    last_schema_ = envelope.schema;
    last_table_ = envelope.table;
    if (!is_new && found->second == numbers) return;
  }
  last_->second = numbers;
  added_.push_back({.topic = record.topic,
                    .partition = texts_.Copy(Cat(record.partition)),
                    .table = texts_.Copy(last_->first.table),
                    .offset = texts_.Copy(Cat(record.offset)),
                    .key_schema = envelope.key_schema,
                    .value_schema = envelope.value_schema});
  bytes_ += envelope.key_schema.size() + envelope.value_schema.size();
}

absl::Status SchemaVersions::Queue(PreparedStatements& prepared, StatementQueue& queue) {
  if (added_.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string* name, prepared.Name(std::string(kInsert)));
  for (const Version& version : added_) {
    queue.Begin(*name, {.what = "table walrelay.schemas"});
    for (const std::string_view text :
         {version.topic, version.partition, version.table, version.offset})
      queue.Add(text);
    queue.Add(SchemaParameter(version.key_schema));
    queue.Add(SchemaParameter(version.value_schema));
  }
  return absl::OkStatus();
}

void SchemaVersions::Clear() {
  added_.clear();
  texts_.Clear();
  bytes_ = 0;
}

void SchemaVersions::Forget() {
  Clear();
  known_.clear();
  last_ = known_.end();
}

}  // namespace walrelay::apply
