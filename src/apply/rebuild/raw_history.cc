#include "apply/rebuild/raw_history.h"

#include <array>
#include <charconv>

#include "apply/array_text.h"
#include "base/status.h"
#include "change/change.h"
#include "pg/copy_text.h"
#include "pg/quoting.h"

namespace walrelay::apply {
namespace {

// $1 pipeline, $2 sink, $3 table of the source.
// A snapshot finds a table empty that was truncated just before it was read. Its topic then begins
// with the changes from the slot to that truncate, of rows that nobody has sent: no hole.
constexpr std::string_view kPartitions = R"(
WITH found AS (
  SELECT e.kafka_topic AS topic, e.kafka_partition AS partition, p.next_offset, min(e.kafka_offset) AS first,
         count(*) FILTER (WHERE p.next_offset IS NULL) AS of_others,
         count(*) FILTER (WHERE e.kafka_offset < p.next_offset) AS events,
         count(*) FILTER (WHERE e.kafka_offset < coalesce(s.first_with_schema, p.next_offset)) AS without_schema
  FROM cdc_raw.cdc_events e
  LEFT JOIN walrelay.progress p ON p.pipeline = $1 AND p.sink = $2 AND p.topic = e.kafka_topic AND p.partition = e.kafka_partition
  LEFT JOIN (SELECT topic, partition, min(from_offset) FILTER (WHERE value_schema IS NOT NULL) AS first_with_schema
             FROM walrelay.schemas WHERE source_table = $3 GROUP BY topic, partition) s
    ON s.topic = e.kafka_topic AND s.partition = e.kafka_partition
  WHERE e.source_table = $3
  GROUP BY e.kafka_topic, e.kafka_partition, p.next_offset)
SELECT f.topic, f.partition, f.next_offset IS NULL, f.of_others, f.events, f.without_schema, f.first,
       e.operation IN ('u', 'd') AND NOT (f.first = 0 AND EXISTS (
         SELECT FROM cdc_raw.cdc_events t
         WHERE t.source_table = $3 AND t.kafka_topic = f.topic AND t.operation = 't'
           AND (t.source_metadata::jsonb ->> 'lsn')::int8 > (e.source_metadata::jsonb ->> 'lsn')::int8
           AND (t.source_metadata::jsonb ->> 'ts_ms')::int8 >= (e.source_metadata::jsonb ->> 'ts_ms')::int8))
FROM found f JOIN cdc_raw.cdc_events e ON e.kafka_topic = f.topic AND e.kafka_partition = f.partition AND e.kafka_offset = f.first
ORDER BY 1, 2)";

// A version of the schema begins at an event: it must be there.
constexpr std::string_view kGoneVersions = R"(
SELECT s.topic, s.partition, min(s.from_offset)
FROM walrelay.schemas s
JOIN walrelay.progress p ON p.pipeline = $1 AND p.sink = $2 AND p.topic = s.topic AND p.partition = s.partition
WHERE s.source_table = $3 AND s.from_offset < p.next_offset AND NOT EXISTS (
  SELECT FROM cdc_raw.cdc_events e
  WHERE e.kafka_topic = s.topic AND e.kafka_partition = s.partition AND e.kafka_offset = s.from_offset)
GROUP BY 1, 2 ORDER BY 1, 2)";

// Offsets behind the first event that have none, but for the tombstone behind each delete, and dead
// letters that are no event.
constexpr std::string_view kGaps = R"(
WITH next AS (
  SELECT e.kafka_topic AS topic, e.kafka_partition AS partition, e.kafka_offset AS at, e.operation,
         lead(e.kafka_offset, 1, p.next_offset) OVER (PARTITION BY e.kafka_topic, e.kafka_partition ORDER BY e.kafka_offset) AS next
  FROM cdc_raw.cdc_events e
  JOIN walrelay.progress p ON p.pipeline = $1 AND p.sink = $2 AND p.topic = e.kafka_topic AND p.partition = e.kafka_partition
  WHERE e.kafka_offset < p.next_offset
    AND e.kafka_topic IN (SELECT DISTINCT kafka_topic FROM cdc_raw.cdc_events WHERE source_table = $3)
), gap AS (
  SELECT topic, partition, at + 1 AS at, next - at - 1 - CASE operation WHEN 'd' THEN 1 ELSE 0 END AS missing
  FROM next WHERE next - at - 1 > CASE operation WHEN 'd' THEN 1 ELSE 0 END
), letter AS (
  SELECT l.kafka_topic AS topic, l.kafka_partition AS partition, count(DISTINCT l.kafka_offset) AS letters
  FROM walrelay.dead_letters l
  WHERE l.pipeline = $1 AND l.sink = $2 AND NOT EXISTS (
    SELECT FROM cdc_raw.cdc_events e WHERE e.kafka_topic = l.kafka_topic AND e.kafka_partition = l.kafka_partition
     AND e.kafka_offset = l.kafka_offset)
  GROUP BY 1, 2
)
SELECT g.topic, g.partition, min(g.at), sum(g.missing) - coalesce(max(l.letters), 0)
FROM gap g LEFT JOIN letter l USING (topic, partition)
GROUP BY 1, 2 HAVING sum(g.missing) > coalesce(max(l.letters), 0)
ORDER BY 1, 2)";

