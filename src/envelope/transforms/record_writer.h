// Writes what the transforms have left of a record, as the converters of key and value do.
//
// Views in the record hold until the next call. Errors: FailedPrecondition where a converter would
// fail (null in a required field without a default). Source: FORMAT.md §1, §12.
#pragma once

#include <absl/status/statusor.h>

#include <string>

#include "envelope/options.h"
#include "envelope/transforms/flight.h"

namespace walrelay::envelope {

class RecordWriter {
 public:
  explicit RecordWriter(const Options& options) : options_(options) {}
  absl::StatusOr<Record> Write(const Flight& flight);

 private:
  absl::StatusOr<std::optional<std::string_view>> Key(const Datum& key);
  absl::StatusOr<std::optional<std::string_view>> Value(const Datum& value, VolatileSpans& spans);
  absl::StatusOr<std::string_view> EnvelopeValue(const Flight& flight, VolatileSpans& spans);

  const Options& options_;
  Buffer key_;
  Buffer value_;
  std::string key_text_;
};

}  // namespace walrelay::envelope
