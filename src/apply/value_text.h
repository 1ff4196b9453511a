// Turns a field's JSON value into the text that PostgreSQL's input function takes, with equal
// value.
//
// Pure; keeps buffers, so one thread. Source: FORMAT.md §4; PostgreSQL manual, chapter "Data
// Types".
#pragma once

#include <string>
#include <string_view>

#include "apply/field_type.h"
#include "base/json.h"

namespace walrelay::apply {

class ValueText {
 public:
  explicit ValueText(const SchemalessFormat& format) : format_(format) {}

  // Appends the text of a value that is not null. False when the value is not what its type says;
  // `out` is undefined then.
  bool Append(const FieldType& type, const ColumnType& column, JsonValue value, std::string& out);

 private:
  bool AppendString(const FieldType& type, const ColumnType& column, std::string_view text,
                    std::string& out);
  bool AppendNumber(const FieldType& type, const ColumnType& column, std::string_view digits,
                    std::string& out);
  bool AppendObject(const FieldType& type, const ColumnType& column, JsonValue value,
                    std::string& out);
  bool AppendArray(const FieldType& type, const ColumnType& column, JsonValue list,
                   std::string& out);
  bool AppendBinary(const FieldType& type, const ColumnType& column, std::string_view text,
                    std::string& out);
  bool AppendHstore(JsonValue map, std::string& out);

  SchemalessFormat format_;
  std::string bytes_;    // Decoded base64.
  std::string element_;  // Of an array, before it is quoted.
  JsonReader json_;      // For hstore that came as JSON text.
};

// A value as JSON text again.
void AppendJson(JsonValue value, std::string& out);

}  // namespace walrelay::apply
