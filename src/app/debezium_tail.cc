#include "app/debezium_tail.h"

#include <algorithm>
#include <charconv>
#include <limits>

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

using RangesByTopic = std::map<std::string, std::vector<kafka::OffsetRange>>;

constexpr Lsn kEndOfTime{std::numeric_limits<uint64_t>::max()};

// What a record says of where its transaction stands in the stream.
struct StreamPlace {
  Lsn commit{};            // The last commit before it, or with it.
  bool is_passed = false;  // With it: nothing of its transaction comes behind `commit`.
  std::optional<Xid> xid{};
  Lsn lsn{};  // Of a row.
};

CommitOrder OrderOf(const std::optional<StreamPlace>& place, Lsn commit) {
  if (!place) return CommitOrder::kNeutral;
  const bool before = place->is_passed ? place->commit <= commit : place->commit < commit;
  return before ? CommitOrder::kBefore : CommitOrder::kAfter;
}

// The id of BEGIN and END is "xid:lsn"; END's LSN is the commit's. Rows of transactions may lie in
// any order before their commits, so BEGIN's says nothing.
std::optional<StreamPlace> PlaceOfBoundary(const JsonValue& payload) {
  const std::string_view id = payload["id"].text();
  const size_t colon = id.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto xid = LsnOfDigits(id.substr(0, colon));
  const auto lsn = LsnOfDigits(id.substr(colon + 1));
  if (!xid || !lsn) return std::nullopt;
  StreamPlace place{.xid = Xid{static_cast<uint32_t>(Number(*xid))}};
  if (payload["status"].text() == "BEGIN") {
    place.commit = kEndOfTime;
  } else if (payload["status"].text() == "END") {
    place.commit = *lsn;
    place.is_passed = true;
  } else {
    return std::nullopt;
  }
  return place;
}

// A message outside of transactions counts as a commit: it stands in its own `sequence`.
std::optional<StreamPlace> PlaceOfMessage(const JsonValue& source) {
  const auto lsn = source["lsn"].Int<uint64_t>();
  if (!lsn) return std::nullopt;
  return StreamPlace{.commit = Lsn{*lsn}, .is_passed = true};
}

std::optional<StreamPlace> PlaceOfRow(const JsonValue& source) {
  const std::string_view snapshot = source["snapshot"].text();
  // An incremental snapshot's rows come between transactions and are no part of the stream.
  if (snapshot == "incremental") return std::nullopt;
  if (!snapshot.empty() && snapshot != "false") return StreamPlace{.is_passed = true};
  JsonReader reader;
  const auto sequence = reader.Parse(source["sequence"].text());
  if (!sequence.ok() || !sequence->is_array() || sequence->size() == 0) return std::nullopt;
  StreamPlace place{.lsn = Lsn{source["lsn"].Int<uint64_t>().value_or(0)}};
  if (const auto xid = source["txId"].Int<uint32_t>()) place.xid = Xid{*xid};
  const JsonValue first = *sequence->begin();
  if (!first.is_null()) {  // Else part of the first transaction that was ever seen.
    const auto before = LsnOfDigits(first.text());
    if (!before) return std::nullopt;
    place.commit = *before;
  }
  return place;
}

std::optional<StreamPlace> PlaceOf(const ConsumedRecord& record) {
  if (!record.value) return std::nullopt;
  JsonReader reader;
  const auto value = reader.Parse(*record.value);
  if (!value.ok()) return std::nullopt;
  const JsonValue payload = (*value)["payload"].is_missing() ? *value : (*value)["payload"];
  const JsonValue source = payload["source"];
  if (!source.is_object()) return PlaceOfBoundary(payload);
  const bool outside = payload["op"].text() == "m" && source["txId"].is_null();
  return outside ? PlaceOfMessage(source) : PlaceOfRow(source);
}

// Which records came before the tail: those that the stream does not give again.
class Before {
 public:
  // All up to this commit, and these transactions.
  explicit Before(Lsn commit, std::set<Xid> gone = {}) : commit_(commit), gone_(std::move(gone)) {}
  CommitOrder operator()(const ConsumedRecord& record) const {
    const auto place = PlaceOf(record);
    const bool gone = place && place->xid && gone_.contains(*place->xid);
    return gone ? CommitOrder::kBefore : OrderOf(place, commit_);
  }

 private:
  Lsn commit_;
  std::set<Xid> gone_;
};

// What a part of a partition says.
struct Findings {
  bool any_before = false;
  std::optional<int64_t> first_after{};  // Of those behind the last one that came before.
};

absl::StatusOr<Findings> Look(kafka::LogReader& reader, const TopicPartition& partition,
                              kafka::OffsetRange range, const Before& before) {
  Findings found;
  CommitOrder last = CommitOrder::kNeutral;
  RETURN_IF_ERROR(reader.Read({{partition, range}}, [&](const ConsumedRecord& record) {
    if (record.value) last = before(record);  // A tombstone goes with the record before.
    if (last == CommitOrder::kBefore) found = {.any_before = true};
    if (last == CommitOrder::kAfter && !found.first_after) found.first_after = record.offset;
    return absl::OkStatus();
  }));
  return found;
}

