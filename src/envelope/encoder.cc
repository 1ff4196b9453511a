#include "envelope/encoder.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "base/status.h"
#include "envelope/buffer.h"
#include "envelope/connect_text.h"
#include "envelope/envelope_tail.h"
#include "envelope/fixed_records.h"
#include "envelope/plan_impl.h"
#include "envelope/scalar_codecs.h"
#include "envelope/transforms/decimal_format.h"
#include "envelope/transforms/transform_chain.h"

namespace walrelay::envelope {
namespace {

constexpr std::string_view kNewKeyHeader = "__debezium.newkey";
constexpr std::string_view kOldKeyHeader = "__debezium.oldkey";

// A buffer that begins with a plan's prefix and keeps it for the next event of the same plan.
class PrefixedBuffer {
 public:
  // Ready for what follows the prefix.
  Buffer& Begin(const std::string& prefix, uint64_t plan_id) {
    if (plan_id == plan_id_) {
      buffer_.Truncate(prefix.size());
    } else {
      buffer_.clear();
      buffer_.append(prefix);
      plan_id_ = plan_id;
    }
    return buffer_;
  }
  std::string_view view() const { return buffer_.view(); }

 private:
  Buffer buffer_;
  uint64_t plan_id_ = 0;  // No plan has 0.
};

// One key: its bytes, its payload within them, and what of it is null.
struct KeyBytes {
  PrefixedBuffer bytes;
  std::string text;  // With the StringConverter.
  size_t payload_from = 0;
  size_t payload_size = 0;
  NullMask nulls;
  std::vector<FieldSpan> spans;  // Of its fields in `bytes`; for transforms only.

  std::string_view payload() const { return bytes.view().substr(payload_from, payload_size); }
};

}  // namespace

struct Encoder::State {
  explicit State(std::shared_ptr<const Options> given)
      : options(std::move(given)),
        heartbeat(*options),
        message(*options),
        transaction_record(*options),
        chain(options->transforms.empty() ? nullptr : std::make_unique<TransformChain>(options)) {
    if (options->compat != Compat::k2_5_0 && options->extended_headers) {
      AddContextHeader("connectorLogicalName", options->topic_prefix);
      AddContextHeader("taskId", options->task_id);
      AddContextHeader("connectorName", "postgresql");
      AddContextHeader("runId", options->run_id);
    }
    header_texts.shrink_to_fit();
    for (size_t i = 0; i < header_texts.size(); i += 2) {
      context_headers.push_back({.name = header_texts[i],
                                 .value = header_texts[i + 1],
                                 .is_volatile = header_texts[i] == "__debezium.context.runId"});
    }
  }

  void AddContextHeader(std::string_view name, std::string_view text) {
    header_texts.push_back(Cat("__debezium.context.", name));
    header_texts.push_back(std::string(text));
    if (!options->json_headers) return;
    Buffer json;
    if (options->header_schemas)
      json.append("{\"schema\":{\"type\":\"string\",\"optional\":false},\"payload\":");
    AppendJsonText(json, text);
    if (options->header_schemas) json.push_back('}');
    header_texts.back() = std::string(json.view());
  }

  // An address that goes with the topic for as long as the encoder lives, whatever becomes of its
  // plans.
  const void* TopicAddress(const TablePlan::Impl& table) {
    if (table.id >= topic_addresses.size()) topic_addresses.resize(table.id + 1);
    const void*& address = topic_addresses[table.id];
    if (address == nullptr) address = &*topics.insert(table.topic).first;
    return address;
  }

  absl::Status MakeKey(KeyBytes& key, const TablePlan::Impl& table, const Tuple& row,
                       const Tuple* toast_source) {
    if (!table.has_key()) return absl::OkStatus();
    Buffer& out = key.bytes.Begin(table.key_prefix, table.id);
    key.payload_from = out.size();
    if (chain == nullptr) {
      RETURN_IF_ERROR(Located(AppendRow(out, table.key, row, toast_source, &key.nulls), table));
    } else {
      RETURN_IF_ERROR(
          Located(AppendRow(out, table.key, row, toast_source, &key.nulls, key.spans), table));
    }
    key.payload_size = out.size() - key.payload_from;
    if (options->string_keys) {
      key.text = KeyText(table.key_schema, key.payload(), key.nulls, options->key_decimal_numeric);
    } else if (options->key_schemas) {
      out.push_back('}');
    }
    return absl::OkStatus();
  }

  std::optional<std::string_view> KeyOf(const KeyBytes& key, const TablePlan::Impl& table) const {
    if (!table.has_key()) return std::nullopt;
    return options->string_keys ? std::string_view(key.text) : key.bytes.view();
  }

