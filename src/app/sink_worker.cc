#include "app/sink_worker.h"

#include "app/exit_code.h"
#include "app/supervise.h"
#include "app/takeover.h"
#include "apply/conflict.h"
#include "base/log.h"
#include "pg/error.h"

namespace walrelay::app {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kPollLimit = 200ms;   // How long stop may go unseen.
constexpr auto kDiscoverEvery = 1s;  // How long a new topic may go unseen.
constexpr auto kDiscoverSoon = 200ms;  // The same while there is none, or where one has just come.
constexpr auto kTopicsLimit = 2s;
constexpr auto kGoneFor = 5s;  // A topic that is missing for as long was deleted.
constexpr auto kPublishEvery = 1s;
constexpr auto kRetryEvery = 3s;  // How long an operator's wish may go unseen.
constexpr auto kDashboardEvery = 5s;
constexpr auto kLongestStatement = 1h;
constexpr std::string_view kQueryCanceled = "57014";  // By statement_timeout, or by somebody.
constexpr auto kUnreachableFor = 30s;  // Then the session ends, and the wait is visible.

admin::Op OpOf(char letter) {
  switch (letter) {
    case 'r':
      return admin::Op::kRead;
    case 'c':
      return admin::Op::kCreate;
    case 'd':
      return admin::Op::kDelete;
    case 't':
      return admin::Op::kTruncate;
    case 'm':
      return admin::Op::kMessage;
    default:
      return admin::Op::kUpdate;  // The reader lets no other letter through.
  }
}

// Whether Kafka still has all that a sink has applied, and what comes next.
absl::Status CheckStillThere(const std::string& sink, const TopicPartition& partition, int64_t next,
                             int64_t begin, int64_t end) {
  const std::string where = Cat("partition ", partition.partition, " of topic ", partition.topic);
  if (next < begin) {
    return absl::DataLossError(
        Cat("records from offset ", next, " to ", begin - 1, " of ", where, " are gone, which the ",
            sink, " had not read: retention removed them; to go on with what is left, delete the "
            "partition's row from its walrelay.progress, and let walrelay verify --repair bring "
            "what the mirrors lack"));
  }
  if (next > end) {
    return absl::DataLossError(
        Cat("records from offset ", end, " to ", next - 1, " of ", where, " are gone, which the ",
            sink, " has applied: the broker has lost them or is an older copy, or the topic was "
            "made anew; to go on behind what is left: walrelay position rewind --sink ", sink,
            " --topic ", partition.topic, " --partition ", partition.partition, " --to ", end));
  }
  return absl::OkStatus();
}

}  // namespace

std::string SinkWorkerOptions::name() const {
  return workers == 1 ? stage : Cat(stage, "-", worker + 1);
}

SinkWorker::SinkWorker(SinkWorkerOptions options, const StopSignal& stop, admin::StatusBoard& board,
                       admin::Metrics& metrics)
    : options_(std::move(options)),
      stop_(stop),
      board_(board),
      metrics_(metrics),
      read_again_(options_.kafka, stop_) {
  if (options_.sink.partial)
    options_.sink.owns_topic = [this](std::string_view topic) { return OwnsTopic(topic); };
  options_.sink.partitions_of = [this](std::string_view topic) {
    const auto known = partitions_.find(topic);
    return known == partitions_.end() ? 0 : known->second;
  };
  options_.sink.read_again = [this](const TopicPartition& partition, int64_t first, int64_t end,
                                    auto visit) {
    return read_again_.Read(partition, first, end, visit);
  };
}

// Where the sink begins to read. A partition that it has never seen: at its oldest record. Others:
// at the last record that was applied, where that is still there, so that the sink can see whether
// the topic is the one that it has read.
absl::StatusOr<std::map<TopicPartition, int64_t>> SinkWorker::StartOffsets(
    const std::set<TopicPartition>& partitions) {
  ASSIGN_OR_RETURN(const auto progress, sink_->LoadProgress(partitions));
  const std::vector<TopicPartition> asked(partitions.begin(), partitions.end());
  ASSIGN_OR_RETURN(auto starts, topics_->BeginOffsets(asked));
  ASSIGN_OR_RETURN(const auto ends, topics_->EndOffsets(asked));
  for (auto& [partition, start] : starts) {
    const auto known = progress.find(partition);
    if (known == progress.end()) continue;
    RETURN_IF_ERROR(CheckStillThere(options_.stage, partition, known->second, start,
                                    ends.at(partition)));
    start = std::max(start, known->second - 1);
  }
  RETURN_IF_ERROR(TakeOver(progress, starts));
  for (const auto& [partition, start] : starts) {
    log::Info(options_.name(), ": reading ", partition.topic, "[", partition.partition,
              "] from offset ", start);
  }
  return starts;
}

