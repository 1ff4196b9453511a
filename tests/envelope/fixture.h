// Tables as tests describe them: the relation that the stream sends, the catalog's facts and the
// types, from names.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "change/catalog.h"
#include "change/change.h"
#include "change/record.h"
#include "change/relation.h"
#include "envelope/encoder.h"
#include "envelope/options.h"
#include "envelope/table_plan.h"

namespace walrelay::envelope {

inline Options TestOptions(Compat compat = Compat::k2_5_0) {
  Options options;
  options.compat = compat;
  options.topic_prefix = "cdc";
  options.database = "source_db";
  options.run_id = "01a208f2-3e9a-7b24-a6e8-6d207f6dd350";
  return options;
}

inline EventContext TestContext() {
  EventContext context;
  context.lsn = Lsn{23511704};
  context.last_commit = Lsn{23511432};
  context.tx_id = 739;
  context.source_ts_micros = 1'700'000'000'123'456;
  context.now = WallTime(std::chrono::nanoseconds(1'700'000'000'456'789'012));
  return context;
}

constexpr int32_t NumericTypmod(int32_t precision, int32_t scale) {
  return (precision << 16 | scale) + 4;
}

// Types by name, with made-up oids: built-in ones below 16384, extensions' and users' above.
class Types {
 public:
  Oid Builtin(const std::string& name) {
    return Add(name, 100 + static_cast<uint32_t>(types_.size()), 'b', 'U');
  }
  Oid Extension(const std::string& name) {
    return Add(name, 20000 + static_cast<uint32_t>(types_.size()), 'b', 'U');
  }
  // A name that this class knows: built-in unless it is an extension's; "_int4" is an array.
  Oid Named(const std::string& name) {
    if (const auto found = by_name_.find(name); found != by_name_.end()) return found->second;
    if (name[0] == '_') {
      const Oid element = Named(name.substr(1));
      const bool builtin = Number(element) < 16384;
      const Oid array = builtin ? Add(name, 5000 + static_cast<uint32_t>(types_.size()), 'b', 'A')
                                : Add(name, 30000 + static_cast<uint32_t>(types_.size()), 'b', 'A');
      types_[array].element = element;
      return array;
    }
    for (const char* extension : {"citext", "isbn", "ltree", "hstore", "geometry", "geography",
                                  "vector", "halfvec", "sparsevec"}) {
      if (name == extension) return Extension(name);
    }
    return Builtin(name);
  }
  Oid Enum(const std::string& name, std::vector<std::string> labels,
           std::vector<std::string> physical) {
    const Oid oid = Add(name, 20000 + static_cast<uint32_t>(types_.size()), 'e', 'E');
    types_[oid].enum_labels = std::move(labels);
    types_[oid].enum_labels_physical = std::move(physical);
    return oid;
  }
  Oid Domain(const std::string& name, const std::string& base, int32_t typmod) {
    const Oid base_oid = Named(base);
    const Oid oid = Add(name, 20000 + static_cast<uint32_t>(types_.size()), 'd', 'U');
    types_[oid].base = base_oid;
    types_[oid].base_typmod = typmod;
    return oid;
  }
  const CatalogTypes& all() const { return types_; }

 private:
  Oid Add(const std::string& name, uint32_t number, char kind, char category) {
    CatalogType type;
    type.oid = Oid{number};
    type.schema = number < 16384 ? "pg_catalog" : "public";
    type.name = name;
    type.kind = kind;
    type.category = category;
    by_name_[name] = type.oid;
    types_[type.oid] = std::move(type);
    return Oid{number};
  }

  CatalogTypes types_;
  std::map<std::string, Oid> by_name_;
};

class Table {
 public:
  // Says more about the column that was just added.
  class ColumnFacts {
   public:
    ColumnFacts(Table& table, size_t index) : table_(table), index_(index) {}
    ColumnFacts& NotNull() {
      column().not_null = true;
      return *this;
    }
    ColumnFacts& Default(std::string expression) {
      column().default_expression = std::move(expression);
      return *this;
    }
    ColumnFacts& Key() {
      if (!table_.catalog_.primary_key) table_.catalog_.primary_key.emplace();
      table_.catalog_.primary_key->columns.push_back(column().name);
      table_.catalog_.primary_key->key_columns = table_.catalog_.primary_key->columns.size();
      return *this;
    }

   private:
    CatalogColumn& column() { return table_.catalog_.columns[index_]; }
    Table& table_;
    size_t index_;
  };

  Table(std::string schema, std::string name) {
    relation_.schema = std::move(schema);
    relation_.table = std::move(name);
    catalog_.exists = true;
  }

  ColumnFacts Column(std::string name, const std::string& type, int32_t typmod = -1) {
    return Column(std::move(name), types_.Named(type), typmod);
  }
  ColumnFacts Column(std::string name, Oid type, int32_t typmod = -1) {
    CatalogColumn facts;
    facts.name = name;
    facts.type = type;
    facts.typmod = typmod;
    catalog_.columns.push_back(std::move(facts));
    relation_.columns.push_back(
        {.name = std::move(name), .type = type, .typmod = typmod, .identity = false});
    return ColumnFacts(*this, catalog_.columns.size() - 1);
  }

  Types& types() { return types_; }
  Relation& mutable_relation() { return relation_; }
  CatalogTable& catalog() { return catalog_; }
  std::shared_ptr<const Relation> relation() const {
    return std::make_shared<const Relation>(relation_);
  }

  absl::StatusOr<std::shared_ptr<const TablePlan>> TryPlan(
      const Options& options, ReadFrom from = ReadFrom::kStream) const {
    return BuildTablePlan(relation_, catalog_, types_.all(), from, options);
  }
  std::shared_ptr<const TablePlan> Plan(const Options& options,
                                        ReadFrom from = ReadFrom::kStream) const {
    auto plan = TryPlan(options, from);
    CHECK(plan.ok());
    return *std::move(plan);
  }

 private:
  Relation relation_;
  CatalogTable catalog_;
  Types types_;
};

// A record with bytes of its own.
struct OwnedRecord {
  std::string topic;
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
  VolatileSpans spans;
  std::optional<int32_t> partition;
  std::optional<int64_t> timestamp_ms;
  const void* topic_cache = nullptr;
};

// Keeps what an encoder emits: encoder.Insert(…, records.sink()).
class Records {
 public:
  auto sink() {
    return [this](const Record& record) {
      OwnedRecord owned;
      owned.topic = record.topic;
      if (record.key) owned.key.emplace(*record.key);
      if (record.value) owned.value.emplace(*record.value);
      if (record.headers != nullptr) {
        for (const RecordHeader& header : *record.headers) {
          owned.headers.emplace_back(
              header.name, header.value ? std::optional<std::string>(*header.value) : std::nullopt);
        }
      }
      owned.spans = record.volatile_spans;
      owned.partition = record.partition;
      owned.timestamp_ms = record.timestamp_ms;
      owned.topic_cache = record.topic_cache;
      all.push_back(std::move(owned));
      return absl::OkStatus();
    };
  }
  std::vector<OwnedRecord> all;
};

// A value's text, or NULL for nullptr.
inline ColumnValue Value(const char* text) {
  return text == nullptr ? ColumnValue::Null() : ColumnValue::Text(text);
}

}  // namespace walrelay::envelope