absl::StatusOr<int64_t> FindTail(kafka::LogReader& reader, const TopicPartition& partition,
                                 kafka::OffsetRange range, const Before& before) {
  int64_t end = range.end;
  std::optional<int64_t> first_after;
  for (int64_t window = kFirstWindow; end > range.first;
       window = std::min(window * 8, kLargestWindow)) {
    // One record more than what is new: it may be the tombstone of the last one.
    const kafka::OffsetRange part{.first = std::max(range.first, end - window),
                                  .end = std::min(range.end, end + 1)};
    ASSIGN_OR_RETURN(const Findings found, Look(reader, partition, part, before));
    if (found.first_after) first_after = found.first_after;
    // Or records that never say anything.
    if (found.any_before || !first_after) break;
    end = part.first;
  }
  return first_after.value_or(range.end);
}

absl::StatusOr<TailsByTopic> FindTails(kafka::LogReader& reader, const RangesByTopic& topics,
                                       const Before& before) {
  TailsByTopic tails;
  for (const auto& [topic, ranges] : topics) {
    TopicPosition& position = tails[topic];
    for (size_t p = 0; p < ranges.size(); ++p) {
      ASSIGN_OR_RETURN(const int64_t next,
                       FindTail(reader, {.topic = topic, .partition = static_cast<int32_t>(p)},
                                ranges[p], before));
      position.next.push_back(next);
    }
  }
  return tails;
}

absl::StatusOr<RangesByTopic> RangesOf(kafka::LogReader& reader,
                                       const std::map<std::string, int32_t>& partitions) {
  RangesByTopic topics;
  for (const auto& [topic, count] : partitions) {
    ASSIGN_OR_RETURN(auto ranges, reader.Ranges(topic));
    if (ranges) topics.emplace(topic, *std::move(ranges));
  }
  return topics;
}

// The last commit up to `begin` that records of the tails name, and the transactions that follow
// it, with their last rows.
struct LastNamed {
  Lsn commit{};
  std::map<Xid, Lsn> next{};

  void Add(const StreamPlace& place, Lsn begin) {
    if (place.commit > begin || place.commit < commit) return;
    if (place.commit > commit) *this = {.commit = place.commit};
    if (place.is_passed || !place.xid) return;
    Lsn& last_row = next[*place.xid];
    last_row = std::max(last_row, place.lsn);
  }
};

absl::StatusOr<LastNamed> FindLastNamed(kafka::LogReader& reader, const RangesByTopic& topics,
                                        const TailsByTopic& tails, Lsn passed, Lsn begin) {
  LastNamed last{.commit = passed};
  for (const auto& [topic, tail] : tails) {
    for (size_t p = 0; p < tail.next.size(); ++p) {
      const int64_t end = topics.at(topic)[p].end;
      for (int64_t next = tail.next[p]; next < end; next += kLargestWindow) {
        RETURN_IF_ERROR(
            reader.Read({{{.topic = topic, .partition = static_cast<int32_t>(p)},
                          {.first = next, .end = std::min(end, next + kLargestWindow)}}},
                        [&](const ConsumedRecord& record) {
                          if (const auto place = PlaceOf(record)) last.Add(*place, begin);
                          return absl::OkStatus();
                        }));
      }
    }
  }
  return last;
}

}  // namespace

CommitOrder OrderOf(const ConsumedRecord& record, Lsn commit) {
  return OrderOf(PlaceOf(record), commit);
}

absl::StatusOr<DebeziumTails> FindTails(kafka::LogReader& reader,
                                        const std::map<std::string, int32_t>& partitions,
                                        Lsn passed, Lsn begin) {
  DebeziumTails tails;
  ASSIGN_OR_RETURN(const RangesByTopic topics, RangesOf(reader, partitions));
  ASSIGN_OR_RETURN(tails.topics, FindTails(reader, topics, Before(passed)));
  tails.last_commit = passed;
  if (begin == passed) return tails;

  ASSIGN_OR_RETURN(const LastNamed last,
                   FindLastNamed(reader, topics, tails.topics, passed, begin));
  if (last.commit > passed) {
    ASSIGN_OR_RETURN(tails.topics, FindTails(reader, topics, Before(last.commit)));
    tails.last_commit = last.commit;
  }
  // Behind its last row comes its commit.
  if (last.next.size() == 1 && last.next.begin()->second >= begin) return tails;
  for (const auto& [xid, last_row] : last.next) tails.doubtful.insert(xid);
  return tails;
}

absl::StatusOr<TailsByTopic> FindTailsWithout(kafka::LogReader& reader,
                                              const std::map<std::string, int32_t>& partitions,
                                              Lsn last_commit, const std::set<Xid>& gone) {
  ASSIGN_OR_RETURN(const RangesByTopic topics, RangesOf(reader, partitions));
  return FindTails(reader, topics, Before(last_commit, gone));
}

}  // namespace walrelay::app
