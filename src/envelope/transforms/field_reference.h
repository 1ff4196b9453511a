// Entries of add.fields and add.headers: where in a record their values come from, and the bytes of
// a header.
//
// Where Debezium's task would fail (an unknown struct, a struct or map as a whole) the answer is
// FailedPrecondition. Source: FORMAT.md §12.1; Debezium's FieldReference; Connect's
// SimpleHeaderConverter.
#pragma once

#include <absl/status/statusor.h>

#include <optional>

#include "envelope/options.h"
#include "envelope/transforms/flight.h"

namespace walrelay::envelope {

struct FieldSource {
  enum class Place : uint8_t {
    kOp,
    kTsMs,
    kTsUs,
    kTsNs,
    kSource,  // `index`: in SourceSchema().
    kTransactionId,
    kTotalOrder,
    kDataCollectionOrder,
    kBefore,  // `index`: in the row.
    kAfter,
    kDatum,  // `index`: in a struct that is no envelope.
  };
  Place place = Place::kOp;
  size_t index = 0;
  Place parent = Place::kOp;     // kBefore, kAfter or kTransactionId: null where that struct is.
  const Shape* shape = nullptr;  // Of the field: optional, without its default.
  std::string_view name;         // Of what is added: the entry's, which outlives this.
};

// `record` is the schema of an envelope, or of another struct. Entries that name no field are left
// out.
absl::StatusOr<std::vector<FieldSource>> ResolveFields(const std::vector<AddedField>& fields,
                                                       const ConnectSchema& record,
                                                       bool is_envelope, Shapes& shapes);

FieldValue ReadField(const FieldSource& source, const Flight& record);

// A header of this schema and value as the header converter writes it.
RecordHeader MakeHeader(std::string_view name, const Shape& shape, const FieldValue& value,
                        const Options& options, Pieces& pieces);

}  // namespace walrelay::envelope
