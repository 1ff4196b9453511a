#include "tests/sim/source.h"

#include <algorithm>

#include "base/status.h"

namespace walrelay::sim {

Source MakeSource(Random& random) {
  Source source;
  const int transactions = 5 + random.Below(12);
  for (int t = 0; t < transactions; ++t) {
    Transaction transaction{.end_lsn = 100 * (t + 1),
                            .first_row = static_cast<int>(source.rows.size()),
                            .end_row = 0};
    const int rows = random.Chance(10) ? 0 : 1 + random.Below(5);
    const int shared_lsn = random.Chance(20) ? transaction.end_lsn - 1 - random.Below(180) : 0;
    for (int r = 0; r < rows; ++r) {
      Row row;
      row.lane = random.Below(kLanes);
      // A transaction that began early has rows below the last commit; rows of one COPY share one.
      row.lsn =
          std::max(1, shared_lsn != 0 ? shared_lsn : transaction.end_lsn - 1 - random.Below(180));
      row.key = Cat(random.Below(4));
      row.value = Cat(R"({"after":{"x":)", source.rows.size(), R"(},"source":{"txId":)", t,
                      R"(,"lsn":)", row.lsn, R"(},"op":"c"})");
      source.rows.push_back(std::move(row));
    }
    transaction.end_row = static_cast<int>(source.rows.size());
    source.transactions.push_back(transaction);
  }
  return source;
}

PositionRecord FirstPosition() {
  PositionRecord position;
  position.slot = "s";
  position.epoch = {.system_identifier = "1", .timeline = 1, .incarnation = Lsn{1}};
  position.options_hash = "o";
  return position;
}

app::StartFacts FactsOf(const Source& source) {
  app::StartFacts facts;
  facts.slot_name = "s";
  facts.database = "d";
  facts.system_identifier = "1";
  facts.timeline = 1;
  facts.options_hash = "o";
  facts.exactly_once = true;
  facts.server_flush = Lsn{static_cast<uint64_t>(source.flush())};
  facts.slot.emplace();
  facts.slot->plugin = "pgoutput";
  facts.slot->database = "d";
  facts.slot->confirmed_flush = Lsn{static_cast<uint64_t>(source.confirmed)};
  return facts;
}

}  // namespace walrelay::sim
