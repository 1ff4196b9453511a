#include "tests/sim/transactional.h"

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "app/exactly_once.h"
#include "app/position_memory.h"
#include "base/check.h"
#include "kafka/ack_watermark.h"
#include "tests/sim/coordinator.h"

namespace walrelay::sim {
namespace {

constexpr size_t kMostInFlight = 6;
constexpr uint64_t kMostSteps = 40'000;
constexpr int kNobody = -1;
constexpr int kMostQuietTakeOvers = 12;

struct Answer {
  uint64_t ticket = 0;
  int64_t offset = 0;
  bool refused = false;
};

enum class Phase {
  kDown,      // Between two sessions.
  kInit,      // Waits for init_transactions.
  kTaking,    // Writes that the position is its own.
  kLooking,   // Asks how to start.
  kStarting,  // Waits for the slot.
  kClaiming,
  kStreaming,
  kEnded,  // Somebody has taken over.
};
enum class Stage { kNone, kOpen, kFlushing, kPosition, kCommitting };  // As app/kafka_transaction.

// One process; what its sessions share comes first.
struct Process {
  std::string run;
  app::PositionMemory memory;
  int64_t taken_generation = -1;  // Of its own last take-over.
  int frozen_until = 0;
  int failures = 0;  // Of sessions in a row.
  int next_try = 0;

  Phase phase = Phase::kDown;
  int producer = kNobody;
  std::optional<PositionRecord> stored;
  app::StartFacts facts;
  PositionRecord base;
  PositionRecord written;  // As it was sent last.
  int64_t written_offset = kafka::kNoOffset;
  kafka::PartitionTable table;
  std::unique_ptr<app::ExactlyOnce> once;
  std::unique_ptr<kafka::AckWatermark> watermark;
  std::vector<kafka::PartitionId> ids;  // By lane.
  std::set<int> adopted;
  std::set<int> touched;                   // Lanes of the Kafka transaction at hand.
  std::map<int, std::deque<Answer>> answers;  // By lane.
  std::map<int, int64_t> sequences;           // By lane.
  Stage stage = Stage::kNone;
  bool position_reported = false;
  size_t transaction = 0;
  int row = 0;
  size_t received = 0;  // Transactions that it can have got; all, while it has the slot.
  uint64_t next_ticket = 0;
  int confirmed = 0;
  int replay_until = 0;
  bool reads_ahead = false;
};

class World : public app::TopicDoor {
 public:
  World(uint64_t seed, MutationT mutation, CountsT& counts)
      : random_(seed),
        mutation_(mutation),
        counts_(counts),
        source_(MakeSource(random_)),
        broker_(mutation != MutationT::kNotFenced) {
    broker_.WritePosition(FirstPosition());
    faults_left_ = 3 + Below(8);
    for (Process& process : processes_) process.run = Cat("run ", ++runs_);
  }

  std::string Run();

  absl::StatusOr<int64_t> EndOffset(const TopicPartition& partition) override {
    return broker_.End(LaneOf(partition));
  }
  absl::Status Read(const std::map<TopicPartition, kafka::OffsetRange>& ranges,
                    kafka::LogReader::OnRecord on_record) override {
    for (const auto& [partition, range] : ranges)
      RETURN_IF_ERROR(ReadOne(partition, range, on_record));
    return absl::OkStatus();
  }
  absl::Status ReadOne(const TopicPartition& partition, kafka::OffsetRange range,
                       kafka::LogReader::OnRecord on_record) {
    const int lane = LaneOf(partition);
    if (broker_.StableEnd(lane) < range.end) return absl::UnavailableError("it is not decided");
    for (int64_t offset = range.first; offset < range.end; ++offset) {
      const auto& entry = broker_.At(lane, offset);
      const bool is_void = !broker_.IsCommitted(entry) && mutation_ != MutationT::kTailHoldsAborted;
      if (entry.content == kMarker || is_void) continue;
      const Row& row = source_.rows[static_cast<size_t>(entry.content)];
      ConsumedRecord record;
      record.topic = partition.topic;
      record.partition = partition.partition;
      record.offset = offset;
      record.key = row.key;
      record.value = row.value;
      RETURN_IF_ERROR(on_record(record));
    }
    return absl::OkStatus();
  }

