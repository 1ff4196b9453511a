#include "app/start_decision.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace walrelay::app {
namespace {

using testing::HasSubstr;
using testing::Not;

// A pipeline that stopped cleanly: slot, position and server agree.
StartFacts Healthy() {
  StartFacts facts;
  facts.slot_name = "debezium_slot";
  facts.database = "source_db";
  facts.system_identifier = "7000000000000000001";
  facts.timeline = 1;
  facts.server_flush = Lsn{5000};
  facts.slot.emplace();
  facts.slot->plugin = "pgoutput";
  facts.slot->database = "source_db";
  facts.slot->restart_lsn = Lsn{900};
  facts.slot->confirmed_flush = Lsn{1000};
  facts.position.emplace();
  facts.position->slot = "debezium_slot";
  facts.position->epoch = {
      .system_identifier = "7000000000000000001", .timeline = 1, .incarnation = Lsn{500}};
  facts.position->end_lsn = Lsn{2000};
  facts.position->options_hash = "ab";
  facts.options_hash = "ab";
  return facts;
}

TailFacts Tail(int64_t next, int64_t begin, int64_t end) {
  TailFacts tail;
  tail.partition = {.topic = "t", .partition = 0};
  tail.next = next;
  tail.begin = begin;
  tail.end = end;
  return tail;
}

// A snapshot was begun: with a slot of its own, or over one that goes on at `incarnation`.
void Intend(StartFacts& facts, Lsn incarnation,
            PositionPhase phase = PositionPhase::kSnapshotIntent) {
  facts.position->phase = phase;
  facts.position->epoch.incarnation = incarnation;
  facts.position->end_lsn = kNoLsn;
}

struct Row {
  const char* name;
  std::function<void(StartFacts&)> change;
  std::variant<TakeSnapshot, StreamFrom, ExitCode> expected;
};

const Row kTable[] = {
    {"resumes at the position", [](StartFacts&) {}, StreamFrom{.from = Lsn{2000}}},
    {"resumes before the position, whose last commit is known",
     [](StartFacts& f) { f.position->last_commit_lsn = Lsn{1900}; },
     StreamFrom{
         .from = Lsn{2000},
         .known =
             KnownHistory::Bounds{.begin = Lsn{1000}, .last_commit = Lsn{1900}, .end = Lsn{2000}}}},
    {"resumes at the position, which the slot has reached",
     [](StartFacts& f) {
       f.position->last_commit_lsn = Lsn{1900};
       f.slot->confirmed_flush = Lsn{2000};
     },
     StreamFrom{.from = Lsn{2000}}},
    {"resumes at the position, whose last commit was before the incarnation",
     [](StartFacts& f) { f.position->last_commit_lsn = Lsn{500}; }, StreamFrom{.from = Lsn{2000}}},
    {"resumes at the position with other options, which may show other transactions",
     [](StartFacts& f) {
       f.position->last_commit_lsn = Lsn{1900};
       f.options_hash = "cd";
     },
     StreamFrom{.from = Lsn{2000}}},
    {"no slot, no position: fresh",
     [](StartFacts& f) {
       f.slot.reset();
       f.position.reset();
     },
     TakeSnapshot{}},
    {"fresh, but topics hold records",
     [](StartFacts& f) {
       f.slot.reset();
       f.position.reset();
       f.topics_with_records = {"cdc.public.t"};
     },
     ExitCode::kTopicsNotEmpty},
    {"fresh with records, when needed",
     [](StartFacts& f) {
       f.slot.reset();
       f.position.reset();
       f.topics_with_records = {"cdc.public.t"};
       f.mode = SnapshotMode::kWhenNeeded;
     },
     TakeSnapshot{}},
    {"fresh without a snapshot",
     [](StartFacts& f) {
       f.slot.reset();
       f.position.reset();
       f.mode = SnapshotMode::kNoData;
     },
     StreamFrom{.create_slot = true}},
    {"neither slot nor position, but Debezium's offset, without a snapshot",
     [](StartFacts& f) {
       f.slot.reset();
       f.position.reset();
       f.mode = SnapshotMode::kNoData;
       f.connect = ConnectFacts{.offset = 3, .resume = Lsn{1400}, .last_commit = Lsn{1300}};
     },
     ExitCode::kSlotMissing},
    {"neither slot nor position, but Debezium's offset",
     [](StartFacts& f) {
       f.slot.reset();
       f.position.reset();
       f.connect = ConnectFacts{.offset = 3, .resume = Lsn{1400}, .last_commit = Lsn{1300}};
     },
     ExitCode::kSlotMissing},
    {"neither slot nor position, but Debezium's offset, when needed",
     [](StartFacts& f) {
       f.slot.reset();
       f.position.reset();
       f.mode = SnapshotMode::kWhenNeeded;
       f.connect = ConnectFacts{.offset = 3, .resume = Lsn{1400}, .last_commit = Lsn{1300}};
     },
     TakeSnapshot{}},
    {"neither slot nor position, but Debezium's offset, always",
     [](StartFacts& f) {
       f.slot.reset();
       f.position.reset();
       f.mode = SnapshotMode::kAlways;
       f.connect = ConnectFacts{.offset = 3, .resume = Lsn{1400}, .last_commit = Lsn{1300}};
     },
     TakeSnapshot{}},
    {"neither slot nor position, and a Debezium that did not finish its snapshot",
     [](StartFacts& f) {
       f.slot.reset();
       f.position.reset();
       f.connect = ConnectFacts{.offset = 3, .snapshot_unfinished = true, .resume = Lsn{1400}};
     },
     TakeSnapshot{}},
    {"slot without position: snapshot, then the slot's position",
     [](StartFacts& f) { f.position.reset(); },
     TakeSnapshot{.create_slot = false, .stream_from = Lsn{1000}}},
    {"slot without position, but topics hold records",
     [](StartFacts& f) {
       f.position.reset();
       f.topics_with_records = {"cdc.public.t"};
     },
     ExitCode::kTopicsNotEmpty},
    {"slot without position, but topics hold records, when needed",
     [](StartFacts& f) {
       f.position.reset();
       f.topics_with_records = {"cdc.public.t"};
       f.mode = SnapshotMode::kWhenNeeded;
     },
     TakeSnapshot{.create_slot = false, .stream_from = Lsn{1000}}},
    {"slot without position, no data",
     [](StartFacts& f) {
       f.position.reset();
       f.mode = SnapshotMode::kNoData;
     },
     StreamFrom{.from = Lsn{1000}, .adopt = true}},
    {"slot that Debezium read to the end of its snapshot",
     [](StartFacts& f) {
       f.position.reset();
       f.connect = ConnectFacts{.offset = 3, .resume = Lsn{1000}};
     },
     StreamFrom{.from = Lsn{1000}, .adopt = true, .debezium_passed = kNoLsn}},
    {"slot of a Debezium that has passed more than it confirmed",
     [](StartFacts& f) {
       f.position.reset();
       f.connect = ConnectFacts{.offset = 3, .resume = Lsn{1400}, .last_commit = Lsn{1300}};
     },
     StreamFrom{.from = Lsn{1300}, .adopt = true, .debezium_passed = Lsn{1300}}},
    {"slot of a Debezium, without a snapshot",
     [](StartFacts& f) {
       f.position.reset();
       f.mode = SnapshotMode::kNoData;
       f.connect = ConnectFacts{.offset = 3, .resume = Lsn{1400}, .last_commit = Lsn{1300}};
     },
     StreamFrom{.from = Lsn{1300}, .adopt = true, .debezium_passed = Lsn{1300}}},
    {"slot of a Debezium, always",
     [](StartFacts& f) {
       f.position.reset();
       f.mode = SnapshotMode::kAlways;
       f.connect = ConnectFacts{.offset = 3, .resume = Lsn{1400}, .last_commit = Lsn{1300}};
     },
     TakeSnapshot{.create_slot = false, .stream_from = Lsn{1300}}},
    {"slot ahead of Debezium's offset, always",
     [](StartFacts& f) {
       f.position.reset();
       f.mode = SnapshotMode::kAlways;
       f.connect = ConnectFacts{.offset = 3, .resume = Lsn{900}, .last_commit = Lsn{900}};
     },
     TakeSnapshot{.create_slot = false, .stream_from = Lsn{1000}}},
    {"slot ahead of Debezium's offset",
     [](StartFacts& f) {
       f.position.reset();
       f.connect = ConnectFacts{.offset = 3, .resume = Lsn{900}, .last_commit = Lsn{900}};
     },
     ExitCode::kSlotAhead},
    {"slot ahead of Debezium's offset, and trusted",
     [](StartFacts& f) {
       f.position.reset();
       f.trust_slot = true;
       f.connect = ConnectFacts{.offset = 3, .resume = Lsn{900}, .last_commit = Lsn{900}};
     },
     StreamFrom{.from = Lsn{1000}, .adopt = true, .debezium_passed = Lsn{900}}},
    {"slot of a Debezium that was idle behind its last commit",
     [](StartFacts& f) {
       f.position.reset();
       f.connect = ConnectFacts{.offset = 3, .resume = Lsn{1000}, .last_commit = Lsn{900}};
     },
     StreamFrom{.from = Lsn{1000}, .adopt = true, .debezium_passed = Lsn{900}}},
    {"slot of a Debezium that did not finish its snapshot",
     [](StartFacts& f) {
       f.position.reset();
       f.connect = ConnectFacts{.offset = 3, .snapshot_unfinished = true};
     },
     TakeSnapshot{.create_slot = false, .stream_from = Lsn{1000}}},
    {"Debezium ran since our position",
     [](StartFacts& f) {
       f.position->connect_offset = 7;
       f.connect = ConnectFacts{.offset = 9, .resume = Lsn{3100}, .last_commit = Lsn{3000}};
       f.slot->confirmed_flush = Lsn{3000};
     },
     StreamFrom{.from = Lsn{3000}, .adopt = true, .debezium_passed = Lsn{3000}}},
    {"Debezium ran since our position and did not finish a snapshot",
     [](StartFacts& f) {
       f.position->connect_offset = 7;
       f.connect = ConnectFacts{.offset = 9, .snapshot_unfinished = true};
     },
     TakeSnapshot{.create_slot = false, .stream_from = Lsn{2000}}},
    {"Debezium ran since our position and took a snapshot",
     [](StartFacts& f) {
       f.position->connect_offset = 7;
       f.connect = ConnectFacts{.offset = 9, .resume = Lsn{3100}};
     },
     StreamFrom{.from = Lsn{2000}, .adopt = true, .debezium_passed = kNoLsn}},
    {"Debezium ran since our position, which found no record of it",
     [](StartFacts& f) {
       f.position->connect_offset = kNoConnectRecord;
       f.connect = ConnectFacts{.offset = 0, .resume = Lsn{3100}, .last_commit = Lsn{3000}};
       f.slot->confirmed_flush = Lsn{3000};
     },
     StreamFrom{.from = Lsn{3000}, .adopt = true, .debezium_passed = Lsn{3000}}},
    {"our own first Connect record is not Debezium's",
     [](StartFacts& f) {
       f.position->connect_offset = kNoConnectRecord;
       f.connect = ConnectFacts{.offset = 0, .resume = Lsn{2000}, .last_commit = Lsn{2000}};
     },
     StreamFrom{.from = Lsn{2000}}},
    {"Debezium ran since our position, on the server that was promoted",
     [](StartFacts& f) {
       f.position->connect_offset = 7;
       f.connect = ConnectFacts{.offset = 9, .resume = Lsn{3100}, .last_commit = Lsn{3000}};
       f.slot->confirmed_flush = Lsn{2900};
       f.timeline = 2;
       f.timeline_history = {{.timeline = 1, .switch_point = Lsn{1999}}};
     },
     StreamFrom{.from = Lsn{3000}, .adopt = true, .debezium_passed = Lsn{3000}}},
    {"Debezium ran since our position, but not on this server",
     [](StartFacts& f) {
       f.position->connect_offset = 7;
       f.connect = ConnectFacts{.offset = 9, .resume = Lsn{5100}, .last_commit = Lsn{5100}};
     },
     ExitCode::kPositionBeyondServer},
    {"Debezium's offset beyond the server's WAL",
     [](StartFacts& f) {
       f.position.reset();
       f.connect = ConnectFacts{.offset = 9, .resume = Lsn{5100}, .last_commit = Lsn{5100}};
     },
     ExitCode::kPositionBeyondServer},
    {"Debezium's offset beyond the server's WAL, when needed",
     [](StartFacts& f) {
       f.position.reset();
       f.mode = SnapshotMode::kWhenNeeded;
       f.connect = ConnectFacts{.offset = 9, .resume = Lsn{5100}, .last_commit = Lsn{5100}};
     },
     TakeSnapshot{.create_slot = false, .stream_from = Lsn{1000}}},
    {"slot ahead of the position, and trusted",
     [](StartFacts& f) {
       f.trust_slot = true;
       f.slot->confirmed_flush = Lsn{3000};
     },
     StreamFrom{.from = Lsn{3000}, .adopt = true}},
    {"a Connect record that says no more than the position, by which the slot has gone on",
     [](StartFacts& f) {
       f.position->connect_offset = 7;
       f.connect = ConnectFacts{.offset = 9, .resume = Lsn{1900}, .last_commit = Lsn{1900}};
       f.slot->confirmed_flush = Lsn{2000};
     },
     StreamFrom{.from = Lsn{2000}}},
    {"our own Connect record is not Debezium's",
     [](StartFacts& f) {
       f.position->connect_offset = 7;
       f.connect = ConnectFacts{.offset = 7};
     },
     StreamFrom{.from = Lsn{2000}}},
    {"position without slot", [](StartFacts& f) { f.slot.reset(); }, ExitCode::kSlotMissing},
    {"position without slot, when needed",
     [](StartFacts& f) {
       f.slot.reset();
       f.mode = SnapshotMode::kWhenNeeded;
     },
     TakeSnapshot{}},
    {"slot ahead of the position", [](StartFacts& f) { f.slot->confirmed_flush = Lsn{2001}; },
     ExitCode::kSlotAhead},
    {"slot ahead of the position, when needed",
     [](StartFacts& f) {
       f.slot->confirmed_flush = Lsn{2001};
       f.mode = SnapshotMode::kWhenNeeded;
     },
     TakeSnapshot{.create_slot = false, .stream_from = Lsn{2001}}},
    {"slot exactly at the position", [](StartFacts& f) { f.slot->confirmed_flush = Lsn{2000}; },
     StreamFrom{.from = Lsn{2000}}},
    {"position beyond the server's WAL", [](StartFacts& f) { f.server_flush = Lsn{1999}; },
     ExitCode::kPositionBeyondServer},
    {"position exactly at the server's end", [](StartFacts& f) { f.server_flush = Lsn{2000}; },
     StreamFrom{.from = Lsn{2000}}},
    {"other system", [](StartFacts& f) { f.system_identifier = "8"; }, ExitCode::kEpochMismatch},
    {"other system, when needed",
     [](StartFacts& f) {
       f.system_identifier = "8";
       f.mode = SnapshotMode::kWhenNeeded;
     },
     TakeSnapshot{.drop_slot_first = true}},
    {"promoted standby that has all we read",
     [](StartFacts& f) {
       f.timeline = 2;
       f.timeline_history = {{.timeline = 1, .switch_point = Lsn{2000}}};
     },
     StreamFrom{.from = Lsn{2000}}},
    {"promoted standby that lacks idle WAL only",
     [](StartFacts& f) {
       f.position->last_commit_lsn = Lsn{1900};
       f.timeline = 2;
       f.timeline_history = {{.timeline = 1, .switch_point = Lsn{1950}}};
     },
     StreamFrom{.from = Lsn{1950},
                .known = KnownHistory::Bounds{
                    .begin = Lsn{1000}, .last_commit = Lsn{1900}, .end = Lsn{1950}}}},
    {"promoted standby that lacks where our slot began",
     [](StartFacts& f) {
       f.position->epoch.incarnation = Lsn{2000};
       f.timeline = 2;
       f.timeline_history = {{.timeline = 1, .switch_point = Lsn{1999}}};
     },
     ExitCode::kTimelineMismatch},
    {"promoted standby that lacks what we read",
     [](StartFacts& f) {
       f.position->last_commit_lsn = Lsn{2000};
       f.timeline = 2;
       f.timeline_history = {{.timeline = 1, .switch_point = Lsn{1999}}};
     },
     ExitCode::kTimelineMismatch},
    {"a timeline that is no descendant",
     [](StartFacts& f) {
       f.timeline = 3;
       f.timeline_history = {{.timeline = 2, .switch_point = Lsn{4000}}};
     },
     ExitCode::kTimelineMismatch},
    {"lost slot",
     [](StartFacts& f) {
       f.slot->lost = true;
       f.slot->lost_reason = "wal_removed";
     },
     ExitCode::kSlotLost},
    {"lost slot, when needed",
     [](StartFacts& f) {
       f.slot->lost = true;
       f.mode = SnapshotMode::kWhenNeeded;
     },
     TakeSnapshot{.drop_slot_first = true}},
    {"slot of another plugin", [](StartFacts& f) { f.slot->plugin = "wal2json"; },
     ExitCode::kSlotUnsuitable},
    {"slot of another database", [](StartFacts& f) { f.slot->database = "other"; },
     ExitCode::kSlotUnsuitable},
    {"unfinished snapshot with its slot",
     [](StartFacts& f) { Intend(f, Lsn{1000}, PositionPhase::kSnapshotSlot); },
     TakeSnapshot{.drop_slot_first = true}},
    {"unfinished snapshot beside a slot that it has perhaps not made",
     [](StartFacts& f) { Intend(f, kNoLsn); },
     TakeSnapshot{.create_slot = false, .stream_from = Lsn{1000}}},
    {"unfinished snapshot whose slot somebody has read since",
     [](StartFacts& f) { Intend(f, Lsn{900}, PositionPhase::kSnapshotSlot); },
     TakeSnapshot{.create_slot = false, .stream_from = Lsn{1000}}},
    {"unfinished snapshot, and a Debezium that has run since",
     [](StartFacts& f) {
       Intend(f, kNoLsn);
       f.position->connect_offset = kNoConnectRecord;
       f.connect = ConnectFacts{.offset = 0, .resume = Lsn{1400}, .last_commit = Lsn{1300}};
     },
     StreamFrom{.from = Lsn{1300}, .adopt = true, .debezium_passed = Lsn{1300}}},
    {"unfinished snapshot, and a Debezium that has run since and lost its slot",
     [](StartFacts& f) {
       Intend(f, kNoLsn);
       f.position->connect_offset = 2;
       f.connect = ConnectFacts{.offset = 3, .resume = Lsn{1400}, .last_commit = Lsn{1300}};
       f.slot.reset();
     },
     ExitCode::kSlotMissing},
    {"unfinished snapshot, and a Debezium that has run before",
     [](StartFacts& f) {
       Intend(f, kNoLsn);
       f.position->connect_offset = 3;
       f.connect = ConnectFacts{.offset = 3, .resume = Lsn{1400}, .last_commit = Lsn{1300}};
     },
     TakeSnapshot{.create_slot = false, .stream_from = Lsn{1000}}},
    {"unfinished snapshot, and a Debezium that did not finish one since",
     [](StartFacts& f) {
       Intend(f, Lsn{1500});
       f.position->connect_offset = 2;
       f.connect = ConnectFacts{.offset = 3, .snapshot_unfinished = true};
     },
     TakeSnapshot{.create_slot = false, .stream_from = Lsn{1500}}},
    {"unfinished snapshot, and a record of ours from before it that came late",
     [](StartFacts& f) {
       Intend(f, Lsn{1500});
       f.position->connect_offset = 2;
       f.connect = ConnectFacts{.offset = 3, .resume = Lsn{1500}, .last_commit = Lsn{1400}};
     },
     TakeSnapshot{.create_slot = false, .stream_from = Lsn{1500}}},
    {"unfinished snapshot beside a slot that is lost",
     [](StartFacts& f) {
       Intend(f, kNoLsn);
       f.slot->lost = true;
     },
     ExitCode::kSlotLost},
    {"unfinished snapshot beside a slot that is lost, when needed",
     [](StartFacts& f) {
       Intend(f, kNoLsn);
       f.slot->lost = true;
       f.mode = SnapshotMode::kWhenNeeded;
     },
     TakeSnapshot{.drop_slot_first = true}},
    {"unfinished snapshot before its slot was made",
     [](StartFacts& f) {
       Intend(f, kNoLsn);
       f.slot.reset();
     },
     TakeSnapshot{}},
    {"unfinished snapshot beside a slot that was there before",
     [](StartFacts& f) { Intend(f, Lsn{500}); },
     TakeSnapshot{.create_slot = false, .stream_from = Lsn{1000}}},
    {"unfinished snapshot over a slot behind the position",
     [](StartFacts& f) { Intend(f, Lsn{1500}); },
     TakeSnapshot{.create_slot = false, .stream_from = Lsn{1500}}},
    {"unfinished snapshot over a slot behind the position, on a server that was promoted before it",
     [](StartFacts& f) {
       Intend(f, Lsn{1500});
       f.timeline = 2;
       f.timeline_history = {{.timeline = 1, .switch_point = Lsn{1200}}};
     },
     TakeSnapshot{.create_slot = false, .stream_from = Lsn{1200}}},
    {"always: a snapshot at each start", [](StartFacts& f) { f.mode = SnapshotMode::kAlways; },
     TakeSnapshot{.create_slot = false, .stream_from = Lsn{2000}}},
    {"initial only needs no slot", [](StartFacts& f) { f.mode = SnapshotMode::kInitialOnly; },
     TakeSnapshot{.create_slot = false, .stream_after = false}},
    {"options changed behind a clean stop",
     [](StartFacts& f) {
       f.options_hash = "cd";
       f.exactly_once = true;
       f.tails = {Tail(5, 0, 5)};
     },
     StreamFrom{.from = Lsn{2000}}},
    {"options changed behind a crash",
     [](StartFacts& f) {
       f.options_hash = "cd";
       f.exactly_once = true;
       f.tails = {Tail(5, 0, 6)};
     },
     ExitCode::kOptionsChanged},
    {"a tail to recognise",
     [](StartFacts& f) {
       f.exactly_once = true;
       f.tails = {Tail(5, 0, 6)};
     },
     StreamFrom{.from = Lsn{2000}}},
    {"a broker that lost records",
     [](StartFacts& f) {
       f.exactly_once = true;
       f.tails = {Tail(5, 0, 4)};
     },
     ExitCode::kRecordsMissing},
    {"a broker that lost records, when needed",
     [](StartFacts& f) {
       f.exactly_once = true;
       f.tails = {Tail(5, 0, 4)};
       f.mode = SnapshotMode::kWhenNeeded;
     },
     TakeSnapshot{.create_slot = false, .stream_from = Lsn{2000}}},
    {"a broker that lost records, at least once", [](StartFacts& f) { f.tails = {Tail(5, 0, 4)}; },
     StreamFrom{.from = Lsn{2000}}},
    {"a broker that lost records, accepted",
     [](StartFacts& f) {
       f.exactly_once = f.accept_topic_mismatch = true;
       f.tails = {Tail(5, 0, 4)};
     },
     StreamFrom{.from = Lsn{2000}}},
    {"a tail that has expired",
     [](StartFacts& f) {
       f.exactly_once = true;
       f.tails = {Tail(5, 6, 7)};
     },
     ExitCode::kRecordsMissing},
    {"records before the position that have expired",
     [](StartFacts& f) {
       f.exactly_once = true;
       f.tails = {Tail(5, 5, 7)};
     },
     StreamFrom{.from = Lsn{2000}}},
    {"a topic that was deleted",
     [](StartFacts& f) {
       f.exactly_once = true;
       f.tails = {Tail(5, 0, 0)};
       f.tails[0].gone = true;
     },
     ExitCode::kRecordsMissing},
    {"an empty topic that was deleted",
     [](StartFacts& f) {
       f.exactly_once = true;
       f.tails = {Tail(0, 0, 0)};
       f.tails[0].gone = true;
     },
     StreamFrom{.from = Lsn{2000}}},
    {"options changed: goes on", [](StartFacts& f) { f.options_hash = "cd"; },
     StreamFrom{.from = Lsn{2000}}},
};

TEST(DecideStart, FollowsTheTable) {
  for (const Row& row : kTable) {
    SCOPED_TRACE(row.name);
    StartFacts facts = Healthy();
    row.change(facts);
    const StartDecision decision = DecideStart(facts);
    if (const auto* code = std::get_if<ExitCode>(&row.expected)) {
      const auto* refusal = std::get_if<RefuseToStart>(&decision.action);
      EXPECT_NE(refusal, nullptr);
      if (refusal == nullptr) continue;
      EXPECT_EQ(refusal->code, *code);
      EXPECT_FALSE(refusal->message.empty());
    } else if (const auto* snapshot = std::get_if<TakeSnapshot>(&row.expected)) {
      const auto* taken = std::get_if<TakeSnapshot>(&decision.action);
      EXPECT_TRUE(taken != nullptr && *taken == *snapshot);
    } else {
      const auto* streamed = std::get_if<StreamFrom>(&decision.action);
      EXPECT_TRUE(streamed != nullptr && *streamed == std::get<StreamFrom>(row.expected));
    }
  }
}

// Empty when it does not refuse.
std::string RefusalOf(const StartFacts& facts) {
  const StartDecision decision = DecideStart(facts);
  const auto* refusal = std::get_if<RefuseToStart>(&decision.action);
  return refusal == nullptr ? "" : refusal->message;
}

TEST(DecideStart, SaysWhatIsAtStakeAndWhatToDo) {
  StartFacts facts = Healthy();
  facts.slot->confirmed_flush = Lsn{2100};
  EXPECT_THAT(RefusalOf(facts), HasSubstr("0/7D0 to 0/834 (100 bytes of WAL)"));
  EXPECT_THAT(RefusalOf(facts), HasSubstr("snapshot.mode=when_needed"));
}

TEST(DecideStart, SaysWhatIsLostBehindDebeziumsOffset) {
  StartFacts facts = Healthy();
  facts.slot.reset();
  facts.position.reset();
  facts.mode = SnapshotMode::kNoData;
  facts.connect = ConnectFacts{.offset = 3, .resume = Lsn{4900}, .last_commit = Lsn{4800}};
  EXPECT_THAT(RefusalOf(facts), HasSubstr("0/1324 to 0/1388 (100 bytes of WAL)"));
  EXPECT_THAT(RefusalOf(facts), HasSubstr("Debezium"));
  EXPECT_THAT(RefusalOf(facts), HasSubstr("snapshot.mode=when_needed"));
}

TEST(DecideStart, SaysWhatIsLostBehindTheFurtherOne) {
  StartFacts facts = Healthy();
  facts.slot.reset();
  facts.position->connect_offset = 7;
  facts.connect = ConnectFacts{.offset = 9, .resume = Lsn{4900}, .last_commit = Lsn{4800}};
  EXPECT_THAT(RefusalOf(facts), HasSubstr("0/1324 to 0/1388 (100 bytes of WAL)"));
  facts = Healthy();
  facts.position->connect_offset = 7;
  facts.connect = ConnectFacts{.offset = 9, .resume = Lsn{4900}, .last_commit = Lsn{4800}};
  facts.slot->lost = true;
  EXPECT_THAT(RefusalOf(facts), HasSubstr("0/1324 to 0/1388 (100 bytes of WAL)"));
}

TEST(DecideStart, SaysOfAnotherServerThatDebeziumHasRunSince) {
  StartFacts facts = Healthy();
  facts.system_identifier = "8";
  EXPECT_THAT(RefusalOf(facts), Not(HasSubstr("Debezium")));
  facts.position->connect_offset = 7;
  facts.connect = ConnectFacts{.offset = 9, .resume = Lsn{3100}, .last_commit = Lsn{3000}};
  EXPECT_THAT(RefusalOf(facts), HasSubstr("Debezium has run since, up to 0/C1C"));
}

TEST(DecideStart, SaysThatNobodyHasAPositionAndWhatComesTwice) {
  StartFacts facts = Healthy();
  facts.position.reset();
  facts.mode = SnapshotMode::kNoData;
  EXPECT_THAT(DecideStart(facts).note, HasSubstr("nobody has a position for it"));
  facts.topics_with_records = {"cdc.public.t"};
  EXPECT_THAT(DecideStart(facts).note, HasSubstr("topic cdc.public.t already holds come twice"));
  facts.slot.reset();
  EXPECT_THAT(DecideStart(facts).note, HasSubstr("topic cdc.public.t already holds records"));
}

TEST(DecideStart, NotesChangedPartitionCountsAndOptions) {
  StartFacts facts = Healthy();
  facts.position->topics["cdc.public.t"] = {.next = {5}};
  facts.partition_counts["cdc.public.t"] = 3;
  EXPECT_THAT(DecideStart(facts).note, HasSubstr("keys stay in the first 1"));
  facts.partition_counts.clear();
  EXPECT_THAT(DecideStart(facts).note, HasSubstr("is gone"));
  facts = Healthy();
  facts.options_hash = "cd";
  EXPECT_THAT(DecideStart(facts).note, HasSubstr("options"));
}

}  // namespace
}  // namespace walrelay::app