absl::Status SinkWorker::ReadTopics() {
  ASSIGN_OR_RETURN(const auto topics, topics_->List());
  partitions_.clear();
  for (const auto& [topic, partitions] : topics) {
    if (options_.is_data_topic(topic)) partitions_[topic] = partitions;
  }
  return options_.shared ? JoinNewTopics() : AssignNewTopics();
}

// Of the workers of this process: topics begin with different ones.
bool SinkWorker::IsMine(const TopicPartition& partition) const {
  const size_t turn =
      std::hash<std::string>()(partition.topic) + static_cast<size_t>(partition.partition);
  return static_cast<int>(turn % static_cast<size_t>(options_.workers)) == options_.worker;
}

absl::Status SinkWorker::AssignNewTopics() {
  std::set<TopicPartition> added;
  for (const auto& [topic, partitions] : partitions_) {
    if (parked_.contains(topic)) continue;
    for (int32_t p = 0; p < partitions; ++p) {
      const TopicPartition partition{topic, p};
      if (IsMine(partition) && !assigned_.contains(partition)) added.insert(partition);
    }
  }
  if (added.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto starts, StartOffsets(added));
  RETURN_IF_ERROR(consumer_->Add(starts));
  assigned_.insert(starts.begin(), starts.end());
  counters_.partitions = assigned_.size();
  return absl::OkStatus();
}

// What it has written belongs to no single one of several workers.
absl::Status SinkWorker::CheckNothingToTake(
    const std::vector<TopicPartition>& partitions, const std::map<TopicPartition, int64_t>& known,
    const std::map<TopicPartition, int64_t>& committed) const {
  for (const TopicPartition& partition : partitions) {
    const auto theirs = committed.find(partition);
    const auto ours = known.find(partition);
    if (theirs == committed.end() || (ours != known.end() && ours->second >= theirs->second))
      continue;
    return absl::FailedPreconditionError(
        Cat("the consumer group ", options_.takeover_group, " has come further in topic ",
            partition.topic, " than this sink: take over from it with workers = 1 and no "
            "kafka.group.id first, and share the work then"));
  }
  return absl::OkStatus();
}

