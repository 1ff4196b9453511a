#include "envelope/transforms/table_router.h"

#include "base/json.h"
#include "base/status.h"
#include "envelope/scalar_codecs.h"
#include "envelope/topic_names.h"

namespace walrelay::envelope {

TableRouter::TableRouter(const TableRouterOptions& router, const Options& options, Shapes& shapes,
                         TopicNames& topics)
    : options_(options),
      shapes_(shapes),
      topics_(topics),
      topic_(router.topic),
      enforce_uniqueness_(router.enforce_uniqueness),
      key_field_name_(router.key_field_name),
      adjustment_(router.schema_name_adjustment),
      null_as_default_(options.compat == Compat::k2_5_0),
      keys_(router.cache_size),
      envelopes_(router.cache_size) {
  if (router.key_field) key_field_.emplace(router.key_field);
}

const Shape* TableRouter::KeyShape(const Shape* old, const std::string& new_topic) {
  if (const auto* known = keys_.Find(old)) return *known;
  ConnectSchema key = old->schema;
  key.name = AdjustSchemaName(adjustment_, Cat(new_topic, ".Key"));
  if (enforce_uniqueness_) key.fields.emplace_back(key_field_name_, PlainSchema("string"));
  return keys_.Put(old, shapes_.Intern(key));
}

const Shape* TableRouter::EnvelopeShape(const Shape* old, const std::string& new_topic) {
  if (const auto* known = envelopes_.Find(old)) return *known;
  ConnectSchema envelope = old->schema;
  envelope.name = AdjustSchemaName(adjustment_, Cat(new_topic, ".Envelope"));
  for (const size_t side : {0, 1}) {
    envelope.fields[side].second.name = AdjustSchemaName(adjustment_, Cat(new_topic, ".Value"));
  }
  return envelopes_.Put(old, shapes_.Intern(envelope));
}

absl::StatusOr<const std::string*> TableRouter::TableIdentifier(const std::string* old_topic) {
  if (!key_field_) return old_topic;
  ASSIGN_OR_RETURN(const std::string* replaced, key_field_->Of(old_topic, topics_));
  return replaced == nullptr ? old_topic : replaced;
}

absl::Status TableRouter::SetKey(Flight& record, const std::string& old_topic,
                                 const std::string& new_topic) {
  if (record.key.is_null) {
    record.key = {};  // Neither value nor schema.
    return absl::OkStatus();
  }
  if (record.key.fields == nullptr) {
    return absl::FailedPreconditionError("ByLogicalTableRouter: the key is not a struct");
  }
  const Shape& old = *record.key.shape;
  if (enforce_uniqueness_ && old.Find(key_field_name_)) {
    return absl::FailedPreconditionError(Cat("ByLogicalTableRouter: ", old.schema.name,
                                             " already has a field ", key_field_name_,
                                             "; set key.field.name"));
  }
  if (null_as_default_) {
    FillDefaults(*record.key.fields, old.schema, options_.key_null_as_default, key_);
  } else {
    key_ = *record.key.fields;
  }
  if (enforce_uniqueness_) {
    ASSIGN_OR_RETURN(const std::string* identifier, TableIdentifier(&old_topic));
    Buffer& json = record.pieces->Next();
    AppendJsonText(json, *identifier);
    key_.fields.push_back({.json = json.view(), .is_null = false});
  }
  record.key = Datum::Struct(KeyShape(&old, new_topic), &key_);
  return absl::OkStatus();
}

const StructValue* TableRouter::Row(const StructValue* row, const ConnectSchema& schema,
                                    StructValue& filled) {
  if (row == nullptr || !null_as_default_) return row;
  FillDefaults(*row, schema, options_.value_null_as_default, filled);
  return &filled;
}

void TableRouter::SetEnvelope(Envelope& envelope, const std::string& new_topic) {
  const ConnectSchema& row = envelope.shape->schema.fields[0].second;
  envelope.before = Row(envelope.before, row, before_);
  envelope.after = Row(envelope.after, row, after_);
  envelope.shape = EnvelopeShape(envelope.shape, new_topic);
}

absl::StatusOr<bool> TableRouter::Apply(Flight& record) {
  ASSIGN_OR_RETURN(const std::string* new_topic, topic_.Of(record.topic, topics_));
  if (new_topic == nullptr || new_topic->empty()) return true;
  RETURN_IF_ERROR(SetKey(record, *record.topic, *new_topic));
  if (record.envelope) SetEnvelope(*record.envelope, *new_topic);
  record.topic = new_topic;
  record.CopyHeaders();
  return true;
}

}  // namespace walrelay::envelope
