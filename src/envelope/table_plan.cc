#include "envelope/table_plan.h"

#include <atomic>
#include <map>
#include <set>
#include <utility>

#include "base/json.h"
#include "base/json_escape.h"
#include "base/status.h"
#include "envelope/default_value.h"
#include "envelope/java_text.h"
#include "envelope/key_columns.h"
#include "envelope/plan_impl.h"
#include "envelope/source_type.h"
#include "envelope/topic_names.h"
#include "envelope/type_table.h"

namespace walrelay::envelope {
namespace {

// 2.5 reads the names of a Relation message byte by byte.
Relation Mangled(Relation relation) {
  relation.schema = BytewiseChars(relation.schema);
  relation.table = BytewiseChars(relation.table);
  for (RelationColumn& column : relation.columns) column.name = BytewiseChars(column.name);
  return relation;
}

// Builds the plans of single columns for one relation.
class PlanBuilder {
 public:
  PlanBuilder(const Relation& relation, const CatalogTable& table, const CatalogTypes& types,
              ReadFrom from, const Options& options)
      : relation_(relation),
        types_(types),
        snapshot_(from == ReadFrom::kSnapshot),
        options_(options) {
    for (const CatalogColumn& column : table.columns) catalog_.emplace(column.name, &column);
    size_t next = 0;
    for (const RelationColumn& column : relation.columns) {
      const bool read = !snapshot_ || Included(column);
      sources_.push_back(read ? next++ : ColumnPlan::kNotRead);
    }
  }

  bool Included(const RelationColumn& column) const {
    return !options_.column_included ||
           options_.column_included(relation_.schema, relation_.table, column.name);
  }

  absl::StatusOr<RowPlan> KeyRow(const std::vector<size_t>& positions) const {
    RowPlan row;
    for (const size_t position : positions) AddColumn(row, position, true);
    RETURN_IF_ERROR(CheckNames(row));
    return row;
  }

  absl::StatusOr<RowPlan> ValueRow() const {
    RowPlan row;
    for (size_t i = 0; i < relation_.columns.size(); ++i) {
      if (Included(relation_.columns[i])) AddColumn(row, i, false);
    }
    RETURN_IF_ERROR(CheckNames(row));
    return row;
  }

 private:
  // Null: the catalog does not know the column any more. The stream's decoder reads the catalog
  // through the column filters, so that a column that is left out of values is one that it does not
  // know.
  const CatalogColumn* Facts(const RelationColumn& column) const {
    if (!snapshot_ && !Included(column)) return nullptr;
    const auto found = catalog_.find(column.name);
    return found == catalog_.end() ? nullptr : found->second;
  }

  void AddColumn(RowPlan& row, size_t position, bool is_key) const {
    const RelationColumn& column = relation_.columns[position];
    const CatalogColumn* const facts = Facts(column);
    const SourceType type = ResolveType(types_, column.type, column.typmod);
    const TypeContext context = {
        .options = options_,
        .types = types_,
        .snapshot = snapshot_,
        .decimal_numeric = is_key ? options_.key_decimal_numeric : options_.value_decimal_numeric};
    auto made = MakeCodec(type, context);
    if (!made) return;

    const JdbcType jdbc =
        DescribeType(type, types_, snapshot_, facts ? facts->default_expression : std::nullopt);
    ColumnPlan plan;
    plan.name = column.name;
    plan.source = sources_[position];
    plan.reads_null = made->reads_null;
    plan.fails_on_failure = options_.compat != Compat::k2_5_0 &&
                            options_.conversion_failure == ConversionFailure::kFail;
    plan.codec = std::move(made->codec);

    ConnectSchema& schema = plan.codec.schema;
    if (!is_key && options_.column_mapper) {
      if (const auto mapper =
              options_.column_mapper(relation_.schema, relation_.table, column.name, jdbc.name)) {
        AddMapperParameters(schema, *mapper, jdbc, column.name);
        plan.mapping = ValueMapping::Make(*mapper, jdbc, plan.codec);
      }
    }
    const bool nullable = facts == nullptr || !facts->not_null;
    schema.optional = nullable || plan.codec.optional_always;
    if (facts != nullptr && facts->default_expression) {
      schema.default_json = DefaultJson(*facts->default_expression, plan.codec,
                                        {.rule = made->default_rule,
                                         .compat = options_.compat,
                                         .typmod = type.typmod,
                                         .type_name = jdbc.name});
    }
    SetStandIns(plan, nullable,
                is_key ? options_.key_null_as_default : options_.value_null_as_default);

    const std::string field = AdjustFieldName(options_.field_name_adjustment, column.name);
    plan.lead = row.columns.empty() ? "{" : ",";
    AppendJsonString(plan.lead, field);
    plan.lead += ':';
    row.schema.fields.emplace_back(field, schema);
    row.columns.push_back(std::move(plan));
  }