constexpr std::string_view kSpans = R"(
SELECT p.topic, p.partition, coalesce(d.next_offset, 0), p.next_offset
FROM walrelay.progress p
LEFT JOIN unnest($3::text[], $4::int4[], $5::int8[]) AS d (topic, partition, next_offset) USING (topic, partition)
WHERE p.pipeline = $1 AND p.sink = $2 AND p.next_offset > coalesce(d.next_offset, 0))";

// Of each partition all that is before its first event which the newest truncate does not cover
// (LastTruncate::Covers) comes before that truncate. A key change's LSN is that of its `d` and of
// its `c`.
constexpr size_t kCopyColumns = 10;
constexpr std::string_view kCopyBegin = R"(COPY (
WITH truncate AS (
  SELECT e.kafka_topic, e.kafka_partition, e.kafka_offset, (e.source_metadata::jsonb ->> 'lsn')::int8 AS lsn,
         (e.source_metadata::jsonb ->> 'ts_ms')::int8 AS ts_ms
  FROM )";
constexpr std::string_view kCopyTruncate =
    R"( AND e.operation = 't' AND e.source_metadata::jsonb ->> 'lsn' IS NOT NULL
  ORDER BY ts_ms DESC, lsn DESC LIMIT 1
), behind AS (
  SELECT e.kafka_topic, e.kafka_partition, min(e.kafka_offset) AS first FROM )";
constexpr std::string_view kCopyBehind = R"( AND EXISTS (SELECT FROM truncate) AND (
    SELECT CASE WHEN e.kafka_topic = t.kafka_topic AND e.kafka_partition = t.kafka_partition THEN e.kafka_offset > t.kafka_offset
                ELSE ((e.source_metadata::jsonb ->> 'lsn')::int8 < t.lsn
                      AND (e.source_metadata::jsonb ->> 'ts_ms')::int8 <= t.ts_ms) IS NOT TRUE END
    FROM truncate t)
  GROUP BY e.kafka_topic, e.kafka_partition
), key_change AS (
  SELECT e.source_metadata::jsonb ->> 'lsn' AS lsn FROM )";
constexpr std::string_view kCopyKeyChanges = R"( AND e.operation IN ('c', 'd')
  GROUP BY e.source_metadata::jsonb ->> 'lsn', e.source_metadata::jsonb ->> 'txId'
  HAVING bool_or(e.operation = 'c') AND bool_or(e.operation = 'd')
  UNION SELECT unnest()";
constexpr std::string_view kCopyEvents = R"(::text[])
)
SELECT e.kafka_topic, e.kafka_partition, e.kafka_offset, e.operation, e.event_key, e.before_data, e.after_data,
       e.source_metadata, floor(extract(epoch FROM e.event_timestamp) * 1000)::int8, k.lsn IS NOT NULL
FROM (SELECT e.*, CASE WHEN e.operation IN ('c', 'd') THEN e.source_metadata::jsonb ->> 'lsn' END AS key_lsn
      FROM )";
constexpr std::string_view kCopyEnd = R"() e
LEFT JOIN key_change k ON k.lsn = e.key_lsn
LEFT JOIN truncate t ON t.kafka_topic = e.kafka_topic AND t.kafka_partition = e.kafka_partition AND t.kafka_offset = e.kafka_offset
LEFT JOIN behind b ON b.kafka_topic = e.kafka_topic AND b.kafka_partition = e.kafka_partition
ORDER BY CASE WHEN t.lsn IS NOT NULL THEN 0 WHEN e.kafka_offset >= b.first THEN 1 ELSE -1 END,
         min(e.id) OVER (PARTITION BY e.kafka_topic, e.kafka_partition ORDER BY e.kafka_offset DESC), e.kafka_offset
) TO STDOUT)";

