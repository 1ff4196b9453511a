// A change as one line of text, for tests that compare whole streams.
#pragma once

#include <string>
#include <variant>

#include "base/status.h"
#include "change/change.h"

namespace walrelay::wal {

inline std::string DescribeTuple(const Tuple& tuple) {
  std::string text = "(";
  for (const ColumnValue& value : tuple) {
    if (text.size() > 1) text += ", ";
    switch (value.kind) {
      case ColumnValue::Kind::kNull:
        text += "null";
        break;
      case ColumnValue::Kind::kUnchangedToast:
        text += "unchanged";
        break;
      case ColumnValue::Kind::kText:
        text += value.text.size() > 40 ? Cat(value.text.size(), " bytes") : std::string(value.text);
    }
  }
  return text + ")";
}

struct Describer {
  std::string operator()(const Begin&) const { return "begin"; }
  std::string operator()(const Commit&) const { return "commit"; }
  std::string operator()(const Origin& origin) const {
    return Cat("origin ", origin.name, " ", origin.commit_lsn);
  }
  std::string operator()(const RelationChange& change) const {
    std::string text = Cat("relation ", change.relation->table, " ",
                           static_cast<char>(change.relation->identity), " (");
    for (const RelationColumn& column : change.relation->columns) {
      text += Cat(text.ends_with('(') ? "" : ", ", column.name, column.identity ? "*" : "");
    }
    return text + ")";
  }
  std::string operator()(const TypeChange& type) const {
    return Cat("type ", type.schema, ".", type.name);
  }
  std::string operator()(const Insert& insert) const {
    return Cat("insert ", insert.relation->table, " ", DescribeTuple(insert.new_tuple));
  }
  std::string operator()(const Update& update) const {
    const std::string_view old_kind = update.old_kind == OldTuple::kKey    ? " key "
                                      : update.old_kind == OldTuple::kFull ? " old "
                                                                           : "";
    return Cat("update ", update.relation->table, old_kind,
               old_kind.empty() ? "" : DescribeTuple(update.old_tuple), " ",
               DescribeTuple(update.new_tuple));
  }
  std::string operator()(const Delete& deleted) const {
    return Cat("delete ", deleted.relation->table,
               deleted.old_kind == OldTuple::kKey ? " key " : " old ",
               DescribeTuple(deleted.old_tuple));
  }
  std::string operator()(const Truncate& truncate) const {
    std::string text = Cat("truncate", truncate.cascade ? " cascade" : "",
                           truncate.restart_identity ? " restart" : "");
    for (const auto& relation : truncate.relations) text += Cat(" ", relation->table);
    return text;
  }
  std::string operator()(const LogicalMessage& message) const {
    return Cat(message.transactional ? "message " : "free message ", message.prefix, " ",
               message.content);
  }
};

inline std::string Describe(const Change& change) { return std::visit(Describer(), change); }

}  // namespace walrelay::wal
