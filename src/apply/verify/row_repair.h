// Writes rows of the source into their copy, as they are now, with the sink locked out.
//
// Each call is one transaction that holds the lock of walrelay.progress, which every transaction of
// a sink moves first, and that of the copy. A row is written only when the source still has the one
// that was compared: all changes up to it were applied before, and what comes later is applied
// after this transaction. So nothing older is ever put over what is there. Refused while changes of
// the table wait in walrelay.dead_letters, since they are older and would be applied later.
// FailedPrecondition says so. Other errors as pg/connection.h. One thread.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "apply/mirror_table.h"
#include "apply/verify/compared_table.h"
#include "apply/verify/verifier.h"
#include "pg/connection.h"

namespace walrelay::apply {

class RowRepair {
 public:
  // Both connections and the table outlive it.
  static absl::StatusOr<RowRepair> Open(pg::Connection& source, pg::Connection& sink,
                                        const ComparedTable& table, const SinkOptions& options);

  // Which of the rows were written.
  absl::StatusOr<std::vector<bool>> Write(const std::vector<VerifyOptions::Row>& rows);

 private:
  RowRepair(pg::Connection& source, pg::Connection& sink, const ComparedTable& table,
            MirrorTable copy, SinkKind kind, std::string pipeline)
      : source_(&source),
        sink_(&sink),
        table_(&table),
        copy_(std::move(copy)),
        kind_(kind),
        pipeline_(std::move(pipeline)) {}

  absl::Status LockOut();
  absl::Status CheckNoLetters();
  absl::Status WriteSome(const std::vector<VerifyOptions::Row>& rows, size_t begin, size_t end,
                         std::vector<bool>& written);
  absl::Status Upsert(const pg::Result& rows, int row);
  absl::Status Delete(const std::vector<std::string>& key);
  absl::Status MarkComplete(const std::vector<std::string>& key);

  pg::Connection* source_;
  pg::Connection* sink_;
  const ComparedTable* table_;
  MirrorTable copy_;
  SinkKind kind_;
  std::string pipeline_;
  std::vector<uint16_t> columns_;  // Of the copy, that are transferred.
};

}  // namespace walrelay::apply