template <class Number>
Number NumberOf(std::string_view digits) {
  Number number{};
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

RawEvent EventOf(const Tuple& row) {
  const auto json = [&](size_t column) -> std::optional<std::string_view> {
    if (row[column].kind == ColumnValue::Kind::kNull) return std::nullopt;
    return row[column].text;
  };
  return {.topic = row[0].text,
          .partition = NumberOf<int32_t>(row[1].text),
          .offset = NumberOf<int64_t>(row[2].text),
          .op = row[3].text,
          .key = json(4),
          .before = json(5),
          .after = json(6),
          .source = json(7),
          .ts_ms = row[8].text,
          .changes_key = row[9].text == "t"};
}

// Arrays of equal length, for unnest().
class Columns {
 public:
  template <class... Texts>
  void Add(const Texts&... texts) {
    size_t i = 0;
    (arrays_[i++].Add(texts), ...);
  }
  std::vector<std::string> Take() && {
    std::vector<std::string> texts;
    for (ArrayText& array : arrays_) texts.push_back(std::move(array).Take());
    return texts;
  }

 private:
  std::array<ArrayText, 4> arrays_;
};

std::string Place(const pg::Result& rows, int row) {
  return Cat("topic ", rows.text(row, 0), " partition ", rows.text(row, 1));
}

}  // namespace

absl::StatusOr<bool> RawHistory::Exists() {
  ASSIGN_OR_RETURN(const pg::Result found,
                   connection_.Query("SELECT to_regclass('cdc_raw.cdc_events') IS NOT NULL AND "
                                     "to_regclass('walrelay.schemas') IS NOT NULL"));
  return found.is_true(0, 0);
}

absl::StatusOr<HistorySummary> RawHistory::Summarize(bool has_markers) {
  const pg::Parameter parameters[] = {pipeline_, sink_, source_table_};
  HistorySummary summary;
  ASSIGN_OR_RETURN(const pg::Result found, connection_.Execute(kPartitions, parameters));
  for (int row = 0; row < found.rows(); ++row) {
    summary.of_others += found.number<int64_t>(row, 3).value_or(0);
    if (found.is_true(row, 2)) continue;
    ++summary.partitions;
    summary.events += found.number<int64_t>(row, 4).value_or(0);
    summary.without_schema += found.number<int64_t>(row, 5).value_or(0);
    if (found.is_true(row, 7)) {
      summary.holes.push_back(Cat(Place(found, row), ": its first event, offset ",
                                  found.text(row, 6), ", is a change of a row that came before"));
    }
  }
  ASSIGN_OR_RETURN(const pg::Result gone, connection_.Execute(kGoneVersions, parameters));
  for (int row = 0; row < gone.rows(); ++row) {
    summary.holes.push_back(
        Cat(Place(gone, row), ": the event of offset ", gone.text(row, 2), " was here and is gone"));
  }
  if (has_markers) return summary;
  ASSIGN_OR_RETURN(const pg::Result gaps, connection_.Execute(kGaps, parameters));
  for (int row = 0; row < gaps.rows(); ++row) {
    summary.holes.push_back(Cat(Place(gaps, row), ": ", gaps.text(row, 3),
                                " offsets from ", gaps.text(row, 2),
                                " on have no event, and are no tombstones"));
  }
  return summary;
}

absl::Status RawHistory::ReadSchemas() {
  const pg::Parameter parameters[] = {source_table_};
  ASSIGN_OR_RETURN(
      const pg::Result rows,
      connection_.Execute("SELECT topic, partition, from_offset, key_schema, value_schema FROM "
                          "walrelay.schemas WHERE source_table = $1",
                          parameters));
  schemas_.clear();
  const auto keep = [&](std::string_view text) -> std::string_view {
    return *texts_.emplace(text).first;
  };
  for (int row = 0; row < rows.rows(); ++row) {
    const TopicPartition place{std::string(rows.text(row, 0)),
                               rows.number<int32_t>(row, 1).value_or(0)};
    schemas_[place][rows.number<int64_t>(row, 2).value_or(0)] = {.key = keep(rows.text(row, 3)),
                                                                 .value = keep(rows.text(row, 4))};
  }
  return absl::OkStatus();
}

