#include "app/debezium_tail.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/json.h"

namespace walrelay::app {
namespace {

// How much is read first, and at most at once: a clean stop leaves a short tail, kill -9 what
// Debezium wrote since its last offset (a minute by default).
constexpr int64_t kFirstWindow = 128;
constexpr int64_t kLargestWindow = 100'000;

std::optional<Lsn> LsnOfDigits(std::string_view digits) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return Lsn{number};
}

// The id of BEGIN and END is "xid:lsn"; END's LSN is the commit's. Rows of transactions may lie in
// any order before their commits, so BEGIN says nothing.
CommitOrder OrderOfEnd(const JsonValue& payload, Lsn commit) {
  const std::string_view id = payload["id"].text();
  const size_t colon = id.find(':');
  if (payload["status"].text() != "END" || colon == std::string_view::npos)
    return CommitOrder::kNeutral;
  const auto lsn = LsnOfDigits(id.substr(colon + 1));
  if (!lsn) return CommitOrder::kNeutral;
  return *lsn <= commit ? CommitOrder::kBefore : CommitOrder::kAfter;
}

// A message outside of transactions counts as a commit: it stands in its own `sequence`.
CommitOrder OrderOfMessage(const JsonValue& source, Lsn commit) {
  const auto lsn = source["lsn"].Int<uint64_t>();
  if (!lsn) return CommitOrder::kNeutral;
  return Lsn{*lsn} <= commit ? CommitOrder::kBefore : CommitOrder::kAfter;
}

CommitOrder OrderOfSource(const JsonValue& source, Lsn commit) {
  const std::string_view snapshot = source["snapshot"].text();
  if (!snapshot.empty() && snapshot != "false") {
    // An incremental snapshot's rows come between transactions and are no part of the stream.
    return snapshot == "incremental" ? CommitOrder::kNeutral : CommitOrder::kBefore;
  }
  JsonReader reader;
  const auto sequence = reader.Parse(source["sequence"].text());
  if (!sequence.ok() || !sequence->is_array() || sequence->size() == 0)
    return CommitOrder::kNeutral;
  const JsonValue first = *sequence->begin();
  // No commit came before: part of the first transaction that was ever seen.
  if (first.is_null()) return commit == kNoLsn ? CommitOrder::kAfter : CommitOrder::kBefore;
  const auto before = LsnOfDigits(first.text());
  if (!before) return CommitOrder::kNeutral;
  return *before < commit ? CommitOrder::kBefore : CommitOrder::kAfter;
}

// What a part of a partition says.
struct Findings {
  std::optional<int64_t> behind_before;  // The offset behind the last record that came before.
  bool any_after = false;
};

absl::StatusOr<Findings> Look(kafka::LogReader& reader, const TopicPartition& partition,
                              kafka::OffsetRange range, Lsn commit) {
  Findings found;
  CommitOrder last = CommitOrder::kNeutral;
  RETURN_IF_ERROR(reader.Read({{partition, range}}, [&](const ConsumedRecord& record) {
    if (record.value) last = OrderOf(record, commit);  // A tombstone goes with the record before.
    if (last == CommitOrder::kBefore) found.behind_before = record.offset + 1;
    found.any_after = found.any_after || last == CommitOrder::kAfter;
    return absl::OkStatus();
  }));
  return found;
}

absl::StatusOr<int64_t> FindTail(kafka::LogReader& reader, const TopicPartition& partition,
                                 kafka::OffsetRange range, Lsn commit) {
  int64_t end = range.end;
  bool any_after = false;
  for (int64_t window = kFirstWindow; end > range.first;
       window = std::min(window * 8, kLargestWindow)) {
    // One record more than what is new: it may be the tombstone of the last one.
    const kafka::OffsetRange part{.first = std::max(range.first, end - window),
                                  .end = std::min(range.end, end + 1)};
    ASSIGN_OR_RETURN(const Findings found, Look(reader, partition, part, commit));
    if (found.behind_before) return *found.behind_before;
    any_after = any_after || found.any_after;
    if (!any_after) return range.end;  // Records that never say anything.
    end = part.first;
  }
  return range.first;
}

}  // namespace

CommitOrder OrderOf(const ConsumedRecord& record, Lsn commit) {
  if (!record.value) return CommitOrder::kNeutral;
  JsonReader reader;
  const auto value = reader.Parse(*record.value);
  if (!value.ok()) return CommitOrder::kNeutral;
  const JsonValue payload = (*value)["payload"].is_missing() ? *value : (*value)["payload"];
  const JsonValue source = payload["source"];
  if (!source.is_object()) return OrderOfEnd(payload, commit);
  const bool outside = payload["op"].text() == "m" && source["txId"].is_null();
  return outside ? OrderOfMessage(source, commit) : OrderOfSource(source, commit);
}

absl::StatusOr<std::map<std::string, TopicPosition>> FindTails(
    kafka::LogReader& reader, const std::map<std::string, int32_t>& partitions, Lsn commit) {
  std::map<std::string, TopicPosition> tails;
  for (const auto& [topic, count] : partitions) {
    ASSIGN_OR_RETURN(const auto ranges, reader.Ranges(topic));
    if (!ranges) continue;
    TopicPosition& position = tails[topic];
    for (size_t p = 0; p < ranges->size(); ++p) {
      ASSIGN_OR_RETURN(const int64_t next,
                       FindTail(reader, {.topic = topic, .partition = static_cast<int32_t>(p)},
                                (*ranges)[p], commit));
      position.next.push_back(next);
    }
  }
  return tails;
}

}  // namespace walrelay::app