  EncodedKey KeyOfChain(const KeyBytes& key, const TablePlan::Impl& table) const {
    return {.bytes = KeyOf(key, table),
            .json = table.has_key() ? key.payload() : std::string_view(),
            .buffer = key.bytes.view(),
            .spans = &key.spans};
  }

  // The value of one data record.
  absl::Status MakeValue(const TablePlan::Impl& table, const EventRow& before,
                         const EventRow& after, char op, const EventContext& context) {
    Buffer& out = value.Begin(table.value_prefix, table.id);
    RETURN_IF_ERROR(AppendSide(out, table, before));
    out.append(",\"after\":");
    RETURN_IF_ERROR(AppendSide(out, table, after));
    spans = {};
    AppendEnvelopeTail(out, table.source, context, op, transaction_block, *options, spans);
    return absl::OkStatus();
  }

  absl::Status AppendSide(Buffer& out, const TablePlan::Impl& table, const EventRow& row) {
    if (row.tuple == nullptr) {
      out.append("null");
      return absl::OkStatus();
    }
    return Located(AppendRow(out, table.value, *row.tuple, row.toast_source, nullptr), table);
  }

  // Whether Debezium would find the value structs equal: NULL and the default published for it are
  // different there.
  absl::StatusOr<bool> RowsAreEqual(const TablePlan::Impl& table, const Tuple& old_row,
                                    const Tuple& new_row) {
    NullMask old_nulls;
    NullMask new_nulls;
    scratch.clear();
    RETURN_IF_ERROR(Located(AppendRow(scratch, table.value, old_row, nullptr, &old_nulls), table));
    const size_t middle = scratch.size();
    RETURN_IF_ERROR(Located(AppendRow(scratch, table.value, new_row, &old_row, &new_nulls), table));
    return old_nulls == new_nulls && scratch.view().substr(0, middle) == scratch.view(middle);
  }

  // Counts one event and prepares its transaction block: "null" unless metadata is on and a
  // transaction is open.
  void Count(std::string_view collection, const EventContext& context) {
    transaction_block = "null";
    transaction_place = {};
    if (!options->transaction_metadata || !counts.open || !context.tx_id) return;
    const auto found = std::find_if(counts.tables.begin(), counts.tables.end(),
                                    [&](const auto& table) { return table.first == collection; });
    uint64_t& order = found != counts.tables.end()
                          ? found->second
                          : counts.tables.emplace_back(collection, 0).second;
    ++order;
    ++counts.total;
    transaction_place = {
        .there = true, .total_order = counts.total, .data_collection_order = order};
    transaction_block =
        Cat("{\"id\":\"", TransactionId(context), "\",\"total_order\":", counts.total,
            ",\"data_collection_order\":", order, "}");
  }

  // Sends one data record, whose key has been made; null: the event has none.
  absl::Status Emit(const TablePlan::Impl& table, const EventRow& before, const EventRow& after,
                    char op, const EventContext& context, const KeyBytes* key,
                    const std::vector<RecordHeader>& headers, RecordSink sink) {
    if (chain == nullptr) [[likely]] {
      RETURN_IF_ERROR(MakeValue(table, before, after, op, context));
      return Send(table, key == nullptr ? std::nullopt : KeyOf(*key, table), headers, sink);
    }
    chain->BeginEvent(headers);
    return chain->Send({.table = table,
                        .before = before,
                        .after = after,
                        .op = op,
                        .context = context,
                        .transaction_json = transaction_block,
                        .transaction = transaction_place},
                       key == nullptr ? EncodedKey() : KeyOfChain(*key, table), sink);
  }

  absl::Status Send(const TablePlan::Impl& table, std::optional<std::string_view> key,
                    const std::vector<RecordHeader>& headers, RecordSink sink) {
    Record record;
    record.topic = table.topic;
    record.key = key;
    record.value = value.view();
    record.headers = headers.empty() ? nullptr : &headers;
    record.volatile_spans = spans;
    record.topic_cache = TopicAddress(table);
    return sink(record);
  }

  // Behind the Emit() of a delete.
  absl::Status SendTombstone(const TablePlan::Impl& table, const KeyBytes& key,
                             const std::vector<RecordHeader>& headers, RecordSink sink) {
    if (!options->tombstones_on_delete) return absl::OkStatus();
    if (chain != nullptr) return chain->SendTombstone(table, KeyOfChain(key, table), sink);
    Record record;
    record.topic = table.topic;
    record.key = KeyOf(key, table);
    record.headers = headers.empty() ? nullptr : &headers;
    record.topic_cache = TopicAddress(table);
    return sink(record);
  }

  absl::Status SendFixed(const FixedRecord& fixed, RecordSink sink) {
    return chain == nullptr ? sink(fixed.record) : chain->Send(fixed, sink);
  }

