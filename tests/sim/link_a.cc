#include "tests/sim/link_a.h"

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "app/exactly_once.h"
#include "base/check.h"
#include "kafka/ack_watermark.h"
#include "kafka/position_reader.h"
#include "tests/sim/source.h"

namespace walrelay::sim {
namespace {

constexpr int kPositionLane = kLanes;
constexpr int kForeign = -1;
constexpr size_t kMostInFlight = 6;
constexpr uint64_t kMostSteps = 20'000;

struct Request {
  int64_t sequence = 0;
  int row = kForeign;  // On the position lane: none.
  PositionRecord position;
  uint64_t ticket = 0;
};
struct Answer {
  uint64_t ticket = 0;
  int64_t offset = 0;
};

// What the broker holds, and what is on its way there.
struct Broker {
  std::vector<int> logs[kLanes];  // Rows.
  std::vector<PositionRecord> positions;
  std::map<std::pair<int, int>, std::deque<Request>> wires;  // By producer and lane.
  std::map<std::pair<int, int>, int64_t> sequences;
};

class World : public app::TopicDoor {
 public:
  World(uint64_t seed, MutationA mutation, CountsA& counts)
      : random_(seed), mutation_(mutation), counts_(counts), source_(MakeSource(random_)) {
    crashes_left_ = 1 + Below(6);
    foreign_left_ = Chance(20) ? 1 : 0;
    broker_.positions.push_back(FirstPosition());
  }

  std::string Run();

  absl::StatusOr<int64_t> EndOffset(const TopicPartition& partition) override {
    const int lane = LaneOf(partition);
    const auto known = ends_at_start_.find(lane);
    if (mutation_ == MutationA::kEndNotAskedAgain && known != ends_at_start_.end() &&
        !sent_lanes_.contains(lane))
      return known->second;
    return static_cast<int64_t>(broker_.logs[lane].size());
  }
  absl::Status Read(const std::map<TopicPartition, kafka::OffsetRange>& ranges,
                    kafka::LogReader::OnRecord on_record) override {
    for (const auto& [partition, range] : ranges)
      RETURN_IF_ERROR(ReadOne(partition, range, on_record));
    return absl::OkStatus();
  }
  absl::Status ReadOne(const TopicPartition& partition, kafka::OffsetRange range,
                       kafka::LogReader::OnRecord on_record) {
    const auto& log = broker_.logs[LaneOf(partition)];
    for (int64_t offset = range.first; offset < range.end; ++offset) {
      const int row = log[static_cast<size_t>(offset)];
      ConsumedRecord record;
      record.topic = partition.topic;
      record.partition = partition.partition;
      record.offset = offset;
      record.key = record.value = "foreign";
      if (row != kForeign) {
        record.key = source_.rows[static_cast<size_t>(row)].key;
        record.value = source_.rows[static_cast<size_t>(row)].value;
      }
      RETURN_IF_ERROR(on_record(record));
    }
    return absl::OkStatus();
  }

 private:
  enum class Phase { kDown, kLooking, kStreaming, kStopped };

  int Below(int limit) { return random_.Below(limit); }
  bool Chance(int percent) { return random_.Chance(percent); }

  // Two mutations have a filter of their own.
  bool SkipsByItself() const {
    return mutation_ == MutationA::kSkipByLsn || mutation_ == MutationA::kSkipInAnyOrder;
  }

  void Fail(std::string what) {
    if (failure_.empty()) failure_ = std::move(what);
  }

  // The scheduler.
  void Step();
  void CheckInvariant();
  std::string CheckEnd();

  // The broker and the network.
  void Arrive();
  void Append(int producer, int lane, const Request& request);
  void WriteForeign();
  void CrashSource();

  // The process.
  void Crash();
  void StepProcess();
  void LookAround();
  void Begin();
  PositionRecord CurrentPosition() const;
  void StepStream();
  bool Adopt(int topic);
  absl::StatusOr<bool> IsWritten(const Row& row, const Record& record);
  void EndTransaction();
  void Produce(int lane, Request request);
  void TakeReport();
  void SendPosition();
  void Confirm();
  void StopProcess(const absl::Status& status, app::ExitCode code);

