#include "envelope/transforms/transform_chain.h"

#include <algorithm>
#include <type_traits>
#include <unordered_map>

#include "base/status.h"
#include "envelope/transforms/key_field.h"
#include "envelope/transforms/outbox.h"
#include "envelope/transforms/table_router.h"
#include "envelope/transforms/topic_router.h"
#include "envelope/transforms/unwrap.h"

namespace walrelay::envelope {
namespace {

// Connect's Filter.
struct Drop {
  absl::StatusOr<bool> Apply(Flight&) { return false; }
};

// A predicate with the answers that depend on the topic only.
class Predicate {
 public:
  explicit Predicate(PredicateOptions options) : options_(std::move(options)) {}

  absl::StatusOr<bool> Test(const Flight& record) {
    return std::visit([&](const auto& options) { return TestOne(options, record); }, options_);
  }

 private:
  absl::StatusOr<bool> TestOne(const TopicNameMatches& options, const Flight& record) {
    if (const auto known = topics_.find(record.topic); known != topics_.end()) return known->second;
    ASSIGN_OR_RETURN(const bool matches, options.matches(*record.topic));
    topics_.emplace(record.topic, matches);
    return matches;
  }
  absl::StatusOr<bool> TestOne(const RecordIsTombstone&, const Flight& record) const {
    return record.has_null_value();
  }
  absl::StatusOr<bool> TestOne(const HasHeaderKey& options, const Flight& record) const {
    return std::ranges::any_of(*record.headers,
                               [&](const auto& header) { return header.name == options.name; });
  }

  PredicateOptions options_;
  std::unordered_map<const std::string*, bool> topics_;
};

// The fields of a struct that stands in `buffer`, `size` bytes of it as one piece.
void FillFields(StructValue& out, std::string_view buffer, const std::vector<FieldSpan>& spans,
                std::string_view json) {
  out.fields.clear();
  for (const FieldSpan& span : spans) {
    out.fields.push_back(
        {.json = buffer.substr(span.begin, span.end - span.begin), .is_null = span.is_null});
  }
  out.verbatim = json.substr(0, spans.empty() ? 0 : json.size() - 1);
  out.verbatim_fields = spans.size();
}

}  // namespace

class TransformChain::Step {
 public:
  Step(const TransformStep& step, const Options& options, Shapes& shapes, TopicNames& topics)
      : name_(step.name), negate_(step.negate), transform_(Make(step, options, shapes, topics)) {
    if (step.predicate) predicate_.emplace(*step.predicate);
  }

  // False: the record is dropped.
  absl::StatusOr<bool> Apply(Flight& record) {
    if (predicate_) {
      auto holds = predicate_->Test(record);
      if (!holds.ok()) return Named(holds.status());
      if (*holds == negate_) return true;
    }
    auto kept = std::visit([&](auto& transform) { return transform.Apply(record); }, transform_);
    if (!kept.ok()) return Named(kept.status());
    return *kept;
  }

 private:
  using Transform = std::variant<Unwrap, TableRouter, TopicRouter, Outbox, Drop, KeyField>;

  static Transform Make(const TransformStep& step, const Options& options, Shapes& shapes,
                        TopicNames& topics) {
    return std::visit(
        [&](const auto& given) -> Transform {
          using Given = std::decay_t<decltype(given)>;
          if constexpr (std::is_same_v<Given, UnwrapOptions>) {
            return Transform(std::in_place_type<Unwrap>, given, options, shapes, topics);
          } else if constexpr (std::is_same_v<Given, TableRouterOptions>) {
            return Transform(std::in_place_type<TableRouter>, given, options, shapes, topics);
          } else if constexpr (std::is_same_v<Given, TopicRouterOptions>) {
            return Transform(std::in_place_type<TopicRouter>, given, topics);
          } else if constexpr (std::is_same_v<Given, OutboxOptions>) {
            return Transform(std::in_place_type<Outbox>, given, options, shapes, topics);
          } else if constexpr (std::is_same_v<Given, DropOptions>) {
            return Transform(std::in_place_type<Drop>);
          } else {
            return Transform(std::in_place_type<KeyField>, given, shapes);
          }
        },
        step.transform);
  }

  absl::Status Named(const absl::Status& status) const {
    return Annotate(status, Cat("transform ", name_));
  }

