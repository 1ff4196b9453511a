// Puts a table in the place of another one, with all that belonged to that: owner, grants, comment,
// names of indexes, sequences, views.
//
// What a table that is made beside cannot take over is refused before anything is done
// (FailedPrecondition names it). Swap() calls for an open transaction, and waits for whoever uses
// the old table. Names are of one schema, not quoted. Errors as pg/connection.h. One thread.
#pragma once

#include <absl/status/statusor.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pg/connection.h"

namespace walrelay::apply {

inline constexpr std::string_view kKeptSuffix = "__replaced";

struct SwapNames {
  std::string schema;
  std::string live;
  std::string beside;  // The new one, until it takes the place.
  std::string kept;    // What the old one is called then; empty: it is dropped.
};

class TableSwap {
 public:
  // InvalidArgument: a name that cannot be.
  static absl::StatusOr<TableSwap> Make(pg::Connection& connection, SwapNames names);

  absl::StatusOr<bool> LiveExists() { return Exists(live_); }
  absl::StatusOr<bool> BesideExists() { return Exists(beside_); }
  absl::Status CheckReplaceable();
  // A table of the new one's name is one that was left behind, or none is there.
  absl::Status CheckBeside();
  // Like the live one in all that it has; none where there is no live one. One that was left behind
  // is dropped.
  absl::Status CreateBeside();
  // Marks the new one as ours, where somebody else made it.
  absl::Status MarkBeside();
  absl::Status AnalyzeBeside();
  absl::Status DropBeside();

  absl::StatusOr<int64_t> CountLive();
  absl::Status LockLive();
  // Columns that the new one has and the live one has not, and that the source has not either,
  // whose newest columns `known` (an array's text) says.
  absl::Status DropGoneColumns(std::string_view known);
  // Rows of the live one whose key the new one does not have; without a primary key as many as it
  // has less.
  absl::StatusOr<int64_t> CountLost();
  absl::Status Swap();

 private:
  using Rows = std::vector<std::pair<std::string, std::string>>;

  TableSwap(pg::Connection& connection, SwapNames names)
      : connection_(&connection), names_(std::move(names)) {}
  absl::StatusOr<bool> Exists(const std::string& table);
  absl::StatusOr<Rows> Read(std::string_view sql, std::initializer_list<std::string_view> texts);
  absl::Status Run(const std::string& sql);
  absl::Status RenameIndexes(const Rows& names);

  pg::Connection* connection_;
  SwapNames names_;
  std::string live_, beside_;  // Quoted.
};

}  // namespace walrelay::apply
