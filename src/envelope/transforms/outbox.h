// The outbox EventRouter: a row that was inserted into an outbox table becomes the record that its
// columns describe.
//
// Errors: FailedPrecondition where Debezium's task would fail (a column that is missing or of
// another type, an update with table.op.invalid.behavior=fatal). Source: FORMAT.md §12.3.
#pragma once

#include <absl/status/statusor.h>

#include <map>
#include <memory>

#include "base/json.h"
#include "envelope/options.h"
#include "envelope/transforms/cache.h"
#include "envelope/transforms/flight.h"

namespace walrelay::envelope {

class Outbox {
 public:
  Outbox(OutboxOptions outbox, const Options& options, Shapes& shapes, TopicNames& topics);

  absl::StatusOr<bool> Apply(Flight& record);

 private:
  using OwnedShape = std::shared_ptr<const Shape>;

  // Where the columns are in the rows of one envelope's schema.
  struct Columns {
    const ConnectSchema* row = nullptr;
    size_t id = 0;
    size_t key = 0;
    size_t payload = 0;
    size_t route = 0;
    std::optional<size_t> timestamp;
    std::optional<size_t> version;
    bool recode_key = false;                        // Keys have another decimal.format than values.
    std::vector<std::optional<size_t>> additional;  // None: missing, which is ignored.
    const Shape* id_shape = nullptr;
    const Shape* key_shape = nullptr;
    const Shape* payload_shape = nullptr;
    std::vector<const Shape*> additional_shapes;
  };
  struct Payload {
    const Shape* shape = nullptr;
    FieldValue value;
    bool is_text = false;  // The payload is a string.
  };

  absl::StatusOr<const Columns*> ColumnsOf(const Shape* envelope);
  absl::StatusOr<Columns> FindColumns(const ConnectSchema& row);
  absl::Status CheckVersionColumn(Columns& columns) const;
  absl::StatusOr<Payload> PayloadOf(const Flight& record, const Columns& columns);
  absl::Status Expand(const Flight& record, Payload& payload);
  bool IsEmpty(const Flight& record, const Payload& payload) const;
  absl::StatusOr<std::optional<int64_t>> Timestamp(const Flight& record,
                                                   const Columns& columns) const;
  absl::StatusOr<const Shape*> StructShape(const Columns& columns, const Payload& payload,
                                           const StructValue& row, std::string_view routed);
  absl::StatusOr<OwnedShape> MakeStructShape(const Columns& columns, const Payload& payload,
                                             std::string_view routed,
                                             std::optional<int> version) const;
  void AddHeaders(Flight& record, const Columns& columns, const StructValue& row) const;
  absl::Status SetValue(Flight& record, const Columns& columns, const Payload& payload,
                        const StructValue& row, std::string_view routed);
  absl::Status SetPartition(Flight& record, const Columns& columns, const StructValue& row) const;
  absl::Status Route(Flight& record, const Columns& columns);

  const OutboxOptions outbox_;
  const Options& options_;
  Shapes& shapes_;
  TopicNames& topics_;
  CachedRewrite topic_;
  bool in_envelope_ = false;  // The value is a struct around the payload.
  JsonReader reader_;
  std::map<const Shape*, Columns> columns_;
  LruCache<std::string, OwnedShape> expanded_;  // By schema.
  LruCache<std::string, OwnedShape> structs_;   // By the payload's schema.
  std::map<std::optional<int>, OwnedShape> versions_;
  StructValue struct_;
};

}  // namespace walrelay::envelope
