#include "envelope/connect_schema.h"

#include "base/json.h"

namespace walrelay::envelope {
namespace {

void Write(JsonWriter& out, const ConnectSchema& schema, std::optional<std::string_view> field) {
  out.BeginObject();
  out.Key("type").String(schema.type);
  if (schema.type == "array") {
    out.Key("items");
    Write(out, schema.items[0], std::nullopt);
  } else if (schema.type == "map") {
    out.Key("keys");
    Write(out, schema.items[0], std::nullopt);
    out.Key("values");
    Write(out, schema.items[1], std::nullopt);
  } else if (schema.type == "struct") {
    out.Key("fields").BeginArray();
    for (const auto& [name, member] : schema.fields) Write(out, member, name);
    out.EndArray();
  }
  out.Key("optional").Bool(schema.optional);
  if (!schema.name.empty()) out.Key("name").String(schema.name);
  if (schema.version != ConnectSchema::kNoVersion) out.Key("version").Int(schema.version);
  if (!schema.doc.empty()) out.Key("doc").String(schema.doc);
  if (!schema.parameters.empty()) {
    out.Key("parameters").BeginObject();
    for (const auto& [key, value] : schema.parameters) out.Key(key).String(value);
    out.EndObject();
  }
  if (schema.default_json) out.Key("default").Raw(*schema.default_json);
  if (field) out.Key("field").String(*field);
  out.EndObject();
}

}  // namespace

void AppendSchema(std::string& out, const ConnectSchema& schema,
                  std::optional<std::string_view> field) {
  JsonWriter writer(out);
  Write(writer, schema, field);
}

std::string SchemaJson(const ConnectSchema& schema) {
  std::string out;
  AppendSchema(out, schema);
  return out;
}

}  // namespace walrelay::envelope
