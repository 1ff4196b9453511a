#include "app/start_decision.h"

#include <algorithm>

#include "base/status.h"

namespace walrelay::app {
namespace {

RefuseToStart Refuse(ExitCode code, std::string message) {
  return {.code = code, .message = std::move(message)};
}

// "0/16B3748 to 0/16B4000 (2232 bytes of WAL)": all from there on.
std::string ToServerEnd(Lsn begin, const StartFacts& facts) {
  return WalRange(begin, std::max(begin, facts.server_flush));
}

std::string NewSnapshotHint() {
  return "to take a new snapshot instead, start once with --set source.snapshot.mode=when_needed";
}

// Whether the mode asks for a snapshot where changes may be missing.
bool MayTakeSnapshot(SnapshotMode mode) {
  return mode == SnapshotMode::kWhenNeeded || mode == SnapshotMode::kAlways;
}

// Up to where Kafka has changes by this record alone.
Lsn Covered(const PositionRecord& position) {
  return position.phase == PositionPhase::kStreaming ? position.end_lsn
                                                     : position.epoch.incarnation;
}

// Where the server's history has left the timeline of the position; nullopt: it is no ancestor.
std::optional<Lsn> LeftAt(const StartFacts& facts) {
  const auto left = std::ranges::find(facts.timeline_history, facts.position->epoch.timeline,
                                      &TimelineSwitch::timeline);
  if (left == facts.timeline_history.end()) return std::nullopt;
  return left->switch_point;
}

// Up to where Kafka has the changes of this server's history; kNoLsn: that is not known. Of a
// position of the same system.
Lsn Covered(const StartFacts& facts) {
  if (!facts.position) return kNoLsn;
  const Lsn covered = Covered(*facts.position);
  if (facts.position->epoch.timeline == facts.timeline) return covered;
  return std::min(covered, LeftAt(facts).value_or(kNoLsn));
}

// Whether Debezium's offset says more than we know.
bool DebeziumLeads(const StartFacts& facts) {
  if (!facts.connect || facts.connect->snapshot_unfinished) return false;
  return !facts.position || HasRunSince(*facts.connect, *facts.position);
}

// Whether the slot is one that we can read at all.
std::optional<RefuseToStart> UnusableSlot(const StartFacts& facts) {
  const SlotFacts& slot = *facts.slot;
  if (slot.plugin != "pgoutput") {
    return Refuse(ExitCode::kSlotUnsuitable,
                  Cat("slot ", facts.slot_name, " uses the plugin ", slot.plugin,
                      ", not pgoutput; drop it (walrelay slot drop ", facts.slot_name,
                      ") or choose another source.slot.name"));
  }
  if (slot.database != facts.database) {
    return Refuse(ExitCode::kSlotUnsuitable,
                  Cat("slot ", facts.slot_name, " belongs to the database ", slot.database,
                      ", not to ", facts.database, "; choose another source.slot.name"));
  }
  return std::nullopt;
}

// START_REPLICATION would accept it, and pass over what is new.
std::optional<RefuseToStart> BeyondServer(std::string_view what, Lsn position,
                                          const StartFacts& facts) {
  if (position <= facts.server_flush) return std::nullopt;
  return Refuse(
      ExitCode::kPositionBeyondServer,
      Cat(what, " ", position, " lies beyond the server's WAL, which ends at ", facts.server_flush,
          ": it was restored from a backup, or is another one; Kafka has changes that it "
          "does not know, and its next ",
          Number(position) - Number(facts.server_flush), " bytes of WAL would be skipped; ",
          NewSnapshotHint()));
}

std::optional<RefuseToStart> OtherSystem(const StartFacts& facts) {
  const PositionRecord& position = *facts.position;
  const Epoch& epoch = position.epoch;
  if (epoch.system_identifier == facts.system_identifier) return std::nullopt;
  // LSNs do not tell on which one of both that was.
  const std::string debezium = DebeziumLeads(facts)
                                   ? Cat(", and Debezium has run since, up to ",
                                         facts.connect->passed(), " of the one or the other")
                                   : "";
  return Refuse(
      ExitCode::kEpochMismatch,
      Cat("the position of slot ", facts.slot_name,
          " was taken on the server with system identifier ", epoch.system_identifier,
          ", this one is ", facts.system_identifier, "; Kafka has the other one's changes up to ",
          position.end_lsn, ", this one's WAL ends at ", facts.server_flush, debezium,
          "; connect to the old server, or ", NewSnapshotHint()));
}

// Whether the position belongs to the history that this server goes on with.
std::optional<RefuseToStart> ForeignHistory(const StartFacts& facts) {
  const PositionRecord& position = *facts.position;
  const Epoch& epoch = position.epoch;
  if (epoch.timeline != facts.timeline) {
    const std::optional<Lsn> left = LeftAt(facts);
    if (!left) {
      return Refuse(ExitCode::kTimelineMismatch,
                    Cat("the position of slot ", facts.slot_name, " is on timeline ",
                        epoch.timeline, ", which is no ancestor of this server's timeline ",
                        facts.timeline, ": Kafka has its changes up to ", position.end_lsn,
                        ", this server's WAL ends at ", facts.server_flush,
                        "; connect to the server that was promoted, or ", NewSnapshotHint()));
    }
    // Behind the last commit the position followed an idle server: no changes of it are in Kafka.
    if (position.end_lsn > *left && std::max(position.last_commit_lsn, epoch.incarnation) > *left) {
      return Refuse(
          ExitCode::kTimelineMismatch,
          Cat("this server left timeline ", epoch.timeline, " at ", *left,
              ", but Kafka already has changes of it from ", WalRange(*left, position.end_lsn),
              " that do not exist here; ", NewSnapshotHint()));
    }
  }
  return BeyondServer("the position", Covered(facts), facts);
}

StartDecision Fresh(const StartFacts& facts) {
  if (facts.mode == SnapshotMode::kNoData) {
    std::string note;
    if (!facts.topics_with_records.empty()) {
      note =
          Cat("topic ", facts.topics_with_records.front(),
              " already holds records: changes since they were written, and before the slot, are "
              "not among them");
    }
    return {StreamFrom{.create_slot = true, .adopt = false}, std::move(note)};
  }
  if (!facts.topics_with_records.empty() && facts.mode == SnapshotMode::kInitial) {
    return {Refuse(ExitCode::kTopicsNotEmpty,
                   Cat("there is neither slot ", facts.slot_name,
                       " nor a position for it, but topic ", facts.topics_with_records.front(),
                       " already holds records: changes since they were written are unknown; ",
                       "choose another source.topic.prefix, or ", NewSnapshotHint())),
            ""};
  }
  std::string note;
  if (!facts.topics_with_records.empty()) {
    note = Cat("topic ", facts.topics_with_records.front(),
               " already holds records; the snapshot is written behind them");
  }
  return {TakeSnapshot{}, std::move(note)};
}

// When needed: somebody else has confirmed changes that are not in Kafka.
StartDecision SnapshotOf(const SlotFacts& slot, Lsn passed) {
  return {
      TakeSnapshot{.create_slot = false, .stream_from = slot.confirmed_flush},
      Cat("changes from ", WalRange(passed, slot.confirmed_flush),
          " were confirmed by somebody else and are not in Kafka: a new snapshot has their rows")};
}

// Goes on where Debezium was, by its own offset.
StartDecision TakeOver(const StartFacts& facts) {
  const SlotFacts& slot = *facts.slot;
  const ConnectFacts& debezium = *facts.connect;
  const Lsn passed = debezium.passed();
  if (auto beyond = BeyondServer("Debezium's offset", passed, facts)) {
    if (!MayTakeSnapshot(facts.mode)) return {*std::move(beyond), ""};
    return {TakeSnapshot{.create_slot = false, .stream_from = slot.confirmed_flush},
            std::move(beyond->message)};
  }
  if (slot.confirmed_flush > passed && !facts.trust_slot) {
    if (MayTakeSnapshot(facts.mode)) return SnapshotOf(slot, passed);
    return {
        Refuse(ExitCode::kSlotAhead,
               Cat("slot ", facts.slot_name, " is ahead of Debezium's offset: changes from ",
                   WalRange(passed, slot.confirmed_flush),
                   " were confirmed by somebody else and are not in Kafka; if that was Debezium "
                   "itself, on an idle server (lsn.flush.mode=connector_and_driver), start once "
                   "with --set source.offset.mismatch.strategy=trust_slot; else ",
                   NewSnapshotHint())),
        ""};
  }
  // It has passed that commit whatever the slot says: the server was not told yet. Or the slot has
  // passed WAL without commits: what comes then still names this commit as the one before. Or it
  // has only taken a snapshot, behind what we have written.
  const Lsn from = std::max({slot.confirmed_flush, debezium.last_commit, Covered(facts)});
  if (facts.mode == SnapshotMode::kAlways)
    return {TakeSnapshot{.create_slot = false, .stream_from = from}, ""};
  std::string note = Cat("slot ", facts.slot_name, " was last read by Debezium: going on behind ",
                         from, ", and what it has written already is not written again");
  if (slot.confirmed_flush > passed) {
    note += Cat("; changes from ", WalRange(passed, slot.confirmed_flush),
                " are passed over (offset.mismatch.strategy)");
  }
  return {StreamFrom{.from = from, .adopt = true, .debezium_passed = debezium.last_commit},
          std::move(note)};
}

StartDecision LostSlot(const StartFacts& facts) {
  const SlotFacts& slot = *facts.slot;
  const std::string what = Cat("slot ", facts.slot_name, " is lost (", slot.lost_reason, ")");
  if (facts.mode == SnapshotMode::kWhenNeeded) return {TakeSnapshot{.drop_slot_first = true}, what};
  const Lsn reached =
      std::max(Covered(facts), DebeziumLeads(facts) ? facts.connect->passed() : kNoLsn);
  const std::string gone = reached == kNoLsn ? Cat("WAL from ", slot.restart_lsn, " on is gone")
                                             : Cat("changes from ", ToServerEnd(reached, facts),
                                                   " can no longer be read");
  return {Refuse(ExitCode::kSlotLost, Cat(what, ": ", gone, "; ", NewSnapshotHint())), ""};
}

StartDecision SlotWithoutPosition(const StartFacts& facts) {
  const SlotFacts& slot = *facts.slot;
  if (DebeziumLeads(facts)) return TakeOver(facts);
  if (facts.mode == SnapshotMode::kNoData) {
    std::string note = Cat("slot ", facts.slot_name,
                           " exists and nobody has a position for it: streaming from ",
                           slot.confirmed_flush);
    if (!facts.topics_with_records.empty())
      note += Cat("; changes behind it that topic ", facts.topics_with_records.front(),
                  " already holds come twice");
    return {StreamFrom{.from = slot.confirmed_flush, .adopt = true}, std::move(note)};
  }
  if (!facts.topics_with_records.empty() && facts.mode == SnapshotMode::kInitial) {
    return {
        Refuse(
            ExitCode::kTopicsNotEmpty,
            Cat("slot ", facts.slot_name, " exists and nobody has a position for it, but topic ",
                facts.topics_with_records.front(),
                " already holds records: a snapshot would come on top of them, and changes from ",
                ToServerEnd(slot.confirmed_flush, facts),
                " may be among them already; if __walrelay_positions was lost, bring it back; to "
                "stream without a snapshot, start once with --set source.snapshot.mode=no_data; ",
                NewSnapshotHint())),
        ""};
  }
  return {TakeSnapshot{.create_slot = false, .stream_from = slot.confirmed_flush},
          Cat("slot ", facts.slot_name,
              " exists and nobody has a position for it: snapshot, then streaming from ",
              slot.confirmed_flush, "; rows changed in between come twice")};
}

// There is no slot, but Kafka has changes up to somewhere: by our position, or by Debezium's
// offset.
StartDecision MissingSlot(const StartFacts& facts) {
  if (MayTakeSnapshot(facts.mode)) {
    return {TakeSnapshot{},
            Cat("slot ", facts.slot_name, " is gone; a new snapshot begins a new incarnation")};
  }
  const bool debezium_leads = DebeziumLeads(facts);
  const Lsn reached = debezium_leads ? facts.connect->passed() : facts.position->end_lsn;
  const std::string_view by = debezium_leads ? " by Debezium's offset" : "";
  if (auto beyond = BeyondServer("Debezium's offset", reached, facts))
    return {*std::move(beyond), ""};
  return {Refuse(ExitCode::kSlotMissing,
                 Cat("slot ", facts.slot_name, " does not exist, but", by,
                     " Kafka has its changes up to ", reached, ": changes from ",
                     ToServerEnd(reached, facts), " may be lost; ", NewSnapshotHint())),
          ""};
}

// A snapshot of ours was not finished.
StartDecision UnfinishedSnapshot(const StartFacts& facts) {
  const std::string note = "the last snapshot was not finished; it starts over";
  if (!facts.slot) return {TakeSnapshot{}, note};
  const SlotFacts& slot = *facts.slot;
  if (slot.lost) return LostSlot(facts);
  const bool unread = slot.confirmed_flush == facts.position->epoch.incarnation;
  if (facts.position->phase == PositionPhase::kSnapshotSlot && unread)
    return {TakeSnapshot{.drop_slot_first = true}, note};
  // It was there before; or it is not known whose it is, and it may be somebody else's by now.
  const Lsn from = std::max(slot.confirmed_flush, Covered(facts));
  return {TakeSnapshot{.create_slot = false, .stream_from = from},
          Cat(note, ", over slot ", facts.slot_name, " as it is: streaming from ", from,
              ", and rows changed in between come twice")};
}

std::string AcceptHint() {
  return "to go on with the topics as they are, start once with --set "
         "pipeline.topic.mismatch=accept";
}

std::string Name(const TopicPartition& partition) {
  return Cat("partition ", partition.partition, " of topic ", partition.topic);
}

// Whether the topics have lost what the position says that they hold.
std::optional<RefuseToStart> LostRecords(const StartFacts& facts) {
  if (!facts.exactly_once || facts.accept_topic_mismatch) return std::nullopt;
  const Lsn end_lsn = Covered(facts);
  for (const TailFacts& tail : facts.tails) {
    if (tail.next < 0) continue;
    if (tail.gone && tail.next > 0) {
      return Refuse(ExitCode::kRecordsMissing,
                    Cat(Name(tail.partition), " is gone, where records of changes before ", end_lsn,
                        " stood up to offset ", tail.next - 1,
                        ": consumers that have not read them never will; ", NewSnapshotHint(),
                        "; ", AcceptHint()));
    }
    if (!tail.gone && tail.end < tail.next) {
      return Refuse(
          ExitCode::kRecordsMissing,
          Cat(Name(tail.partition), " ends at offset ", tail.end, ", but ", tail.next - tail.end,
              " more records, of changes before ", end_lsn,
              ", had been acknowledged: the broker has lost them, or the topic was made again; ",
              NewSnapshotHint(), "; ", AcceptHint()));
    }
  }
  return std::nullopt;
}

// Whether the tails can be recognised.
std::optional<RefuseToStart> UnusableTails(const StartFacts& facts) {
  if (!facts.exactly_once || facts.accept_topic_mismatch) return std::nullopt;
  const Lsn end_lsn = Covered(facts);
  for (const TailFacts& tail : facts.tails) {
    if (tail.next < 0 || tail.gone) continue;
    if (tail.begin > tail.next && tail.end > tail.next) {
      return Refuse(ExitCode::kRecordsMissing,
                    Cat(Name(tail.partition), " begins at offset ", tail.begin,
                        ", so that its records from offset ", tail.next,
                        " on have expired, which would tell how much of the changes from ",
                        ToServerEnd(end_lsn, facts), " has been written; ", AcceptHint(),
                        ": those are written again"));
    }
  }
  if (facts.position->options_hash == facts.options_hash) return std::nullopt;
  for (const TailFacts& tail : facts.tails) {
    if (tail.gone || tail.next < 0 || tail.end <= tail.next) continue;
    return Refuse(
        ExitCode::kOptionsChanged,
        Cat("options that shape the records have changed since the last run, which was not "
            "stopped but ended: ",
            Name(tail.partition), " holds ", tail.end - tail.next, " records, of changes from ",
            ToServerEnd(end_lsn, facts),
            ", that the new options would make otherwise; start with the old options, stop by "
            "SIGTERM, and start with the new ones; or ",
            AcceptHint(), ": those changes are written again"));
  }
  return std::nullopt;
}

std::string ResumeNote(const StartFacts& facts) {
  const PositionRecord& position = *facts.position;
  for (const auto& [topic, where] : position.topics) {
    const auto now = facts.partition_counts.find(topic);
    if (now == facts.partition_counts.end())
      return Cat("topic ", topic, " is gone; it will be created again");
    if (std::cmp_not_equal(now->second, where.next.size())) {
      return Cat("topic ", topic, " has ", now->second,
                 " partitions now; its keys stay in the first ", where.next.size());
    }
  }
  if (position.options_hash != facts.options_hash) {
    return "options that shape the records have changed since the last run; records from here on "
           "follow the new ones";
  }
  return "";
}

// What the stream must look like up to the position; none where that is not known for certain:
// other options may show other transactions, and before the incarnation the last commit is hearsay.
std::optional<KnownHistory::Bounds> Known(const StartFacts& facts) {
  const PositionRecord& position = *facts.position;
  const Lsn confirmed = facts.slot->confirmed_flush;
  const bool certain = position.options_hash == facts.options_hash &&
                       position.last_commit_lsn > position.epoch.incarnation;
  const Lsn end_lsn = Covered(facts);
  if (!certain || confirmed >= end_lsn) return std::nullopt;
  return KnownHistory::Bounds{.begin = confirmed,
                              .last_commit = position.last_commit_lsn,
                              .last_commit_micros = position.last_commit_micros,
                              .end = end_lsn};
}

StartDecision Resume(const StartFacts& facts) {
  const SlotFacts& slot = *facts.slot;
  const PositionRecord& position = *facts.position;
  const Lsn end_lsn = Covered(facts);
  if (facts.connect && HasRunSince(*facts.connect, position)) {
    return {
        TakeSnapshot{.create_slot = false, .stream_from = std::max(slot.confirmed_flush, end_lsn)},
        "Debezium has run since, and did not finish a snapshot: it starts over"};
  }
  if (slot.confirmed_flush > end_lsn && facts.trust_slot) {
    return {StreamFrom{.from = slot.confirmed_flush, .adopt = true},
            Cat("slot ", facts.slot_name, " is ahead of us: changes from ",
                WalRange(end_lsn, slot.confirmed_flush),
                " are passed over (offset.mismatch.strategy)")};
  }
  if (slot.confirmed_flush > end_lsn) {
    if (facts.mode == SnapshotMode::kWhenNeeded) return SnapshotOf(slot, end_lsn);
    return {
        Refuse(ExitCode::kSlotAhead,
               Cat("slot ", facts.slot_name, " is ahead of us: changes from ",
                   WalRange(end_lsn, slot.confirmed_flush),
                   " were confirmed by somebody else and are not in Kafka; ", NewSnapshotHint())),
        ""};
  }
  if (facts.mode == SnapshotMode::kAlways) {
    return {TakeSnapshot{.create_slot = false, .stream_from = end_lsn}, ""};
  }
  if (auto lost = LostRecords(facts)) {
    if (facts.mode != SnapshotMode::kWhenNeeded) return {*std::move(lost), ""};
    return {TakeSnapshot{.create_slot = false, .stream_from = end_lsn}, std::move(lost->message)};
  }
  if (auto refusal = UnusableTails(facts)) return {*std::move(refusal), ""};
  return {StreamFrom{.from = end_lsn, .known = Known(facts)}, ResumeNote(facts)};
}

}  // namespace

ConnectFacts MakeConnectFacts(const envelope::ConnectOffset& value, int64_t record) {
  return {.offset = record,
          .snapshot_unfinished = value.snapshot != envelope::OffsetSnapshot::kNone &&
                                 !value.last_snapshot_record.value_or(false),
          .resume = value.lsn_proc.value_or(value.lsn.value_or(kNoLsn)),
          .last_commit = value.lsn_commit.value_or(kNoLsn)};
}

bool HasRunSince(const ConnectFacts& connect, const PositionRecord& position) {
  return position.connect_offset && connect.offset > *position.connect_offset &&
         (connect.snapshot_unfinished || connect.passed() > Covered(position));
}

StartDecision DecideStart(const StartFacts& facts) {
  if (facts.slot) {
    if (auto refusal = UnusableSlot(facts)) return {*std::move(refusal), ""};
  }
  if (facts.mode == SnapshotMode::kInitialOnly)
    return {TakeSnapshot{.create_slot = false, .stream_after = false}, ""};

  const bool debezium_leads = DebeziumLeads(facts);
  if (facts.position) {
    auto foreign = OtherSystem(facts);
    const bool in_snapshot = facts.position->phase != PositionPhase::kStreaming;
    if (!foreign && in_snapshot && !debezium_leads) return UnfinishedSnapshot(facts);
    if (!foreign && !debezium_leads) foreign = ForeignHistory(facts);
    if (foreign) {
      if (facts.mode != SnapshotMode::kWhenNeeded) return {*std::move(foreign), ""};
      return {TakeSnapshot{.drop_slot_first = facts.slot.has_value()}, std::move(foreign->message)};
    }
  }
  if (!facts.slot) return facts.position || debezium_leads ? MissingSlot(facts) : Fresh(facts);
  if (facts.slot->lost) return LostSlot(facts);
  return facts.position && !debezium_leads ? Resume(facts) : SlotWithoutPosition(facts);
}

}  // namespace walrelay::app
