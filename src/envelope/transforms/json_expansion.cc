#include "envelope/transforms/json_expansion.h"

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

#include "base/status.h"
#include "envelope/java_text.h"
#include "envelope/scalar_codecs.h"

namespace walrelay::envelope {
namespace {

constexpr int kMaxDepth = 1000;  // Jackson's StreamReadConstraints; it also bounds our recursion.

// Jackson reads one value and leaves what follows it alone. The size of the one that `text` begins
// with, by its brackets; 0: it does not end, or is too deep.
size_t FirstValueSize(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) return 0;
    } else if ((c == '}' || c == ']') && --depth == 0) {
      return i + 1;
    }
  }
  return 0;
}

using Members = std::vector<std::pair<std::string_view, JsonValue>>;

// As a LinkedHashMap keeps them: the last of duplicates at the place of the first.
Members MembersOf(JsonValue object) {
  Members members;
  for (auto it = object.begin(); it != object.end(); ++it) {
    const auto known =
        std::ranges::find_if(members, [&](const auto& m) { return m.first == it.name(); });
    if (known != members.end()) {
      known->second = *it;
    } else {
      members.emplace_back(it.name(), *it);
    }
  }
  return members;
}

std::string_view NumberType(JsonValue number) {
  if (number.text().find_first_of(".eE") != std::string_view::npos) return "double";
  if (number.Int<int32_t>()) return "int32";
  return number.Int<int64_t>() ? "int64" : "double";
}

// JsonNodeType; numbers of different types differ as well.
std::string_view TypeOf(JsonValue value) {
  switch (value.kind()) {
    case JsonKind::kString:
      return "string";
    case JsonKind::kTrue:
    case JsonKind::kFalse:
      return "boolean";
    case JsonKind::kNumber:
      return NumberType(value);
    case JsonKind::kArray:
      return "array";
    case JsonKind::kObject:
      return "struct";
    case JsonKind::kNull:
    case JsonKind::kMissing:
      break;
  }
  return {};
}

class SchemaInference {
 public:
  explicit SchemaInference(const JsonExpansion& expansion) : expansion_(expansion) {}

  // Nothing: the value is left out. `path` is none inside arrays of arrays.
  std::optional<ConnectSchema> Of(const std::optional<std::string>& path, JsonValue value) {
    if (value.is_object()) return OfObject(path, value);
    if (value.is_array()) return OfArray(path, value);
    if (!value.is_null()) return PlainSchema(TypeOf(value)).AsOptional();
    if (expansion_.null_as_bytes) return PlainSchema("bytes").AsOptional();
    return std::nullopt;
  }
  bool failed() const { return failed_; }

 private:
  std::string Below(const std::optional<std::string>& path, std::string_view name) const {
    if (path && !path->empty()) return Cat(*path, ".", name);
    if (expansion_.compat == Compat::k2_5_0) return Cat(path.value_or("null"), ".", name);
    return std::string(name);
  }

  ConnectSchema OfObject(const std::optional<std::string>& path, JsonValue object) {
    ConnectSchema schema = PlainSchema("struct").AsOptional();
    schema.name = path.value_or("");
    for (const auto& [name, value] : MembersOf(object)) {
      if (auto field = Of(Below(path, name), value)) schema.fields.emplace_back(name, *field);
    }
    return schema;
  }

  std::optional<ConnectSchema> OfArray(const std::optional<std::string>& path, JsonValue array) {
    if (array.size() == 0) return std::nullopt;
    JsonValue sample;
    for (const JsonValue item : array) {
      if (item.is_null()) continue;
      if (sample.is_missing()) sample = item;
      if (TypeOf(item) != TypeOf(sample)) failed_ = true;  // "not a homogenous array"
    }
    auto items = sample.is_object()
                     ? OfObjects(path, array)
                     : Of(std::nullopt, sample.is_missing() ? *array.begin() : sample);
    if (!items) failed_ = true;  // "unrecognized member schema"
    if (failed_) return std::nullopt;
    return ArraySchema(*items).AsOptional();
  }

