#include "app/stream_run.h"

#include <algorithm>
#include <variant>

#include "app/exit_code.h"
#include "app/source_errors.h"
#include "base/crash_point.h"
#include "base/log.h"
#include "pg/error.h"
#include "wal/pgoutput.h"

namespace walrelay::app {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// Reading lazily (PROTOCOL.md §2.8): after as many bytes at once there is a backlog, and over TCP a
// short pause lets the server send in larger pieces instead of waking us for each message.
constexpr size_t kBacklogBytes = 16 * 1024;
constexpr auto kLazyPause = 1ms;
// While so many records are on their way to Kafka, less than so many bytes wait in the socket for
// their reports. librdkafka (2.0.2 to 2.15.0) sends nothing behind five records of a partition, and
// looks again and again, without a pause, whether it may (rd_kafka_toppar_producer_serve).
constexpr size_t kInFlight = 5;
constexpr size_t kHeldBytes = 32 * 1024;
// Then the chores get their turn, however much there is to read.
constexpr size_t kReadAtOnceBytes = 1024 * 1024;

constexpr auto kIdleEvery = 10s;  // How often an idle position follows the server.
constexpr auto kSlotRetryEvery = 100ms;
constexpr auto kSlotRetryFor =
    60s;  // wal_sender_timeout's default: then the old walsender is surely gone.
constexpr auto kStopLimit = 5s;
constexpr auto kShutdownPatience =
    2s;  // How long requests for a reply may go on while Kafka is away.
constexpr auto kReplyEvery = 100ms;

absl::Status DecodeError(const absl::Status& status, const wal::XLogData& frame) {
  return WithExitCode(Annotate(status, Cat("stream at ", frame.wal_start)), ExitCode::kDataLoss);
}

// SQLSTATE object_in_use: the slot is active for another process.
constexpr std::string_view kObjectInUse = "55006";

class StreamRun {
 public:
  explicit StreamRun(CaptureSession& session)
      : session_(session), fetches_xmin_(session.settings().source.xmin_interval.count() > 0) {}

  absl::Status Start(Lsn from, const std::optional<KnownHistory::Bounds>& known);
  absl::Status Loop();

 private:
  // What comes next in the stream.
  struct Beginning {
    Lsn lsn{};                 // Where a transaction's commit begins, but a message's end.
    std::optional<Xid> xid{};  // None: a message outside of transactions.

    bool IsBehind(Lsn end) const { return xid ? lsn >= end : lsn > end; }
  };
  absl::StatusOr<wal::Frame> Await(Lsn confirmed);
  static std::optional<Beginning> BeginningOf(const wal::XLogData& frame);
  absl::Status SettleDoubt(Lsn from);
  absl::Status PassKnown(KnownHistory::Bounds bounds, Lsn begin);
  bool HoldsBack() const;
  absl::Status ReadWhatIsThere();
  absl::Status Handle(const wal::XLogData& frame);
  absl::Status Handle(const wal::Keepalive& frame);
  absl::Status Reply();
  absl::Status FollowIdleServer(SteadyTime now);

  absl::Status On(const Begin& begin);
  absl::Status On(const Commit& commit);
  absl::Status On(const Origin& origin);
  absl::Status On(const RelationChange& change);
  absl::Status On(const TypeChange&) { return absl::OkStatus(); }
  absl::Status On(const Insert& change);
  absl::Status On(const Update& change);
  absl::Status On(const Delete& change);
  absl::Status On(const Truncate& change);
  absl::Status On(const LogicalMessage& message);

  // Encodes one row's change and notes what Debezium's offset would say.
  template <class Row, class Encode>
  absl::Status Row_(const Row& change, admin::Op op, std::string_view type, Encode encode);
  void NoteEvent(std::string_view type, bool sent);

