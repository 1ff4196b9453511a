// Keeps what Debezium's own offset record would say, so that Debezium can go on from where we are.
//
// Debezium's offset follows the last record it has sent; a stop stores that. Tracker notes the same
// at every row, message and heartbeat, and freezes it at each commit: what is frozen may be written
// once everything up to that commit is durable. Plain values; nothing is allocated per event. One
// thread: the capture loop's. Source: FORMAT.md §8; Debezium's PostgresOffsetContext.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "change/lsn.h"
#include "envelope/connect_offset.h"
#include "envelope/options.h"

namespace walrelay::app {

// What provide.transaction.metadata adds at the end of a transaction.
struct EndedTransaction {
  std::string id;                                              // The xid.
  std::vector<std::pair<std::string, uint64_t>> table_counts;  // "schema.table" and its events.
};

// Where Debezium would say it is.
struct OffsetState {
  Lsn lsn{};
  Lsn lsn_proc{};
  std::optional<Lsn> lsn_commit;
  std::optional<uint64_t> tx_id;
  std::optional<uint64_t> xmin{};
  int64_t ts_micros = 0;
  std::string_view message_type{};                        // A literal.
  std::shared_ptr<const EndedTransaction> transaction{};  // Null: no END record was the last.
  bool snapshot =
      false;  // The last row of a snapshot; lsn, tx_id and ts_micros are the snapshot's.
  bool operator==(const OffsetState&) const = default;
};

class OffsetTracker {
 public:
  explicit OffsetTracker(envelope::Compat compat) : compat_(compat) {}

  // The stream goes on behind this commit or non-transactional message; none in a fresh one.
  void Resume(std::optional<Lsn> last_commit) { current_.lsn_commit = last_commit_ = last_commit; }

  // All rows of the snapshot have been sent; streaming begins at `from`. Over a slot that was there
  // `lsn` lies behind that: until the position has passed it the record would look like one of a
  // Debezium that has run since (start_decision.h).
  void SnapshotFinished(Lsn lsn, std::optional<uint64_t> tx_id, int64_t ts_micros, Lsn from) {
    frozen_ = sent_ = OffsetState{.lsn = lsn,
                                  .lsn_proc = {},
                                  .lsn_commit = {},
                                  .tx_id = tx_id,
                                  .ts_micros = ts_micros,
                                  .message_type = {},
                                  .transaction = {},
                                  .snapshot = true};
    frozen_end_ = from == kNoLsn ? from : std::max(lsn, from);
  }
  // What the events from here on say of the slot's catalog_xmin (xmin.fetch.interval.ms).
  void Xmin(std::optional<uint64_t> xmin) { current_.xmin = xmin; }
  // A row, a truncate or a message was processed. `sent`: it became a record.
  void Event(std::string_view message_type, Lsn lsn, std::optional<uint64_t> tx_id,
             int64_t ts_micros, bool sent) {
    current_.lsn = current_.lsn_proc = lsn;
    current_.lsn_commit = last_commit_;  // As its record's `sequence`, by which a tail is found.
    current_.tx_id = tx_id;
    current_.ts_micros = ts_micros;
    current_.message_type = message_type;
    if (!sent) return;
    sent_ = current_;
    sent_of_transaction_ = true;
  }
  // A commit at `lsn`. `ended`: with provide.transaction.metadata; else null. `end_sent`: no
  // transform has dropped its END record.
  void Commit(Lsn lsn, Lsn end_lsn, int64_t ts_micros,
              std::shared_ptr<const EndedTransaction> ended = nullptr, bool end_sent = true) {
    current_.lsn = current_.lsn_proc = lsn;
    current_.lsn_commit = last_commit_ = lsn;
    if (compat_ == envelope::Compat::k3_6_1 || ended != nullptr) {
      current_.message_type = "COMMIT";
      current_.ts_micros = ts_micros;
    }
    if (ended != nullptr && end_sent) sent_ = current_;
    if (ended != nullptr && (end_sent || sent_of_transaction_))
      sent_->transaction = std::move(ended);
    sent_of_transaction_ = false;
    frozen_ = sent_;
    frozen_end_ = end_lsn;
  }
  // The same for a message outside of transactions.
  void MessageOutsideTransaction(Lsn lsn, Lsn end_lsn) {
    current_.lsn_commit = last_commit_ = lsn;
    frozen_ = sent_;
    frozen_end_ = end_lsn;
  }
  // A heartbeat record was sent outside of a transaction.
  void Heartbeat() { frozen_ = sent_ = current_.lsn == kNoLsn ? sent_ : current_; }
  // Everything up to `lsn` is durable and nothing is open: where an idle server has come to.
  // Debezium recognises such a place by the commit, since the next transaction may begin right
  // there. What comes behind it names the commit that really was the last.
  void Idle(Lsn lsn) {
    current_.lsn = current_.lsn_proc = lsn;
    current_.lsn_commit = lsn;
    current_.message_type = "COMMIT";
    frozen_ = sent_ = current_;
    frozen_end_ = lsn;
  }

  // What may be written once everything before frozen_end() is durable; none: nothing new since the
  // last Written().
  std::optional<OffsetState> Frozen() const {
    if (!frozen_ || frozen_ == written_) return std::nullopt;
    return frozen_;
  }
  Lsn frozen_end() const { return frozen_end_; }
  void Written(const OffsetState& state) { written_ = state; }

 private:
  envelope::Compat compat_;
  OffsetState current_;
  std::optional<Lsn> last_commit_;
  std::optional<OffsetState> sent_;
  std::optional<OffsetState> frozen_;
  std::optional<OffsetState> written_;
  Lsn frozen_end_{};
  bool sent_of_transaction_ = false;  // sent_ is of the transaction at hand.
};

inline envelope::ConnectOffset ToConnectOffset(const OffsetState& state) {
  envelope::ConnectOffset offset;
  offset.lsn = state.lsn;
  offset.tx_id = state.tx_id;
  offset.xmin = state.xmin;
  offset.ts_usec = state.ts_micros;
  if (state.snapshot) {
    offset.snapshot = envelope::OffsetSnapshot::kInitial;
    offset.last_snapshot_record = true;
    offset.snapshot_completed = true;
    return offset;
  }
  offset.lsn_proc = state.lsn_proc;
  offset.lsn_commit = state.lsn_commit;
  offset.message_type = std::string(state.message_type);
  if (state.transaction != nullptr) {
    offset.transaction_id = state.transaction->id;
    offset.transaction_counts = state.transaction->table_counts;
  }
  return offset;
}

}  // namespace walrelay::app
