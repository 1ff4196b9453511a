// A Kafka Connect schema, and its JSON as the JsonConverter writes it. Only built when a plan is;
// never per event.
//
// Source: FORMAT.md §1.2; Kafka Connect, JsonConverter.asJsonSchema.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace walrelay::envelope {

struct ConnectSchema {
  static constexpr int kNoVersion = std::numeric_limits<int>::min();

  std::string type;  // "int32", "string", "struct", …
  bool optional = false;
  std::string name;
  int version = kNoVersion;
  std::string doc;
  std::vector<std::pair<std::string, std::string>> parameters;
  std::optional<std::string> default_json;  // The default, encoded as a value.
  std::vector<ConnectSchema> items;         // Of an array: one. Of a map: keys, values.
  std::vector<std::pair<std::string, ConnectSchema>> fields;  // Of a struct.

  // The same with optional set.
  ConnectSchema AsOptional() const {
    ConnectSchema copy = *this;
    copy.optional = true;
    return copy;
  }
};

inline ConnectSchema PlainSchema(std::string_view type) {
  ConnectSchema schema;
  schema.type = type;
  return schema;
}
inline ConnectSchema NamedSchema(std::string_view type, std::string_view name, int version = 1) {
  ConnectSchema schema = PlainSchema(type);
  schema.name = name;
  schema.version = version;
  return schema;
}
inline ConnectSchema ArraySchema(ConnectSchema items) {
  ConnectSchema schema = PlainSchema("array");
  schema.items.push_back(std::move(items));
  return schema;
}

// Appends the schema as JSON; `field` is the name that the parent struct gives it, if any.
void AppendSchema(std::string& out, const ConnectSchema& schema,
                  std::optional<std::string_view> field = std::nullopt);
std::string SchemaJson(const ConnectSchema& schema);

}  // namespace walrelay::envelope
