// The schema blocks of the raw events, kept once per version in walrelay.schemas: from which offset
// of a partition on they hold for the records of a table.
//
// A raw event is stored without its schema, which says what its values mean; with this table it can
// be read for ever. Written in the transaction of the batch that first uses a version. A record
// whose schema is that of the one before it costs a comparison of numbers. Views of records, which
// must hold until the batch is written. Not thread-safe.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "apply/cell.h"
#include "apply/envelope_reader.h"
#include "apply/statement_queue.h"
#include "change/record.h"

namespace walrelay::apply {

class SchemaVersions {
 public:
  void Add(const ConsumedRecord& record, const Envelope& envelope);
  size_t size() const { return added_.size(); }
  size_t bytes() const { return bytes_; }
  // Queues those that may not be stored yet.
  absl::Status Queue(PreparedStatements& prepared, StatementQueue& queue);

  // The batch was written, or given up.
  void Clear();
  // What was added may have been rolled back.
  void Forget();

 private:
  // As Envelope numbers them.
  struct Numbers {
    uint64_t value = 0;
    uint64_t key = 0;
    bool operator==(const Numbers&) const = default;
  };
  // The records of a table in one partition.
  struct Place {
    std::string topic;
    int32_t partition = 0;
    std::string table;
    auto operator<=>(const Place&) const = default;
  };
  struct Version {
    std::string_view topic, partition, table, offset, key_schema, value_schema;
  };

  bool IsAtLast(const ConsumedRecord& record, const Envelope& envelope) const;

  std::map<Place, Numbers> known_;
  std::map<Place, Numbers>::iterator last_ = known_.end();  // Records come in runs of one place.
  std::string last_schema_;
  std::string last_table_;
  std::vector<Version> added_;
  Arena texts_;
  size_t bytes_ = 0;
};

}  // namespace walrelay::apply
