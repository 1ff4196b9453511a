// Dead letters that somebody marked to be tried again, in their order, as if they came from Kafka:
// those of a row together, with those of the rows that it was before. What is applied is deleted;
// the row is free when nothing of it is left.
#include <algorithm>
#include <numeric>

#include "apply/row_fault.h"
#include "apply/sink_state.h"
#include "apply/table_fault.h"
#include "base/json.h"
#include "base/log.h"
#include "base/status.h"
#include "pg/error.h"

namespace walrelay::apply {
namespace {

constexpr int64_t kLettersAtOnce = 1000;

// Views of the letter, and of header texts in `reader`.
absl::StatusOr<ConsumedRecord> RecordOf(const StoredLetter& letter, JsonReader& reader) {
  ConsumedRecord record;
  record.topic = letter.topic;
  record.partition = letter.partition;
  record.offset = letter.offset;
  if (letter.key) record.key = *letter.key;
  if (letter.value) record.value = *letter.value;
  ASSIGN_OR_RETURN(const JsonValue headers, reader.Parse(letter.headers));
  for (auto it = headers.begin(); it != headers.end(); ++it) {
    auto part = (*it).begin();
    RecordHeader header{.name = (*part).text(), .value = std::nullopt};
    if (++part; (*part).is_string()) header.value = (*part).text();
    record.headers.push_back(header);
  }
  return record;
}

}  // namespace

absl::StatusOr<int64_t> Sink::State::Retry() {
  ASSIGN_OR_RETURN(const LetterStore::Counts counts, letters.Count());
  int64_t applied = 0;
  if (counts.marked != 0) {
    moves.clear();  // No partition moves.
    RETURN_IF_ERROR(Forget());  // Somebody may have altered their tables.
    RETURN_IF_ERROR(prepared.Forget());
    RETURN_IF_ERROR(transaction.Begin());
    ASSIGN_OR_RETURN(const std::vector<StoredLetter> marked, letters.TakeMarked(kLettersAtOnce));
    ASSIGN_OR_RETURN(const auto groups, GroupByRow(marked));
    for (const auto& [first, group] : groups) RETURN_IF_ERROR(RetryGroup(group, applied));
    RETURN_IF_ERROR(transaction.Commit());
    log::Info(applied, " of ", marked.size(), " dead letters were applied");
  }
  // Others may have been dropped by hand.
  if (counts.marked != 0 || counts.parked_rows != static_cast<int64_t>(parked.size())) {
    RETURN_IF_ERROR(ReadParked());
  }
  return applied;
}

absl::StatusOr<std::map<size_t, Sink::State::LetterGroup>> Sink::State::GroupByRow(
    std::span<const StoredLetter> marked) {
  // Of each letter the first one of its group. There are few enough to rename them.
  std::vector<size_t> first(marked.size());
  std::iota(first.begin(), first.end(), size_t{0});
  const auto join = [&](size_t a, size_t b) {
    const auto [to, from] = std::minmax({first[a], first[b]});
    if (to != from) std::ranges::replace(first, from, to);
  };
  std::map<RowId, size_t> letter_of;
  for (size_t i = 0; i < marked.size(); ++i) {
    if (const auto row = marked[i].row()) join(i, letter_of.try_emplace(*row, i).first->second);
  }
  JsonReader headers;
  for (size_t i = 0; i < marked.size(); ++i) {
    ASSIGN_OR_RETURN(const ConsumedRecord record, RecordOf(marked[i], headers));
    const absl::StatusOr<const Envelope*> envelope = reader.Read(record);
    if (!envelope.ok()) continue;
    const std::optional<RowId> former = FormerRowOf(record, **envelope);
    const auto found = former ? letter_of.find(*former) : letter_of.end();
    if (found != letter_of.end()) join(i, found->second);
  }
  std::map<size_t, LetterGroup> groups;
  for (size_t i = 0; i < marked.size(); ++i) {
    LetterGroup& group = groups[first[i]];
    group.letters.push_back(&marked[i]);
    if (auto row = marked[i].row()) group.rows.insert(*std::move(row));
  }
  return groups;
}

absl::Status Sink::State::RetryGroup(const LetterGroup& group, int64_t& applied) {
  std::vector<int64_t> ids;
  for (const StoredLetter* letter : group.letters) ids.push_back(letter->id);
  RETURN_IF_ERROR(transaction.Savepoint());
  BatchResult result;
  std::vector<JsonReader> readers(ids.size());
  std::vector<ConsumedRecord> records;
  for (size_t i = 0; i < ids.size(); ++i) {
    ASSIGN_OR_RETURN(records.emplace_back(), RecordOf(*group.letters[i], readers[i]));
  }
  absl::Status retried;
  for (uint32_t i = 0; i < records.size() && retried.ok(); ++i) {
    Copies copies{.retried = &group.rows};
    ASSIGN_OR_RETURN(const bool is_stored, HasRawEvent(records[i]));
    copies.raw = !is_stored;
    retried = ReadRecord(records, i, copies, result);
  }
  std::string reason = group.letters.front()->reason;  // Of what still cannot be read.
  if (retried.ok() && result.dead_letters == 0) {
    retried = Write(records, Ending::kStay);
    if (retried.ok()) retried = transaction.CheckConstraints();
    if (retried.ok()) {
      Clear();
      applied += static_cast<int64_t>(ids.size());
      RETURN_IF_ERROR(letters.Delete(ids));
      RETURN_IF_ERROR(transaction.Release());
      return ReadParked();
    }
  }
  if (!retried.ok()) {
    if (!IsRowFault(retried) && !FaultyTable(retried)) return retried;
    reason = Message(retried);
  }
  RETURN_IF_ERROR(transaction.RollbackToSavepoint());
  RETURN_IF_ERROR(Forget());
  return letters.Refuse(ids, reason, pg::SqlStateOf(retried));
}

absl::StatusOr<bool> Sink::State::HasRawEvent(const ConsumedRecord& record) {
  if (options.kind != SinkKind::kLake || !options.raw) return true;
  const std::string partition = Cat(record.partition);
  const std::string offset = Cat(record.offset);
  const pg::Parameter parameters[] = {record.topic, partition, offset};
  ASSIGN_OR_RETURN(const pg::Result found,
                   connection.Execute("SELECT 1 FROM cdc_raw.cdc_events WHERE kafka_topic = $1 AND "
                                      "kafka_partition = $2::int4 AND kafka_offset = $3::int8",
                                      parameters));
  return found.rows() != 0;
}

}  // namespace walrelay::apply