  std::string name_;
  std::optional<Predicate> predicate_;
  bool negate_;
  Transform transform_;
};

TransformChain::TransformChain(std::shared_ptr<const Options> options)
    : options_(std::move(options)), writer_(*options_) {
  for (const TransformStep& step : options_->transforms) {
    steps_.push_back(std::make_unique<Step>(step, *options_, shapes_, topics_));
  }
  flight_.pieces = &pieces_;
}
TransformChain::~TransformChain() = default;

const TransformChain::PlanShapes& TransformChain::ShapesOf(const TablePlan::Impl& table) {
  if (table.id >= plans_.size()) plans_.resize(table.id + 1);
  PlanShapes& shapes = plans_[table.id];
  if (shapes.topic != nullptr) return shapes;
  shapes.topic = topics_.Intern(table.topic);
  if (table.has_key()) shapes.key = shapes_.Intern(table.key_schema);
  shapes.envelope = shapes_.Intern(table.envelope_schema);
  shapes.row = shapes_.Intern(table.envelope_schema.fields[0].second);
  return shapes;
}

void TransformChain::BeginEvent(const HeaderList& headers) {
  pieces_.Reset();
  shared_headers_ = headers;
}

void TransformChain::BeginFlight(const std::string* topic) {
  flight_.topic = topic;
  flight_.partition.reset();
  flight_.timestamp_ms.reset();
  flight_.key = {};
  flight_.SetValue({});
  flight_.headers = &shared_headers_;
  flight_.context = nullptr;
  flight_.source = nullptr;
  flight_.transaction = {};
  flight_.transaction_json = {};
}

absl::StatusOr<const StructValue*> TransformChain::Encode(EncodedRow& out,
                                                          const TablePlan::Impl& table,
                                                          const EventRow& row) {
  if (row.tuple == nullptr) return nullptr;
  out.json.clear();
  const absl::Status status =
      AppendRow(out.json, table.value, *row.tuple, row.toast_source, nullptr, out.spans);
  if (!status.ok()) return Annotate(status, Cat("table ", table.qualified_name));
  FillFields(out.fields, out.json.view(), out.spans, out.json.view());
  return &out.fields;
}

void TransformChain::SetKey(const Shape* shape, const EncodedKey& key) {
  if (shape == nullptr || key.spans == nullptr) return;
  FillFields(key_fields_, key.buffer, *key.spans, key.json);
  flight_.key = Datum::Struct(shape, &key_fields_);
  flight_.key.bytes = key.bytes;
}

absl::Status TransformChain::Send(const ChangeEvent& event, const EncodedKey& key,
                                  RecordSink sink) {
  const PlanShapes shapes = ShapesOf(event.table);
  BeginFlight(shapes.topic);
  SetKey(shapes.key, key);
  Envelope& envelope = flight_.envelope.emplace();
  envelope.shape = shapes.envelope;
  envelope.row = shapes.row;
  envelope.op = event.op;
  ASSIGN_OR_RETURN(envelope.before, Encode(before_, event.table, event.before));
  ASSIGN_OR_RETURN(envelope.after, Encode(after_, event.table, event.after));
  flight_.context = &event.context;
  flight_.source = &event.table.source;
  flight_.transaction = event.transaction;
  flight_.transaction_json = event.transaction_json;
  return Fly(sink);
}

absl::Status TransformChain::SendTombstone(const TablePlan::Impl& table, const EncodedKey& key,
                                           RecordSink sink) {
  const PlanShapes shapes = ShapesOf(table);
  BeginFlight(shapes.topic);
  SetKey(shapes.key, key);
  return Fly(sink);
}

absl::Status TransformChain::Send(const FixedRecord& fixed, RecordSink sink) {
  BeginEvent({});
  BeginFlight(topics_.Intern(fixed.record.topic));
  flight_.partition = fixed.record.partition;
  key_fields_ = {};
  key_fields_.fields.push_back({.json = fixed.key_json, .is_null = false});
  flight_.key = Datum::Struct(shapes_.Intern(*fixed.key_schema), &key_fields_);
  flight_.key.bytes = fixed.record.key;

  FillFields(fixed_fields_, *fixed.record.value, *fixed.spans, {});
  const VolatileSpans& volatile_spans = fixed.record.volatile_spans;
  for (size_t i = 0; i < fixed.spans->size(); ++i) {
    for (uint8_t v = 0; v < volatile_spans.count; ++v) {
      if (volatile_spans.spans[v].offset == (*fixed.spans)[i].begin)
        fixed_fields_.fields[i].is_volatile = true;
    }
  }
  flight_.SetValue(Datum::Struct(shapes_.Intern(*fixed.value_schema), &fixed_fields_));
  flight_.value.bytes = fixed.record.value;
  flight_.value.spans = volatile_spans;
  flight_.context = fixed.context;
  flight_.source = fixed.source;
  return Fly(sink);
}

absl::Status TransformChain::Fly(RecordSink sink) {
  for (const auto& step : steps_) {
    ASSIGN_OR_RETURN(const bool kept, step->Apply(flight_));
    if (!kept) return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const Record record, writer_.Write(flight_));
  return sink(record);
}

}  // namespace walrelay::envelope