 private:
  int Below(int limit) { return random_.Below(limit); }
  bool Chance(int percent) { return random_.Chance(percent); }
  void Fail(std::string what) {
    if (failure_.empty()) failure_ = std::move(what);
  }

  // The scheduler, the broker and the network.
  void Step();
  void Arrive();
  void Fault();
  void CheckInvariant();
  std::string CheckEnd();
  Process* FindSession(int producer);
  bool HasSlot(const Process& p) const { return slot_owner_ == &p; }

  // A process.
  void StepProcess(Process& p);
  bool IsTakenOver(Process& p);
  void LookAtSlot(Process& p);
  void TakeOver(Process& p);
  void LookAround(Process& p);
  void Start(Process& p);
  void Claimed(Process& p);
  bool ReadPosition(Process& p, std::optional<kafka::StoredPosition>& seen);
  void StepStream(Process& p);
  void Adopt(Process& p, int topic);
  void SendRow(Process& p, const Row& row);
  void PassSource(Process& p);
  void AdvanceTransaction(Process& p);
  void WriteAlone(Process& p, PositionRecord position, Phase phase);
  void SendPosition(Process& p, PositionRecord position);
  PositionRecord PositionOf(const Process& p) const;
  void Send(Process& p, int lane, Request request);
  void TakeReport(Process& p);
  void Committed(Process& p);
  void Remember(Process& p);
  void LeaveSession(Process& p);
  void Stop(Process& p, const absl::Status& status);
  void Kill(Process& p);

