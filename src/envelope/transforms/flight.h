// A record on its way through transforms: what Connect's SourceRecord is to them, in pieces that
// are copied and composed, never parsed.
//
// A key or a value is a Datum: a schema (Shape) and the JSON of its value or of the fields of its
// struct, as the encoder has written them. A change event is an Envelope of which only the rows are
// encoded: the rest is written when the record still is an envelope at the end. Views hold until
// the record has left the chain. Plain values; cannot fail. Source: FORMAT.md §12.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "change/record.h"
#include "envelope/buffer.h"
#include "envelope/connect_schema.h"
#include "envelope/encoder.h"
#include "envelope/source_block.h"
#include "envelope/unquoted.h"

namespace walrelay::envelope {

// A schema with what is written of it, made once.
struct Shape {
  ConnectSchema schema;
  std::string json;                // Of the schema: equal texts are one Shape.
  std::string prefix;              // {"schema":…,"payload":
  std::vector<std::string> leads;  // Of a struct: what stands before each field's value.
  VolatileSpan volatile_part;      // Of `prefix`: what depends on the records before; size 0: none.

  bool is_struct() const { return schema.type == "struct"; }
  std::optional<size_t> Find(std::string_view field) const;
};

std::unique_ptr<Shape> MakeShape(const ConnectSchema& schema);

// All shapes of a chain: equal schemas have one address.
class Shapes {
 public:
  const Shape* Intern(const ConnectSchema& schema);
  // No schema at all, for a value that has none: {"schema":null,"payload":…}.
  const Shape* none();

 private:
  std::unordered_map<std::string, std::unique_ptr<const Shape>> shapes_;
  std::unique_ptr<const Shape> none_;
};

// Names of topics: equal names have one address, for as long as the chain lives.
class TopicNames {
 public:
  const std::string* Intern(std::string_view name);

 private:
  std::unordered_set<std::string> names_;
  std::string scratch_;
};

// Buffers for the pieces of one record: stable addresses, memory is kept.
class Pieces {
 public:
  Buffer& Next() {
    if (used_ == buffers_.size()) buffers_.emplace_back();
    Buffer& buffer = buffers_[used_++];
    buffer.clear();
    return buffer;
  }
  void Reset() { used_ = 0; }

 private:
  std::deque<Buffer> buffers_;
  size_t used_ = 0;
};

struct FieldValue {
  std::string_view json;  // Meaningless with is_null: what is written then is the schema's matter.
  bool is_null = true;    // In Connect's struct.
  bool is_volatile = false;
};

struct StructValue {
  std::vector<FieldValue> fields;
  // The first fields as the converter writes them, from '{' on and without a '}', if they stand
  // somewhere in one piece.
  std::string_view verbatim;
  size_t verbatim_fields = 0;
};

struct Datum {
  const Shape* shape = nullptr;  // None: neither schema nor value, the bytes are null.
  bool is_null = true;
  FieldValue scalar;                      // Of what is not a struct.
  const StructValue* fields = nullptr;    // Of a struct that is not null.
  std::optional<std::string_view> bytes;  // Of the whole, as long as no transform has changed it.
  VolatileSpans spans;                    // In `bytes`.

  static Datum Null(const Shape* shape) {
    Datum datum;
    datum.shape = shape;
    return datum;
  }
  static Datum Scalar(const Shape* shape, const FieldValue& value) {
    Datum datum = Null(shape);
    datum.is_null = value.is_null;
    datum.scalar = value;
    return datum;
  }
  static Datum Struct(const Shape* shape, const StructValue* fields) {
    Datum datum = Null(shape);
    datum.is_null = false;
    datum.fields = fields;
    return datum;
  }
};

struct Envelope {
  const Shape* shape = nullptr;
  const Shape* row = nullptr;  // Of before and after, but for the name, which may be another one.
  const StructValue* before = nullptr;  // None: null.
  const StructValue* after = nullptr;
  char op = 'c';
};

// Of the block `transaction`; the id follows from the context.
struct TransactionPlace {
  bool there = false;
  uint64_t total_order = 0;
  uint64_t data_collection_order = 0;
};

using HeaderList = std::vector<RecordHeader>;

struct Flight {
  const std::string* topic = nullptr;
  std::optional<int32_t> partition;
  std::optional<int64_t> timestamp_ms;
  Datum key;
  std::optional<Envelope> envelope;  // Else the value is `value`.
  Datum value;
  HeaderList* headers = nullptr;  // A delete and its tombstone share one list until it is copied.

  // Of the event; both null for heartbeats and transaction records.
  const EventContext* context = nullptr;
  const SourceBlock* source = nullptr;
  TransactionPlace transaction;
  std::string_view transaction_json;

  HeaderList own_headers;
  Pieces* pieces = nullptr;

  bool has_null_value() const { return !envelope && value.is_null; }
  // What Connect's newRecord() does: from here on the headers are this record's alone.
  void CopyHeaders() {
    if (headers == &own_headers) return;
    own_headers = *headers;
    headers = &own_headers;
  }
  void SetValue(const Datum& datum) {
    envelope.reset();
    value = datum;
  }
};

// "xid:lsn": `id` of the transaction block of an event.
std::string TransactionId(const EventContext& context);

// The JSON that a converter writes for null; none: it fails.
std::optional<std::string_view> NullJson(const ConnectSchema& schema, bool null_as_default);

// Struct.get(): null is the schema's default, if there is one.
FieldValue WithDefault(const FieldValue& value, const ConnectSchema& schema);
// The same for each field of a struct. `converter_does_too`: `verbatim` stays true.
void FillDefaults(const StructValue& value, const ConnectSchema& schema, bool converter_does_too,
                  StructValue& filled);

}  // namespace walrelay::envelope
