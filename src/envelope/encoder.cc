#include "envelope/encoder.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "base/status.h"
#include "envelope/buffer.h"
#include "envelope/connect_text.h"
#include "envelope/fixed_records.h"
#include "envelope/plan_impl.h"
#include "envelope/scalar_codecs.h"

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

  std::string_view payload() const { return bytes.view().substr(payload_from, payload_size); }
};

// One side of the event: a row that is there or is null.
struct Row {
  const Tuple* tuple = nullptr;
  const Tuple* toast_source = nullptr;  // Supplies TOAST values that were not sent.
};

}  // namespace

struct Encoder::State {
  explicit State(std::shared_ptr<const Options> given)
      : options(std::move(given)),
        heartbeat(*options),
        message(*options),
        transaction_record(*options) {
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
    RETURN_IF_ERROR(Located(AppendRow(out, table.key, row, toast_source, &key.nulls), table));
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

  // The value of one data record.
  absl::Status MakeValue(const TablePlan::Impl& table, const Row& before, const Row& after, char op,
                         const EventContext& context) {
    Buffer& out = value.Begin(table.value_prefix, table.id);
    RETURN_IF_ERROR(AppendSide(out, table, before));
    out.append(",\"after\":");
    RETURN_IF_ERROR(AppendSide(out, table, after));
    return FinishValue(out, table, op, context);
  }

  absl::Status AppendSide(Buffer& out, const TablePlan::Impl& table, const Row& row) {
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

  absl::Status FinishValue(Buffer& out, const TablePlan::Impl& table, char op,
                           const EventContext& context) {
    out.append(",\"source\":");
    table.source.Append(out, context);
    spans = {};
    const bool later = options->compat != Compat::k2_5_0;
    if (later) AppendTransaction(out);
    out.append(",\"op\":\"");
    out.push_back(op);
    out.append("\",\"ts_ms\":");
    AppendVolatile(out, MillisOf(context.now));
    if (later) {
      out.append(",\"ts_us\":");
      AppendVolatile(out, UnixNanos(context.now) / 1000);
      out.append(",\"ts_ns\":");
      AppendVolatile(out, UnixNanos(context.now));
    } else {
      AppendTransaction(out);
    }
    out.append(options->value_schemas ? "}}" : "}");
    return absl::OkStatus();
  }

  void AppendVolatile(Buffer& out, int64_t number) {
    const size_t from = out.size();
    out.AppendInt(number);
    spans.Add(from, out.size() - from);
  }

  void AppendTransaction(Buffer& out) {
    out.append(",\"transaction\":");
    out.append(transaction_block);
  }

  // Counts one event and prepares its transaction block: "null" unless metadata is on and a
  // transaction is open.
  void Count(std::string_view collection, const EventContext& context) {
    transaction_block = "null";
    if (!options->transaction_metadata || !counts.open || !context.tx_id) return;
    const auto found = std::find_if(counts.tables.begin(), counts.tables.end(),
                                    [&](const auto& table) { return table.first == collection; });
    uint64_t& order = found != counts.tables.end()
                          ? found->second
                          : counts.tables.emplace_back(collection, 0).second;
    ++order;
    ++counts.total;
    transaction_block =
        Cat("{\"id\":\"", TransactionId(context), "\",\"total_order\":", counts.total,
            ",\"data_collection_order\":", order, "}");
  }

  static std::string TransactionId(const EventContext& context) {
    return Cat(context.tx_id.value_or(0), ":", Number(context.lsn));
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

  absl::Status SendTombstone(const TablePlan::Impl& table, std::optional<std::string_view> key,
                             const std::vector<RecordHeader>& headers, RecordSink sink) {
    if (!options->tombstones_on_delete) return absl::OkStatus();
    Record record;
    record.topic = table.topic;
    record.key = key;
    record.headers = headers.empty() ? nullptr : &headers;
    record.topic_cache = TopicAddress(table);
    return sink(record);
  }

  // The headers of one half of a key change.
  const std::vector<RecordHeader>& ChangeHeaders(std::string_view name, KeyBytes& key,
                                                 const TablePlan::Impl& table) {
    if (!options->json_headers) {
      key_header = HeaderText(table.key_schema, key.payload(), options->key_decimal_numeric);
    } else if (options->header_schemas) {
      key_header =
          Cat("{\"schema\":", SchemaJson(table.key_schema), ",\"payload\":", key.payload(), "}");
    } else {
      key_header = key.payload();
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
    RETURN_IF_ERROR(MakeValue(table, {.tuple = &old_row}, {}, 'd', context));
    RETURN_IF_ERROR(Send(table, KeyOf(old_key, table), headers, sink));
    return SendTombstone(table, KeyOf(old_key, table), headers, sink);
  }

  absl::Status InsertRow(const TablePlan::Impl& table, const Row& row, char op,
                         const EventContext& context, const std::vector<RecordHeader>& headers,
                         RecordSink sink) {
    if (op == 'c' && options->skipped.create) return absl::OkStatus();
    Count(table.qualified_name, context);
    RETURN_IF_ERROR(MakeValue(table, {}, row, op, context));
    return Send(table, KeyOf(new_key, table), headers, sink);
  }

  absl::Status UpdateRow(const TablePlan::Impl& table, const walrelay::Update& change,
                         const Tuple* old_row, const EventContext& context, RecordSink sink) {
    if (options->skipped.update) return absl::OkStatus();
    Count(table.qualified_name, context);
    RETURN_IF_ERROR(MakeValue(table, {.tuple = old_row},
                              {.tuple = &change.new_tuple, .toast_source = old_row}, 'u', context));
    return Send(table, KeyOf(new_key, table), context_headers, sink);
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
  std::string transaction_block = "null";

  HeartbeatRecord heartbeat;
  MessageRecord message;
  TransactionRecord transaction_record;
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
  RETURN_IF_ERROR(state.MakeValue(table, {}, {.tuple = &tuple}, 'r', context));
  return state.Send(table, state.KeyOf(state.new_key, table), state.context_headers, sink);
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
  RETURN_IF_ERROR(state.MakeValue(table, {}, {}, 't', context));
  return state.Send(table, std::nullopt, state.context_headers, sink);
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
  return sink(state.message.Make(message, context, state.transaction_block));
}

absl::Status Encoder::Heartbeat(WallTime now, RecordSink sink) {
  return sink(state_->heartbeat.Make(now));
}

absl::Status Encoder::BeginTransaction(const EventContext& context, RecordSink sink) {
  State& state = *state_;
  if (!state.options->transaction_metadata || state.counts.open) return absl::OkStatus();
  state.counts = {.open = true, .total = 0, .tables = {}};
  return sink(
      state.transaction_record.Begin(State::TransactionId(context), context.source_ts_micros));
}

absl::Status Encoder::EndTransaction(const EventContext& context, RecordSink sink) {
  State& state = *state_;
  if (!state.options->transaction_metadata || !state.counts.open) return absl::OkStatus();
  const Record record = state.transaction_record.End(State::TransactionId(context),
                                                     context.source_ts_micros, state.counts);
  state.counts = {};
  return sink(record);
}

const TransactionCounts& Encoder::transaction() const { return state_->counts; }

void Encoder::ResumeTransaction(TransactionCounts counts) { state_->counts = std::move(counts); }

}  // namespace walrelay::envelope
