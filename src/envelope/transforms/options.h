// Single message transforms and predicates of Kafka Connect, as values.
//
// Regular expressions arrive as functions: asked once a topic, never per event; they fail with
// InvalidArgument where the expression cannot be decided within its limits.
// Source: FORMAT.md §12; Debezium's io.debezium.transforms, Kafka Connect's transforms.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "envelope/name_adjustment.h"

namespace walrelay::envelope {

// Whether a whole name matches.
using NameTest = std::function<absl::StatusOr<bool>(std::string_view name)>;
// What a name becomes when all of it matches; none: it does not match.
using NameRewrite =
    std::function<absl::StatusOr<std::optional<std::string>>(std::string_view name)>;

// One entry of add.fields or add.headers.
struct AddedField {
  std::string parent;  // The struct of the envelope that holds it; empty: the envelope itself.
  std::string field;
  std::string name;  // With the prefix.
};

// io.debezium.transforms.ExtractNewRecordState
struct UnwrapOptions {
  enum class Deletes { kDrop, kNullValue, kRewrite, kTombstone };
  Deletes deletes = Deletes::kDrop;
  bool keep_tombstones = false;
  bool rewrite_null_as_default = true;  // 3.6: replace.null.with.default
  std::vector<AddedField> fields;
  std::vector<AddedField> headers;
  std::string route_by_field;  // Empty: the topic stays.
};

// io.debezium.transforms.ByLogicalTableRouter
struct TableRouterOptions {
  NameRewrite topic;
  bool enforce_uniqueness = true;
  std::string key_field_name = "__dbz__physicalTableIdentifier";
  NameRewrite key_field;  // Empty: the old topic.
  NameAdjustment schema_name_adjustment = NameAdjustment::kNone;
  size_t cache_size = 16;
};

// org.apache.kafka.connect.transforms.RegexRouter
struct TopicRouterOptions {
  NameRewrite topic;
};

// io.debezium.transforms.outbox.EventRouter
struct OutboxOptions {
  enum class Placement { kHeader, kEnvelope, kPartition };
  struct Additional {
    std::string field;
    Placement placement = Placement::kHeader;
    std::string alias;
  };
  std::string id_field = "id";
  std::string key_field = "aggregateid";
  std::string payload_field = "payload";
  std::optional<std::string> timestamp_field;
  std::optional<std::string> version_field;
  std::string route_by_field = "aggregatetype";
  NameRewrite topic;
  bool tombstone_on_empty_payload = false;
  std::vector<Additional> additional;
  bool ignore_missing = false;
  bool expand_json = false;
  bool json_null_as_bytes = false;  // table.json.payload.null.behavior=optional_bytes
  bool fail_on_update = false;      // table.op.invalid.behavior=fatal
};

// org.apache.kafka.connect.transforms.Filter
struct DropOptions {};

// org.apache.kafka.connect.transforms.ExtractField$Key
struct KeyFieldOptions {
  std::string field;
  bool null_as_default = true;
};

using TransformOptions = std::variant<UnwrapOptions, TableRouterOptions, TopicRouterOptions,
                                      OutboxOptions, DropOptions, KeyFieldOptions>;

struct TopicNameMatches {
  NameTest matches;
};
struct RecordIsTombstone {};
struct HasHeaderKey {
  std::string name;
};
using PredicateOptions = std::variant<TopicNameMatches, RecordIsTombstone, HasHeaderKey>;

struct TransformStep {
  std::string name;  // Its alias, for errors.
  TransformOptions transform;
  std::optional<PredicateOptions> predicate;  // None: always.
  bool negate = false;
};

}  // namespace walrelay::envelope
