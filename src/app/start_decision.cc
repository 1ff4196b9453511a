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

// Whether the position belongs to the history that this server goes on with.
std::optional<RefuseToStart> ForeignHistory(const StartFacts& facts) {
  const PositionRecord& position = *facts.position;
  const Epoch& epoch = position.epoch;
  if (epoch.system_identifier != facts.system_identifier) {
    return Refuse(
        ExitCode::kEpochMismatch,
        Cat("the position of slot ", facts.slot_name,
            " was taken on the server with system identifier ", epoch.system_identifier,
            ", this one is ", facts.system_identifier, "; Kafka has the other one's changes up to ",
            position.end_lsn, ", this one's WAL ends at ", facts.server_flush,
            "; connect to the old server, or ", NewSnapshotHint()));
  }
  if (epoch.timeline != facts.timeline) {
    const auto left =
        std::find_if(facts.timeline_history.begin(), facts.timeline_history.end(),
                     [&](const TimelineSwitch& s) { return s.timeline == epoch.timeline; });
    if (left == facts.timeline_history.end()) {
      return Refuse(ExitCode::kTimelineMismatch,
                    Cat("the position of slot ", facts.slot_name, " is on timeline ",
                        epoch.timeline, ", which is no ancestor of this server's timeline ",
                        facts.timeline, ": Kafka has its changes up to ", position.end_lsn,
                        ", this server's WAL ends at ", facts.server_flush,
                        "; connect to the server that was promoted, or ", NewSnapshotHint()));
    }
    if (position.end_lsn > left->switch_point) {
      return Refuse(ExitCode::kTimelineMismatch,
                    Cat("this server left timeline ", epoch.timeline, " at ", left->switch_point,
                        ", but Kafka already has changes of it from ",
                        WalRange(left->switch_point, position.end_lsn), " that do not exist here; ",
                        NewSnapshotHint()));
    }
  }
  if (position.end_lsn > facts.server_flush) {
    return Refuse(ExitCode::kPositionBeyondServer,
                  Cat("the position ", position.end_lsn,
                      " lies beyond the server's WAL, which ends at ", facts.server_flush,
                      ": it was restored from a backup; Kafka has changes that it does not know, "
                      "and its next ",
                      Number(position.end_lsn) - Number(facts.server_flush),
                      " bytes of WAL would be skipped; ", NewSnapshotHint()));
  }
  return std::nullopt;
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
  if (slot.confirmed_flush > passed && !facts.trust_slot) {
    if (facts.mode == SnapshotMode::kWhenNeeded) return SnapshotOf(slot, passed);
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
  // passed WAL without commits: what comes then still names this commit as the one before.
  const Lsn from = std::max(slot.confirmed_flush, debezium.last_commit);
  std::string note = Cat("slot ", facts.slot_name, " was last read by Debezium: going on behind ",
                         from, ", and what it has written already is not written again");
  if (slot.confirmed_flush > passed) {
    note += Cat("; changes from ", WalRange(passed, slot.confirmed_flush),
                " are passed over (offset.mismatch.strategy)");
  }
  return {StreamFrom{.from = from, .adopt = true, .debezium_passed = debezium.last_commit},
          std::move(note)};
}

StartDecision SlotWithoutPosition(const StartFacts& facts) {
  const SlotFacts& slot = *facts.slot;
  if (slot.lost) {
    if (facts.mode == SnapshotMode::kWhenNeeded) {
      return {TakeSnapshot{.drop_slot_first = true},
              Cat("slot ", facts.slot_name, " is lost (", slot.lost_reason, ")")};
    }
    return {Refuse(ExitCode::kSlotLost,
                   Cat("slot ", facts.slot_name, " is lost (", slot.lost_reason, "): WAL from ",
                       slot.restart_lsn, " on is gone; ", NewSnapshotHint())),
            ""};
  }
  if (facts.connect && !facts.connect->snapshot_unfinished && facts.mode != SnapshotMode::kAlways)
    return TakeOver(facts);
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
  if (facts.mode == SnapshotMode::kWhenNeeded || facts.mode == SnapshotMode::kAlways) {
    return {TakeSnapshot{},
            Cat("slot ", facts.slot_name, " is gone; a new snapshot begins a new incarnation")};
  }
  const Lsn reached = facts.position ? facts.position->end_lsn : facts.connect->passed();
  const std::string_view by = facts.position ? "" : " by Debezium's offset";
  return {Refuse(ExitCode::kSlotMissing,
                 Cat("slot ", facts.slot_name, " does not exist, but", by,
                     " Kafka has its changes up to ", reached, ": changes from ",
                     ToServerEnd(reached, facts), " may be lost; ", NewSnapshotHint())),
          ""};
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
  const Lsn end_lsn = facts.position->end_lsn;
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
  const Lsn end_lsn = facts.position->end_lsn;
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
  if (!certain || confirmed >= position.end_lsn) return std::nullopt;
  return KnownHistory::Bounds{.begin = confirmed,
                              .last_commit = position.last_commit_lsn,
                              .last_commit_micros = position.last_commit_micros,
                              .end = position.end_lsn};
}

StartDecision Resume(const StartFacts& facts) {
  const SlotFacts& slot = *facts.slot;
  const PositionRecord& position = *facts.position;
  if (slot.lost) {
    if (facts.mode == SnapshotMode::kWhenNeeded) {
      return {TakeSnapshot{.drop_slot_first = true},
              Cat("slot ", facts.slot_name, " is lost (", slot.lost_reason, ")")};
    }
    return {
        Refuse(ExitCode::kSlotLost, Cat("slot ", facts.slot_name, " is lost (", slot.lost_reason,
                                        "): changes from ", ToServerEnd(position.end_lsn, facts),
                                        " can no longer be read; ", NewSnapshotHint())),
        ""};
  }
  if (facts.connect && HasRunSince(*facts.connect, position)) {
    if (!facts.connect->snapshot_unfinished) return TakeOver(facts);
    return {TakeSnapshot{.create_slot = false, .stream_from = slot.confirmed_flush},
            "Debezium has run since, and did not finish a snapshot: it starts over"};
  }
  if (slot.confirmed_flush > position.end_lsn && facts.trust_slot) {
    return {StreamFrom{.from = slot.confirmed_flush, .adopt = true},
            Cat("slot ", facts.slot_name, " is ahead of us: changes from ",
                WalRange(position.end_lsn, slot.confirmed_flush),
                " are passed over (offset.mismatch.strategy)")};
  }
  if (slot.confirmed_flush > position.end_lsn) {
    if (facts.mode == SnapshotMode::kWhenNeeded) return SnapshotOf(slot, position.end_lsn);
    return {
        Refuse(ExitCode::kSlotAhead,
               Cat("slot ", facts.slot_name, " is ahead of us: changes from ",
                   WalRange(position.end_lsn, slot.confirmed_flush),
                   " were confirmed by somebody else and are not in Kafka; ", NewSnapshotHint())),
        ""};
  }
  if (facts.mode == SnapshotMode::kAlways) {
    return {TakeSnapshot{.create_slot = false, .stream_from = position.end_lsn}, ""};
  }
  if (auto lost = LostRecords(facts)) {
    if (facts.mode != SnapshotMode::kWhenNeeded) return {*std::move(lost), ""};
    return {TakeSnapshot{.create_slot = false, .stream_from = position.end_lsn},
            std::move(lost->message)};
  }
  if (auto refusal = UnusableTails(facts)) return {*std::move(refusal), ""};
  return {StreamFrom{.from = position.end_lsn, .known = Known(facts)}, ResumeNote(facts)};
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
         (connect.snapshot_unfinished || connect.passed() > position.end_lsn);
}

StartDecision DecideStart(const StartFacts& facts) {
  if (facts.slot) {
    if (auto refusal = UnusableSlot(facts)) return {*std::move(refusal), ""};
  }
  if (facts.mode == SnapshotMode::kInitialOnly)
    return {TakeSnapshot{.create_slot = false, .stream_after = false}, ""};

  const bool same_system =
      facts.position && facts.position->epoch.system_identifier == facts.system_identifier;
  if (same_system && facts.position->phase == PositionPhase::kSnapshotIntent) {
    const bool adopted = facts.position->epoch.incarnation != kNoLsn;
    if (adopted && facts.slot) {
      return {TakeSnapshot{.create_slot = false, .stream_from = facts.slot->confirmed_flush},
              "the last snapshot was not finished; it starts over"};
    }
    return {TakeSnapshot{.drop_slot_first = facts.slot.has_value()},
            "the last snapshot was not finished; it starts over"};
  }
  if (facts.position) {
    if (auto foreign = ForeignHistory(facts)) {
      if (facts.mode != SnapshotMode::kWhenNeeded) return {*std::move(foreign), ""};
      return {TakeSnapshot{.drop_slot_first = facts.slot.has_value()}, std::move(foreign->message)};
    }
  }
  if (!facts.slot) {
    const bool streamed = facts.connect && !facts.connect->snapshot_unfinished;
    return facts.position || streamed ? MissingSlot(facts) : Fresh(facts);
  }
  return facts.position ? Resume(facts) : SlotWithoutPosition(facts);
}

}  // namespace walrelay::app