  // What is written when Connect's struct holds null: the default, if the converter puts it there,
  // or null.
  static std::optional<StandIn> OfStructNull(const ConnectSchema& schema, bool null_as_default) {
    if (schema.default_json && null_as_default)
      return StandIn{.json = *schema.default_json, .is_null = true};
    if (schema.optional) return StandIn{.json = "null", .is_null = true};
    return std::nullopt;
  }

  static void SetStandIns(ColumnPlan& plan, bool nullable, bool null_as_default) {
    const ConnectSchema& schema = plan.codec.schema;
    const auto value = [&](std::optional<std::string> json) -> std::optional<StandIn> {
      if (!json) return OfStructNull(schema, null_as_default);
      return StandIn{.json = plan.mapping ? plan.mapping->Applied(*json) : *json, .is_null = false};
    };
    plan.failed = OfStructNull(schema, null_as_default);
    plan.toast = value(plan.codec.toast);
    if (plan.mapping && plan.mapping->OfNull()) {
      plan.null = StandIn{.json = *plan.mapping->OfNull(), .is_null = false};
    } else if (nullable) {
      plan.null = OfStructNull(schema, null_as_default);
    } else {
      plan.null = value(schema.default_json ? schema.default_json : plan.codec.fallback);
    }
  }

  absl::Status CheckNames(const RowPlan& row) const {
    std::set<std::string_view> names;
    for (const auto& [name, schema] : row.schema.fields) {
      if (!names.insert(name).second) {
        return absl::FailedPreconditionError(Cat(
            "table ", relation_.schema, ".", relation_.table, ": two columns have the field name ",
            name, "; change field.name.adjustment.mode or leave one out"));
      }
    }
    return absl::OkStatus();
  }

