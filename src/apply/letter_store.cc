#include "apply/letter_store.h"

#include "apply/array_text.h"
#include "apply/dead_letters.h"
#include "base/status.h"

namespace walrelay::apply {
namespace {

constexpr std::string_view kColumns =
    "id, kafka_topic, kafka_partition, kafka_offset, reason, sqlstate, source_table, parked_key, "
    "created_at, retry_at IS NOT NULL";
constexpr std::string_view kBytes =
    ", encode(record_key, 'hex'), encode(record_value, 'hex'), record_headers";
constexpr std::string_view kOfSink =
    " FROM walrelay.dead_letters WHERE pipeline = $1 AND sink = $2";
// $3: an id, or NULL for all. With a letter go those of its key: they mean nothing without it.
constexpr std::string_view kChosen =
    " WHERE pipeline = $1 AND sink = $2 AND ($3::int8 IS NULL OR id = $3::int8 OR (source_table, "
    "parked_key) IN (SELECT source_table, parked_key FROM walrelay.dead_letters WHERE id = "
    "$3::int8 AND pipeline = $1 AND sink = $2))";

std::string FromHex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<char>(digit(hex[i]) << 4 | digit(hex[i + 1])));
  return bytes;
}

StoredLetter ReadLetter(const pg::Result& rows, int row, bool with_bytes) {
  StoredLetter letter{.id = rows.number<int64_t>(row, 0).value_or(0),
                      .topic = std::string(rows.text(row, 1)),
                      .partition = rows.number<int32_t>(row, 2).value_or(0),
                      .offset = rows.number<int64_t>(row, 3).value_or(0),
                      .reason = std::string(rows.text(row, 4)),
                      .sqlstate = std::string(rows.text(row, 5)),
                      .source_table = std::string(rows.text(row, 6)),
                      .created_at = std::string(rows.text(row, 8)),
                      .is_marked = rows.is_true(row, 9)};
  if (const auto key = rows.value(row, 7)) letter.parked_key = std::string(*key);
  if (!with_bytes) return letter;
  if (const auto key = rows.value(row, 10)) letter.key = FromHex(*key);
  if (const auto value = rows.value(row, 11)) letter.value = FromHex(*value);
  letter.headers = rows.text(row, 12);
  return letter;
}

std::string IdArray(const std::vector<int64_t>& ids) {
  ArrayText array;
  for (const int64_t id : ids) array.Add(Cat(id));
  return std::move(array).Take();
}

}  // namespace

absl::StatusOr<bool> LetterStore::Exists() {
  ASSIGN_OR_RETURN(const pg::Result found,
                   connection_.Query("SELECT to_regclass('walrelay.dead_letters') IS NOT NULL"));
  return found.is_true(0, 0);
}

absl::StatusOr<std::vector<StoredLetter>> LetterStore::List(int64_t limit) {
  const std::string count = Cat(limit);
  const pg::Parameter parameters[] = {pipeline_, sink_, count};
  ASSIGN_OR_RETURN(const pg::Result rows, connection_.Execute(Cat("SELECT ", kColumns, kOfSink,
                                                                  " ORDER BY id LIMIT $3::int8"),
                                                              parameters));
  std::vector<StoredLetter> letters;
  for (int row = 0; row < rows.rows(); ++row) letters.push_back(ReadLetter(rows, row, false));
  return letters;
}

absl::StatusOr<std::optional<StoredLetter>> LetterStore::Read(int64_t id) {
  const std::string number = Cat(id);
  const pg::Parameter parameters[] = {pipeline_, sink_, number};
  ASSIGN_OR_RETURN(const pg::Result rows, connection_.Execute(Cat("SELECT ", kColumns, kBytes,
                                                                  kOfSink, " AND id = $3::int8"),
                                                              parameters));
  if (rows.rows() == 0) return std::optional<StoredLetter>();
  return std::optional(ReadLetter(rows, 0, true));
}

absl::StatusOr<int64_t> LetterStore::Change(std::string_view statement, std::optional<int64_t> id) {
  const std::string number = id ? Cat(*id) : "";
  const pg::Parameter parameters[] = {pipeline_, sink_,
                                      id ? pg::Parameter(number) : pg::Parameter()};
  ASSIGN_OR_RETURN(const pg::Result changed,
                   connection_.Execute(Cat(statement, kChosen), parameters));
  return changed.affected_rows();
}

absl::StatusOr<int64_t> LetterStore::Chosen(std::optional<int64_t> id) {
  return Change("SELECT FROM walrelay.dead_letters", id);
}

absl::StatusOr<int64_t> LetterStore::Mark(std::optional<int64_t> id) {
  return Change("UPDATE walrelay.dead_letters SET retry_at = now()", id);
}

