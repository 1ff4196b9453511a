// Truncation, masks and hashes of columns, applied to the value that a codec has made.
//
// Source: FORMAT.md §9; Debezium, io.debezium.relational.mapping.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "envelope/codec.h"
#include "envelope/options.h"
#include "envelope/source_type.h"

namespace walrelay::envelope {

// What a mapper adds to the column's schema.
void AddMapperParameters(ConnectSchema& schema, const ColumnMapper& mapper, const JdbcType& type,
                         std::string_view column);

// How values of one column change; nullopt: not at all.
class ValueMapping {
 public:
  static std::optional<ValueMapping> Make(const ColumnMapper& mapper, const JdbcType& type,
                                          const Codec& codec);

  // Replaces the JSON value that begins at `from`.
  void Apply(Buffer& out, size_t from) const;
  std::string Applied(std::string_view json) const;
  // What a mask puts in place of NULL; nullopt: NULL stays.
  std::optional<std::string> OfNull() const;

 private:
  ValueMapping(ColumnMapper mapper, int32_t length, bool bytes)
      : mapper_(std::move(mapper)), length_(length), bytes_(bytes) {}
  std::string Mapped(std::string_view text) const;

  ColumnMapper mapper_;
  int32_t length_;  // Of the column: hashes are cut to it.
  bool bytes_;      // The value is bytes, in base64.
};

}  // namespace walrelay::envelope
