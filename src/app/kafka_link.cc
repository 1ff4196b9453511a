#include "app/kafka_link.h"

#include <algorithm>

#include "app/exit_code.h"
#include "base/check.h"
#include "base/crash_point.h"
#include "base/log.h"
#include "kafka/murmur2.h"

namespace walrelay::app {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kAbortLimit = 2s;

// One lag sample for transactions that commit within the same millisecond.
constexpr int64_t kCommitSampleMicros = 1000;

}  // namespace

// OutOfRange is the producer's word for a record above a size limit; other refusals need an
// operator as well.
absl::Status KafkaLink::Explain(const absl::Status& status) {
  if (absl::IsOutOfRange(status)) return ExitError(ExitCode::kRecordTooLarge, Message(status));
  return absl::IsFailedPrecondition(status) ? WithExitCode(status, ExitCode::kKafkaRefused)
                                            : status;
}

absl::StatusOr<std::unique_ptr<KafkaLink>> KafkaLink::Open(KafkaLinkOptions options,
                                                           PositionMemory& memory,
                                                           admin::CaptureCounters& counters) {
  std::unique_ptr<KafkaLink> link(new KafkaLink(std::move(options), memory, counters));
  ASSIGN_OR_RETURN(link->topics_, kafka::Topics::Open(link->options_.client));
  const KafkaLinkOptions& own = link->options_;
  CHECK(own.exactly_once || !own.transactional);
  ASSIGN_OR_RETURN(
      link->producer_,
      kafka::Producer::Open(own.client, own.transactional ? TransactionalId(own.slot) : ""));
  if (own.transactional) link->transaction_.emplace(*link->producer_, own.transaction_limits);
  return link;
}

absl::StatusOr<kafka::LogReader*> KafkaLink::Reader() {
  if (!reader_) {
    ASSIGN_OR_RETURN(reader_, kafka::LogReader::Open(options_.client));
  }
  return reader_.get();
}

absl::StatusOr<int64_t> KafkaLink::Door::EndOffset(const TopicPartition& partition) {
  ASSIGN_OR_RETURN(const auto ends, link_.topics_->EndOffsets({partition}));
  return ends.begin()->second;
}

absl::Status KafkaLink::Door::Read(const std::map<TopicPartition, kafka::OffsetRange>& ranges,
                                   kafka::LogReader::OnRecord on_record) {
  ASSIGN_OR_RETURN(kafka::LogReader* const reader, link_.Reader());
  return reader->Read(ranges, on_record);
}

absl::StatusOr<std::vector<TailFacts>> KafkaLink::ReadTails(
    const PositionRecord& position, const std::map<std::string, int32_t>& counts) {
  tails_.clear();
  if (!options_.exactly_once) return tails_;
  std::vector<TopicPartition> known;
  for (const auto& [topic, where] : position.topics) {
    if (topic == options_.clock_topic) continue;
    const auto count = counts.find(topic);
    for (size_t p = 0; p < where.next.size(); ++p) {
      TailFacts& tail = tails_.emplace_back();
      tail.partition = {.topic = topic, .partition = static_cast<int32_t>(p)};
      tail.next = where.next[p];
      tail.gone = count == counts.end() || std::cmp_less_equal(count->second, p);
      if (!tail.gone) known.push_back(tail.partition);
    }
  }
  ASSIGN_OR_RETURN(const auto begins, topics_->BeginOffsets(known));
  ASSIGN_OR_RETURN(const auto ends, topics_->EndOffsets(known));
  for (TailFacts& tail : tails_) {
    if (tail.gone) continue;
    tail.begin = begins.at(tail.partition);
    tail.end = ends.at(tail.partition);
  }
  if (position.transactional) RETURN_IF_ERROR(FindVoidTails());
  return tails_;
}