  Random random_;
  MutationT mutation_;
  CountsT& counts_;
  Source source_;
  Coordinator broker_;
  Process processes_[2];
  Process* slot_owner_ = nullptr;
  std::string failure_;
  int runs_ = 0;
  int producers_ = 0;
  int faults_left_ = 0;
  int now_ = 0;
  uint64_t checked_decisions_ = 0;
  int checked_confirmed_ = -1;
  bool quiet_ = false;  // No more faults.
  int quiet_take_overs_ = 0;
};

// --- The broker and the network ---

Process* World::FindSession(int producer) {
  for (Process& p : processes_) {
    const bool runs = p.phase != Phase::kDown && p.phase != Phase::kEnded;
    if (runs && p.producer == producer) return &p;
  }
  return nullptr;
}

void World::Arrive() {
  const auto wires = broker_.Wires();
  if (wires.empty()) return;
  const auto wire = wires[static_cast<size_t>(Below(static_cast<int>(wires.size())))];
  Process* const p = FindSession(wire.first);
  if (p == nullptr && Chance(70)) return;  // What a dead process has left takes its time.
  const uint64_t ticket = broker_.Front(wire).ticket;
  const Coordinator::Taken taken = broker_.Take(wire);
  if (taken.verdict == Coordinator::Verdict::kWait) return;
  const bool refused = taken.verdict == Coordinator::Verdict::kRefused;
  if (p != nullptr && !refused && Chance(10)) {  // The producer repeats the request.
    ++counts_.lost_answers;
    return;
  }
  broker_.Pop(wire);
  if (refused) ++counts_.refused;
  if (p != nullptr)
    p->answers[wire.second].push_back({.ticket = ticket, .offset = taken.offset, .refused = refused});
}

// --- A process ---

void World::LeaveSession(Process& p) {
  if (p.stage == Stage::kCommitting) ++counts_.unknown;
  if (mutation_ == MutationT::kUnknownTakenAsDone && p.stage == Stage::kCommitting && HasSlot(p))
    source_.confirmed =
        std::max(source_.confirmed, static_cast<int>(Number(p.written.end_lsn)));
  broker_.Cut(p.producer, random_);
  if (HasSlot(p)) slot_owner_ = nullptr;
  if (p.phase == Phase::kStreaming) p.failures = 0;
  p.next_try = now_ + 10 + Below(20 << std::min(p.failures++, 5));  // As app/supervise.
  p.phase = Phase::kDown;
  p.stage = Stage::kNone;
  p.answers.clear();
}

// A failure that no other session would mend. Who was fenced may meet the other one's records.
void World::Stop(Process& p, const absl::Status& status) {
  LeaveSession(p);
  if (absl::IsUnavailable(status) || IsTakenOver(p)) return;
  Fail(Cat(p.run, " stopped without a cause: ", Message(status)));
}

void World::Kill(Process& p) {
  LeaveSession(p);
  p = Process();
  p.run = Cat("run ", ++runs_);
}

// Ends it, if so.
bool World::IsTakenOver(Process& p) {
  const auto seen = broker_.Position();
  if (!p.memory.has_fenced || !p.memory.Knows(seen) || seen->position.writer == p.run) return false;
  if (seen->position.generation <= p.taken_generation)
    Fail(Cat(p.run, " has ended, but nobody has taken over since"));
  ++counts_.ended;
  p.phase = Phase::kEnded;
  return true;
}

void World::StepProcess(Process& p) {
  if (now_ < p.frozen_until) return;
  switch (p.phase) {
    case Phase::kDown:
      return LookAtSlot(p);
    case Phase::kInit:
      return TakeOver(p);
    case Phase::kLooking:
      return LookAround(p);
    case Phase::kStarting:
      return Start(p);
    case Phase::kTaking:
      return AdvanceTransaction(p);
    case Phase::kClaiming:
      return p.stage == Stage::kNone ? Claimed(p) : AdvanceTransaction(p);
    case Phase::kStreaming:
      AdvanceTransaction(p);
      if (p.phase == Phase::kStreaming) StepStream(p);
      return;
    case Phase::kEnded:
      if (Chance(2)) Kill(p);  // Somebody starts it again all the same.
      return;
  }
}

void World::LookAtSlot(Process& p) {
  if (now_ < p.next_try || IsTakenOver(p)) return;
  if (slot_owner_ != nullptr && mutation_ != MutationT::kSlotNotWaitedFor) return;
  if (mutation_ == MutationT::kPositionBeforeInit) p.stored = broker_.Position()->position;
  p.producer = ++producers_;
  broker_.Init(p.producer);
  ++counts_.take_overs;
  if (quiet_) ++quiet_take_overs_;
  p.sequences.clear();
  p.phase = Phase::kInit;
}

// False while what could count more is not decided.
bool World::ReadPosition(Process& p, std::optional<kafka::StoredPosition>& seen) {
  const bool waits = mutation_ != MutationT::kMarkersNotWaitedFor;
  if (waits && broker_.StableEnd(kPositionLane) < broker_.End(kPositionLane)) {
    if (Chance(3)) LeaveSession(p);
    return false;
  }
  seen = broker_.Position();
  if (!waits || p.memory.Check(seen, SteadyTime()).ok()) return true;
  LeaveSession(p);
  return false;
}

void World::TakeOver(Process& p) {
  const bool waits =
      mutation_ != MutationT::kMarkersNotWaitedFor && mutation_ != MutationT::kNotFenced;
  if (waits && !broker_.IsSettled()) {
    if (Chance(2)) LeaveSession(p);
    return;
  }
  if (broker_.owner() != p.producer && mutation_ != MutationT::kNotFenced) return LeaveSession(p);
  if (mutation_ != MutationT::kPositionBeforeInit) {
    std::optional<kafka::StoredPosition> seen;
    if (!ReadPosition(p, seen)) return;
    p.stored = seen->position;
  }
  PositionRecord taken = *p.stored;
  ++taken.generation;
  taken.claimed = false;
  taken.writer = p.run;
  WriteAlone(p, std::move(taken), Phase::kTaking);
}

// A Kafka transaction that holds nothing else.
void World::WriteAlone(Process& p, PositionRecord position, Phase phase) {
  p.phase = phase;
  SendPosition(p, std::move(position));
  p.stage = Stage::kPosition;
}

void World::LookAround(Process& p) {
  std::optional<kafka::StoredPosition> seen;
  if (!ReadPosition(p, seen)) return;
  p.stored = seen->position;
  p.facts = FactsOf(source_);
  p.facts.position = p.stored;
  for (const auto& [topic, where] : p.stored->topics) {
    for (int partition = 0; partition < kPartitions; ++partition) {
      app::TailFacts tail;
      tail.partition = {.topic = topic, .partition = partition};
      tail.next = where.next[static_cast<size_t>(partition)];
      tail.end = broker_.End(LaneOf(tail.partition));
      p.facts.tails.push_back(tail);
    }
  }
  p.phase = Phase::kStarting;
}

void World::Start(Process& p) {
  if (slot_owner_ != nullptr) {
    if (Chance(1)) LeaveSession(p);
    return;
  }
  const app::StartDecision decision = app::DecideStart(p.facts);
  if (const auto* refusal = std::get_if<app::RefuseToStart>(&decision.action))
    return Stop(p, absl::FailedPreconditionError(refusal->message));
  const int from = static_cast<int>(Number(std::get<app::StreamFrom>(decision.action).from));
  std::optional<kafka::StoredPosition> seen;
  if (!ReadPosition(p, seen)) return;
  slot_owner_ = &p;
  if (seen->position != *p.stored) return LeaveSession(p);
  p.base = *p.stored;
  ++p.base.generation;
  p.base.claimed = false;
  p.base.writer = p.run;
  p.base.transactional = true;
  p.table = {};
  p.once = std::make_unique<app::ExactlyOnce>(*this, p.table, false);
  p.watermark = std::make_unique<kafka::AckWatermark>(p.base.end_lsn);
  p.ids.clear();
  for (int lane = 0; lane < kLanes; ++lane) {
    const TopicPartition partition = PartitionOf(lane);
    p.ids.push_back(p.table.Intern(partition.topic, partition.partition));
  }
  for (const app::TailFacts& tail : p.facts.tails)
    p.once->Start(p.ids[static_cast<size_t>(LaneOf(tail.partition))], tail.next, tail.end);
  p.adopted.clear();
  p.touched.clear();
  p.transaction = 0;
  while (p.transaction < source_.transactions.size() &&
         source_.transactions[p.transaction].end_lsn <= from)
    ++p.transaction;
  p.row = p.transaction < source_.transactions.size()
              ? source_.transactions[p.transaction].first_row
              : 0;
  p.next_ticket = 0;
  p.confirmed = from;
  p.replay_until = static_cast<int>(Number(p.facts.server_flush));
  p.reads_ahead = Chance(50);
  WriteAlone(p, PositionOf(p), Phase::kClaiming);
}

void World::Claimed(Process& p) {
  std::optional<kafka::StoredPosition> seen;
  if (!ReadPosition(p, seen)) return;
  if (seen->offset != p.written_offset) return LeaveSession(p);
  p.base.claimed = true;
  Remember(p);
  p.phase = Phase::kStreaming;
}

PositionRecord World::PositionOf(const Process& p) const {
  PositionRecord record = p.base;
  record.end_lsn = p.watermark->position().end_lsn;
  for (const int topic : p.adopted) {
    const bool is_new = !p.base.topics.contains(kTopicNames[topic]);
    if (is_new && mutation_ == MutationT::kNewTopicNotSaid) continue;
    auto& next = record.topics[kTopicNames[topic]].next;
    next.resize(kPartitions, kafka::kNoOffset);
    for (int partition = 0; partition < kPartitions; ++partition) {
      const auto id = p.ids[static_cast<size_t>(topic * kPartitions + partition)];
      next[static_cast<size_t>(partition)] = p.watermark->position().next[id];
    }
  }
  return record;
}

void World::Send(Process& p, int lane, Request request) {
  request.sequence = p.sequences[lane]++;
  broker_.Send(p.producer, lane, std::move(request));
}

void World::SendPosition(Process& p, PositionRecord position) {
  p.written = position;
  p.position_reported = false;
  if (mutation_ == MutationT::kPositionOutside && p.phase == Phase::kStreaming) {
    broker_.WritePosition(position);
    p.position_reported = true;
    return;
  }
  Send(p, kPositionLane, {.sequence = 0, .ticket = 0, .row = 0, .position = std::move(position)});
}

void World::AdvanceTransaction(Process& p) {
  if (p.stage == Stage::kFlushing && p.watermark->in_flight() == 0) {
    const size_t open = p.transaction;
    if (open < source_.transactions.size() && p.row > source_.transactions[open].first_row)
      ++counts_.parts;
    for (const int lane : p.touched) {
      if (mutation_ == MutationT::kMarkersNotCounted) break;
      const auto id = p.ids[static_cast<size_t>(lane)];
      p.watermark->Marked(id);
      if (p.once->is_open(id)) p.once->Marked(id);
    }
    p.touched.clear();
    p.stage = Stage::kPosition;
    SendPosition(p, PositionOf(p));
  }
  if (p.stage != Stage::kPosition || !p.position_reported) return;
  Send(p, kCommitLane, {.sequence = 0, .ticket = 0, .row = 0, .position = std::nullopt});
  p.stage = Stage::kCommitting;
  if (mutation_ == MutationT::kConfirmBeforeCommit)
    p.confirmed = static_cast<int>(Number(p.written.end_lsn));
}

void World::Committed(Process& p) {
  p.stage = Stage::kNone;
  p.confirmed = std::max(p.confirmed, static_cast<int>(Number(p.written.end_lsn)));
  if (p.phase == Phase::kStreaming) return Remember(p);
  if (p.phase != Phase::kTaking) return;  // Whether its claim counts is looked at.
  if (mutation_ != MutationT::kTakeOverNotRemembered) Remember(p);
  p.memory.has_fenced = true;
  p.taken_generation = p.written.generation;
  p.phase = Phase::kLooking;
}

void World::Remember(Process& p) {
  p.memory.Durable({.slot = "s",
                    .generation = p.written.generation,
                    .offset = p.written_offset,
                    .end_lsn = p.written.end_lsn});
}

void World::TakeReport(Process& p) {
  if (now_ < p.frozen_until) return;
  std::vector<int> lanes;
  for (const auto& [lane, answers] : p.answers) {
    if (!answers.empty()) lanes.push_back(lane);
  }
  if (lanes.empty()) return;
  const int lane = lanes[static_cast<size_t>(Below(static_cast<int>(lanes.size())))];
  const Answer answer = p.answers[lane].front();
  p.answers[lane].pop_front();
  if (answer.refused) return LeaveSession(p);
  if (lane == kCommitLane) return Committed(p);
  if (lane == kPositionLane) {
    p.position_reported = true;
    p.written_offset = answer.offset;
    return;
  }
  const auto id = p.watermark->PartitionOf(answer.ticket);
  const int64_t offset = p.once->Acknowledged(id, answer.offset);
  p.watermark->Acknowledged(answer.ticket,
                            mutation_ == MutationT::kVoidNotCounted ? answer.offset : offset);
  const absl::Status status = p.once->Check();
  if (status.ok()) return;
  if (mutation_ == MutationT::kGapBelieved) return Stop(p, status);
  LeaveSession(p);
}

void World::Adopt(Process& p, int topic) {
  p.adopted.insert(topic);
  const auto known = p.base.topics.find(kTopicNames[topic]);
  for (int partition = 0; partition < kPartitions; ++partition) {
    const int lane = topic * kPartitions + partition;
    const auto id = p.ids[static_cast<size_t>(lane)];
    if (known != p.base.topics.end()) {
      p.watermark->Start(id, known->second.next[static_cast<size_t>(partition)]);
      continue;
    }
    p.watermark->Start(id, broker_.End(lane));
    p.once->Start(id, broker_.End(lane), broker_.End(lane));
  }
}

void World::StepStream(Process& p) {
  if (p.reads_ahead) {
    p.reads_ahead = false;
    if (const auto status = p.once->ReadAhead(); !status.ok()) return Stop(p, status);
  }
  const bool may_write = p.stage == Stage::kNone || p.stage == Stage::kOpen;
  if (may_write && p.stage == Stage::kOpen && Chance(15)) {  // Its time or its bytes are up.
    p.stage = Stage::kFlushing;
    return;
  }
  if (p.transaction >= (HasSlot(p) ? source_.committed : p.received)) {
    if (HasSlot(p)) {
      const auto status = p.once->Passed(Lsn{static_cast<uint64_t>(source_.flush())});
      if (!status.ok()) return Stop(p, status);
    }
    const bool says_it_all = p.watermark->position().end_lsn == p.written.end_lsn;
    if (p.stage == Stage::kOpen || (p.stage == Stage::kNone && !says_it_all && Chance(30)))
      p.stage = Stage::kFlushing;
    return;
  }
  const Transaction& transaction = source_.transactions[p.transaction];
  if (p.row == transaction.end_row) return PassSource(p);
  if (may_write && p.watermark->in_flight() < kMostInFlight)
    SendRow(p, source_.rows[static_cast<size_t>(p.row)]);
}

void World::SendRow(Process& p, const Row& row) {
  const int topic = row.lane / kPartitions;
  if (!p.adopted.contains(topic)) Adopt(p, topic);
  Record record;
  record.topic = kTopicNames[topic];
  record.key = row.key;
  record.value = row.value;
  const auto id = p.ids[static_cast<size_t>(row.lane)];
  const auto place = p.once->Find(record, id);
  if (!place.ok()) return Stop(p, place.status());
  const auto ticket = p.watermark->Sent(id);
  CHECK(ticket == p.next_ticket);
  ++p.next_ticket;
  if (*place) {
    ++counts_.skipped;
    p.watermark->Acknowledged(ticket, (*place)->offset);
  } else {
    p.stage = Stage::kOpen;
    p.touched.insert(row.lane);
    p.once->Sent(id);
    Send(p, row.lane, {.sequence = 0, .ticket = ticket, .row = p.row, .position = std::nullopt});
  }
  ++p.row;
}

// The end of a source transaction.
void World::PassSource(Process& p) {
  const Lsn end{static_cast<uint64_t>(source_.transactions[p.transaction].end_lsn)};
  p.watermark->Committed(end);
  ++p.transaction;
  if (p.transaction < source_.transactions.size())
    p.row = source_.transactions[p.transaction].first_row;
  if (p.stage == Stage::kOpen && Chance(40)) p.stage = Stage::kFlushing;
  if (static_cast<int>(Number(end)) < p.replay_until) return;
  if (const auto status = p.once->Passed(end); !status.ok()) Stop(p, status);
}

// --- The scheduler ---

// Most of them befall who streams.
void World::Fault() {
  Process& p = slot_owner_ != nullptr && Chance(70) ? *slot_owner_ : processes_[Below(2)];
  const int kind = Below(10);
  if (kind < 4) {
    if (p.phase == Phase::kEnded) return;
    ++counts_.crashes;
    Kill(p);
  } else if (kind < 7) {  // It is frozen or cut off; the server gives its slot away.
    if (!HasSlot(p)) return;
    ++counts_.slots_lost;
    p.received = source_.committed;
    slot_owner_ = nullptr;
    if (Chance(50)) p.frozen_until = now_ + 50 + Below(300);
  } else if (kind < 9) {
    if (!broker_.Timeout()) return;
  } else {
    if (source_.saved < source_.confirmed) ++counts_.slot_back;
    source_.confirmed = source_.saved;
    for (Process& other : processes_) {
      if (HasSlot(other)) LeaveSession(other);
    }
  }
  --faults_left_;
}

void World::Step() {
  ++counts_.steps;
  ++now_;
  const int choice = Below(200);
  Process& p = processes_[Below(2)];
  const bool has_session = p.phase != Phase::kDown && p.phase != Phase::kEnded;
  if (choice < 70) {
    StepProcess(p);
  } else if (choice < 115) {
    Arrive();
  } else if (choice < 150) {
    if (has_session) TakeReport(p);
  } else if (choice < 165) {
    broker_.Mark(random_);
  } else if (choice < 175) {
    if (p.phase == Phase::kStreaming && HasSlot(p))
      source_.confirmed = std::max(source_.confirmed, p.confirmed);
  } else if (choice < 181) {
    if (source_.committed < source_.transactions.size()) ++source_.committed;
  } else if (choice < 184) {
    source_.saved = source_.confirmed;
  } else if (choice < 190) {
    // It learns that its connection is gone.
    if (p.phase == Phase::kStreaming && !HasSlot(p) && now_ >= p.frozen_until) LeaveSession(p);
  } else if (choice == 199 && mutation_ == MutationT::kNotFenced) {
    broker_.Timeout();
  } else if (choice > 196 && !quiet_ && faults_left_ > 0) {
    Fault();
  }
  CheckInvariant();
}

// confirmed_flush ≤ position record ≤ what Kafka has committed.
void World::CheckInvariant() {
  if (broker_.decisions() == checked_decisions_ && source_.confirmed == checked_confirmed_) return;
  checked_decisions_ = broker_.decisions();
  checked_confirmed_ = source_.confirmed;
  const Lsn newest = broker_.Position(/*unmarked=*/true)->position.end_lsn;
  if (static_cast<uint64_t>(source_.confirmed) > Number(newest)) {
    return Fail(Cat("confirmed ", source_.confirmed, " beyond the position record ", newest));
  }
  std::vector<int> rows[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) rows[lane] = broker_.Rows(lane);
  for (const Transaction& transaction : source_.transactions) {
    if (static_cast<uint64_t>(transaction.end_lsn) > Number(newest)) break;
    for (int r = transaction.first_row; r < transaction.end_row; ++r) {
      const auto& lane = rows[source_.rows[static_cast<size_t>(r)].lane];
      if (std::find(lane.begin(), lane.end(), r) == lane.end())
        return Fail(Cat("the position ", newest, " covers row ", r, ", which is not committed"));
    }
  }
}

std::string World::CheckEnd() {
  for (int lane = 0; lane < kLanes; ++lane) {
    std::vector<int> want;
    for (size_t r = 0; r < source_.rows.size(); ++r) {
      if (source_.rows[r].lane == lane) want.push_back(static_cast<int>(r));
    }
    const std::vector<int> got = broker_.Rows(lane);
    counts_.records += got.size();
    if (got == want) continue;
    std::string text;
    for (const int row : got) text += Cat(" ", row);
    return Cat("lane ", lane, " holds", text);
  }
  counts_.aborted += broker_.aborted();
  return "";
}

std::string World::Run() {
  const int quiet_from = 800 + Below(800);
  while (failure_.empty()) {
    Step();
    quiet_ = now_ > quiet_from;
    if (now_ > static_cast<int>(kMostSteps)) return "it has come to a standstill";
    // Who was killed or has lost its slot comes back; who waits for one that streams does not.
    if (quiet_take_overs_ > kMostQuietTakeOvers) return "they take turns for ever";
    if (!quiet_ || now_ < quiet_from + 300 || source_.committed < source_.transactions.size())
      continue;
    const bool is_done = slot_owner_ != nullptr && slot_owner_->phase == Phase::kStreaming &&
                         slot_owner_->stage == Stage::kNone &&
                         source_.confirmed == source_.flush() && slot_owner_->once->done();
    if (is_done && broker_.Wires().empty()) break;
  }
  return failure_.empty() ? CheckEnd() : failure_;
}

}  // namespace

CountsT& CountsT::operator+=(const CountsT& other) {
  steps += other.steps;
  crashes += other.crashes;
  slots_lost += other.slots_lost;
  slot_back += other.slot_back;
  take_overs += other.take_overs;
  refused += other.refused;
  ended += other.ended;
  aborted += other.aborted;
  parts += other.parts;
  unknown += other.unknown;
  lost_answers += other.lost_answers;
  skipped += other.skipped;
  records += other.records;
  return *this;
}

std::string RunTransactional(uint64_t seed, MutationT mutation, CountsT& counts) {
  return World(seed, mutation, counts).Run();
}

}  // namespace walrelay::sim
