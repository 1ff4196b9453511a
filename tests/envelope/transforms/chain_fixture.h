// An encoder with transforms, and a table to feed it with.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/envelope/fixture.h"

namespace walrelay::envelope {

// A rewrite of exactly these names.
inline NameRewrite Rename(std::string from, std::string to) {
  return [from, to](std::string_view name) -> absl::StatusOr<std::optional<std::string>> {
    if (name != from) return std::nullopt;
    return to;
  };
}
// A rewrite of every name.
inline NameRewrite Prefixed(std::string prefix) {
  return [prefix](std::string_view name) -> absl::StatusOr<std::optional<std::string>> {
    return prefix + std::string(name);
  };
}
inline NameTest Is(std::string name) {
  return [name](std::string_view other) -> absl::StatusOr<bool> { return other == name; };
}

inline TransformStep Step(TransformOptions transform,
                          std::optional<PredicateOptions> predicate = std::nullopt,
                          bool negate = false) {
  return {.name = "t",
          .transform = std::move(transform),
          .predicate = std::move(predicate),
          .negate = negate};
}

// Encodes events of one table: without schemas in its values, so that they are easy to read.
class Chain {
 public:
  Chain(const Table& table, std::vector<TransformStep> steps, Compat compat = Compat::k3_6_1,
        bool schemas = false) {
    Options options = TestOptions(compat);
    options.value_schemas = options.key_schemas = schemas;
    options.extended_headers = false;
    options.transforms = std::move(steps);
    Make(table, std::move(options));
  }
  Chain(const Table& table, Options options) { Make(table, std::move(options)); }

  void Insert(const std::vector<const char*>& row) {
    Check(encoder_->Insert(*plan_, {.relation = {}, .new_tuple = TupleOf(row)}, context, Sink()));
  }
  void Update(const std::vector<const char*>& old_row, const std::vector<const char*>& row) {
    Check(encoder_->Update(*plan_,
                           {.relation = {},
                            .old_kind = OldTuple::kFull,
                            .old_tuple = TupleOf(old_row),
                            .new_tuple = TupleOf(row)},
                           context, Sink()));
  }
  void Delete(const std::vector<const char*>& row) {
    Check(encoder_->Delete(*plan_,
                           {.relation = {}, .old_kind = OldTuple::kFull, .old_tuple = TupleOf(row)},
                           context, Sink()));
  }
  void Truncate() { Check(encoder_->Truncate(*plan_, context, Sink())); }
  void Heartbeat() { Check(encoder_->Heartbeat(context.now, Sink())); }
  void Message(std::string_view prefix) {
    Check(encoder_->Message({.transactional = false, .lsn = {}, .prefix = prefix, .content = "c"},
                            context, Sink()));
  }

  const std::vector<OwnedRecord>& records() const { return records_.all; }
  const OwnedRecord& last() const { return records_.all.back(); }
  std::string value() const { return last().value.value_or("(null)"); }
  std::string key() const { return last().key.value_or("(null)"); }
  // "name=value …"
  std::string headers() const {
    std::string text;
    for (const auto& [name, value] : last().headers)
      text += (text.empty() ? "" : " ") + name + "=" + value.value_or("(null)");
    return text;
  }
  absl::Status status;  // Of the last event.
  EventContext context = TestContext();

 private:
  void Make(const Table& table, Options options) {
    options_ = std::make_shared<const Options>(std::move(options));
    plan_ = table.Plan(*options_);
    encoder_ = std::make_unique<Encoder>(options_);
  }
  static Tuple TupleOf(const std::vector<const char*>& row) {
    Tuple tuple;
    for (const char* text : row) tuple.push_back(Value(text));
    return tuple;
  }
  std::function<absl::Status(const Record&)> Sink() { return records_.sink(); }
  void Check(absl::Status made) { status = std::move(made); }

  std::shared_ptr<const Options> options_;
  std::shared_ptr<const TablePlan> plan_;
  std::unique_ptr<Encoder> encoder_;
  Records records_;
};

// id int4 key, v text default 'd'.
inline Table Simple() {
  Table table("public", "t");
  table.Column("id", "int4").NotNull().Key();
  table.Column("v", "text").Default("'d'::text");
  return table;
}

}  // namespace walrelay::envelope
