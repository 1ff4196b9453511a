#include "apply/takeover.h"

#include <algorithm>

#include "apply/array_text.h"
#include "apply/mirror_table.h"
#include "base/status.h"

namespace walrelay::apply {
namespace {

// A table without an index on its offsets is read as a whole.
constexpr std::chrono::minutes kScanLimit{60};

// The partitions and their offsets, as the three arrays of `kGiven`.
struct Given {
  std::string topics, partitions, offsets;
};
constexpr std::string_view kGiven =
    "unnest($1::text[], $2::int4[], $3::int8[]) AS g (topic, partition, start)";

template <class Range, class Offset>
Given ToArrays(const Range& range, Offset offset_of) {
  ArrayText topics, partitions, offsets;
  for (const auto& one : range) {
    const auto& [partition, offset] = offset_of(one);
    topics.Add(partition.topic);
    partitions.Add(Cat(partition.partition));
    offsets.Add(Cat(offset));
  }
  return {std::move(topics).Take(), std::move(partitions).Take(), std::move(offsets).Take()};
}

absl::StatusOr<std::map<TopicPartition, int64_t>> ReadOffsets(const pg::Result& rows) {
  std::map<TopicPartition, int64_t> offsets;
  for (int row = 0; row < rows.rows(); ++row) {
    const auto partition = rows.number<int32_t>(row, 1);
    const auto offset = rows.number<int64_t>(row, 2);
    if (!partition || !offset)
      return absl::DataLossError("cdc_raw.cdc_events holds an offset that is no number");
    offsets[{std::string(rows.text(row, 0)), *partition}] = *offset;
  }
  return offsets;
}

}  // namespace

void StoredEvents::Add(const TopicPartition& partition, int64_t first, int64_t end) {
  runs_[partition][first] = end;
}

bool StoredEvents::Contains(const TopicPartition& partition, int64_t offset) const {
  const auto found = runs_.find(partition);
  if (found == runs_.end()) return false;
  const auto after = found->second.upper_bound(offset);
  return after != found->second.begin() && offset < std::prev(after)->second;
}

void StoredEvents::Passed(const TopicPartition& partition, int64_t next) {
  const auto found = runs_.find(partition);
  if (found == runs_.end()) return;
  Runs& runs = found->second;
  while (!runs.empty() && runs.begin()->second <= next) runs.erase(runs.begin());
  if (runs.empty()) runs_.erase(found);
}

std::optional<int64_t> TakeoverStart(const PartitionToTake& partition,
                                     std::optional<int64_t> newest_stored) {
  if (!partition.committed) {
    const bool has_events = newest_stored && *newest_stored >= partition.oldest;
    if (partition.progress || !has_events) return std::nullopt;
    return partition.oldest;
  }
  int64_t from = *partition.committed;
  // Committed, but not stored: tombstones, or records that the consumer could not take.
  if (newest_stored && *newest_stored + 1 < from)
    from = std::max(*newest_stored + 1, std::min(partition.oldest, from));
  return std::max(from, partition.progress.value_or(from));
}

Takeover::Takeover(pg::Connection& connection, std::string pipeline, SinkKind kind)
    : connection_(connection),
      pipeline_(std::move(pipeline)),
      sink_(SinkName(kind)),
      has_raw_(kind == SinkKind::kLake) {}

absl::Status Takeover::Begin(std::string_view mode) {
  connection_.set_limit(kScanLimit);
  return connection_
      .Query(Cat("BEGIN", mode, "; SET LOCAL statement_timeout = ",
                 std::chrono::milliseconds(kScanLimit).count()))
      .status();
}

absl::Status Takeover::HasRawEvents() {
  if (!has_raw_) return absl::OkStatus();
  ASSIGN_OR_RETURN(const pg::Result found,
                   connection_.Query("SELECT to_regclass('cdc_raw.cdc_events') IS NOT NULL"));
  has_raw_ = found.is_true(0, 0);
  return absl::OkStatus();
}

absl::StatusOr<std::map<TopicPartition, int64_t>> Takeover::NewestStored(
    std::span<const PartitionToTake> partitions) {
  if (!has_raw_) return std::map<TopicPartition, int64_t>();
  const Given given = ToArrays(partitions, [](const PartitionToTake& one) {
    return std::pair(one.partition, one.oldest);
  });
  const pg::Parameter parameters[] = {given.topics, given.partitions, given.offsets};
  ASSIGN_OR_RETURN(
      const pg::Result rows,
      connection_.Execute(Cat("SELECT e.kafka_topic, e.kafka_partition, max(e.kafka_offset) FROM "
                              "cdc_raw.cdc_events e JOIN ",
                              kGiven,
                              " ON e.kafka_topic = g.topic AND e.kafka_partition = g.partition "
                              "GROUP BY 1, 2"),
                          parameters));
  return ReadOffsets(rows);
}

absl::StatusOr<std::vector<TakenPartition>> Takeover::CountStored(
    const std::map<TopicPartition, int64_t>& starts) {
  std::map<TopicPartition, int64_t> counts;
  RETURN_IF_ERROR(HasRawEvents());
  if (has_raw_ && !starts.empty()) {
    const Given given = ToArrays(starts, [](const auto& one) { return one; });
    const pg::Parameter parameters[] = {given.topics, given.partitions, given.offsets};
    ASSIGN_OR_RETURN(
        const pg::Result rows,
        connection_.Execute(
            Cat("SELECT g.topic, g.partition, count(DISTINCT e.kafka_offset) FROM "
                "cdc_raw.cdc_events e JOIN ",
                kGiven,
                " ON e.kafka_topic = g.topic AND e.kafka_partition = g.partition AND "
                "e.kafka_offset >= g.start GROUP BY 1, 2"),
            parameters));
    ASSIGN_OR_RETURN(counts, ReadOffsets(rows));
  }
  std::vector<TakenPartition> taken;
  for (const auto& [partition, from] : starts) {
    const auto count = counts.find(partition);
    taken.push_back({.partition = partition,
                     .from = from,
                     .stored = count == counts.end() ? 0 : count->second});
  }
  return taken;
}

absl::StatusOr<std::vector<TakenPartition>> Takeover::Plan(
    std::span<const PartitionToTake> partitions) {
  if (partitions.empty()) return std::vector<TakenPartition>();
  const bool is_alone = !connection_.in_transaction();
  if (is_alone) RETURN_IF_ERROR(Begin(" READ ONLY"));
  RETURN_IF_ERROR(HasRawEvents());
  ASSIGN_OR_RETURN(const auto newest, NewestStored(partitions));
  std::map<TopicPartition, int64_t> starts;
  for (const PartitionToTake& one : partitions) {
    const auto found = newest.find(one.partition);
    const auto stored = found == newest.end() ? std::nullopt : std::optional(found->second);
    if (stored >= one.end) {
      return absl::DataLossError(
          Cat("cdc_raw.cdc_events has an event of topic ", one.partition.topic, " partition ",
              one.partition.partition, " offset ", *stored, ", but the topic ends at ", one.end,
              ": it was made anew since. Move the rows of the former topic elsewhere, or read the "
              "new one under another topic.prefix"));
    }
    if (const auto start = TakeoverStart(one, stored)) starts[one.partition] = *start;
  }
  ASSIGN_OR_RETURN(std::vector<TakenPartition> taken, CountStored(starts));
  if (is_alone) RETURN_IF_ERROR(connection_.Commit());
  return taken;
}

absl::StatusOr<std::vector<TakenPartition>> Takeover::Take(
    std::span<const PartitionToTake> partitions) {
  const bool any = has_raw_ || std::ranges::any_of(partitions, [](const PartitionToTake& one) {
                     return one.committed.has_value();
                   });
  if (partitions.empty() || !any) return std::vector<TakenPartition>();
  RETURN_IF_ERROR(Begin(""));
  RETURN_IF_ERROR(HasRawEvents());
  if (has_raw_) {
    // A session whose client was killed may still be committing.
    RETURN_IF_ERROR(Annotate(
        connection_.Query("LOCK TABLE cdc_raw.cdc_events IN SHARE ROW EXCLUSIVE MODE").status(),
        "cannot wait until nobody else writes to cdc_raw.cdc_events"));
  }
  ASSIGN_OR_RETURN(std::vector<TakenPartition> taken, Plan(partitions));
  RETURN_IF_ERROR(MoveTo(taken, /*back=*/false));
  RETURN_IF_ERROR(connection_.Commit());
  return taken;
}

absl::Status Takeover::MoveTo(const std::vector<TakenPartition>& partitions, bool back) {
  if (partitions.empty()) return absl::OkStatus();
  const Given given = ToArrays(partitions, [](const TakenPartition& one) {
    return std::pair(one.partition, one.from);
  });
  const pg::Parameter parameters[] = {given.topics, given.partitions, given.offsets, pipeline_,
                                      sink_};
  RETURN_IF_ERROR(
      connection_
          .Execute(Cat("INSERT INTO walrelay.progress (pipeline, sink, topic, partition, "
                       "next_offset, fingerprint) SELECT $4, $5, g.topic, g.partition, g.start, "
                       "'' FROM ",
                       kGiven,
                       " ON CONFLICT (pipeline, sink, topic, partition) DO UPDATE SET next_offset "
                       "= EXCLUDED.next_offset, fingerprint = '', updated_at = now()",
                       // Another process may have begun meanwhile.
                       back ? "" : " WHERE progress.next_offset < EXCLUDED.next_offset"),
                   parameters)
          .status());
  if (back) RETURN_IF_ERROR(DropLetters(given.topics, given.partitions, given.offsets));
  if (sink_ != SinkName(SinkKind::kLake)) return absl::OkStatus();
  const pg::Parameter for_events[] = {given.topics, given.partitions, given.offsets, pipeline_};
  RETURN_IF_ERROR(connection_
                      .Execute(Cat("DELETE FROM walrelay.stored_events s USING ", kGiven,
                                   " WHERE s.pipeline = $4 AND s.topic = g.topic AND "
                                   "s.partition = g.partition"),
                               for_events)
                      .status());
  const bool any = std::ranges::any_of(partitions, [](const auto& one) { return one.stored > 0; });
  if (!any) return absl::OkStatus();
  // Offsets that follow each other have one distance to their rank.
  return connection_
      .Execute(Cat("INSERT INTO walrelay.stored_events (pipeline, topic, partition, first_offset, "
                   "end_offset) SELECT $4, topic, partition, min(kafka_offset), max(kafka_offset) "
                   "+ 1 FROM (SELECT g.topic, g.partition, e.kafka_offset::int8, "
                   "e.kafka_offset::int8 - dense_rank() OVER (PARTITION BY g.topic, g.partition "
                   "ORDER BY e.kafka_offset) AS run FROM cdc_raw.cdc_events e JOIN ",
                   kGiven,
                   " ON e.kafka_topic = g.topic AND e.kafka_partition = g.partition AND "
                   "e.kafka_offset >= g.start) AS stored GROUP BY topic, partition, run"),
               for_events)
      .status();
}

absl::Status Takeover::DropLetters(std::string_view topics, std::string_view partitions,
                                   std::string_view offsets) {
  const pg::Parameter parameters[] = {topics, partitions, offsets, pipeline_, sink_};
  return connection_
      .Execute(Cat("DELETE FROM walrelay.dead_letters d USING ", kGiven,
                   " WHERE d.pipeline = $4 AND d.sink = $5 AND d.kafka_topic = g.topic AND "
                   "d.kafka_partition = g.partition AND d.kafka_offset >= g.start"),
               parameters)
      .status();
}

absl::StatusOr<StoredEvents> Takeover::Load() {
  StoredEvents stored;
  if (sink_ != SinkName(SinkKind::kLake)) return stored;
  const pg::Parameter parameters[] = {pipeline_, sink_};
  ASSIGN_OR_RETURN(
      const pg::Result rows,
      connection_.Execute(
          "SELECT s.topic, s.partition, s.first_offset, s.end_offset FROM walrelay.stored_events s "
          "JOIN walrelay.progress p ON p.pipeline = s.pipeline AND p.sink = $2 AND p.topic = "
          "s.topic AND p.partition = s.partition WHERE s.pipeline = $1 AND s.end_offset > "
          "p.next_offset",
          parameters));
  for (int row = 0; row < rows.rows(); ++row) {
    const auto partition = rows.number<int32_t>(row, 1);
    const auto first = rows.number<int64_t>(row, 2);
    const auto end = rows.number<int64_t>(row, 3);
    if (!partition || !first || !end)
      return absl::DataLossError("walrelay.stored_events holds no number");
    stored.Add({std::string(rows.text(row, 0)), *partition}, *first, *end);
  }
  return stored;
}

}  // namespace walrelay::apply
