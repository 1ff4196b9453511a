// ByLogicalTableRouter: the topics of several tables become one, and keys say which table they are
// of.
//
// Errors: FailedPrecondition where Debezium's task would fail (a key that is not a struct).
// Source: FORMAT.md §12.2.
#pragma once

#include <absl/status/statusor.h>

#include "envelope/options.h"
#include "envelope/transforms/cache.h"
#include "envelope/transforms/flight.h"

namespace walrelay::envelope {

class TableRouter {
 public:
  TableRouter(const TableRouterOptions& router, const Options& options, Shapes& shapes,
              TopicNames& topics);

  absl::StatusOr<bool> Apply(Flight& record);

 private:
  absl::Status SetKey(Flight& record, const std::string& old_topic, const std::string& new_topic);
  absl::StatusOr<const std::string*> TableIdentifier(const std::string* old_topic);
  void SetEnvelope(Envelope& envelope, const std::string& new_topic);
  const Shape* KeyShape(const Shape* old, const std::string& new_topic);
  const Shape* EnvelopeShape(const Shape* old, const std::string& new_topic);
  const StructValue* Row(const StructValue* row, const ConnectSchema& schema, StructValue& filled);

  const Options& options_;
  Shapes& shapes_;
  TopicNames& topics_;
  CachedRewrite topic_;
  const bool enforce_uniqueness_;
  const std::string key_field_name_;
  std::optional<CachedRewrite> key_field_;
  const NameAdjustment adjustment_;
  const bool null_as_default_;  // 2.5: Struct.get() where 3.6 has getWithoutDefault().
  LruCache<const Shape*, const Shape*> keys_;
  LruCache<const Shape*, const Shape*> envelopes_;
  StructValue key_;
  StructValue before_;
  StructValue after_;
};

}  // namespace walrelay::envelope
