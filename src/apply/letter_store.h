// walrelay.dead_letters as operators and the sink see it: what is there, what is to be tried again,
// what is given up.
//
// A key is parked as long as it has letters. Whoever wants letters applied marks them; the sink
// does it, since it alone knows the order. Errors as pg/connection.h.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "apply/parked_keys.h"
#include "change/record.h"
#include "pg/connection.h"

namespace walrelay::apply {

struct StoredLetter {
  int64_t id = 0;
  std::string topic;
  int32_t partition = 0;
  int64_t offset = 0;
  std::string reason;
  std::string sqlstate;                        // Empty: not refused by the server.
  std::string source_table;                    // Empty: the record tells none.
  std::optional<std::string> parked_key = {};  // None: nothing waits behind it.
  std::string created_at;
  bool is_marked = false;  // To be tried again.
  // With Read() only.
  std::optional<std::string> key = {}, value = {};
  std::string headers = {};  // [["name", "value"], …]

  // That waits for it.
  std::optional<RowId> row() const {
    return parked_key ? std::optional(RowId{source_table, *parked_key}) : std::nullopt;
  }
};

class LetterStore {
 public:
  LetterStore(pg::Connection& connection, std::string pipeline, std::string sink)
      : connection_(connection), pipeline_(std::move(pipeline)), sink_(std::move(sink)) {}

  // False where the sink has never run.
  absl::StatusOr<bool> Exists();
  // Oldest first, without their bytes.
  absl::StatusOr<std::vector<StoredLetter>> List(int64_t limit);
  absl::StatusOr<std::optional<StoredLetter>> Read(int64_t id);
  // All of them, or one with all others of its key. How many; Chosen() only counts.
  absl::StatusOr<int64_t> Chosen(std::optional<int64_t> id);
  absl::StatusOr<int64_t> Mark(std::optional<int64_t> id);
  absl::StatusOr<int64_t> Drop(std::optional<int64_t> id);

  absl::StatusOr<std::set<RowId>> ParkedRows();
  struct Counts {
    int64_t marked = 0;
    int64_t parked_rows = 0;
  };
  absl::StatusOr<Counts> Count();
  // Oldest first, locked until the transaction ends.
  absl::StatusOr<std::vector<StoredLetter>> TakeMarked(int64_t limit);
  absl::Status Delete(const std::vector<int64_t>& ids);
  // They stay, with why it did not work this time either. No other letter of their rows is marked
  // any more, for those that TakeMarked() had no room for.
  absl::Status Refuse(const std::vector<int64_t>& ids, std::string_view reason,
                      std::string_view sqlstate);
  // A table was truncated: its letters no longer hold anything back, but for those of partitions
  // named here, from these offsets on.
  absl::Status Unpark(std::string_view source_table,
                      const std::map<TopicPartition, int64_t>& behind);

 private:
  absl::StatusOr<int64_t> Change(std::string_view statement, std::optional<int64_t> id);

  pg::Connection& connection_;
  std::string pipeline_;
  std::string sink_;
};

}  // namespace walrelay::apply
