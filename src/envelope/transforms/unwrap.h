// ExtractNewRecordState: the row in the place of the envelope.
//
// Errors: FailedPrecondition where Debezium's task would fail (an added field that the row has, a
// route.by.field that is no text column). Source: FORMAT.md §12.1.
#pragma once

#include <absl/status/statusor.h>

#include <unordered_map>

#include "envelope/options.h"
#include "envelope/transforms/field_reference.h"
#include "envelope/transforms/flight.h"

namespace walrelay::envelope {

class Unwrap {
 public:
  Unwrap(UnwrapOptions unwrap, const Options& options, Shapes& shapes, TopicNames& topics);

  // False: the record is dropped.
  absl::StatusOr<bool> Apply(Flight& record);

 private:
  // What depends on the schema of the envelope only.
  struct Prepared {
    const Shape* row = nullptr;       // With what is added.
    const Shape* null_row = nullptr;  // Of a delete's null value.
    std::vector<FieldSource> fields;
    std::vector<FieldSource> headers;
    std::optional<size_t> route;  // Column of route.by.field.
  };

  absl::StatusOr<const Prepared*> PreparedFor(const Shape* shape);
  absl::Status PrepareRow(const ConnectSchema& envelope, Prepared& prepared);
  absl::Status AddHeaders(Flight& record);
  void AddTombstoneHeaders(Flight& record);
  absl::StatusOr<bool> Delete(Flight& record, const Prepared& prepared);
  void SetRow(Flight& record, const Prepared& prepared, const StructValue& row, bool deleted);
  void Route(Flight& record, const Prepared& prepared, const StructValue& row, bool defaults);
  bool rewrites() const { return unwrap_.deletes == UnwrapOptions::Deletes::kRewrite; }

  const UnwrapOptions unwrap_;
  const Options& options_;
  Shapes& shapes_;
  TopicNames& topics_;
  const Shape* op_header_;  // Of the op that a tombstone gets.
  std::unordered_map<const Shape*, Prepared> prepared_;
  StructValue row_;
};

}  // namespace walrelay::envelope