  CaptureSession& session_;
  const bool fetches_xmin_;
  wal::Decoder decoder_;
  envelope::EventContext context_;
  std::string origin_;
  bool sent_ = false;  // The event at hand became a record.
  Lsn frame_lsn_{};
  Lsn keepalive_end_{};   // Everything below it has been sent to us.
  SteadyTime read_at_{};  // Not before.
  bool has_more_ = false;  // Frames that were read and not looked at yet.
  std::optional<wal::Frame> first_;  // Start() has only looked at it: Loop() begins with it.
  size_t awaited_bytes_ = 0;         // Since the chores had their turn.
  SteadyTime idle_at_{};
  SteadyTime reply_at_{};  // Set: a reply that was asked for is due then.
  bool reply_due_ = false;
  std::optional<SteadyTime>
      asked_since_;  // Replies are asked for again and again while we confirm nothing new.
  Lsn asked_confirmed_{};
};

absl::Status StreamRun::Start(Lsn from, const std::optional<KnownHistory::Bounds>& known) {
  const CaptureOptions& source = session_.settings().source;
  wal::StartOptions options{.slot = source.slot,
                            .start_lsn = known ? known->begin : from,
                            .publications = {source.publication},
                            .parameters = source.slot_stream_params};
  const SteadyTime begun = Clock::now();
  for (;;) {
    const absl::Status status = session_.stream().Start(options);
    if (status.ok()) break;
    // A walsender of a process that died may hold the slot until the server notices.
    if (pg::SqlStateOf(status) != kObjectInUse || Clock::now() > begun + kSlotRetryFor)
      return StreamError(status);
    session_.ShowBusy(status, begun);
    RETURN_IF_ERROR(session_.loop().Wait({}, Clock::now() + kSlotRetryEvery));
    RETURN_IF_ERROR(session_.Tend());
  }
  // Whoever had the slot before us may have confirmed more since it was asked for. The server begins
  // there then, and says nothing.
  ASSIGN_OR_RETURN(const Lsn begin, session_.ConfirmedFlush());
  if (begin > from) {
    return absl::UnavailableError(Cat("slot ", source.slot, " was confirmed up to ", begin,
                                      " by somebody else while we waited for it"));
  }
  if (session_.in_doubt()) RETURN_IF_ERROR(SettleDoubt(from));
  // Meanwhile the server reads from restart_lsn on, which is long before what it sends first.
  RETURN_IF_ERROR(session_.link().Claim());
  RETURN_IF_ERROR(session_.link().ReadAhead());
  RETURN_IF_ERROR(session_.LetOthersBegin());
  if (known) RETURN_IF_ERROR(PassKnown(*known, begin));
  const Lsn last_commit = session_.link().last_commit();
  if (last_commit != kNoLsn) context_.last_commit = last_commit;
  session_.offsets().Resume(context_.last_commit);
  session_.received = keepalive_end_ = from;
  session_.in_transaction = false;
  session_.streaming = true;
  session_.counters().connected = true;
  session_.shared().board.Set("capture", admin::State::kStreaming, Cat("from ", from));
  log::Info("streaming slot ", source.slot, " from ", from);
  return session_.SendStatus();
}

// The next frame, while nothing that we say may move the slot: it stays at `confirmed`.
absl::StatusOr<wal::Frame> StreamRun::Await(Lsn confirmed) {
  for (;;) {
    const absl::StatusOr<std::optional<wal::Frame>> frame = session_.stream().Next();
    if (!frame.ok()) return StreamError(frame.status());
    awaited_bytes_ += session_.stream().TakeBytesRead();
    const auto* const keepalive = *frame ? std::get_if<wal::Keepalive>(&**frame) : nullptr;
    if (keepalive != nullptr && keepalive->reply_requested) {
      RETURN_IF_ERROR(session_.stream().SendStatus(
          {.written = confirmed, .flushed = confirmed, .applied = confirmed}));
    }
    if (*frame && awaited_bytes_ < kReadAtOnceBytes) return **frame;
    awaited_bytes_ = 0;
    const SteadyTime until = *frame ? Clock::now() : session_.next_chore();
    RETURN_IF_ERROR(session_.loop().Wait({{.fd = session_.stream().socket()}}, until));
    RETURN_IF_ERROR(session_.Tend());
    if (*frame) return **frame;
  }
}

// Outside of a transaction, with a decoder of its own: the frame may come to ours later. None where
// it cannot be decoded, which Handle() says.
std::optional<StreamRun::Beginning> StreamRun::BeginningOf(const wal::XLogData& frame) {
  wal::Decoder decoder;
  const auto change = decoder.Decode(frame.payload);
  if (!change.ok()) return std::nullopt;
  const auto* const begin = std::get_if<Begin>(*change);
  if (begin == nullptr) return Beginning{.lsn = frame.wal_start};  // A message.
  return Beginning{.lsn = begin->final_lsn, .xid = begin->xid};
}

// Looks at what the server sends first.
absl::Status StreamRun::SettleDoubt(Lsn from) {
  for (;;) {
    ASSIGN_OR_RETURN(const wal::Frame frame, Await(from));
    if (const auto* const data = std::get_if<wal::XLogData>(&frame)) {
      first_ = frame;
      const auto beginning = BeginningOf(*data);
      return session_.Settle(beginning ? beginning->xid : std::nullopt);
    }
    if (std::get<wal::Keepalive>(frame).wal_end >= session_.server_flush())
      return session_.Settle(std::nullopt);
  }
}

// Reads up to the position, from the slot on, which is at `begin` now.
absl::Status StreamRun::PassKnown(KnownHistory::Bounds bounds, Lsn begin) {
  bounds.begin = begin;
  KnownHistory history(bounds);
  for (;;) {
    ASSIGN_OR_RETURN(const wal::Frame frame, Await(bounds.begin));
    const auto* const data = std::get_if<wal::XLogData>(&frame);
    if (data == nullptr) {
      if (std::get<wal::Keepalive>(frame).wal_end < bounds.end || decoder_.in_transaction())
        continue;
      return history.Passed();
    }
    if (!decoder_.in_transaction()) {
      const auto beginning = BeginningOf(*data);
      if (!beginning || beginning->IsBehind(bounds.end)) {
        first_ = frame;
        return history.Passed();
      }
      if (!beginning->xid) RETURN_IF_ERROR(history.Ended(beginning->lsn, 0));
      context_.tx_id =
          beginning->xid ? std::optional<uint64_t>(Number(*beginning->xid)) : std::nullopt;
    }
    const auto change = decoder_.Decode(data->payload);
    if (!change.ok()) return DecodeError(change.status(), *data);
    if (const auto* const relation = std::get_if<RelationChange>(*change))
      RETURN_IF_ERROR(On(*relation));
    if (const auto* const commit = std::get_if<Commit>(*change))
      RETURN_IF_ERROR(history.Ended(data->wal_start, commit->commit_time_micros));
  }
}

absl::Status StreamRun::Loop() {
  if (first_) RETURN_IF_ERROR(std::visit([this](const auto& f) { return Handle(f); }, *first_));
  for (;;) {
    SteadyTime now = Clock::now();
    if (now >= read_at_ && !HoldsBack()) {
      RETURN_IF_ERROR(ReadWhatIsThere());
      now = Clock::now();
    }
    RETURN_IF_ERROR(session_.Tend());
    RETURN_IF_ERROR(FollowIdleServer(now));
    if (reply_due_ && now >= reply_at_) RETURN_IF_ERROR(Reply());

    const bool held = HoldsBack();
    const bool lazy = held || read_at_ > now;
    SteadyTime until = session_.next_chore();
    if (lazy) until = std::min(until, held ? now + kLazyPause : read_at_);
    if (reply_due_) until = std::min(until, reply_at_);
    if (has_more_) until = now;  // The chores first, then on: the socket may not tell of them.
    const int socket = session_.stream().socket();
    RETURN_IF_ERROR(
        session_.loop().Wait({{.fd = lazy ? -1 : socket},
                              {.fd = session_.stream().wants_write() ? socket : -1, .write = true},
                              {.fd = session_.link().event_fd()}},
                             until));
    if (session_.stream().wants_write()) RETURN_IF_ERROR(session_.stream().Flush());
  }
}

// Not while Kafka is away: a server that shuts down must be heard.
bool StreamRun::HoldsBack() const {
  return !has_more_ && session_.link().in_flight() >= kInFlight &&
         session_.stream().unread_bytes() < kHeldBytes && !session_.link().unreachable_since();
}

absl::Status StreamRun::ReadWhatIsThere() {
  wal::ReplicationStream& stream = session_.stream();
  size_t bytes = 0;
  has_more_ = true;
  while (bytes < kReadAtOnceBytes) {
    const absl::StatusOr<std::optional<wal::Frame>> next = stream.Next();
    if (!next.ok()) return StreamError(next.status());
    const std::optional<wal::Frame>& frame = *next;
    if (!frame) {
      has_more_ = false;
      break;
    }
    bytes += stream.TakeBytesRead();
    RETURN_IF_ERROR(std::visit([this](const auto& f) { return Handle(f); }, *frame));
  }
  session_.counters().wal_bytes += bytes;
  const bool pauses = !has_more_ && bytes >= kBacklogBytes && !stream.is_unix_socket();
  read_at_ = pauses ? Clock::now() + kLazyPause : SteadyTime{};
  return absl::OkStatus();
}

absl::Status StreamRun::Handle(const wal::XLogData& frame) {
  CrashPoint("frame-received");
  const auto change = decoder_.Decode(frame.payload);
  if (!change.ok()) return DecodeError(change.status(), frame);
  frame_lsn_ = context_.lsn = frame.wal_start;
  idle_at_ = {};  // It is not quiet.
  if (fetches_xmin_) {
    ASSIGN_OR_RETURN(context_.xmin, session_.Xmin(Clock::now()));
    session_.offsets().Xmin(context_.xmin);
  }
  session_.received = std::max(session_.received, frame.wal_start);
  return std::visit([this](const auto& c) { return On(c); }, **change);
}

absl::Status StreamRun::On(const Begin& begin) {
  session_.in_transaction = true;
  context_.tx_id = Number(begin.xid);
  context_.source_ts_micros = begin.commit_time_micros;
  context_.origin.reset();
  context_.origin_lsn = {};
  context_.now = WallNow();
  return session_.encoder().BeginTransaction(
      context_, [this](const Record& record) { return session_.Deliver(record); });
}

absl::Status StreamRun::On(const Commit& commit) {
  std::shared_ptr<const EndedTransaction> ended;
  if (const auto& counts = session_.encoder().transaction(); counts.open) {
    ended = std::make_shared<const EndedTransaction>(
        EndedTransaction{.id = std::to_string(*context_.tx_id), .table_counts = counts.tables});
  }
  context_.now = WallNow();
  CrashPoint("transaction-end");
  sent_ = false;
  RETURN_IF_ERROR(session_.encoder().EndTransaction(context_, [this](const Record& record) {
    sent_ = true;
    return session_.Deliver(record);
  }));
  session_.in_transaction = false;
  context_.last_commit = frame_lsn_;
  keepalive_end_ = std::max(keepalive_end_, commit.end_lsn);
  session_.offsets().Commit(frame_lsn_, commit.end_lsn, commit.commit_time_micros,
                            std::move(ended), sent_);
  session_.link().Committed(commit.end_lsn, frame_lsn_, commit.commit_time_micros);
  RETURN_IF_ERROR(session_.link().Passed(commit.end_lsn));
  ++session_.counters().transactions;
  session_.counters().last_event_micros = commit.commit_time_micros;
  return absl::OkStatus();
}

absl::Status StreamRun::On(const Origin& origin) {
  origin_ = origin.name;
  context_.origin = origin_;
  context_.origin_lsn = origin.commit_lsn;
  return absl::OkStatus();
}

absl::Status StreamRun::On(const RelationChange& change) {
  session_.link().ForgetTopicCache();  // The old plan's address may come again.
  std::optional<Xid> xid;
  if (context_.tx_id) xid = Xid{static_cast<uint32_t>(*context_.tx_id)};
  return session_.tables().Learn(change.relation, xid);
}

void StreamRun::NoteEvent(std::string_view type, bool sent) {
  session_.offsets().Event(type, frame_lsn_, context_.tx_id, context_.source_ts_micros, sent);
  if (!sent) ++session_.counters().filtered_events;
}

template <class Row, class Encode>
absl::Status StreamRun::Row_(const Row& change, admin::Op op, std::string_view type,
                             Encode encode) {
  const CapturedTable& table = session_.tables().Find(*change.relation);
  sent_ = false;
  if (table.plan != nullptr) {
    context_.now = WallNow();
    RETURN_IF_ERROR(encode(*table.plan, [this, &table](const Record& record) {
      sent_ = true;
      return session_.Deliver(record, *table.plan);
    }));
    if (sent_) table.counts->Add(op);
  }
  NoteEvent(type, sent_);
  return absl::OkStatus();
}

absl::Status StreamRun::On(const Insert& change) {
  return Row_(change, admin::Op::kCreate, "INSERT",
              [&](const envelope::TablePlan& plan, RecordSink sink) {
                return session_.encoder().Insert(plan, change, context_, sink);
              });
}

absl::Status StreamRun::On(const Update& change) {
  return Row_(change, admin::Op::kUpdate, "UPDATE",
              [&](const envelope::TablePlan& plan, RecordSink sink) {
                return session_.encoder().Update(plan, change, context_, sink);
              });
}

absl::Status StreamRun::On(const Delete& change) {
  return Row_(change, admin::Op::kDelete, "DELETE",
              [&](const envelope::TablePlan& plan, RecordSink sink) {
                return session_.encoder().Delete(plan, change, context_, sink);
              });
}

absl::Status StreamRun::On(const Truncate& change) {
  for (const auto& relation : change.relations) {
    const CapturedTable& table = session_.tables().Find(*relation);
    sent_ = false;
    if (table.plan != nullptr) {
      context_.now = WallNow();
      RETURN_IF_ERROR(
          session_.encoder().Truncate(*table.plan, context_, [this](const Record& record) {
            sent_ = true;
            return session_.Deliver(record);
          }));
      if (sent_) table.counts->Add(admin::Op::kTruncate);
    }
    NoteEvent("TRUNCATE", sent_);
  }
  return absl::OkStatus();
}

absl::Status StreamRun::On(const LogicalMessage& message) {
  const std::optional<uint64_t> tx_id = context_.tx_id;
  if (!message.transactional) {
    context_.tx_id.reset();
    context_.last_commit = frame_lsn_;
  }
  sent_ = false;
  const auto& captured = session_.settings().source.message_captured;
  if (!captured || captured(message.prefix)) {
    context_.now = WallNow();
    RETURN_IF_ERROR(session_.encoder().Message(message, context_, [this](const Record& record) {
      sent_ = true;
      return session_.Deliver(record);
    }));
    if (sent_) session_.counters().events.Of("(messages)").Add(admin::Op::kMessage);
  }
  RETURN_IF_ERROR(session_.settings().source.filter_health->status());
  NoteEvent("MESSAGE", sent_);
  context_.tx_id = tx_id;
  if (!message.transactional && !session_.in_transaction) {
    session_.offsets().MessageOutsideTransaction(frame_lsn_, frame_lsn_);
    session_.link().Committed(frame_lsn_, frame_lsn_, 0);
  }
  return absl::OkStatus();
}

absl::Status StreamRun::Handle(const wal::Keepalive& frame) {
  session_.received = std::max(session_.received, frame.wal_end);
  keepalive_end_ = std::max(keepalive_end_, frame.wal_end);
  if (!session_.in_transaction) RETURN_IF_ERROR(session_.link().Passed(frame.wal_end));
  if (!frame.reply_requested) return absl::OkStatus();

  const SteadyTime now = Clock::now();
  if (!asked_since_ || session_.link().confirmed() != asked_confirmed_) {
    asked_since_ = now;
    asked_confirmed_ = session_.link().confirmed();
    return Reply();
  }
  // A server that shuts down asks again as soon as it is answered, until we confirm its end. Answer
  // at a walking pace, and let it go when Kafka cannot give us anything to confirm.
  if (now - *asked_since_ > kShutdownPatience && session_.link().unreachable_since()) {
    return absl::UnavailableError(
        "the source waits for confirmations, and Kafka is away: left the replication connection");
  }
  reply_due_ = true;
  reply_at_ = now + kReplyEvery;
  return absl::OkStatus();
}

absl::Status StreamRun::Reply() {
  reply_due_ = false;
  if (!session_.in_transaction && session_.link().MayAdvance() &&
      keepalive_end_ > session_.link().confirmed() && !session_.link().unreachable_since()) {
    return session_.AdvanceIdle(std::max(keepalive_end_, session_.link().committed()));
  }
  RETURN_IF_ERROR(session_.link().WritePosition());
  return session_.SendStatus();
}

// An idle or filtered database must not pin WAL: when nothing is in flight, the position follows
// the server.
absl::Status StreamRun::FollowIdleServer(SteadyTime now) {
  if (now < idle_at_ || session_.in_transaction || !session_.link().MayAdvance())
    return absl::OkStatus();
  if (keepalive_end_ <= session_.link().committed()) return absl::OkStatus();
  if (idle_at_ == SteadyTime{}) {
    // Only after a while of quiet: what comes moves the position by itself, and Debezium's offset
    // record, which an idle position takes with it, is due at its interval.
    idle_at_ = now + kIdleEvery;
    return absl::OkStatus();
  }
  idle_at_ = {};
  return session_.AdvanceIdle(keepalive_end_);
}

// The stream ends; what was sent becomes durable and is confirmed, as far as the servers allow.
void EndStream(CaptureSession& session, bool source_is_there) {
  if (session.link().unreachable_since()) return;
  // A part of a transaction is not committed, if it can be helped: it comes again as a whole.
  if (session.link().HoldsPart()) return;
  absl::Status status = session.FlushAndRecord(kStopLimit);
  if (status.ok() && source_is_there) status = session.SendStatus();
  if (status.ok() && source_is_there) status = session.stream().Stop(kStopLimit);
  if (!status.ok()) log::Warn("ending the stream: ", Message(status));
}

}  // namespace

absl::Status RunStream(CaptureSession& session, Lsn from,
                       const std::optional<KnownHistory::Bounds>& known) {
  StreamRun run(session);
  absl::Status status = run.Start(from, known);
  if (status.ok()) status = run.Loop();
  const bool was_streaming = session.streaming;
  session.counters().connected = false;
  if (was_streaming) EndStream(session, absl::IsCancelled(status));
  session.streaming = false;
  session.loop().Forget(session.stream().socket());
  return status;
}

}  // namespace walrelay::app
