// Recognises what Debezium writes for a TOAST value that was not sent.
//
// It looks different in every type. Where it is plain null (numeric, varbit, float8[] …) it cannot
// be told from a NULL. Pure. Source: FORMAT.md §4.4; UnchangedToastedPlaceholder.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>

#include "apply/field_type.h"
#include "base/json.h"

namespace walrelay::apply {

class Placeholder {
 public:
  // `option` is unavailable.value.placeholder ("hex:…" gives bytes), `md5_hex` the MD5 of its
  // bytes: uuid arrays hold the name-based UUID.
  static absl::StatusOr<Placeholder> Make(std::string_view option, std::string_view md5_hex);
  // The bytes that `option` stands for: what the MD5 is taken of.
  static absl::StatusOr<std::string> Bytes(std::string_view option);

  bool Matches(const FieldType& type, JsonValue value) const;

 private:
  bool MatchesElement(const FieldType& type, JsonValue element) const;
  bool MatchesUntyped(JsonValue element) const;
  bool MatchesNumbers(JsonValue list) const;

  std::string text_;
  std::string base64_;
  std::string uuid_;
  std::string hstore_json_;
};

}  // namespace walrelay::apply
