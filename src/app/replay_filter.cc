#include "app/replay_filter.h"

#include <utility>

#include "app/exit_code.h"
#include "base/log.h"

namespace walrelay::app {
namespace {

constexpr std::string_view kRepair =
    "; find out who else writes there, then start once with --set "
    "pipeline.topic.mismatch=accept, which leaves what is there and goes on behind it";

constexpr std::string_view kRepairAltered =
    "; its table was altered since, so that its old records cannot be recognised; undo that until "
    "this start has passed them, or start once with --set pipeline.topic.mismatch=accept, which "
    "leaves what is there and writes it again as it is now";

std::string Offset(const TopicPartition& partition, int64_t offset) {
  return Cat("offset ", offset, " of partition ", partition.partition, " of topic ",
             partition.topic);
}

// The member "lsn" of an envelope's source, as it stands there; empty: none. The rows stand before
// it, and a quote inside a string is escaped.
std::string_view LsnMember(const Record& record) {
  constexpr std::string_view kName = "\"lsn\":";
  if (!record.value) return {};
  const size_t from = record.value->rfind(kName);
  if (from == std::string_view::npos) return {};
  const size_t end = record.value->find_first_not_of("0123456789", from + kName.size());
  return end == std::string_view::npos ? std::string_view() : record.value->substr(from, end + 1 - from);
}

}  // namespace

void ReplayFilter::Add(const TopicPartition& partition, int64_t next, int64_t end) {
  if (next >= end) return;
  auto& tails = topics_[partition.topic].tails;
  const auto [found, is_new] = tails.try_emplace(partition.partition, next, end);
  if (is_new) {
    ++open_;
  } else {
    found->second.Extend(end);
  }
}

std::map<TopicPartition, kafka::Tail*> ReplayFilter::OpenTails() {
  std::map<TopicPartition, kafka::Tail*> open;
  for (auto& [name, topic] : topics_) {
    for (auto& [partition, tail] : topic.tails)
      open.emplace(TopicPartition{.topic = name, .partition = partition}, &tail);
  }
  return open;
}

std::vector<std::string> ReplayFilter::topics() const {
  std::vector<std::string> names;
  for (const auto& [name, topic] : topics_) {
    if (!topic.tails.empty()) names.push_back(name);
  }
  return names;
}

absl::StatusOr<const kafka::TailRecord*> ReplayFilter::Front(const std::string& topic,
                                                             int32_t partition,
                                                             kafka::Tail& tail) {
  for (;;) {
    if (tail.needs_fetch())
      RETURN_IF_ERROR(fetch_({.topic = topic, .partition = partition}, tail));
    const kafka::TailRecord* const front = tail.front();
    if (front == nullptr || !is_clocked_ || !is_clocked_(topic, *front)) return front;
    (void)tail.Pop();
  }
}

ReplayFilter::Place ReplayFilter::UseUp(Topic& topic, int32_t partition) {
  ++counts_.skipped;
  const auto found = topic.tails.find(partition);
  const Place place{.partition = partition, .offset = found->second.Pop()};
  if (found->second.used_up()) Drop(topic, partition);
  return place;
}

void ReplayFilter::Drop(Topic& topic, int32_t partition) {
  topic.tails.erase(partition);
  --open_;
}

absl::StatusOr<std::optional<ReplayFilter::Place>> ReplayFilter::Offer(const Record& record,
                                                                       int32_t partition) {
  const auto known = topics_.find(record.topic);
  if (known == topics_.end()) return std::nullopt;
  const std::string& name = known->first;
  Topic& topic = known->second;
  if (record.value) {
    // A deletion under a key has its tombstone behind it. Where the table has no key any more, none
    // comes again.
    RETURN_IF_ERROR(UseUpTombstone(name, topic).status());
    if (old_key_ && old_key_->topic == name) old_key_.reset();
  }
  while (!topic.tails.empty()) {
    const auto found = topic.tails.find(partition);
    if (found != topic.tails.end()) {
      kafka::Tail& tail = found->second;
      ASSIGN_OR_RETURN(const kafka::TailRecord* const stored, Front(name, partition, tail));
      if (stored == nullptr) {  // Compaction keeps the last record: these were never ours.
        Drop(topic, partition);
        continue;
      }
      // Behind a hole two equal records without an LSN could not be told apart.
      const bool certain = stored->offset == tail.next() || !LsnMember(record).empty();
      if (certain && kafka::IsSameRecord(record, *stored)) {
        old_key_.reset();
        return UseUp(topic, partition);
      }
    }
    ASSIGN_OR_RETURN(const Altered altered, FindAltered(name, topic, record));
    if (altered.place) return altered.place;
    // In its own tail it would have been found; that of an altered table may be another one.
    if (!altered.rival && (found == topic.tails.end() || topic.altered)) return std::nullopt;
    const int32_t other = altered.rival.value_or(partition);
    const auto tail = topic.tails.find(other);
    RETURN_IF_ERROR(Differs({.topic = name, .partition = other}, tail->second, record,
                            altered.rival ? kRepairAltered : kRepair));
    ++counts_.unexpected;
    (void)tail->second.Pop();
    if (tail->second.used_up()) Drop(topic, other);
  }
  return std::nullopt;
}

// The tombstone behind a deletion that was recognised under its old key, where it is next there.
absl::StatusOr<std::optional<ReplayFilter::Place>> ReplayFilter::UseUpTombstone(
    const std::string& name, Topic& topic) {
  if (!old_key_ || old_key_->topic != name) return std::nullopt;
  const auto tail = topic.tails.find(old_key_->partition);
  if (tail == topic.tails.end()) return std::nullopt;
  ASSIGN_OR_RETURN(const kafka::TailRecord* const stored,
                   Front(name, old_key_->partition, tail->second));
  if (stored == nullptr || stored->value || stored->key != old_key_->key) return std::nullopt;
  const int32_t partition = old_key_->partition;
  old_key_.reset();
  ++counts_.altered;
  return UseUp(topic, partition);
}

ReplayFilter::Place ReplayFilter::UseUpAltered(const std::string& name, Topic& topic,
                                               int32_t partition, const EventIdentity& event) {
  const kafka::TailRecord& stored = *topic.tails.find(partition)->second.front();
  if (!topic.altered) {
    log::Warn("table ", event.table, " was altered since its last records were written: ",
              "those are recognised by LSN, transaction and row (first: ",
              Offset({.topic = name, .partition = partition}, stored.offset), ")");
    topic.altered = true;
  }
  old_key_ = OldKey{.topic = name, .partition = partition, .key = stored.key};
  ++counts_.altered;
  return UseUp(topic, partition);
}

// Looks for the event at the front of all the topic's tails. Where the table was not altered this
// is asked once for each record of a partition whose tail is used up before the others'.
absl::StatusOr<ReplayFilter::Altered> ReplayFilter::FindAltered(const std::string& name,
                                                                Topic& topic,
                                                                const Record& record) {
  Altered found;
  if (!record.value) {
    ASSIGN_OR_RETURN(found.place, UseUpTombstone(name, topic));
    return found;
  }
  const std::string_view lsn = LsnMember(record);
  if (lsn.empty()) return FindRow(name, topic, record);
  std::optional<EventIdentity> ours;
  for (auto& [partition, tail] : topic.tails) {
    ASSIGN_OR_RETURN(const kafka::TailRecord* const stored, Front(name, partition, tail));
    if (stored == nullptr || !stored->value) continue;
    if (stored->value->rfind(lsn) == std::string::npos) continue;  // Parsing costs far more.
    if (!ours) ours = IdentityOf(json_, *record.value, record.key);
    if (!ours) return Altered();
    const auto theirs = IdentityOf(json_, *stored->value, stored->key);
    if (!theirs) continue;
    if (IsSameEvent(*ours, *theirs)) {
      found.place =
          ours->op == "m" ? UseUp(topic, partition) : UseUpAltered(name, topic, partition, *ours);
      return found;
    }
    if (IsSameChange(*ours, *theirs)) found.rival = partition;
  }
  return found;
}

// Without an LSN nothing is certain but that the key of a table has the same columns as long as it
// is not altered. Where it has others, the same row is likely to be the same event; where there was
// no key, or is none any more, each row may be.
absl::StatusOr<ReplayFilter::Altered> ReplayFilter::FindRow(const std::string& name, Topic& topic,
                                                            const Record& record) {
  Altered found;
  const auto ours = KeyColumnNames(json_, record.key);
  if (!ours) return found;
  std::optional<std::string> row;
  for (auto& [partition, tail] : topic.tails) {
    ASSIGN_OR_RETURN(const kafka::TailRecord* const stored, Front(name, partition, tail));
    if (stored == nullptr || !stored->value || stored->key == record.key) continue;
    const auto theirs = KeyColumnNames(json_, stored->key);
    if (!theirs || *ours == *theirs) continue;
    if (!row) row = PayloadOf(json_, *record.value);
    if (ours->empty() || theirs->empty() || (row && row == PayloadOf(json_, *stored->value)))
      found.rival = partition;
  }
  return found;
}

absl::Status ReplayFilter::Differs(const TopicPartition& where, const kafka::Tail& tail,
                                   const Record& record, std::string_view repair) {
  const kafka::TailRecord& stored = *tail.front();
  std::string what = Cat(Offset(where, stored.offset), " holds ", DescribeRecord(json_, stored.value),
                         ", but the stream goes on with ", DescribeRecord(json_, record.value));
  if (stored.offset != tail.next()) {
    what += Cat("; offsets ", tail.next(), " to ", stored.offset - 1,
                " before it hold nothing any more, as after a compaction");
  }
  if (!accept_) return ExitError(ExitCode::kRecordsDiffer, Cat(what, repair));
  log::Warn(what, ": left where it is (pipeline.topic.mismatch=accept)");
  return absl::OkStatus();
}

absl::Status ReplayFilter::CheckUsedUp(Lsn passed) {
  for (auto& [name, topic] : topics_) {
    while (!topic.tails.empty()) {
      auto& [partition, tail] = *topic.tails.begin();
      ASSIGN_OR_RETURN(const kafka::TailRecord* const stored, Front(name, partition, tail));
      if (stored != nullptr) {
        const std::string what =
            Cat(Offset({.topic = name, .partition = partition}, stored->offset), " holds ",
                DescribeRecord(json_, stored->value), ", which the stream has not given up to ",
                passed, ", nor what follows up to offset ", tail.end() - 1);
        if (!accept_) return ExitError(ExitCode::kRecordsDiffer, Cat(what, kRepair));
        log::Warn(what, ": left where it is (pipeline.topic.mismatch=accept)");
        counts_.unexpected += static_cast<uint64_t>(tail.end() - stored->offset);
      }
      Drop(topic, partition);
    }
  }
  return absl::OkStatus();
}

size_t ReplayFilter::bytes() const {
  size_t bytes = 0;
  for (const auto& [name, topic] : topics_) {
    for (const auto& [partition, tail] : topic.tails) bytes += tail.bytes();
  }
  return bytes;
}

int64_t ReplayFilter::left() const {
  int64_t records = 0;
  for (const auto& [name, topic] : topics_) {
    for (const auto& [partition, tail] : topic.tails) records += tail.end() - tail.next();
  }
  return records;
}

}  // namespace walrelay::app