// A consumer that wrote this sink before may have come further than we have.
absl::Status SinkWorker::TakeOver(const std::map<TopicPartition, int64_t>& known,
                                  std::map<TopicPartition, int64_t>& starts) {
  if (options_.takeover_group.empty()) return absl::OkStatus();
  std::vector<TopicPartition> partitions;
  for (const auto& [partition, next] : starts) partitions.push_back(partition);
  ASSIGN_OR_RETURN(const Offsets committed, ReadPredecessor(options_.kafka, options_.takeover_group,
                                                            partitions, options_.is_data_topic));
  if (options_.sink.partial) return CheckNothingToTake(partitions, known, committed);
  ASSIGN_OR_RETURN(const auto candidates,
                   PartitionsToTake(*topics_, partitions, known, committed));
  ASSIGN_OR_RETURN(const auto taken, sink_->TakeOver(candidates));
  if (taken.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(auto progress, sink_->LoadProgress());
  for (const apply::TakenPartition& one : taken) {
    starts[one.partition] = progress[one.partition];
    log::Info(options_.stage, ": taking over ", one.partition.topic, "[", one.partition.partition,
              "] from the consumer group ", options_.takeover_group, " at offset ", one.from,
              one.stored == 0 ? ""
                              : Cat("; the raw events of ", one.stored,
                                    " records from there on are there and stay as they are"));
  }
  return absl::OkStatus();
}

// The group's partitions come by Receive(). Topics that are parked stay in it: whoever has them
// does not read them.
absl::Status SinkWorker::JoinNewTopics() {
  std::set<std::string> topics;
  for (const auto& [topic, partitions] : partitions_) topics.insert(topic);
  if (topics == subscribed_) return absl::OkStatus();
  RETURN_IF_ERROR(consumer_->Subscribe(
      topics, {.assigned = [this](const auto& partitions) { return Receive(partitions); },
               .revoked = [this] { GiveUp(); }}));
  subscribed_ = std::move(topics);
  return absl::OkStatus();
}

absl::StatusOr<std::map<TopicPartition, int64_t>> SinkWorker::Receive(
    const std::set<TopicPartition>& partitions) {
  GiveUp();
  ASSIGN_OR_RETURN(assigned_, StartOffsets(partitions));
  SetParked(sink_->ParkedTopics());
  std::erase_if(assigned_, [&](const auto& next) { return parked_.contains(next.first.topic); });
  counters_.partitions = assigned_.size();
  ShowState();
  return assigned_;
}

// What was read and not applied is read again by whoever has the partition then.
void SinkWorker::GiveUp() {
  batch_.Clear();
  sent_.Clear();
  assigned_.clear();
  counters_.partitions = 0;
}

bool SinkWorker::OwnsTopic(std::string_view topic) const {
  const auto known = partitions_.find(topic);
  if (known == partitions_.end()) return false;
  for (int32_t p = 0; p < known->second; ++p) {
    if (!assigned_.contains({std::string(topic), p})) return false;
  }
  return true;
}

// librdkafka waits in silence for a topic that is gone. A broker that has just come back may not
// know its topics for a moment, so it must stay gone.
absl::Status SinkWorker::CheckTopics() {
  const absl::Status found = consumer_->CheckTopics(kTopicsLimit);
  if (!absl::IsFailedPrecondition(found)) {
    if (found.ok()) topic_gone_since_.reset();
    return absl::OkStatus();  // Kafka is away: Poll() and unreachable_since() know more.
  }
  const SteadyTime now = Clock::now();
  if (!topic_gone_since_) topic_gone_since_ = now;
  if (now - *topic_gone_since_ < kGoneFor) return absl::OkStatus();
  return WithExitCode(found, ExitCode::kRecordsGone);
}

// What operators asked for. A table that goes on is read again from where it was parked: in a new
// session.
absl::Status SinkWorker::Attend() {
  ASSIGN_OR_RETURN(const apply::Sink::Attended attended, sink_->Attend());
  counters_.incomplete_rows = static_cast<uint64_t>(attended.incomplete_rows);
  RETURN_IF_ERROR(PauseParked());
  if (attended.resumed == 0) return absl::OkStatus();
  return absl::AbortedError(Cat("going on with ", attended.resumed, " parked topics"));
}

void SinkWorker::SetParked(std::map<std::string, std::string> parked) {
  parked_ = std::move(parked);
  counters_.parked_topics = parked_.size();
}

// What a parked topic has read ahead is dropped by the sink; no more is fetched.
absl::Status SinkWorker::PauseParked() {
  const auto parked = sink_->ParkedTopics();
  if (parked.size() == parked_.size()) return absl::OkStatus();
  for (const auto& [partition, next] : assigned_) {
    if (parked.contains(partition.topic) && !parked_.contains(partition.topic))
      RETURN_IF_ERROR(consumer_->Pause(partition));
  }
  SetParked(parked);
  works_ = true;
  ShowState();
  return absl::OkStatus();
}

bool SinkWorker::HasNothingToDo() const {
  return assigned_.empty() ||
         (consumer_->Lag() == 0u && batch_.messages.empty() && sent_.messages.empty());
}

void SinkWorker::Works() {
  if (std::exchange(works_, true)) return;
  ShowState();
}

void SinkWorker::ShowState() {
  if (!works_) return;
  std::string text = Cat(assigned_.size(), " partitions");
  for (const auto& [topic, reason] : parked_)
    text += Cat("; topic ", topic, " is parked: ", reason);
  if (counters_.incomplete_rows != 0)
    text += Cat("; ", counters_.incomplete_rows, " rows lack values (walrelay.incomplete_rows)");
  board_.Set(options_.name(), admin::State::kStreaming, text);
}

absl::Status SinkWorker::GatherBatch() {
  batch_.Clear();
  size_t bytes = 0;
  // A batch that the server is at work on is not held up for more.
  auto limit = sent_.messages.empty()
                   ? std::chrono::duration_cast<std::chrono::milliseconds>(kPollLimit)
                   : 0ms;
  while (batch_.messages.size() < options_.batch_records && bytes < options_.batch_bytes) {
    ASSIGN_OR_RETURN(auto message, consumer_->Poll(limit));
    if (!message) return absl::OkStatus();
    bytes += message->size();
    batch_.messages.push_back(*std::move(message));
    limit = 0ms;  // What else has arrived comes along; nobody waits for more.
  }
  batch_.is_full = true;
  return absl::OkStatus();
}

absl::Status SinkWorker::ApplyBatch() {
  for (const kafka::ConsumedMessage& message : batch_.messages)
    batch_.records.push_back(message.record());
  const auto begun = Clock::now();
  // Behind a full batch comes another one. In a group the partitions may be gone by then.
  const bool more_follows = batch_.is_full && !options_.shared;
  ASSIGN_OR_RETURN(const apply::BatchResult result, sink_->Apply(batch_.records, more_follows));
  RETURN_IF_ERROR(PauseParked());
  counters_.batch_duration.Observe(std::chrono::duration<double>(Clock::now() - begun).count());
  Passed(sent_);
  if (sink_->is_settled()) {
    Passed(batch_);
  } else {
    std::swap(batch_, sent_);
  }
  Count(result);
  return absl::OkStatus();
}

absl::Status SinkWorker::SettleBatch() {
  if (sent_.messages.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const apply::BatchResult result, sink_->Settle());
  RETURN_IF_ERROR(PauseParked());
  Passed(sent_);
  Count(result);
  return absl::OkStatus();
}

// All of it is in the sink.
void SinkWorker::Passed(Batch& batch) {
  const std::vector<ConsumedRecord>& records = batch.records;
  if (records.empty()) return;
  ++counters_.batches;
  counters_.records += records.size();
  // Messages come in runs of one partition: only the last of a run says where it is.
  for (size_t i = 0; i < records.size(); ++i) {
    const ConsumedRecord& record = records[i];
    const bool run_ends = i + 1 == records.size() ||
                          records[i + 1].partition != record.partition ||
                          records[i + 1].topic != record.topic;
    if (run_ends && !parked_.contains(std::string(record.topic)))
      assigned_[{std::string(record.topic), record.partition}] = record.offset + 1;
  }
  batch.Clear();
}

void SinkWorker::Count(const apply::BatchResult& result) {
  if (result.events + result.tombstones != 0) Works();
  counters_.record_bytes += static_cast<uint64_t>(result.bytes);
  counters_.dead_letters += static_cast<uint64_t>(result.dead_letters);
  counters_.rows += static_cast<uint64_t>(result.events);
  for (const auto& [table, ops] : result.events_by_table) {
    for (const auto& [op, events] : ops) {
      counters_.events.Of(table).Add(OpOf(op), static_cast<uint64_t>(events));
    }
  }
  if (result.newest_source_ts_us > 0) {
    counters_.last_event_micros = result.newest_source_ts_us;
    counters_.apply_delay.Observe(
        static_cast<double>(std::max<int64_t>(0, UnixMicrosNow() - result.newest_source_ts_us)) /
        1e6);
  }
}

namespace {

// What a permanent error of a sink means for the exit code. In a group a partition that another
// member has taken over meanwhile is nothing permanent.
absl::Status SinkError(const absl::Status& status, bool shared) {
  if (shared && apply::IsProgressMoved(status)) {
    return absl::AbortedError(
        "another member of the group has taken a partition over; nothing of this batch was "
        "applied here");
  }
  if (apply::IsSinkConflict(status)) return WithExitCode(status, ExitCode::kSinkConflict);
  if (absl::IsFailedPrecondition(status) || absl::IsInvalidArgument(status))
    return WithExitCode(status, ExitCode::kSinkRefused);
  return absl::IsDataLoss(status) ? WithExitCode(status, ExitCode::kRecordsGone) : status;
}

}  // namespace

absl::Status SinkWorker::Run() {
  const absl::Status status = SinkError(RunSession(), options_.shared);
  counters_.connected = false;
  if (IsTransient(status)) {
    ++counters_.retries;
    works_ = false;
  }
  if (pg::SqlStateOf(status) == kQueryCanceled) AllowMoreTime();
  Publish();
  return status;
}

// What took too long once would do so each time: a truncate that deletes, a trigger, a slow disk.
void SinkWorker::AllowMoreTime() {
  auto& limit = options_.sink.statement_limit;
  limit = std::min<std::chrono::milliseconds>(2 * limit, kLongestStatement);
  log::Warn(options_.name(), ": a statement may take ", limit.count() / 1000, " s from now on");
}

// How far behind it is: what was read and not applied, else what Kafka holds beyond that. When all
// of that waits for the end of somebody's transaction, the time counts from when it was noticed.
void SinkWorker::Publish() {
  const auto unread = consumer_ ? consumer_->Lag() : std::nullopt;
  if (unread) counters_.lag_records = *unread + batch_.messages.size() + sent_.messages.size();
  int64_t oldest_ms = 0;
  for (const Batch* batch : {&sent_, &batch_}) {
    for (const kafka::ConsumedMessage& message : batch->messages) {
      const int64_t at = message.timestamp_ms();
      if (at > 0 && (oldest_ms == 0 || at < oldest_ms)) oldest_ms = at;
    }
  }
  if (oldest_ms != 0) {
    counters_.oldest_waiting_micros = oldest_ms * 1000;
  } else if (counters_.lag_records.value_or(0) == 0) {
    counters_.oldest_waiting_micros = 0;
  } else if (counters_.oldest_waiting_micros == 0) {
    counters_.oldest_waiting_micros = UnixMicrosNow();
  }
  metrics_.Publish(options_.stage, options_.worker, counters_);
  publish_at_ = Clock::now() + kPublishEvery;
}

absl::Status SinkWorker::RunSession() {
  if (connected_before_) ++counters_.reconnects;
  GiveUp();  // A consumer does not end before its messages do.
  consumer_.reset();
  sink_.reset();
  ASSIGN_OR_RETURN(sink_, apply::Sink::Open(options_.sink));
  ASSIGN_OR_RETURN(topics_, kafka::Topics::Open(options_.kafka));
  ASSIGN_OR_RETURN(consumer_, kafka::Consumer::Open(options_.kafka, options_.group));
  subscribed_.clear();
  topic_gone_since_.reset();
  SetParked(sink_->ParkedTopics());
  counters_.connected = connected_before_ = true;
  publish_at_ = Clock::now() + kPublishEvery;

  SteadyTime discover_at{};
  SteadyTime retry_at{};
  SteadyTime dashboard_at = Clock::now() + kDashboardEvery;
  for (;;) {
    const SteadyTime now = Clock::now();
    if (stop_.asked() || now >= std::min({discover_at, retry_at, publish_at_, dashboard_at}))
      RETURN_IF_ERROR(SettleBatch());
    RETURN_IF_ERROR(stop_.Check());
    if (now >= discover_at) {
      const size_t before = partitions_.size();
      RETURN_IF_ERROR(ReadTopics());
      RETURN_IF_ERROR(CheckTopics());
      ShowState();
      const bool soon = partitions_.empty() || partitions_.size() > before;
      discover_at = now + (soon ? kDiscoverSoon : kDiscoverEvery);
    }
    if (now >= retry_at) {
      RETURN_IF_ERROR(Attend());
      retry_at = now + kRetryEvery;
    }
    if (const absl::Status gathered = GatherBatch(); !gathered.ok()) {
      (void)SettleBatch();  // Else it would wait for the next session, with its locks.
      return gathered;
    }
    if (now >= publish_at_) {
      Publish();
      if (HasNothingToDo()) Works();
    }
    RETURN_IF_ERROR(batch_.messages.empty() ? SettleBatch() : ApplyBatch());
    if (now >= dashboard_at) {
      consumer_->CommitForDashboards(assigned_);
      dashboard_at = now + kDashboardEvery;
    }
    if (const auto since = consumer_->unreachable_since();
        since && now - *since > kUnreachableFor) {
      return absl::UnavailableError(Cat("Kafka is away: ", consumer_->last_error()));
    }
  }
}

}  // namespace walrelay::app
