// Feeds streams of pgoutput messages to the decoder: no input may crash it, read outside of a
// message, or be taken for something that the protocol does not allow.
//
// Input: messages one after another, each with its size in front (two bytes, big-endian); a size
// beyond the end means the rest. With clang and FUZZ=ON libFuzzer drives it; else
// tests/fuzz/replay.cc runs the corpus, which was recorded from real servers by
// record_pgoutput_corpus.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/cursor.h"
#include "wal/pgoutput.h"

namespace walrelay::wal {
namespace {

// What consumers of a change rely on.
class Laws {
 public:
  explicit Laws(std::string_view message) : message_(message) {}

  void operator()(const Begin&) const {}
  void operator()(const Commit& commit) const { CHECK(commit.end_lsn > commit.commit_lsn); }
  void operator()(const Origin& origin) const { CHECK(origin.name.size() < message_.size()); }
  void operator()(const RelationChange& change) const { CHECK(change.relation != nullptr); }
  void operator()(const TypeChange& type) const { CHECK(type.name.size() < message_.size()); }
  void operator()(const Insert& insert) const { CheckTuple(*insert.relation, insert.new_tuple); }
  void operator()(const Update& update) const {
    CheckTuple(*update.relation, update.new_tuple);
    if (update.old_kind != OldTuple::kNone) CheckOld(*update.relation, update.old_tuple);
    CHECK((update.old_kind == OldTuple::kNone) == update.old_tuple.empty() ||
          update.relation->columns.empty());
  }
  void operator()(const Delete& deleted) const {
    CHECK(deleted.old_kind != OldTuple::kNone);
    CheckOld(*deleted.relation, deleted.old_tuple);
  }
  void operator()(const Truncate& truncate) const {
    CHECK(!truncate.relations.empty());
    for (const auto& relation : truncate.relations) CHECK(relation != nullptr);
  }
  void operator()(const LogicalMessage& message) const {
    CheckInside(message.prefix);
    CheckInside(message.content);
  }

 private:
  void CheckInside(std::string_view view) const {
    if (view.empty()) return;
    CHECK(view.data() >= message_.data());
    CHECK(view.data() + view.size() <= message_.data() + message_.size());
  }
  void CheckTuple(const Relation& relation, const Tuple& tuple) const {
    CHECK(tuple.size() == relation.columns.size());
    for (const ColumnValue& value : tuple) CheckInside(value.text);
  }
  void CheckOld(const Relation& relation, const Tuple& tuple) const {
    CheckTuple(relation, tuple);
    for (const ColumnValue& value : tuple) CHECK(value.kind != ColumnValue::Kind::kUnchangedToast);
  }

  std::string_view message_;
};

}  // namespace
}  // namespace walrelay::wal

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  walrelay::wal::Decoder decoder;
  while (rest.size() >= 2) {
    walrelay::Cursor in(rest);
    const size_t wanted = in.Int<uint16_t>();
    // A copy of exactly its size lets the sanitizer see the first byte that is read behind it.
    const std::string message(in.rest().substr(0, wanted));
    rest = in.rest().substr(message.size());
    const auto change = decoder.Decode(message);
    if (!change.ok()) {
      CHECK(change.status().code() == absl::StatusCode::kDataLoss);
      return 0;
    }
    std::visit(walrelay::wal::Laws(message), **change);
  }
  return 0;
}
