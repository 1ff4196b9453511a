// A truncate of a table whose topic has several partitions. It stands in one of them; what is
// before and behind it in the others, their order does not say.
//
// Rows that came before it and are read later: their LSNs tell, and they make no row
// (last_truncate.h). So nobody waits for partitions that are silent, or whose older records Kafka
// does not have yet. Rows that came behind it and were applied earlier: the truncate takes them
// along, and in its transaction they are read from Kafka once more and written again. Within a
// batch there are none: the truncate's partition goes first. All of that is one transaction with
// the progress, so a crash at any point is one before or behind it. Memory: kChunk rows.
#include <algorithm>
#include <utility>

#include "apply/conflict.h"
#include "apply/last_truncate.h"
#include "apply/row_fault.h"
#include "apply/sink_state.h"
#include "apply/table_fault.h"
#include "base/crash_point.h"
#include "base/log.h"
#include "base/status.h"

namespace walrelay::apply {
namespace {

constexpr int64_t kFirstLook = 100;  // Records, from where a partition stands backwards,
constexpr int64_t kLongestLook = 20'000;
constexpr int64_t kChunk = 10'000;

}  // namespace

Sink::State::TruncateFirst Sink::State::PutTruncateFirst(Batch batch, uint32_t index) {
  const ConsumedRecord& truncate = batch[index];
  TruncateFirst ordered;
  ordered.records.reserve(batch.size());
  const auto take = [&](uint32_t begin, size_t end, bool same_partition) {
    for (size_t i = begin; i < end; ++i) {
      const bool is_same =
          batch[i].partition == truncate.partition && batch[i].topic == truncate.topic;
      if (is_same == same_partition) ordered.records.push_back(batch[i]);
    }
  };
  take(0, index, true);
  ordered.before = ordered.records.size();
  ordered.records.push_back(truncate);
  take(0, index, false);
  ordered.records.insert(ordered.records.end(), batch.begin() + index + 1, batch.end());
  return ordered;
}

// What other workers have not applied yet may come before a truncate, and what they have may come
// behind it: only one that reads all of a table can tell.
absl::Status Sink::State::CheckOwnsTopic(const ConsumedRecord& record,
                                         const std::string& table) const {
  if (!options.owns_topic || options.owns_topic(record.topic)) return absl::OkStatus();
  return WithTable(
      absl::FailedPreconditionError(
          Cat("table ", table, " was truncated, and several workers read the partitions of topic ",
              record.topic,
              ": none of them knows which rows come before. Go on with one worker and "
              "no group.id, and walrelay apply resume ",
              table)),
      table);
}

absl::Status Sink::State::ApplyTruncate(Batch batch, uint32_t index, const Envelope& envelope,
                                        bool is_late, BatchResult& result) {
  const ConsumedRecord& record = batch[index];
  const std::string table = Cat(envelope.schema, ".", envelope.table);
  RETURN_IF_ERROR(CheckOwnsTopic(record, table));
  const int32_t partitions = options.partitions_of ? options.partitions_of(record.topic) : 0;
  if (partitions == 0 || (partitions == 1 && !is_late)) {
    RETURN_IF_ERROR(ReleaseTruncated(table, {}));
    return mirror.Add(envelope, index);
  }
  ASSIGN_OR_RETURN(const bool is_known, mirror.IsGone(envelope));
  if (is_known) return absl::OkStatus();
  if (batch.size() > 1) return ApplyAlone(index);
  const std::optional<int64_t> lsn = LsnOf(envelope);
  if (!lsn) {
    return absl::DataLossError(
        "a truncate without source.lsn, of a topic with several partitions: nobody knows which "
        "rows come before it");
  }
  std::set<TopicPartition> others;
  std::map<TopicPartition, int64_t> behind;
  for (int32_t p = 0; p < partitions; ++p) {
    const TopicPartition partition{std::string(record.topic), p};
    if (p == record.partition && !is_late) continue;
    others.insert(partition);
    const auto at = progress.find(partition);
    if (at == progress.end()) continue;
    ASSIGN_OR_RETURN(const std::optional<int64_t> first,
                     FirstBehind(partition, at->second.next_offset, envelope, *lsn));
    if (first) behind[partition] = *first;
  }
  RETURN_IF_ERROR(transaction.Begin());
  RETURN_IF_ERROR(CheckStillOurs(others));
  RETURN_IF_ERROR(ReleaseTruncated(table, behind));
  RETURN_IF_ERROR(mirror.Add(envelope, index));
  for (const auto& [partition, first] : behind) {
    const absl::Status again = ApplyAgain(batch, partition, first, envelope, result);
    if (!IsRowFault(again)) {
      RETURN_IF_ERROR(again);
      continue;
    }
    return WithTable(
        absl::FailedPreconditionError(Cat("table ", table,
                                          " was truncated, and a row that came behind the "
                                          "truncate was applied before it, and is refused now: ",
                                          Message(again))),
        table);
  }
  CrashPoint("sink-truncated");
  return absl::OkStatus();
}

// The changes of a table within first ≤ offset < end, dead letters left out; from which offset on
// Kafka has any records.
absl::StatusOr<int64_t> Sink::State::ReadAgain(
    const TopicPartition& partition, int64_t first, int64_t end, std::string_view schema,
    std::string_view table,
    absl::FunctionRef<absl::Status(const ConsumedRecord&, const Envelope&)> visit) {
  return options.read_again(partition, first, end, [&](const ConsumedRecord& record) {
    if (!record.value) return absl::OkStatus();
    const absl::StatusOr<const Envelope*> read = again_reader.Read(record);
    if (!read.ok() || (*read)->op == 'm') return absl::OkStatus();
    if ((*read)->schema != schema || (*read)->table != table) return absl::OkStatus();
    return visit(record, **read);
  });
}

// The first record of a partition, before `end`, that came behind the truncate; nullopt: there is
// none. Looks back until one is found that came before.
absl::StatusOr<std::optional<int64_t>> Sink::State::FirstBehind(const TopicPartition& partition,
                                                                int64_t end,
                                                                const Envelope& truncate,
                                                                int64_t lsn) {
  std::optional<int64_t> first;
  int64_t look = kFirstLook;
  for (int64_t begin = end; begin > 0; look = std::min(look * 4, kLongestLook)) {
    const int64_t stop = std::exchange(begin, std::max<int64_t>(0, begin - look));
    bool has_older = false;
    std::optional<int64_t> newer;
    const auto visit = [&](const ConsumedRecord& record, const Envelope& change) {
      const std::optional<int64_t> at = LsnOf(change);
      if (at && *at < lsn) has_older = true;
      if (at && *at > lsn && !newer) newer = record.offset;
      return absl::OkStatus();
    };
    ASSIGN_OR_RETURN(const int64_t oldest, ReadAgain(partition, begin, stop, truncate.schema,
                                                     truncate.table, visit));
    if (newer) first = newer;
    if (has_older) return first;
    if (oldest <= begin) continue;
    // Kafka has no more. Rows of before the truncate have been there longer than it.
    if (!first || *first > oldest) return first;
    const std::string table = Cat(truncate.schema, ".", truncate.table);
    refused_truncate = RefusedTruncate{
        .table = table, .truncate = {.lsn = lsn, .source_ts_us = truncate.source_ts_us}};
    return WithTable(
        absl::FailedPreconditionError(
            Cat("table ", table,
                " was truncated, and rows that came behind that were applied before "
                "it, from topic ",
                partition.topic, " partition ", partition.partition,
                ", which does not hold all of them any more (its oldest offset is ", oldest,
                "). Nothing was truncated here: delete what came before, walrelay apply resume ",
                table, ", and compare it with its source (walrelay verify --repair)")),
        table);
  }
  return first;
}

// Somebody who has taken a partition over may have applied more of it.
absl::Status Sink::State::CheckStillOurs(const std::set<TopicPartition>& partitions) {
  if (!options.keeps_progress) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto stored, progress_table.Load(connection, partitions));
  const auto next = [](const auto& offsets, const TopicPartition& partition) {
    const auto found = offsets.find(partition);
    return found == offsets.end() ? 0 : found->second.next_offset;
  };
  for (const TopicPartition& partition : partitions) {
    if (next(stored, partition) == next(progress, partition)) continue;
    return ProgressMoved(Cat("somebody else moved the progress of topic ", partition.topic,
                             " partition ", partition.partition, " of this sink"));
  }
  return absl::OkStatus();
}