  const Relation& relation_;
  const CatalogTypes& types_;
  const bool snapshot_;
  const Options& options_;
  std::map<std::string_view, const CatalogColumn*> catalog_;
  std::vector<size_t> sources_;  // Of each column of the relation: its place in the tuple.
};

ConnectSchema EnvelopeSchema(const ConnectSchema& row, std::string name, Compat compat) {
  const bool later = compat != Compat::k2_5_0;
  const ConnectSchema time = PlainSchema("int64").AsOptional();
  ConnectSchema envelope = NamedSchema("struct", name, later ? 2 : 1);
  envelope.fields = {{"before", row}, {"after", row}, {"source", SourceSchema(compat)}};
  if (later) envelope.fields.emplace_back("transaction", TransactionBlockSchema());
  envelope.fields.emplace_back("op", PlainSchema("string"));
  envelope.fields.emplace_back("ts_ms", time);
  if (later) {
    envelope.fields.emplace_back("ts_us", time);
    envelope.fields.emplace_back("ts_ns", time);
  } else {
    envelope.fields.emplace_back("transaction", TransactionBlockSchema());
  }
  return envelope;
}

std::string Prefix(const ConnectSchema& schema, bool enabled) {
  return enabled ? Cat("{\"schema\":", SchemaJson(schema), ",\"payload\":") : std::string();
}

uint64_t NextPlanId() {
  static std::atomic<uint64_t> last = 0;
  return ++last;
}

// Names the row's struct.
ConnectSchema RowSchema(const RowPlan& row, const std::string& name, const Options& options) {
  ConnectSchema schema = row.schema;
  schema.type = "struct";
  schema.name = AdjustSchemaName(options.schema_name_adjustment, name);
  return schema;
}

}  // namespace

TablePlan::TablePlan(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
TablePlan::~TablePlan() = default;
const std::string& TablePlan::topic() const { return impl_->topic; }
const std::string& TablePlan::schema() const { return impl_->schema; }
const std::string& TablePlan::table() const { return impl_->table; }
const std::vector<std::string>& TablePlan::key_column_names() const { return impl_->key_names; }
const std::vector<std::string>& TablePlan::snapshot_columns() const {
  return impl_->snapshot_columns;
}

absl::StatusOr<std::shared_ptr<const TablePlan>> BuildTablePlan(const Relation& streamed,
                                                                const CatalogTable& catalog,
                                                                const CatalogTypes& types,
                                                                ReadFrom from,
                                                                const Options& options) {
  const bool mangle = options.compat == Compat::k2_5_0 && from == ReadFrom::kStream;
  const Relation relation = mangle ? Mangled(streamed) : streamed;
  // Under a mangled name Debezium finds nothing in the catalog.
  const bool found = relation.schema == streamed.schema && relation.table == streamed.table;
  const CatalogTable table = found ? catalog : CatalogTable();

  auto impl =
      std::make_unique<TablePlan::Impl>(SourceBlock(options, relation.schema, relation.table));
  impl->id = NextPlanId();
  impl->topic = TopicName(options, relation.schema, relation.table);
  impl->schema = relation.schema;
  impl->table = relation.table;
  impl->qualified_name = Cat(relation.schema, ".", relation.table);
  impl->has_columns = !relation.columns.empty();

  const PlanBuilder builder(relation, table, types, from, options);
  const std::vector<size_t> key = KeyColumns(relation, table, options);
  impl->is_keyed = !key.empty();
  ASSIGN_OR_RETURN(impl->key, builder.KeyRow(key));
  ASSIGN_OR_RETURN(impl->value, builder.ValueRow());
  for (const ColumnPlan& column : impl->key.columns) impl->key_names.push_back(column.name);
  if (from == ReadFrom::kSnapshot) {
    for (const RelationColumn& column : relation.columns) {
      if (builder.Included(column)) impl->snapshot_columns.push_back(column.name);
    }
  }

  impl->key_schema = RowSchema(impl->key, Cat(impl->topic, ".Key"), options);
  impl->key_prefix = Prefix(impl->key_schema, options.key_schemas);
  const ConnectSchema row =
      RowSchema(impl->value, Cat(impl->topic, ".Value"), options).AsOptional();
  const std::string envelope_name =
      AdjustSchemaName(options.schema_name_adjustment, Cat(impl->topic, ".Envelope"));
  impl->envelope_schema = EnvelopeSchema(row, envelope_name, options.compat);
  impl->value_prefix = Prefix(impl->envelope_schema, options.value_schemas) + "{\"before\":";
  return std::make_shared<const TablePlan>(std::move(impl));
}

Relation RelationOfCatalog(std::string schema, std::string table, const CatalogTable& catalog) {
  Relation relation;
  relation.oid = catalog.oid;
  relation.schema = std::move(schema);
  relation.table = std::move(table);
  for (const CatalogColumn& column : catalog.columns) {
    relation.columns.push_back(
        {.name = column.name, .type = column.type, .typmod = column.typmod, .identity = false});
  }
  return relation;
}

}  // namespace walrelay::envelope