  // Headers have decimals in base64, whatever the format of keys.
  std::string JsonHeader(const ConnectSchema& schema, std::string_view json) const {
    if (options->key_decimal_numeric && HasDecimal(schema)) {
      Buffer recoded;
      AppendWithDecimalFormat(recoded, schema, json, false);
      return JsonHeaderOf(WithDecimalFormat(schema, false), recoded.view());
    }
    return JsonHeaderOf(schema, json);
  }
  std::string JsonHeaderOf(const ConnectSchema& schema, std::string_view json) const {
    if (!options->header_schemas) return std::string(json);
    return Cat("{\"schema\":", SchemaJson(schema), ",\"payload\":", json, "}");
  }

  // The headers of one half of a key change.
  const std::vector<RecordHeader>& ChangeHeaders(std::string_view name, KeyBytes& key,
                                                 const TablePlan::Impl& table) {
    if (!options->json_headers) {
      key_header = HeaderText(table.key_schema, key.payload(), options->key_decimal_numeric);
    } else {
      key_header = JsonHeader(table.key_schema, key.payload());
    }
    change_headers.clear();
    change_headers.push_back({.name = name, .value = key_header, .is_volatile = false});
    change_headers.insert(change_headers.end(), context_headers.begin(), context_headers.end());
    return change_headers;
  }

  static absl::Status Located(const absl::Status& status, const TablePlan::Impl& table) {
    if (status.ok()) [[likely]]
      return status;
    return Annotate(status, Cat("table ", table.qualified_name));
  }

  absl::Status DeleteRow(const TablePlan::Impl& table, const Tuple& old_row,
                         const EventContext& context, const std::vector<RecordHeader>& headers,
                         RecordSink sink) {
    if (options->skipped.remove) return absl::OkStatus();
    Count(table.qualified_name, context);
    RETURN_IF_ERROR(Emit(table, {.tuple = &old_row}, {}, 'd', context, &old_key, headers, sink));
    return SendTombstone(table, old_key, headers, sink);
  }

  absl::Status InsertRow(const TablePlan::Impl& table, const EventRow& row, char op,
                         const EventContext& context, const std::vector<RecordHeader>& headers,
                         RecordSink sink) {
    if (op == 'c' && options->skipped.create) return absl::OkStatus();
    Count(table.qualified_name, context);
    return Emit(table, {}, row, op, context, &new_key, headers, sink);
  }

  absl::Status UpdateRow(const TablePlan::Impl& table, const walrelay::Update& change,
                         const Tuple* old_row, const EventContext& context, RecordSink sink) {
    if (options->skipped.update) return absl::OkStatus();
    Count(table.qualified_name, context);
    return Emit(table, {.tuple = old_row}, {.tuple = &change.new_tuple, .toast_source = old_row},
                'u', context, &new_key, context_headers, sink);
  }

  std::shared_ptr<const Options> options;
  std::vector<std::string> header_texts;  // Names and values in turn.
  std::vector<RecordHeader> context_headers;
  std::vector<RecordHeader> change_headers;
  std::string key_header;

  std::set<std::string> topics;
  std::vector<const void*> topic_addresses;  // By plan id.
  KeyBytes old_key;
  KeyBytes new_key;
  PrefixedBuffer value;
  VolatileSpans spans;
  Buffer scratch;

  TransactionCounts counts;
  TransactionPlace transaction_place;
  std::string transaction_block = "null";

