// How the rows of a batch get into one table: chosen by their counts and sizes.
//
// Pure. The thresholds come from tests/bench/apply_bench.cc (BM_BatchOf).
#pragma once

#include <cstddef>
#include <cstdint>

namespace walrelay::apply {

// What a plan asks of one table.
struct TableLoad {
  size_t deletes = 0;
  size_t updates = 0;  // Rows that may be there already.
  size_t inserts = 0;  // Rows that should not be there yet.
  size_t bytes = 0;    // Of all cells.
  size_t rows() const { return deletes + updates + inserts; }
};

enum class Method : uint8_t {
  kPipeline,  // A prepared statement a row, sent together: least latency.
  kStaging,   // COPY to a temporary table, then one statement a kind: least work a row.
};

struct Methods {
  Method changes = Method::kPipeline;  // Of deletes and updates, and of inserts unless
  bool copy_inserts = false;           // they are copied straight into the table.
};

// `may_copy`: see CopyChance; the table has a key.
Methods ChooseMethods(const TableLoad& load, bool may_copy);

// Whether inserts may be copied straight into a table. COPY knows no ON CONFLICT: where a row is
// there already (records that Kafka has twice, a mirror that is filled a second time) it fails, and
// its work is lost. After each failure it is not tried for twice as many batches.
class CopyChance {
 public:
  // True when it should be tried for this batch. Once a batch.
  bool Try();
  void Succeeded() { penalty_ = 0; }
  void Failed();

 private:
  static constexpr uint32_t kFirstPenalty = 4;
  static constexpr uint32_t kLongestPenalty = 1024;
  uint32_t penalty_ = 0;  // Batches without a try after the last failure.
  uint32_t wait_ = 0;     // Those that are left.
};

}  // namespace walrelay::apply
