#include "tests/sim/coordinator.h"

#include <algorithm>

namespace walrelay::sim {

void Coordinator::Send(int producer, int lane, Request request) {
  wires_[{producer, lane}].push_back(std::move(request));
}

std::vector<std::pair<int, int>> Coordinator::Wires() const {
  std::vector<std::pair<int, int>> open;
  for (const auto& [wire, requests] : wires_) {
    if (!requests.empty()) open.push_back(wire);
  }
  return open;
}

Coordinator::Taken Coordinator::Take(std::pair<int, int> wire) {
  const auto [producer, lane] = wire;
  if (fences_ && producer != owner_) return {.verdict = Verdict::kRefused};
  const Request& request = wires_[wire].front();
  if (request.sequence < sequences_[wire]) return {.verdict = Verdict::kAgain};
  const auto last = std::find_if(transactions_.rbegin(), transactions_.rend(),
                                 [&](const auto& t) { return t.producer == producer; });
  const bool is_open = last != transactions_.rend() && last->fate == Fate::kOpen;
  if (lane == kCommitLane) {
    if (!is_open) return {.verdict = Verdict::kRefused};
    ++sequences_[wire];
    last->fate = Fate::kCommitted;
    ++decisions_;
    return {.verdict = Verdict::kTaken};
  }
  if (!is_open) {
    if (last != transactions_.rend() && !last->unmarked.empty()) return {.verdict = Verdict::kWait};
    transactions_.push_back({.producer = producer, .fate = Fate::kOpen, .unmarked = {}});
  }
  const int number = is_open ? static_cast<int>(std::distance(last, transactions_.rend())) - 1
                             : static_cast<int>(transactions_.size()) - 1;
  ++sequences_[wire];
  const int64_t offset = End(lane);
  transactions_[static_cast<size_t>(number)].unmarked.insert(lane);
  if (request.position) {
    WritePosition(*request.position, number);
  } else {
    logs_[lane].push_back({.transaction = number, .content = request.row});
  }
  return {.verdict = Verdict::kTaken, .offset = offset};
}

void Coordinator::Cut(int producer, Random& random) {
  for (auto& [wire, requests] : wires_) {
    if (wire.first != producer || requests.empty()) continue;
    const int kept =
        random.Chance(40) ? random.Below(static_cast<int>(requests.size()) + 1) : 0;
    requests.resize(static_cast<size_t>(kept));
  }
}

void Coordinator::Abort(KafkaTransaction& transaction) {
  transaction.fate = Fate::kAborted;
  ++aborted_;
}

void Coordinator::Init(int producer) {
  owner_ = producer;
  if (!fences_) return;
  for (KafkaTransaction& transaction : transactions_) {
    if (transaction.fate == Fate::kOpen) Abort(transaction);
  }
}

bool Coordinator::IsSettled() const {
  return std::all_of(transactions_.begin(), transactions_.end(), [](const auto& t) {
    return t.fate != Fate::kOpen && t.unmarked.empty();
  });
}

void Coordinator::Mark(Random& random) {
  std::vector<std::pair<size_t, int>> due;
  for (size_t t = 0; t < transactions_.size(); ++t) {
    if (transactions_[t].fate == Fate::kOpen) continue;
    for (const int lane : transactions_[t].unmarked) due.emplace_back(t, lane);
  }
  if (due.empty()) return;
  const auto [number, lane] = due[static_cast<size_t>(random.Below(static_cast<int>(due.size())))];
  logs_[lane].push_back({.transaction = static_cast<int>(number), .content = kMarker});
  transactions_[number].unmarked.erase(lane);
}

bool Coordinator::Timeout() {
  for (KafkaTransaction& transaction : transactions_) {
    if (transaction.fate != Fate::kOpen) continue;
    Abort(transaction);
    if (transaction.producer == owner_) owner_ = -1;
    return true;
  }
  return false;
}

int64_t Coordinator::StableEnd(int lane) const {
  const auto& log = logs_[lane];
  const auto undecided = std::find_if(log.begin(), log.end(), [&](const Entry& entry) {
    return entry.transaction != kNoTransaction &&
           transactions_[static_cast<size_t>(entry.transaction)].unmarked.contains(lane);
  });
  return undecided - log.begin();
}

bool Coordinator::IsCommitted(const Entry& entry) const {
  if (entry.content == kMarker) return false;
  return entry.transaction == kNoTransaction ||
         transactions_[static_cast<size_t>(entry.transaction)].fate == Fate::kCommitted;
}

std::optional<kafka::StoredPosition> Coordinator::Position(bool unmarked) const {
  std::optional<kafka::StoredPosition> chosen;
  const int64_t end = unmarked ? End(kPositionLane) : StableEnd(kPositionLane);
  for (int64_t offset = 0; offset < end; ++offset) {
    const Entry& entry = At(kPositionLane, offset);
    if (!IsCommitted(entry)) continue;
    const PositionRecord& position = positions_[static_cast<size_t>(entry.content)];
    if (chosen && !kafka::CountsMore(position, chosen->position)) continue;
    chosen = kafka::StoredPosition{.offset = offset, .timestamp_ms = 0, .position = position};
  }
  return chosen;
}

std::vector<int> Coordinator::Rows(int lane) const {
  std::vector<int> rows;
  for (const Entry& entry : logs_[lane]) {
    if (IsCommitted(entry)) rows.push_back(entry.content);
  }
  return rows;
}

void Coordinator::WritePosition(const PositionRecord& position, int transaction) {
  if (transaction == kNoTransaction) ++decisions_;
  logs_[kPositionLane].push_back(
      {.transaction = transaction, .content = static_cast<int>(positions_.size())});
  positions_.push_back(position);
}

}  // namespace walrelay::sim