  HeartbeatRecord heartbeat;
  MessageRecord message;
  TransactionRecord transaction_record;
  std::unique_ptr<TransformChain> chain;  // Null: records go out as they are.
};

Encoder::Encoder(std::shared_ptr<const Options> options)
    : state_(std::make_unique<State>(std::move(options))) {}
Encoder::~Encoder() = default;

absl::Status Encoder::Snapshot(const TablePlan& plan, const Tuple& tuple,
                               const EventContext& context, RecordSink sink) {
  State& state = *state_;
  const TablePlan::Impl& table = plan.impl();
  RETURN_IF_ERROR(state.MakeKey(state.new_key, table, tuple, nullptr));
  state.transaction_block = "null";
  state.transaction_place = {};
  return state.Emit(table, {}, {.tuple = &tuple}, 'r', context, &state.new_key,
                    state.context_headers, sink);
}

absl::Status Encoder::Insert(const TablePlan& plan, const walrelay::Insert& change,
                             const EventContext& context, RecordSink sink) {
  State& state = *state_;
  const TablePlan::Impl& table = plan.impl();
  if (!table.has_columns) return absl::OkStatus();
  RETURN_IF_ERROR(state.MakeKey(state.new_key, table, change.new_tuple, nullptr));
  return state.InsertRow(table, {.tuple = &change.new_tuple}, 'c', context, state.context_headers,
                         sink);
}

absl::Status Encoder::Update(const TablePlan& plan, const walrelay::Update& change,
                             const EventContext& context, RecordSink sink) {
  State& state = *state_;
  const TablePlan::Impl& table = plan.impl();
  if (!table.has_columns) return absl::OkStatus();
  const Tuple* const old_row = change.old_kind == OldTuple::kNone ? nullptr : &change.old_tuple;
  if (state.options->skip_unchanged && old_row != nullptr) {
    ASSIGN_OR_RETURN(const bool equal, state.RowsAreEqual(table, *old_row, change.new_tuple));
    if (equal) return absl::OkStatus();
  }
  RETURN_IF_ERROR(state.MakeKey(state.new_key, table, change.new_tuple, old_row));
  if (old_row == nullptr || !table.has_key())
    return state.UpdateRow(table, change, old_row, context, sink);

  RETURN_IF_ERROR(state.MakeKey(state.old_key, table, *old_row, nullptr));
  if (state.old_key.payload() == state.new_key.payload() &&
      state.old_key.nulls == state.new_key.nulls) {
    return state.UpdateRow(table, change, old_row, context, sink);
  }
  // The key has changed: a delete and its tombstone under the old one, an insert under the new one.
  RETURN_IF_ERROR(state.DeleteRow(table, *old_row, context,
                                  state.ChangeHeaders(kNewKeyHeader, state.new_key, table), sink));
  return state.InsertRow(table, {.tuple = &change.new_tuple, .toast_source = old_row}, 'c', context,
                         state.ChangeHeaders(kOldKeyHeader, state.old_key, table), sink);
}

absl::Status Encoder::Delete(const TablePlan& plan, const walrelay::Delete& change,
                             const EventContext& context, RecordSink sink) {
  State& state = *state_;
  const TablePlan::Impl& table = plan.impl();
  if (!table.has_columns) return absl::OkStatus();
  RETURN_IF_ERROR(state.MakeKey(state.old_key, table, change.old_tuple, nullptr));
  return state.DeleteRow(table, change.old_tuple, context, state.context_headers, sink);
}

absl::Status Encoder::Truncate(const TablePlan& plan, const EventContext& context,
                               RecordSink sink) {
  State& state = *state_;
  if (state.options->skipped.truncate) return absl::OkStatus();
  const TablePlan::Impl& table = plan.impl();
  state.Count(table.qualified_name, context);
  return state.Emit(table, {}, {}, 't', context, nullptr, state.context_headers, sink);
}

absl::Status Encoder::Message(const LogicalMessage& message, const EventContext& context,
                              RecordSink sink) {
  State& state = *state_;
  state.transaction_block = "null";
  if (state.options->compat != Compat::k2_5_0 && message.transactional) {
    // Debezium counts under an object without a toString: its class and an identity hash. We take
    // the LSN for that.
    std::array<char, 16> hash;
    const auto end =
        std::to_chars(hash.data(), hash.data() + hash.size(), Number(context.lsn) & 0x7FFFFFFF, 16)
            .ptr;
    state.Count(Cat("io.debezium.connector.postgresql.LogicalDecodingMessageMonitor$"
                    "LogicalDecodingMessageId@",
                    std::string_view(hash.data(), static_cast<size_t>(end - hash.data()))),
                context);
  }
  return state.SendFixed(state.message.Make(message, context, state.transaction_block), sink);
}

absl::Status Encoder::Heartbeat(WallTime now, RecordSink sink) {
  return state_->SendFixed(state_->heartbeat.Make(now), sink);
}

absl::Status Encoder::BeginTransaction(const EventContext& context, RecordSink sink) {
  State& state = *state_;
  if (!state.options->transaction_metadata || state.counts.open) return absl::OkStatus();
  state.counts = {.open = true, .total = 0, .tables = {}};
  return state.SendFixed(
      state.transaction_record.Begin(TransactionId(context), context.source_ts_micros), sink);
}

absl::Status Encoder::EndTransaction(const EventContext& context, RecordSink sink) {
  State& state = *state_;
  if (!state.options->transaction_metadata || !state.counts.open) return absl::OkStatus();
  const FixedRecord record =
      state.transaction_record.End(TransactionId(context), context.source_ts_micros, state.counts);
  state.counts = {};
  return state.SendFixed(record, sink);
}

const TransactionCounts& Encoder::transaction() const { return state_->counts; }

void Encoder::ResumeTransaction(TransactionCounts counts) { state_->counts = std::move(counts); }

}  // namespace walrelay::envelope