  Random random_;
  MutationA mutation_;
  CountsA& counts_;
  Source source_;
  Broker broker_;
  std::string failure_;
  bool has_cause_ = false;  // Somebody else wrote where only we may, and it can be noticed.
  bool quiet_ = false;      // No more faults.
  bool accept_ = false;     // The operator has looked at a stop.
  int crashes_left_ = 0;
  int foreign_left_ = 0;
  int64_t looked_at_[kLanes] = {};  // Where a topic stood when it was new to us: what is before it
                                    // was never watched.
  int late_[kLanes] = {};  // The process that ran when somebody else last wrote there.

  Phase phase_ = Phase::kDown;
  int producer_ = 0;  // The number of the running process.
  app::StartFacts facts_;
  PositionRecord base_;
  kafka::PartitionTable table_;
  std::unique_ptr<app::ExactlyOnce> once_;
  std::unique_ptr<kafka::AckWatermark> watermark_;
  std::vector<kafka::PartitionId> ids_;  // By lane.
  std::set<int> adopted_;
  std::set<int> sent_lanes_;
  int64_t counted_[kLanes] = {};         // The next offset, as a mutation believes.
  std::map<int, int64_t> ends_at_start_;  // By lane, for another one, as are the next two.
  std::vector<std::vector<int>> any_order_;  // The tail.
  int highest_lsn_ = -1;
  std::map<int, std::deque<Answer>> answers_;  // By lane.
  int64_t sequence_[kLanes + 1] = {};
  size_t transaction_ = 0;
  int row_ = 0;
  uint64_t next_ticket_ = 0;
  bool position_in_flight_ = false;
  bool claiming_ = false;  // Its first position is not known to count yet.
  bool reads_ahead_ = false;
  bool waiting_ = false;  // For the position that registers a topic.
  int written_ = 0;
  int confirmed_ = 0;
  int replay_until_ = 0;
};

// --- The broker and the network ---

void World::Arrive() {
  std::vector<std::pair<int, int>> open;
  for (const auto& [wire, requests] : broker_.wires) {
    if (!requests.empty()) open.push_back(wire);
  }
  if (open.empty()) return;
  const auto wire = open[static_cast<size_t>(Below(static_cast<int>(open.size())))];
  if (wire.first != producer_ && Chance(70)) return;  // What a dead process has left takes its time.
  auto& requests = broker_.wires[wire];
  const Request request = requests.front();
  const bool is_ours = wire.first == producer_ && phase_ == Phase::kStreaming;
  int64_t offset = kafka::kNoOffset;
  if (request.sequence == broker_.sequences[wire]) {  // Else it was taken before.
    ++broker_.sequences[wire];
    offset = wire.second == kPositionLane
                 ? static_cast<int64_t>(broker_.positions.size())
                 : static_cast<int64_t>(broker_.logs[wire.second].size());
    Append(wire.first, wire.second, request);
  }
  if (is_ours && Chance(10)) {  // The answer is lost: the producer repeats the request.
    ++counts_.lost_answers;
    return;
  }
  if (is_ours) answers_[wire.second].push_back({.ticket = request.ticket, .offset = offset});
  requests.pop_front();
}

void World::Append(int producer, int lane, const Request& request) {
  if (lane == kPositionLane) {
    broker_.positions.push_back(request.position);
    return;
  }
  if (producer != producer_ || phase_ != Phase::kStreaming) {
    ++counts_.zombies;
    late_[lane] = phase_ == Phase::kDown ? 0 : producer_;
  }
  auto& log = broker_.logs[lane];
  // A process and a dead one's requests have met: it cannot be undone, only be seen.
  if (std::find(log.begin(), log.end(), request.row) != log.end()) has_cause_ = true;
  log.push_back(request.row);
}

void World::WriteForeign() {
  --foreign_left_;
  ++counts_.foreign;
  has_cause_ = true;
  const int lane = Below(kLanes);
  late_[lane] = phase_ == Phase::kDown ? 0 : producer_;
  broker_.logs[lane].push_back(kForeign);
}

// A crash before a checkpoint: the slot goes back, and the connection is gone.
void World::CrashSource() {
  if (source_.saved < source_.confirmed) ++counts_.slot_back;
  source_.confirmed = source_.saved;
  Crash();
}

// --- The process ---

void World::Crash() {
  if (phase_ == Phase::kStopped) return;
  ++counts_.crashes;
  phase_ = Phase::kDown;
  // Some requests are still on their way, of each partition the first ones.
  for (auto& [wire, requests] : broker_.wires) {
    if (wire.first != producer_ || requests.empty()) continue;
    const int kept = Chance(40) ? Below(static_cast<int>(requests.size()) + 1) : 0;
    requests.resize(static_cast<size_t>(kept));
  }
  answers_.clear();
}

void World::StepProcess() {
  switch (phase_) {
    case Phase::kDown:
      return LookAround();
    case Phase::kLooking:
      return Begin();
    case Phase::kStreaming:
      return StepStream();
    case Phase::kStopped:
      return;
  }
}

// What the servers say. Requests of a dead process may arrive before the next step.
void World::LookAround() {
  facts_ = FactsOf(source_);
  facts_.accept_topic_mismatch = accept_;
  facts_.position = CurrentPosition();
  for (const auto& [topic, where] : facts_.position->topics) {
    for (int p = 0; p < kPartitions; ++p) {
      app::TailFacts tail;
      tail.partition = {.topic = topic, .partition = p};
      tail.next = where.next[static_cast<size_t>(p)];
      tail.end = static_cast<int64_t>(broker_.logs[LaneOf(tail.partition)].size());
      facts_.tails.push_back(tail);
    }
  }
  ++producer_;
  phase_ = Phase::kLooking;
}

void World::Begin() {
  const app::StartDecision decision = app::DecideStart(facts_);
  if (const auto* refusal = std::get_if<app::RefuseToStart>(&decision.action)) {
    return StopProcess(absl::FailedPreconditionError(refusal->message), refusal->code);
  }
  const int from = static_cast<int>(Number(std::get<app::StreamFrom>(decision.action).from));
  if (CurrentPosition() != facts_.position) {  // Claim() has failed: somebody has moved it.
    phase_ = Phase::kDown;
    return;
  }
  base_ = *facts_.position;
  ++base_.generation;
  base_.claimed = false;
  table_ = {};
  once_ = std::make_unique<app::ExactlyOnce>(*this, table_, accept_);
  watermark_ = std::make_unique<kafka::AckWatermark>(base_.end_lsn);
  ids_.clear();
  for (int lane = 0; lane < kLanes; ++lane) {
    const TopicPartition partition = PartitionOf(lane);
    ids_.push_back(table_.Intern(partition.topic, partition.partition));
  }
  any_order_.assign(kLanes, {});
  highest_lsn_ = -1;
  ends_at_start_.clear();
  for (const app::TailFacts& tail : facts_.tails) {
    const int lane = LaneOf(tail.partition);
    ends_at_start_[lane] = tail.end;
    const bool ignored = mutation_ == MutationA::kTailIgnored;
    once_->Start(ids_[static_cast<size_t>(lane)], ignored ? tail.end : tail.next, tail.end);
    for (int64_t offset = tail.next; offset < tail.end; ++offset) {
      const int row = broker_.logs[lane][static_cast<size_t>(offset)];
      any_order_[static_cast<size_t>(lane)].push_back(row);
      if (row != kForeign)
        highest_lsn_ = std::max(highest_lsn_, source_.rows[static_cast<size_t>(row)].lsn);
    }
  }
  adopted_.clear();
  sent_lanes_.clear();
  answers_.clear();
  std::fill(std::begin(sequence_), std::end(sequence_), 0);
  transaction_ = 0;
  while (transaction_ < source_.transactions.size() &&
         source_.transactions[transaction_].end_lsn <= from)
    ++transaction_;
  row_ = transaction_ < source_.transactions.size() ? source_.transactions[transaction_].first_row
                                                    : 0;
  next_ticket_ = 0;
  position_in_flight_ = false;
  reads_ahead_ = Below(2) == 0;
  waiting_ = claiming_ = true;  // Before the first record its own position is durable.
  written_ = confirmed_ = from;
  replay_until_ = static_cast<int>(Number(facts_.server_flush));
  phase_ = Phase::kStreaming;
  SendPosition();
}

// As kafka/position_reader chooses.
PositionRecord World::CurrentPosition() const {
  if (mutation_ == MutationA::kNewestPositionCounts) return broker_.positions.back();
  const PositionRecord* chosen = &broker_.positions.front();
  for (const PositionRecord& position : broker_.positions) {
    const bool counts = mutation_ == MutationA::kClaimNotVerified
                            ? position.generation >= chosen->generation
                            : kafka::CountsMore(position, *chosen);
    if (counts) chosen = &position;
  }
  return *chosen;
}

void World::StopProcess(const absl::Status& status, app::ExitCode code) {
  Crash();
  if (!has_cause_) {
    return Fail(Cat("stopped without a cause, code ", static_cast<int>(code), ": ",
                    Message(status)));
  }
  ++counts_.stops;
  accept_ = true;  // The operator lets it go on; from here on nothing may be lost.
}

// False: the position must be durable first.
bool World::Adopt(int topic) {
  adopted_.insert(topic);
  const auto known = base_.topics.find(kTopicNames[topic]);
  for (int p = 0; p < kPartitions; ++p) {
    const int lane = topic * kPartitions + p;
    const auto id = ids_[static_cast<size_t>(lane)];
    const auto end = static_cast<int64_t>(broker_.logs[lane].size());
    const int64_t next =
        known == base_.topics.end() ? end : known->second.next[static_cast<size_t>(p)];
    watermark_->Start(id, next);
    if (known != base_.topics.end()) continue;
    once_->Start(id, end, end);
    looked_at_[lane] = end;
  }
  if (known != base_.topics.end()) return true;
  if (mutation_ == MutationA::kTopicNotRegistered) return true;
  waiting_ = true;
  if (!position_in_flight_) SendPosition();
  return false;
}

void World::StepStream() {
  if (waiting_) {  // A position that was under way says less: another one follows it.
    if (position_in_flight_) return;
    SendPosition();
    return;
  }
  if (reads_ahead_) {
    reads_ahead_ = false;
    if (const auto status = once_->ReadAhead(); !status.ok())
      return StopProcess(status, app::ExitCodeOf(status));
  }
  if (transaction_ >= source_.committed) {
    // A keepalive: everything up to the end of the WAL has been sent.
    if (mutation_ != MutationA::kTailNotUsedUpIgnored && !SkipsByItself()) {
      if (const auto status = once_->Passed(Lsn{static_cast<uint64_t>(source_.flush())});
          !status.ok())
        StopProcess(status, app::ExitCodeOf(status));
    }
    return;
  }
  const Transaction& transaction = source_.transactions[transaction_];
  if (row_ == transaction.end_row) return EndTransaction();
  const Row& row = source_.rows[static_cast<size_t>(row_)];
  const int topic = row.lane / kPartitions;
  if (!adopted_.contains(topic) && !Adopt(topic)) return;
  if (watermark_->in_flight() >= kMostInFlight) return;
  Record record;
  record.topic = kTopicNames[topic];
  record.key = row.key;
  record.value = row.value;
  const auto written = IsWritten(row, record);
  if (!written.ok()) return StopProcess(written.status(), app::ExitCodeOf(written.status()));
  if (!*written) {
    const auto& log = broker_.logs[row.lane];
    if (sent_lanes_.insert(row.lane).second) {
      // Later on a dead process' request may come between; before the first record it is seen.
      if (!accept_ && std::find(log.begin(), log.end(), row_) != log.end())
        return Fail(Cat("row ", row_, " is written again"));
      counted_[row.lane] = static_cast<int64_t>(log.size());
    }
    const auto id = ids_[static_cast<size_t>(row.lane)];
    const auto ticket = watermark_->Sent(id);
    CHECK(ticket == next_ticket_);
    ++next_ticket_;
    if (!SkipsByItself()) once_->Sent(id);
    Produce(row.lane, {.sequence = 0, .row = row_, .position = {}, .ticket = ticket});
  }
  ++row_;
}

absl::StatusOr<bool> World::IsWritten(const Row& row, const Record& record) {
  const auto id = ids_[static_cast<size_t>(row.lane)];
  auto& tail = any_order_[static_cast<size_t>(row.lane)];
  int64_t offset = kafka::kNoOffset;
  if (SkipsByItself()) {
    const auto found = std::find(tail.begin(), tail.end(), row_);
    const bool skip =
        mutation_ == MutationA::kSkipByLsn ? row.lsn <= highest_lsn_ : found != tail.end();
    if (!skip) return false;
    const auto& log = broker_.logs[row.lane];
    offset = static_cast<int64_t>(std::find(log.begin(), log.end(), row_) - log.begin());
  } else {
    ASSIGN_OR_RETURN(const auto place, once_->Find(record, id));
    if (!place) return false;
    offset = place->offset;
  }
  ++counts_.skipped;
  const auto ticket = watermark_->Sent(id);
  CHECK(ticket == next_ticket_);
  ++next_ticket_;
  watermark_->Acknowledged(ticket, offset);
  return true;
}

void World::EndTransaction() {
  const Lsn end{static_cast<uint64_t>(source_.transactions[transaction_].end_lsn)};
  watermark_->Committed(end);
  ++transaction_;
  if (transaction_ < source_.transactions.size())
    row_ = source_.transactions[transaction_].first_row;
  if (static_cast<int>(Number(end)) < replay_until_ ||
      mutation_ == MutationA::kTailNotUsedUpIgnored || SkipsByItself())
    return;
  if (const auto status = once_->Passed(end); !status.ok())
    StopProcess(status, app::ExitCodeOf(status));
}

void World::Produce(int lane, Request request) {
  request.sequence = sequence_[lane]++;
  broker_.wires[{producer_, lane}].push_back(std::move(request));
}

void World::SendPosition() {
  PositionRecord record = base_;
  record.end_lsn = mutation_ == MutationA::kPositionPassesOpenRecords
                       ? watermark_->committed()
                       : watermark_->position().end_lsn;
  for (const int topic : adopted_) {
    auto& next = record.topics[kTopicNames[topic]].next;
    next.resize(kPartitions, kafka::kNoOffset);
    for (int p = 0; p < kPartitions; ++p) {
      const int lane = topic * kPartitions + p;
      next[static_cast<size_t>(p)] =
          mutation_ == MutationA::kPositionTakesTheEnds
              ? static_cast<int64_t>(broker_.logs[lane].size())
              : watermark_->position().next[ids_[static_cast<size_t>(lane)]];
    }
  }
  written_ = static_cast<int>(Number(record.end_lsn));
  position_in_flight_ = true;
  // `row` tells a position that registers from one that was under way before.
  Produce(kPositionLane, {.sequence = 0,
                          .row = waiting_ ? 1 : 0,
                          .position = std::move(record),
                          .ticket = waiting_ ? uint64_t{1} : uint64_t{0}});
  if (mutation_ == MutationA::kConfirmBeforeAcknowledgement) confirmed_ = written_;
}

void World::TakeReport() {
  std::vector<int> lanes;
  for (const auto& [lane, answers] : answers_) {
    if (!answers.empty()) lanes.push_back(lane);
  }
  if (lanes.empty()) return;
  const int lane = lanes[static_cast<size_t>(Below(static_cast<int>(lanes.size())))];
  const Answer answer = answers_[lane].front();
  answers_[lane].pop_front();
  if (lane == kPositionLane) {
    position_in_flight_ = false;
    if (claiming_) {
      const size_t offset = static_cast<size_t>(answer.offset);
      // By content: two that are equal are as good as one.
      const bool is_first = answer.offset != kafka::kNoOffset &&
                            CurrentPosition() == broker_.positions[offset];
      if (!is_first && mutation_ != MutationA::kNewestPositionCounts &&
          mutation_ != MutationA::kClaimNotVerified) {
        phase_ = Phase::kDown;  // Unavailable: it starts over.
        answers_.clear();
        return;
      }
      base_.claimed = true;
      claiming_ = false;
    }
    if (answer.ticket == 1) waiting_ = false;
    confirmed_ = std::max(confirmed_, written_);
    return;
  }
  const auto id = watermark_->Acknowledged(answer.ticket, answer.offset);
  if (mutation_ == MutationA::kOffsetsNotWatched) return;
  if (SkipsByItself()) return;
  const bool guessed = answer.offset == kafka::kNoOffset &&
                       mutation_ == MutationA::kReportsWithoutOffsetTrusted;
  const int64_t offset = guessed ? counted_[lane] : answer.offset;
  counted_[lane] = offset == kafka::kNoOffset ? counted_[lane] + 1 : offset + 1;
  once_->Acknowledged(id, offset);
  if (const auto status = once_->Check(); !status.ok())
    StopProcess(status, app::ExitCodeOf(status));
}

void World::Confirm() { source_.confirmed = std::max(source_.confirmed, confirmed_); }

// --- The scheduler ---

void World::Step() {
  ++counts_.steps;
  const int choice = Below(200);
  const bool streams = phase_ == Phase::kStreaming;
  if (choice < 60) {
    StepProcess();
  } else if (choice < 115) {
    Arrive();
  } else if (choice < 155) {
    if (streams) TakeReport();
  } else if (choice < 167) {
    if (streams && !position_in_flight_ &&
        Number(watermark_->position().end_lsn) > static_cast<uint64_t>(written_))
      SendPosition();
  } else if (choice < 177) {
    if (streams && !claiming_) Confirm();
  } else if (choice < 190) {
    if (source_.committed < source_.transactions.size()) ++source_.committed;
  } else if (choice < 194) {
    source_.saved = source_.confirmed;
  } else if (quiet_) {
    return;
  } else if (choice < 198) {
    if (crashes_left_ > 0 && phase_ != Phase::kDown) {
      --crashes_left_;
      Crash();
    }
  } else if (choice == 198) {
    if (crashes_left_ > 0 && streams) {
      --crashes_left_;
      CrashSource();
    }
  } else if (foreign_left_ > 0) {
    WriteForeign();
  }
  CheckInvariant();
}

// confirmed_flush ≤ position record ≤ what Kafka holds.
void World::CheckInvariant() {
  const Lsn newest = CurrentPosition().end_lsn;
  if (static_cast<uint64_t>(source_.confirmed) > Number(newest)) {
    return Fail(Cat("confirmed ", source_.confirmed, " beyond the position record ", newest));
  }
  for (const Transaction& transaction : source_.transactions) {
    if (static_cast<uint64_t>(transaction.end_lsn) > Number(newest)) break;
    for (int r = transaction.first_row; r < transaction.end_row; ++r) {
      const auto& log = broker_.logs[source_.rows[static_cast<size_t>(r)].lane];
      if (std::find(log.begin(), log.end(), r) == log.end())
        return Fail(Cat("the position ", newest, " covers row ", r, ", which is not in Kafka"));
    }
  }
}

std::string World::CheckEnd() {
  for (int lane = 0; lane < kLanes; ++lane) {
    std::vector<int> want;
    for (size_t r = 0; r < source_.rows.size(); ++r) {
      if (source_.rows[r].lane == lane) want.push_back(static_cast<int>(r));
    }
    if (want.empty()) continue;  // A topic that we may never have looked at.
    std::vector<int> got;
    for (const int row : broker_.logs[lane]) {
      // Behind a stop that had a cause, a record may stand there twice; its first place counts.
      if (accept_ && (row == kForeign || std::find(got.begin(), got.end(), row) != got.end()))
        continue;
      got.push_back(row);
    }
    // Behind the last record of ours it is seen when the next one comes, or at the next start.
    while (late_[lane] == producer_ && !got.empty() &&
           (got.back() == kForeign || std::count(got.begin(), got.end(), got.back()) > 1))
      got.pop_back();
    if (!got.empty() && got.front() == kForeign && looked_at_[lane] > 0) got.erase(got.begin());
    counts_.records += got.size();
    if (got != want) {
      std::string text;
      for (const int row : broker_.logs[lane]) text += Cat(" ", row);
      return Cat("lane ", lane, " holds", text, accept_ ? ", after a stop" : "");
    }
  }
  return "";
}

std::string World::Run() {
  const uint64_t steps_before = counts_.steps;
  uint64_t quiet_from = 400 + static_cast<uint64_t>(Below(600));
  while (failure_.empty()) {
    Step();
    const uint64_t steps = counts_.steps - steps_before;
    quiet_ = steps > quiet_from;
    if (steps > kMostSteps) return "it has come to a standstill";
    if (!quiet_ || source_.committed < source_.transactions.size()) continue;
    const bool on_its_way = std::any_of(broker_.wires.begin(), broker_.wires.end(),
                                        [](const auto& wire) { return !wire.second.empty(); });
    if (phase_ == Phase::kStreaming && !on_its_way && transaction_ == source_.committed &&
        source_.confirmed == source_.flush() &&
        (once_->done() || SkipsByItself() || mutation_ == MutationA::kTailNotUsedUpIgnored))
      break;
  }
  return failure_.empty() ? CheckEnd() : failure_;
}

}  // namespace

CountsA& CountsA::operator+=(const CountsA& other) {
  steps += other.steps;
  crashes += other.crashes;
  slot_back += other.slot_back;
  zombies += other.zombies;
  lost_answers += other.lost_answers;
  foreign += other.foreign;
  skipped += other.skipped;
  stops += other.stops;
  records += other.records;
  return *this;
}

std::string RunLinkA(uint64_t seed, MutationA mutation, CountsA& counts) {
  return World(seed, mutation, counts).Run();
}

}  // namespace walrelay::sim