absl::StatusOr<int64_t> LetterStore::Drop(std::optional<int64_t> id) {
  return Change("DELETE FROM walrelay.dead_letters", id);
}

absl::StatusOr<std::set<RowId>> LetterStore::ParkedRows() {
  const pg::Parameter parameters[] = {pipeline_, sink_};
  ASSIGN_OR_RETURN(const pg::Result rows,
                   connection_.Execute(Cat("SELECT DISTINCT source_table, parked_key", kOfSink,
                                           " AND parked_key IS NOT NULL"),
                                       parameters));
  std::set<RowId> parked;
  for (int row = 0; row < rows.rows(); ++row)
    parked.insert({std::string(rows.text(row, 0)), std::string(rows.text(row, 1))});
  return parked;
}

absl::StatusOr<LetterStore::Counts> LetterStore::Count() {
  const pg::Parameter parameters[] = {pipeline_, sink_};
  ASSIGN_OR_RETURN(
      const pg::Result rows,
      connection_.Execute(Cat("SELECT count(retry_at), count(DISTINCT (source_table, parked_key)) "
                              "FILTER (WHERE parked_key IS NOT NULL)",
                              kOfSink),
                          parameters));
  return Counts{.marked = rows.number<int64_t>(0, 0).value_or(0),
                .parked_rows = rows.number<int64_t>(0, 1).value_or(0)};
}

absl::StatusOr<std::vector<StoredLetter>> LetterStore::TakeMarked(int64_t limit) {
  const std::string count = Cat(limit);
  const pg::Parameter parameters[] = {pipeline_, sink_, count};
  ASSIGN_OR_RETURN(
      const pg::Result rows,
      connection_.Execute(Cat("SELECT ", kColumns, kBytes, kOfSink,
                              " AND retry_at IS NOT NULL ORDER BY id LIMIT $3::int8 FOR UPDATE"),
                          parameters));
  std::vector<StoredLetter> letters;
  for (int row = 0; row < rows.rows(); ++row) letters.push_back(ReadLetter(rows, row, true));
  return letters;
}

absl::Status LetterStore::Delete(const std::vector<int64_t>& ids) {
  const std::string array = IdArray(ids);
  const pg::Parameter parameters[] = {array};
  return connection_
      .Execute("DELETE FROM walrelay.dead_letters WHERE id = ANY ($1::int8[])", parameters)
      .status();
}

absl::Status LetterStore::Refuse(const std::vector<int64_t>& ids, std::string_view reason,
                                 std::string_view sqlstate) {
  const std::string array = IdArray(ids);
  const pg::Parameter parameters[] = {array, reason,
                                      sqlstate.empty() ? pg::Parameter() : pg::Parameter(sqlstate)};
  return connection_
      .Execute(
          "WITH refused AS (UPDATE walrelay.dead_letters SET retry_at = NULL, reason = $2, "
          "sqlstate = $3 WHERE id = ANY ($1::int8[]) RETURNING id, pipeline, sink, source_table, "
          "parked_key) UPDATE walrelay.dead_letters d SET retry_at = NULL FROM (SELECT DISTINCT "
          "pipeline, sink, source_table, parked_key FROM refused) AS r WHERE (d.pipeline, d.sink, "
          "d.source_table, d.parked_key) = (r.pipeline, r.sink, r.source_table, r.parked_key) AND "
          "d.retry_at IS NOT NULL AND d.id <> ALL ($1::int8[])",
          parameters)
      .status();
}

absl::Status LetterStore::Unpark(std::string_view source_table,
                                 const std::map<TopicPartition, int64_t>& behind) {
  ArrayText topic_array, partition_array, offset_array;
  for (const auto& [partition, offset] : behind) {
    topic_array.Add(partition.topic);
    partition_array.Add(Cat(partition.partition));
    offset_array.Add(Cat(offset));
  }
  const std::string topics = std::move(topic_array).Take();
  const std::string partitions = std::move(partition_array).Take();
  const std::string offsets = std::move(offset_array).Take();
  const pg::Parameter parameters[] = {pipeline_, sink_,   source_table, kTruncatedSince,
                                      topics,    partitions, offsets};
  return connection_
      .Execute(
          "UPDATE walrelay.dead_letters d SET parked_key = NULL, reason = reason || $4 WHERE "
          "pipeline = $1 AND sink = $2 AND source_table = $3 AND parked_key IS NOT NULL AND NOT "
          "EXISTS (SELECT FROM unnest($5::text[], $6::int4[], $7::int8[]) AS b (topic, partition, "
          "first) WHERE b.topic = d.kafka_topic AND b.partition = d.kafka_partition AND "
          "d.kafka_offset >= b.first)",
          parameters)
      .status();
}

}  // namespace walrelay::apply
