#include "apply/method.h"

#include <algorithm>

namespace walrelay::apply {
namespace {

// Beyond these staging is cheaper: it costs two to three round trips and the emptying of its table.
constexpr size_t kPipelineRows = 200;
constexpr size_t kPipelineBytes = 256 * 1024;
// A COPY of its own, with its savepoint, costs three round trips.
constexpr size_t kCopyRows = 100;

}  // namespace

Methods ChooseMethods(const TableLoad& load, bool may_copy) {
  const auto is_small = [](size_t rows, size_t bytes) {
    return rows <= kPipelineRows && bytes <= kPipelineBytes;
  };
  const size_t rows = load.rows();
  if (rows == 0 || is_small(rows, load.bytes)) return {};  // None: they came and went.
  Methods methods;
  methods.copy_inserts = may_copy && load.inserts >= kCopyRows;
  const size_t left = rows - (methods.copy_inserts ? load.inserts : 0);
  if (!is_small(left, load.bytes / rows * left)) methods.changes = Method::kStaging;
  return methods;
}

bool CopyChance::Try() {
  if (wait_ == 0) return true;
  --wait_;
  return false;
}

void CopyChance::Failed() {
  penalty_ = std::clamp(penalty_ * 2, kFirstPenalty, kLongestPenalty);
  wait_ = penalty_;
}

}  // namespace walrelay::apply
