#include "envelope/transforms/decimal_format.h"

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "base/json.h"
#include "envelope/decimal.h"
#include "envelope/scalar_codecs.h"

namespace walrelay::envelope {
namespace {

bool IsDecimal(const ConnectSchema& schema) {
  return schema.name == "org.apache.kafka.connect.data.Decimal";
}

int64_t ScaleOf(const ConnectSchema& schema) {
  int64_t scale = 0;
  for (const auto& [name, text] : schema.parameters) {
    if (name == "scale") std::from_chars(text.data(), text.data() + text.size(), scale);
  }
  return scale;
}

void AppendDecimal(Buffer& out, const ConnectSchema& schema, JsonValue value, bool to_numeric) {
  const std::string text = to_numeric ? UnscaledText(value.text()) : std::string(value.text());
  auto decimal = ParseDecimal(text);
  CHECK(decimal.has_value());  // We have written it.
  if (!to_numeric) return AppendUnscaledBase64(out, *decimal);
  decimal->scale = ScaleOf(schema);
  AppendBigDecimal(out, *decimal);
}

void Append(Buffer& out, const ConnectSchema& schema, JsonValue value, bool to_numeric);

void AppendMembers(Buffer& out, const ConnectSchema& schema, JsonValue object, bool to_numeric) {
  out.push_back('{');
  bool first = true;
  for (auto it = object.begin(); it != object.end(); ++it) {
    if (!first) out.push_back(',');
    first = false;
    AppendJsonText(out, it.name());
    out.push_back(':');
    const auto field = std::ranges::find_if(
        schema.fields, [&](const auto& known) { return known.first == it.name(); });
    Append(out, field == schema.fields.end() ? schema.items[1] : field->second, *it, to_numeric);
  }
  out.push_back('}');
}

void Append(Buffer& out, const ConnectSchema& schema, JsonValue value, bool to_numeric) {
  if (value.is_null()) return out.append("null");
  if (IsDecimal(schema)) return AppendDecimal(out, schema, value, to_numeric);
  if (value.is_object()) return AppendMembers(out, schema, value, to_numeric);
  if (value.is_string()) return AppendJsonText(out, value.text());
  if (value.is_number()) return out.append(value.text());
  if (!value.is_array()) return out.append(value.Bool().value_or(false) ? "true" : "false");
  out.push_back('[');
  bool first = true;
  for (const JsonValue item : value) {
    if (!first) out.push_back(',');
    first = false;
    Append(out, schema.items[0], item, to_numeric);
  }
  out.push_back(']');
}

}  // namespace

bool HasDecimal(const ConnectSchema& schema) {
  return IsDecimal(schema) || std::ranges::any_of(schema.items, HasDecimal) ||
         std::ranges::any_of(schema.fields,
                             [](const auto& field) { return HasDecimal(field.second); });
}

ConnectSchema WithDecimalFormat(const ConnectSchema& schema, bool to_numeric) {
  ConnectSchema other = schema;
  if (other.default_json && HasDecimal(schema)) {
    Buffer json;
    AppendWithDecimalFormat(json, schema, *schema.default_json, to_numeric);
    other.default_json.emplace(json.view());
  }
  for (ConnectSchema& item : other.items) item = WithDecimalFormat(item, to_numeric);
  for (auto& [name, field] : other.fields) field = WithDecimalFormat(field, to_numeric);
  return other;
}

void AppendWithDecimalFormat(Buffer& out, const ConnectSchema& schema, std::string_view json,
                             bool to_numeric) {
  JsonReader reader;
  const auto value = reader.Parse(json);
  if (value.ok()) Append(out, schema, *value, to_numeric);
}

}  // namespace walrelay::envelope
