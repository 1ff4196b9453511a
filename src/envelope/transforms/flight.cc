#include "envelope/transforms/flight.h"

#include "base/json.h"
#include "base/status.h"

namespace walrelay::envelope {
std::optional<size_t> Shape::Find(std::string_view field) const {
  for (size_t i = 0; i < schema.fields.size(); ++i) {
    if (schema.fields[i].first == field) return i;
  }
  return std::nullopt;
}

std::unique_ptr<Shape> MakeShape(const ConnectSchema& schema) {
  auto shape = std::make_unique<Shape>();
  shape->schema = schema;
  shape->json = SchemaJson(schema);
  shape->prefix = Cat("{\"schema\":", shape->json, ",\"payload\":");
  for (const auto& [name, field] : schema.fields) {
    std::string& lead = shape->leads.emplace_back(shape->leads.empty() ? "{" : ",");
    AppendJsonString(lead, name);
    lead += ':';
  }
  return shape;
}

const Shape* Shapes::Intern(const ConnectSchema& schema) {
  auto shape = MakeShape(schema);
  const std::string json = shape->json;
  return shapes_.try_emplace(json, std::move(shape)).first->second.get();
}

const Shape* Shapes::none() {
  if (none_ == nullptr) {
    auto shape = std::make_unique<Shape>();
    shape->schema = PlainSchema("string").AsOptional();
    shape->json = "null";
    shape->prefix = "{\"schema\":null,\"payload\":";
    none_ = std::move(shape);
  }
  return none_.get();
}

const std::string* TopicNames::Intern(std::string_view name) {
  scratch_ = name;
  return &*names_.insert(scratch_).first;
}

std::string TransactionId(const EventContext& context) {
  return Cat(context.tx_id.value_or(0), ":", Number(context.lsn));
}

std::optional<std::string_view> NullJson(const ConnectSchema& schema, bool null_as_default) {
  if (schema.default_json && null_as_default) return *schema.default_json;
  if (schema.optional) return "null";
  return std::nullopt;
}

FieldValue WithDefault(const FieldValue& value, const ConnectSchema& schema) {
  if (!value.is_null || !schema.default_json) return value;
  return {.json = *schema.default_json, .is_null = false, .is_volatile = false};
}

void FillDefaults(const StructValue& value, const ConnectSchema& schema, bool converter_does_too,
                  StructValue& filled) {
  filled.fields.clear();
  bool changed = false;
  for (size_t i = 0; i < value.fields.size(); ++i) {
    filled.fields.push_back(WithDefault(value.fields[i], schema.fields[i].second));
    changed = changed || filled.fields.back().is_null != value.fields[i].is_null;
  }
  const bool stays = !changed || converter_does_too;
  filled.verbatim = stays ? value.verbatim : std::string_view();
  filled.verbatim_fields = stays ? value.verbatim_fields : 0;
}

}  // namespace walrelay::envelope