  std::optional<ConnectSchema> OfObjects(const std::optional<std::string>& path, JsonValue array) {
    std::vector<ConnectSchema> schemas;  // Different ones: Debezium's set has no order.
    for (const JsonValue item : array) {
      if (!item.is_object()) continue;
      ConnectSchema schema = OfObject(path, item);
      const std::string json = SchemaJson(schema);
      const bool known =
          std::ranges::any_of(schemas, [&](const auto& s) { return SchemaJson(s) == json; });
      if (!known) schemas.push_back(std::move(schema));
    }
    ConnectSchema merged = schemas.front();
    for (size_t i = 1; i < schemas.size(); ++i) Merge(merged, schemas[i]);
    return merged;
  }

  static void Merge(ConnectSchema& left, const ConnectSchema& right) {
    left.optional = false;  // copySchemaBasics forgets it.
    for (const auto& [name, field] : right.fields) {
      const auto known =
          std::ranges::find_if(left.fields, [&](const auto& f) { return f.first == name; });
      if (known == left.fields.end()) {
        left.fields.emplace_back(name, field);
      } else if (known->second.type == "bytes" && field.type != "bytes") {
        known->second = field;
      }
    }
  }

  const JsonExpansion& expansion_;
  bool failed_ = false;
};

// False where Connect refuses the value: it is not of the schema's type.
bool Append(Buffer& out, const ConnectSchema& schema, JsonValue value);

bool AppendMembers(Buffer& out, const ConnectSchema& schema, JsonValue object) {
  const Members members = MembersOf(object);
  if (schema.fields.empty()) out.push_back('{');
  char lead = '{';
  for (const auto& [name, field] : schema.fields) {
    out.push_back(std::exchange(lead, ','));
    AppendJsonText(out, name);
    out.push_back(':');
    const auto member =
        std::ranges::find_if(members, [&](const auto& m) { return m.first == name; });
    if (!Append(out, field, member == members.end() ? JsonValue() : member->second)) return false;
  }
  out.push_back('}');
  return true;
}

bool AppendItems(Buffer& out, const ConnectSchema& schema, JsonValue array) {
  out.push_back('[');
  bool first = true;
  for (const JsonValue item : array) {
    if (!std::exchange(first, false)) out.push_back(',');
    if (!Append(out, schema.items[0], item)) return false;
  }
  out.push_back(']');
  return true;
}

bool AppendNumber(Buffer& out, JsonValue number) {
  if (const auto whole = number.Int<int64_t>()) {
    out.AppendInt(*whole);
    return true;
  }
  // A BigInteger does not fit the schema's double.
  if (number.text().find_first_of(".eE") == std::string_view::npos) return false;
  AppendJsonDouble(out, std::strtod(std::string(number.text()).c_str(), nullptr));
  return true;
}

bool Append(Buffer& out, const ConnectSchema& schema, JsonValue value) {
  if (value.is_missing() || value.is_null()) {
    out.append("null");
    return schema.optional;
  }
  if (TypeOf(value) != schema.type) return false;
  if (value.is_object()) return AppendMembers(out, schema, value);
  if (value.is_array()) return AppendItems(out, schema, value);
  if (value.is_number()) return AppendNumber(out, value);
  if (value.is_string()) {
    AppendJsonText(out, value.text());
  } else {
    out.append(value.Bool().value_or(false) ? "true" : "false");
  }
  return true;
}

}  // namespace

absl::StatusOr<std::optional<ExpandedJson>> ExpandJson(const JsonExpansion& expansion,
                                                       std::string_view text, JsonReader& reader,
                                                       Buffer& out) {
  if (text.empty() || (text.front() != '{' && text.front() != '[')) return std::nullopt;
  const auto json = reader.Parse(text.substr(0, FirstValueSize(text)));
  if (!json.ok()) return std::nullopt;
  SchemaInference inference(expansion);
  auto schema = inference.Of(std::string(expansion.path), *json);
  if (inference.failed()) return std::nullopt;
  // Debezium has taken the schema before it finds that it makes structs only, and keeps it.
  if (!schema) return ExpandedJson{};
  if (json->is_array() || !Append(out, *schema, *json)) {
    return absl::FailedPreconditionError(
        Cat("table.expand.json.payload: the JSON of ", expansion.path,
            " has values that do not fit the schema inferred for it"));
  }
  return ExpandedJson{.schema = *std::move(schema)};
}

}  // namespace walrelay::envelope
