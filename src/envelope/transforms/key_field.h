// ExtractField$Key: one column of the key in its place.
//
// Errors: FailedPrecondition where Connect's task would fail: the key is not a struct, or has no
// such field. Source: Kafka Connect, ExtractField.
#pragma once

#include "base/status.h"
#include "envelope/transforms/flight.h"
#include "envelope/transforms/options.h"

namespace walrelay::envelope {

class KeyField {
 public:
  KeyField(KeyFieldOptions options, Shapes& shapes)
      : options_(std::move(options)), shapes_(shapes) {}

  absl::StatusOr<bool> Apply(Flight& record) {
    Datum& key = record.key;
    record.CopyHeaders();
    if (key.shape == nullptr) return true;
    const auto place = key.shape->is_struct() ? key.shape->Find(options_.field) : std::nullopt;
    if (!place) {
      return absl::FailedPreconditionError(
          Cat("ExtractField$Key: the key has no field ", options_.field));
    }
    const ConnectSchema& schema = key.shape->schema.fields[*place].second;
    FieldValue value = key.is_null ? FieldValue() : key.fields->fields[*place];
    if (options_.null_as_default && !key.is_null) value = WithDefault(value, schema);
    key = Datum::Scalar(ShapeOf(key.shape, *place), value);
    return true;
  }

 private:
  const Shape* ShapeOf(const Shape* key, size_t place) {
    const Shape*& shape = known_[key];
    if (shape == nullptr) shape = shapes_.Intern(key->schema.fields[place].second);
    return shape;
  }

  const KeyFieldOptions options_;
  Shapes& shapes_;
  std::unordered_map<const Shape*, const Shape*> known_;
};

}  // namespace walrelay::envelope