SchemaBlocks RawHistory::SchemaOf(const RawEvent& event) const {
  const auto place = schemas_.find({std::string(event.topic), event.partition});
  if (place == schemas_.end()) return {};
  const auto after = place->second.upper_bound(event.offset);
  return after == place->second.begin() ? SchemaBlocks() : std::prev(after)->second;
}

absl::StatusOr<std::set<std::string>> RawHistory::HalfKeyChanges() {
  const pg::Parameter parameters[] = {pipeline_, sink_, mirror_table_};
  ASSIGN_OR_RETURN(const pg::Result rows,
                   connection_.Execute("SELECT lsn FROM walrelay.moved_rows WHERE pipeline = $1 "
                                       "AND sink = $2 AND table_name = $3",
                                       parameters));
  std::set<std::string> lsns;
  for (int row = 0; row < rows.rows(); ++row) lsns.emplace(rows.text(row, 0));
  return lsns;
}

// The parts of progress that have not been read, as literals for SQL.
absl::StatusOr<RawHistory::Spans> RawHistory::NewSpans() {
  Columns known;
  for (const auto& [partition, next] : read_up_to_)
    known.Add(partition.topic, Cat(partition.partition), Cat(next));
  const std::vector<std::string> arrays = std::move(known).Take();
  const pg::Parameter parameters[] = {pipeline_, sink_, arrays[0], arrays[1], arrays[2]};
  ASSIGN_OR_RETURN(const pg::Result rows, connection_.Execute(kSpans, parameters));
  Spans spans;
  Columns columns;
  for (int row = 0; row < rows.rows(); ++row) {
    columns.Add(rows.text(row, 0), rows.text(row, 1), rows.text(row, 2), rows.text(row, 3));
    spans.ends[{std::string(rows.text(row, 0)), rows.number<int32_t>(row, 1).value_or(0)}] =
        rows.number<int64_t>(row, 3).value_or(0);
  }
  ASSIGN_OR_RETURN(const std::string table, pg::QuoteLiteral(source_table_));
  std::vector<std::string> literals;
  for (const std::string& array : std::move(columns).Take()) {
    ASSIGN_OR_RETURN(literals.emplace_back(), pg::QuoteLiteral(array));
  }
  spans.sql =
      Cat("cdc_raw.cdc_events e JOIN unnest(", literals[0], "::text[], ", literals[1],
          "::int4[], ", literals[2], "::int8[], ", literals[3],
          "::int8[]) AS s (topic, partition, first, next) ON e.kafka_topic = s.topic AND "
          "e.kafka_partition = s.partition AND e.kafka_offset >= s.first AND e.kafka_offset < "
          "s.next WHERE e.source_table = ",
          table);
  return spans;
}

// Headers are not kept. A key change is told by its `d` and `c`, which are one record of the WAL; of
// one that is half applied the sink itself knows.
absl::StatusOr<int64_t> RawHistory::ReadNew(Visit visit) {
  RETURN_IF_ERROR(ReadSchemas());
  ASSIGN_OR_RETURN(std::set<std::string> half, HalfKeyChanges());
  ASSIGN_OR_RETURN(Spans spans, NewSpans());
  if (spans.ends.empty()) return 0;
  ArrayText lsns;
  for (const auto* set : {&half_, &half}) {
    for (const std::string& lsn : *set) lsns.Add(lsn);
  }
  ASSIGN_OR_RETURN(const std::string half_lsns, pg::QuoteLiteral(std::move(lsns).Take()));
  ASSIGN_OR_RETURN(pg::CopyReader reader,
                   connection_.CopyOut(Cat(kCopyBegin, spans.sql, kCopyTruncate, spans.sql,
                                           kCopyBehind, spans.sql, kCopyKeyChanges, half_lsns,
                                           kCopyEvents, spans.sql, kCopyEnd)));
  Tuple row;
  int64_t events = 0;
  for (;;) {
    ASSIGN_OR_RETURN(const pg::CopyReader::Step step, reader.WaitNext());
    if (step == pg::CopyReader::Step::kEnd) break;
    RETURN_IF_ERROR(pg::ReadCopyRow(reader.mutable_row(), kCopyColumns, row));
    const RawEvent event = EventOf(row);
    RETURN_IF_ERROR(visit(maker_.Make(event, SchemaOf(event))));
    ++events;
  }
  for (const auto& [partition, end] : spans.ends) read_up_to_[partition] = end;
  half_ = std::move(half);
  return events;
}

}  // namespace walrelay::apply