// Markers and records of aborted transactions, which the last run has left. The position has to be
// behind them before records of ours are: these would stand behind a hole.
absl::Status KafkaLink::FindVoidTails() {
  std::map<TopicPartition, kafka::OffsetRange> ranges;
  for (const TailFacts& tail : tails_) {
    const int64_t first = std::max(tail.next, tail.begin);
    if (!tail.gone && tail.next != kafka::kNoOffset && first < tail.end)
      ranges[tail.partition] = {.first = first, .end = tail.end};
  }
  if (ranges.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(kafka::LogReader* const reader, Reader());
  for (TailFacts& tail : tails_) tail.is_void = ranges.contains(tail.partition);
  return reader->Read(ranges, [this](const ConsumedRecord& record) {
    for (TailFacts& tail : tails_) {
      if (tail.partition.partition == record.partition && tail.partition.topic == record.topic)
        tail.is_void = false;
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<DebeziumTails> KafkaLink::FindDebeziumTails(
    const std::map<std::string, int32_t>& topics, Lsn passed, Lsn begin) {
  ASSIGN_OR_RETURN(kafka::LogReader* const reader, Reader());
  return FindTails(*reader, topics, passed, begin);
}

absl::StatusOr<TailsByTopic> KafkaLink::FindDebeziumTailsWithout(
    const std::map<std::string, int32_t>& topics, Lsn last_commit, const std::set<Xid>& gone) {
  ASSIGN_OR_RETURN(kafka::LogReader* const reader, Reader());
  return FindTailsWithout(*reader, topics, last_commit, gone);
}

void KafkaLink::Begin(PositionRecord base, Earlier earlier, Lsn server_flush) {
  base_ = std::move(base);
  base_.slot = options_.slot;
  base_.options_hash = options_.options_hash;
  base_.generation = stored_ ? stored_->generation + 1 : 1;
  base_.claimed = false;
  base_.writer = options_.run_id;
  base_.transactional = options_.transactional;
  watermark_ = std::make_unique<kafka::AckWatermark>(base_.end_lsn, base_.last_commit_lsn,
                                                     base_.last_commit_micros);
  written_ = confirmed_ = base_.end_lsn;
  connect_offset_ = recorded_connect_offset_ = base_.connect_offset;
  for (const auto& [name, where] : base_.topics) Tell(name);
  if (earlier == Earlier::kNothing) {
    // The counts stay pinned; where the partitions end is looked at when each topic comes.
    for (auto& [topic, where] : base_.topics)
      std::fill(where.next.begin(), where.next.end(), kafka::kNoOffset);
  }
  if (options_.exactly_once) {
    unexpected_before_ = counters_.unexpected_records;
    once_ = std::make_unique<ExactlyOnce>(door_, partitions_, options_.accept_mismatch,
                                          options_.is_clocked);
    if (earlier == Earlier::kOurs) {
      replay_until_ = server_flush;
      for (const TailFacts& tail : tails_) TakeTail(tail);
    }
  }
  tails_.clear();
  if (!once_) reader_.reset();
}

// Where a position is of no use, DecideStart has seen to it that topics may be taken as they are.
void KafkaLink::TakeTail(const TailFacts& tail) {
  if (tail.gone) {
    base_.topics.erase(tail.partition.topic);
    return;
  }
  int64_t& next = base_.topics[tail.partition.topic].next[static_cast<size_t>(
      tail.partition.partition)];
  if (next == kafka::kNoOffset) return;
  next = tail.is_void ? tail.end
                      : std::clamp(next, std::min(tail.begin, tail.end), tail.end);
  once_->Start(partitions_.Intern(tail.partition.topic, tail.partition.partition), next, tail.end);
}

void KafkaLink::ForgetTopicCache() {
  by_cache_.clear();
  last_cache_ = nullptr;
}

// Looks at a topic before the first record to it. True when the position must say where it ends.
absl::StatusOr<bool> KafkaLink::Adopt(const std::string& name) {
  const auto known = base_.topics.find(name);
  bool is_new = known == base_.topics.end();
  ASSIGN_OR_RETURN(const int32_t count, topics_->Ensure(name, options_.topic_rules.Of(name)));
  Topic topic{
      .name = name, .partitions = count, .ids = {}, .is_clocked = name == options_.clock_topic};
  std::vector<int64_t> next;
  if (known != base_.topics.end()) {
    // Pinned: more partitions than when we began would send a key somewhere else.
    if (std::cmp_greater(known->second.next.size(), count)) {
      return ExitError(ExitCode::kPositionMismatch,
                       Cat("topic ", name, " has ", count, " partitions, but the position says ",
                           known->second.next.size(),
                           ": it was deleted and made again; give it back its partitions, or take "
                           "a new snapshot with --set "
                           "source.snapshot.mode=when_needed after walrelay slot drop ",
                           options_.slot));
    }
    next = known->second.next;
    topic.partitions = static_cast<int32_t>(next.size());
    is_new = std::ranges::find(next, kafka::kNoOffset) != next.end() || topic.is_clocked;
  }
  if (is_new) {
    ASSIGN_OR_RETURN(next, topics_->EndOffsets(name, topic.partitions));
  }
  for (int32_t p = 0; p < topic.partitions; ++p) {
    const int64_t offset = next[static_cast<size_t>(p)];
    topic.ids.push_back(partitions_.Intern(name, p));
    watermark_->Start(topic.ids.back(), offset);
    if (once_ && is_new) once_->Start(topic.ids.back(), offset, offset);
  }
  RETURN_IF_ERROR(producer_->Prefetch(name));
  Tell(name);
  CrashPoint("topic-adopted");
  by_name_.emplace(name, std::move(topic));
  return is_new;
}

absl::Status KafkaLink::Register(const std::vector<std::string>& topics) {
  bool any_new = false;
  for (const std::string& name : topics) {
    if (by_name_.contains(name)) continue;
    ASSIGN_OR_RETURN(const bool is_new, Adopt(name));
    any_new = any_new || is_new;
  }
  // In a Kafka transaction the position that says where a topic ended is committed together with the
  // first records to it, or neither is: void records are no records, and no tail has to know of them.
  return any_new && !transaction_ ? WritePositionNow() : absl::OkStatus();
}

absl::Status KafkaLink::ReadAhead() {
  if (replay_until_ == kNoLsn) return absl::OkStatus();
  RETURN_IF_ERROR(Register(once_->topics_with_tails()));
  return once_->ReadAhead();
}

absl::StatusOr<KafkaLink::Topic*> KafkaLink::FindTopic(const Record& record) {
  if (record.topic_cache != nullptr) {
    const auto cached = by_cache_.find(record.topic_cache);
    if (cached != by_cache_.end()) return cached->second;
  }
  const std::string name(record.topic);
  RETURN_IF_ERROR(Register({name}));
  Topic* topic = &by_name_.find(name)->second;
  if (record.topic_cache != nullptr) by_cache_[record.topic_cache] = topic;
  return topic;
}

absl::Status KafkaLink::Send(const Record& record) {
  if (record.topic_cache == nullptr || record.topic_cache != last_cache_) {
    ASSIGN_OR_RETURN(last_topic_, FindTopic(record));
    last_cache_ = record.topic_cache;
  }
  const Topic& topic = *last_topic_;
  // A null key goes to one fixed partition, so that the order of such a table is kept.
  const int32_t partition = record.partition ? *record.partition
                            : record.key     ? kafka::PartitionOf(*record.key, topic.partitions)
                                             : 0;
  if (partition < 0 || partition >= topic.partitions) {
    return ExitError(ExitCode::kKafkaRefused,
                     Cat("topic ", topic.name, " has no partition ", partition));
  }
  const kafka::PartitionId id = topic.ids[static_cast<size_t>(partition)];
  const bool watched = once_ && !topic.is_clocked;
  if (watched && (replay_until_ != kNoLsn || !once_->IsClear(id))) {
    ASSIGN_OR_RETURN(const bool written, PassOver(topic, record, id));
    if (written) return absl::OkStatus();
  }
  RETURN_IF_ERROR(JoinTransaction());
  // The ticket is the watermark's next one; it is taken only once the producer has the record.
  const absl::Status status = producer_->Produce(record, partition, next_ticket_);
  if (!status.ok()) return Explain(status);
  CrashPoint("after-produce");
  const auto ticket = watermark_->Sent(id);
  CHECK(ticket == next_ticket_);
  ++next_ticket_;
  if (watched) once_->Sent(id);
  if (replay_until_ != kNoLsn) ++counters_.replayed_records;
  ++counters_.records;
  const size_t bytes =
      (record.key ? record.key->size() : 0) + (record.value ? record.value->size() : 0);
  counters_.record_bytes += bytes;
  bytes_since_position_ += bytes;
  if (transaction_) transaction_->Sent(id, bytes);
  return absl::OkStatus();
}

// True when the record stands in Kafka already: it counts as sent and acknowledged there.
absl::StatusOr<bool> KafkaLink::PassOver(const Topic& topic, const Record& record,
                                         kafka::PartitionId id) {
  auto place = once_->Find(record, id);
  counters_.unexpected_records = unexpected_before_ + once_->unexpected();
  RETURN_IF_ERROR(place.status());
  if (!*place) return false;
  const auto ticket =
      watermark_->Sent(topic.ids[static_cast<size_t>((*place)->partition)]);
  CHECK(ticket == next_ticket_);
  ++next_ticket_;
  watermark_->Acknowledged(ticket, (*place)->offset);
  ++counters_.skipped_records;
  ++counters_.replayed_records;
  return true;
}

absl::Status KafkaLink::Passed(Lsn end) {
  if (replay_until_ == kNoLsn || end < replay_until_) return absl::OkStatus();
  replay_until_ = kNoLsn;
  RETURN_IF_ERROR(once_->Passed(end));
  reader_.reset();
  const ReplayFilter::Counts& counts = once_->counts();
  if (counts.skipped > 0)
    log::Info(counts.skipped, " records that the last run had written were recognised");
  return absl::OkStatus();
}

void KafkaLink::Advanced(Lsn end_lsn) {
  watermark_->Committed(end_lsn);
  if (transaction_) transaction_->SourceCommitted(Clock::now());
}

void KafkaLink::Committed(Lsn end_lsn, Lsn last_commit, int64_t commit_micros) {
  watermark_->Committed(end_lsn, last_commit, commit_micros);
  if (transaction_) transaction_->SourceCommitted(Clock::now());
  if (commit_micros == 0) return;
  if (open_commits_.empty() || commit_micros - open_commits_.back().micros >= kCommitSampleMicros) {
    open_commits_.push_back({end_lsn, commit_micros});
  }
}

void KafkaLink::OnDelivery(const kafka::Delivery& delivery) {
  if ((delivery.ticket & kInternal) == 0) {
    const auto id = watermark_->PartitionOf(delivery.ticket);
    int64_t offset = delivery.offset;
    // Counting from the position's offset on would miss what is void in between.
    if (once_ && once_->is_open(id)) offset = once_->Acknowledged(id, offset);
    watermark_->Acknowledged(delivery.ticket, offset);
    ++counters_.records_acknowledged;
    CrashPoint("after-acknowledgement");
  } else if (delivery.ticket == position_ticket_) {
    CrashPoint("after-position-record");
    position_reported_ = true;
    last_position_offset_ = delivery.offset;
    if (!transaction_) PositionDurable();
  } else if (delivery.ticket == connect_ticket_) {
    connect_in_flight_ = false;
    CrashPoint("offset-acknowledged");
    if (delivery.offset >= 0) connect_offset_ = delivery.offset;
  }
}

void KafkaLink::PassCommits() {
  while (!open_commits_.empty() && open_commits_.front().end_lsn <= reachable()) {
    const int64_t delay_micros = UnixMicrosNow() - open_commits_.front().micros;
    counters_.produce_delay.Observe(static_cast<double>(std::max<int64_t>(0, delay_micros)) / 1e6);
    open_commits_.pop_front();
  }
}

absl::Status KafkaLink::CheckOffsets() {
  const absl::Status status = once_->Check();
  counters_.unexpected_records = unexpected_before_ + once_->unexpected();
  // Between records that are not committed may stand the marker of a broker that has given them up.
  // They come again in a new session, which stops where there is a record of somebody else.
  if (transaction_ && !status.ok()) return absl::UnavailableError(Cat(Message(status)));
  return status;
}

absl::Status KafkaLink::Serve(std::chrono::milliseconds timeout) {
  RETURN_IF_ERROR(Explain(producer_->Serve(
      [this](const kafka::Delivery& delivery) { OnDelivery(delivery); }, timeout)));
  if (once_) RETURN_IF_ERROR(CheckOffsets());
  if (transaction_) RETURN_IF_ERROR(AdvanceTransaction());
  PassCommits();
  return absl::OkStatus();
}

void KafkaLink::Leave() {
  if (transaction_) transaction_->Abandon(kAbortLimit);
}

absl::Status KafkaLink::Flush(SteadyTime deadline) {
  if (transaction_) return CommitNow(deadline);
  RETURN_IF_ERROR(Explain(producer_->Flush(
      deadline, [this](const kafka::Delivery& delivery) { OnDelivery(delivery); })));
  PassCommits();
  return once_ ? CheckOffsets() : absl::OkStatus();
}

void KafkaLink::PublishQueue() {
  counters_.kafka_queue_records = producer_->queued_messages();
  counters_.kafka_queue_bytes = producer_->queued_bytes();
  counters_.position = confirmed_;
  counters_.oldest_open_commit_micros = oldest_open_commit_micros();
}

}  // namespace walrelay::app