// Rows that the truncate took along and should not have: from `first` to where the partition
// stands.
absl::Status Sink::State::ApplyAgain(Batch batch, const TopicPartition& partition, int64_t first,
                                     const Envelope& truncate, BatchResult& result) {
  const std::string schema(truncate.schema);
  const std::string table(truncate.table);
  int64_t rows = 0;
  const auto visit = [&](const ConsumedRecord& record, const Envelope& change) -> absl::Status {
    if (!parked.empty() && parked.Contains(RowOf(record, change))) return absl::OkStatus();
    absl::Status added = mirror.Add(change, StatementQueue::kNoRecord);
    if (IsWriteFirst(added)) {
      RETURN_IF_ERROR(WriteSoFar(batch, result));
      added = mirror.Add(change, StatementQueue::kNoRecord);
    }
    if (added.code() == absl::StatusCode::kDataLoss) return absl::OkStatus();  // A dead letter.
    RETURN_IF_ERROR(added);
    return ++rows % kChunk == 0 ? WriteSoFar(batch, result) : absl::OkStatus();
  };
  const int64_t end = progress.at(partition).next_offset;
  RETURN_IF_ERROR(ReadAgain(partition, first, end, schema, table, visit).status());
  RETURN_IF_ERROR(WriteSoFar(batch, result));
  log::Info(SinkName(options.kind), ": table ", schema, ".", table, " was truncated: ", rows,
            " changes behind that were applied again, from topic ", partition.topic, "[",
            partition.partition, "] offsets ", first, " to ", end);
  return absl::OkStatus();
}

// What waited for rows that are gone now holds nothing back any more, but for what came behind: of
// other partitions from these offsets on.
absl::Status Sink::State::ReleaseTruncated(const std::string& table,
                                           const std::map<TopicPartition, int64_t>& behind) {
  if (!parked.ContainsTable(table)) return absl::OkStatus();
  RETURN_IF_ERROR(transaction.Begin());
  dead.Unpark(table);
  RETURN_IF_ERROR(letters.Unpark(table, behind));
  if (!behind.empty()) return ReadParked();
  parked.ReleaseTable(table);
  return absl::OkStatus();
}

}  // namespace walrelay::apply
