// The transforms of a pipeline in their order, between the encoder and the record sink.
//
// The encoder hands over rows and the facts of an event; the chain encodes the rows, lets the
// transforms work on the pieces and writes what is left. A record that no transform changes keeps
// its bytes. Errors name the transform by its alias, and are FailedPrecondition where Connect's
// task would fail. Not thread-safe: the encoder owns it. Source: FORMAT.md §12.
#pragma once

#include <absl/status/status.h>

#include <memory>
#include <vector>

#include "change/record.h"
#include "envelope/fixed_records.h"
#include "envelope/plan_impl.h"
#include "envelope/row_plan.h"
#include "envelope/transforms/flight.h"
#include "envelope/transforms/record_writer.h"

namespace walrelay::envelope {

// A key as the encoder has written it; nothing: the event has none.
struct EncodedKey {
  std::optional<std::string_view> bytes;  // As the converter writes it.
  std::string_view json;                  // What its struct looks like as JSON.
  std::string_view buffer;                // What the spans lie in.
  const std::vector<FieldSpan>* spans = nullptr;
};

// One side of an event.
struct EventRow {
  const Tuple* tuple = nullptr;         // None: the side is null.
  const Tuple* toast_source = nullptr;  // Supplies TOAST values that were not sent.
};

struct ChangeEvent {
  const TablePlan::Impl& table;
  EventRow before;
  EventRow after;
  char op;
  const EventContext& context;
  std::string_view transaction_json;
  TransactionPlace transaction;
};

class TransformChain {
 public:
  explicit TransformChain(std::shared_ptr<const Options> options);
  ~TransformChain();

  // Before each event: the headers that it and its tombstone share.
  void BeginEvent(const HeaderList& headers);
  absl::Status Send(const ChangeEvent& event, const EncodedKey& key, RecordSink sink);
  absl::Status SendTombstone(const TablePlan::Impl& table, const EncodedKey& key, RecordSink sink);
  // A heartbeat, message or transaction record.
  absl::Status Send(const FixedRecord& record, RecordSink sink);

 private:
  class Step;
  struct PlanShapes {
    const std::string* topic = nullptr;
    const Shape* key = nullptr;
    const Shape* envelope = nullptr;
    const Shape* row = nullptr;
  };
  // A row as JSON, and its fields.
  struct EncodedRow {
    Buffer json;
    std::vector<FieldSpan> spans;
    StructValue fields;
  };

  const PlanShapes& ShapesOf(const TablePlan::Impl& table);
  void BeginFlight(const std::string* topic);
  absl::StatusOr<const StructValue*> Encode(EncodedRow& out, const TablePlan::Impl& table,
                                            const EventRow& row);
  void SetKey(const Shape* shape, const EncodedKey& key);
  absl::Status Fly(RecordSink sink);

  std::shared_ptr<const Options> options_;
  Shapes shapes_;
  TopicNames topics_;
  Pieces pieces_;
  std::vector<std::unique_ptr<Step>> steps_;
  std::vector<PlanShapes> plans_;  // By plan id.
  RecordWriter writer_;
  Flight flight_;
  HeaderList shared_headers_;
  EncodedRow before_;
  EncodedRow after_;
  StructValue key_fields_;
  StructValue fixed_fields_;
};

}  // namespace walrelay::envelope
