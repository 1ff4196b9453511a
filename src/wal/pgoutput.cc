// Protocol version 1. Integers are big-endian; str is NUL-terminated; lsn and time are 64 bits,
// time in microseconds since 2000-01-01.
//
// Begin    = 'B' final:lsn commit-time:time xid:u32
// Commit   = 'C' flags:u8(0) commit:lsn end:lsn commit-time:time
// Origin   = 'O' commit:lsn name:str
// Relation = 'R' oid:u32 schema:str table:str identity:u8(d|n|f|i) n:u16 n*( flags:u8(0|1) name:str
// type:u32 typmod:i32 ) Type     = 'Y' oid:u32 schema:str name:str Insert   = 'I' relation:u32 'N'
// Tuple Update   = 'U' relation:u32 [ ('K'|'O') Tuple ] 'N' Tuple Delete   = 'D' relation:u32
// ('K'|'O') Tuple Truncate = 'T' n:u32 flags:u8(1 cascade, 2 restart identity) n*( relation:u32 )
// Message  = 'M' flags:u8(1 transactional) at:lsn prefix:str size:u32 size*( byte )
// Tuple    = n:u16 n*( 'n' null | 'u' unchanged TOAST, not sent | 't' size:u32 size*( byte ) )
//
// An empty schema stands for pg_catalog.
#include "wal/pgoutput.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/cursor.h"
#include "base/status.h"

namespace walrelay::wal {
namespace {

template <size_t... Kinds>
std::array<Change, sizeof...(Kinds)> OneOfEach(std::index_sequence<Kinds...>) {
  return {Change(std::in_place_index<Kinds>)...};
}

template <class T, size_t Kind = 0>
constexpr size_t IndexOf() {
  if constexpr (std::is_same_v<std::variant_alternative_t<Kind, Change>, T>) {
    return Kind;
  } else {
    return IndexOf<T, Kind + 1>();
  }
}

std::string Printed(char tag) {
  if (std::isgraph(static_cast<unsigned char>(tag)) != 0) return Cat('\'', tag, '\'');
  return Cat("number ", static_cast<int>(static_cast<unsigned char>(tag)));
}

std::string SchemaName(std::string_view name) {
  return name.empty() ? "pg_catalog" : std::string(name);
}

bool HasDuplicateNames(const std::vector<RelationColumn>& columns) {
  std::vector<std::string_view> names;
  for (const RelationColumn& column : columns) names.push_back(column.name);
  std::sort(names.begin(), names.end());
  return std::adjacent_find(names.begin(), names.end()) != names.end();
}

}  // namespace

// Reads one message into the decoder's change of its kind.
class Decoder::MessageReader {
 public:
  MessageReader(Decoder& decoder, std::string_view message)
      : decoder_(decoder), in_(message), tag_(in_.Int<char>()) {}

  absl::StatusOr<const Change*> Read();

 private:
  enum class Unchanged { kRefused, kAllowed };

  template <class T>
  T& Made() {
    return std::get<T>(decoder_.changes_[IndexOf<T>()]);
  }
  template <class T>
  absl::StatusOr<const Change*> Done() {
    if (in_.failed()) return Malformed("the message is too short");
    if (!in_.rest().empty()) return Malformed(Cat(in_.rest().size(), " bytes too many"));
    return &decoder_.changes_[IndexOf<T>()];
  }

  absl::StatusOr<const Change*> ReadBegin();
  absl::StatusOr<const Change*> ReadCommit();
  absl::StatusOr<const Change*> ReadOrigin();
  absl::StatusOr<const Change*> ReadRelation();
  absl::StatusOr<const Change*> ReadType();
  absl::StatusOr<const Change*> ReadInsert();
  absl::StatusOr<const Change*> ReadUpdate();
  absl::StatusOr<const Change*> ReadDelete();
  absl::StatusOr<const Change*> ReadTruncate();
  absl::StatusOr<const Change*> ReadMessage();

  absl::Status ReadRelationOfRow(std::shared_ptr<const Relation>& relation);
  absl::StatusOr<OldTuple> ReadOldTuple(char kind, const Relation& relation, Tuple& tuple);
  absl::Status ReadTuple(const Relation& relation, Unchanged unchanged, Tuple& tuple);

  Lsn ReadLsn() { return Lsn{in_.Int<uint64_t>()}; }
  // A time far off wraps instead of overflowing.
  int64_t ReadTime() {
    return static_cast<int64_t>(in_.Int<uint64_t>() + static_cast<uint64_t>(kPostgresEpochMicros));
  }
  absl::Status Malformed(std::string_view why) const;
  absl::Status CheckOpen() const {
    if (decoder_.open_) return absl::OkStatus();
    return Malformed("it stands outside of a transaction");
  }

  Decoder& decoder_;
  Cursor in_;
  char tag_;
};

Decoder::Decoder() : changes_(OneOfEach(std::make_index_sequence<std::variant_size_v<Change>>())) {}

absl::StatusOr<const Change*> Decoder::Decode(std::string_view message) {
  return MessageReader(*this, message).Read();
}

const std::shared_ptr<const Relation>* Decoder::Find(Oid oid) {
  if (last_ != nullptr && (*last_)->oid == oid) [[likely]]
    return last_;
  const auto found = relations_.find(Number(oid));
  if (found == relations_.end()) return nullptr;
  last_ = &found->second;
  return last_;
}

absl::StatusOr<const Change*> Decoder::MessageReader::Read() {
  if (in_.failed()) return absl::DataLossError("an empty pgoutput message");
  switch (tag_) {
    case 'B':
      return ReadBegin();
    case 'C':
      return ReadCommit();
    case 'O':
      return ReadOrigin();
    case 'R':
      return ReadRelation();
    case 'Y':
      return ReadType();
    case 'I':
      return ReadInsert();
    case 'U':
      return ReadUpdate();
    case 'D':
      return ReadDelete();
    case 'T':
      return ReadTruncate();
    case 'M':
      return ReadMessage();
  }
  return Malformed("protocol version 1 has no such message");
}

absl::StatusOr<const Change*> Decoder::MessageReader::ReadBegin() {
  Begin& begin = Made<Begin>();
  begin.final_lsn = ReadLsn();
  begin.commit_time_micros = ReadTime();
  begin.xid = Xid{in_.Int<uint32_t>()};
  ASSIGN_OR_RETURN(const Change* const change, Done<Begin>());

  if (decoder_.open_) return Malformed("the transaction before it has not ended");
  if (begin.final_lsn <= decoder_.last_commit_) {
    return Malformed(Cat("it commits at ", begin.final_lsn, ", not after ", decoder_.last_commit_,
                         ", where the one before it did"));
  }
  decoder_.open_ = begin;
  return change;
}

absl::StatusOr<const Change*> Decoder::MessageReader::ReadCommit() {
  Commit& commit = Made<Commit>();
  const auto flags = in_.Int<uint8_t>();
  commit.commit_lsn = ReadLsn();
  commit.end_lsn = ReadLsn();
  commit.commit_time_micros = ReadTime();
  ASSIGN_OR_RETURN(const Change* const change, Done<Commit>());

  RETURN_IF_ERROR(CheckOpen());
  if (flags != 0) return Malformed("unknown flags");
  if (commit.commit_lsn != decoder_.open_->final_lsn) {
    return Malformed(Cat("it says that it commits at ", commit.commit_lsn));
  }
  if (commit.end_lsn <= commit.commit_lsn) return Malformed(Cat("it ends at ", commit.end_lsn));
  decoder_.last_commit_ = commit.commit_lsn;
  decoder_.open_.reset();
  return change;
}

absl::StatusOr<const Change*> Decoder::MessageReader::ReadOrigin() {
  RETURN_IF_ERROR(CheckOpen());
  Origin& origin = Made<Origin>();
  origin.commit_lsn = ReadLsn();
  origin.name = in_.String();
  return Done<Origin>();
}

absl::StatusOr<const Change*> Decoder::MessageReader::ReadRelation() {
  Relation relation;
  relation.oid = Oid{in_.Int<uint32_t>()};
  relation.schema = SchemaName(in_.String());
  relation.table = in_.String();
  const char identity = in_.Int<char>();
  if (!in_.failed() && std::string_view("dnfi").find(identity) == std::string_view::npos) {
    return Malformed("unknown replica identity");
  }
  relation.identity = static_cast<ReplicaIdentity>(identity);
  const auto columns = in_.Int<int16_t>();
  if (columns < 0) return Malformed(Cat(columns, " columns"));
  for (int i = 0; i < columns && !in_.failed(); ++i) {
    RelationColumn column;
    const auto flags = in_.Int<uint8_t>();
    if (flags > 1) return Malformed("unknown flags of a column");
    column.identity = flags == 1;
    column.name = in_.String();
    column.type = Oid{in_.Int<uint32_t>()};
    column.typmod = in_.Int<int32_t>();
    relation.columns.push_back(std::move(column));
  }
  ASSIGN_OR_RETURN(const Change* const change, Done<RelationChange>());

  if (relation.oid == Oid{0}) return Malformed("relation id 0");
  if (HasDuplicateNames(relation.columns)) return Malformed("two columns of one name");
  auto shared = std::make_shared<const Relation>(std::move(relation));
  decoder_.relations_[Number(shared->oid)] = shared;
  Made<RelationChange>().relation = std::move(shared);
  return change;
}

absl::StatusOr<const Change*> Decoder::MessageReader::ReadType() {
  TypeChange& type = Made<TypeChange>();
  type.oid = Oid{in_.Int<uint32_t>()};
  type.schema = SchemaName(in_.String());
  type.name = in_.String();
  return Done<TypeChange>();
}

absl::StatusOr<const Change*> Decoder::MessageReader::ReadInsert() {
  Insert& insert = Made<Insert>();
  RETURN_IF_ERROR(ReadRelationOfRow(insert.relation));
  if (in_.Int<char>() != 'N') return Malformed("no new tuple");
  // A row filter turns an update by which a row enters it into an insert, whose TOAST values may be
  // unsent.
  RETURN_IF_ERROR(ReadTuple(*insert.relation, Unchanged::kAllowed, insert.new_tuple));
  return Done<Insert>();
}

absl::StatusOr<const Change*> Decoder::MessageReader::ReadUpdate() {
  Update& update = Made<Update>();
  RETURN_IF_ERROR(ReadRelationOfRow(update.relation));
  update.old_kind = OldTuple::kNone;
  update.old_tuple.clear();
  char kind = in_.Int<char>();
  if (kind != 'N') {
    ASSIGN_OR_RETURN(update.old_kind, ReadOldTuple(kind, *update.relation, update.old_tuple));
    kind = in_.Int<char>();
  }
  if (kind != 'N') return Malformed("no new tuple");
  RETURN_IF_ERROR(ReadTuple(*update.relation, Unchanged::kAllowed, update.new_tuple));
  return Done<Update>();
}

absl::StatusOr<const Change*> Decoder::MessageReader::ReadDelete() {
  Delete& deleted = Made<Delete>();
  RETURN_IF_ERROR(ReadRelationOfRow(deleted.relation));
  const char kind = in_.Int<char>();
  ASSIGN_OR_RETURN(deleted.old_kind, ReadOldTuple(kind, *deleted.relation, deleted.old_tuple));
  return Done<Delete>();
}

absl::StatusOr<const Change*> Decoder::MessageReader::ReadTruncate() {
  RETURN_IF_ERROR(CheckOpen());
  Truncate& truncate = Made<Truncate>();
  const auto relations = in_.Int<int32_t>();
  const auto flags = in_.Int<uint8_t>();
  if (!in_.failed() && relations <= 0) return Malformed(Cat(relations, " relations"));
  if ((flags & ~3) != 0) return Malformed("unknown flags");
  truncate.cascade = (flags & 1) != 0;
  truncate.restart_identity = (flags & 2) != 0;
  truncate.relations.clear();
  for (int32_t i = 0; i < relations && !in_.failed(); ++i) {
    const Oid oid{in_.Int<uint32_t>()};
    if (in_.failed()) break;
    const auto* relation = decoder_.Find(oid);
    if (relation == nullptr) return Malformed(Cat("unknown relation ", oid));
    truncate.relations.push_back(*relation);
  }
  return Done<Truncate>();
}

absl::StatusOr<const Change*> Decoder::MessageReader::ReadMessage() {
  LogicalMessage& message = Made<LogicalMessage>();
  const auto flags = in_.Int<uint8_t>();
  if (flags > 1) return Malformed("unknown flags");
  message.transactional = flags == 1;
  message.lsn = ReadLsn();
  message.prefix = in_.String();
  message.content = in_.Bytes(in_.Int<int32_t>());
  if (message.transactional) RETURN_IF_ERROR(CheckOpen());
  return Done<LogicalMessage>();
}

absl::Status Decoder::MessageReader::ReadRelationOfRow(std::shared_ptr<const Relation>& relation) {
  RETURN_IF_ERROR(CheckOpen());
  const Oid oid{in_.Int<uint32_t>()};
  if (in_.failed()) return Malformed("the message is too short");
  const auto* found = decoder_.Find(oid);
  if (found == nullptr) return Malformed(Cat("unknown relation ", oid));
  if (relation != *found) relation = *found;  // Counting references is worth avoiding for each row.
  return absl::OkStatus();
}

absl::StatusOr<OldTuple> Decoder::MessageReader::ReadOldTuple(char kind, const Relation& relation,
                                                              Tuple& tuple) {
  if (kind != 'K' && kind != 'O') return Malformed("neither key tuple nor old tuple");
  // The server fetches TOAST values of an identity before it logs it.
  RETURN_IF_ERROR(ReadTuple(relation, Unchanged::kRefused, tuple));
  return kind == 'K' ? OldTuple::kKey : OldTuple::kFull;
}

absl::Status Decoder::MessageReader::ReadTuple(const Relation& relation, Unchanged unchanged,
                                               Tuple& tuple) {
  const auto columns = in_.Int<int16_t>();
  if (in_.failed()) return Malformed("the message is too short");
  if (columns < 0 || static_cast<size_t>(columns) != relation.columns.size()) {
    return Malformed(
        Cat(columns, " columns, where relation ", relation.oid, " has ", relation.columns.size()));
  }
  tuple.resize(relation.columns.size());
  for (ColumnValue& value : tuple) {
    const char kind = in_.Int<char>();
    if (kind == 't') [[likely]] {
      value = ColumnValue::Text(in_.Bytes(in_.Int<int32_t>()));
    } else if (kind == 'n') {
      value = ColumnValue::Null();
    } else if (kind == 'u' && unchanged == Unchanged::kAllowed) {
      value = ColumnValue::UnchangedToast();
    } else if (!in_.failed()) {
      const std::string_view what = kind == 'u'   ? "a TOAST value that was not sent"
                                    : kind == 'b' ? "a binary value, which nobody asked for"
                                                  : "an unknown kind of value";
      return Malformed(Cat("column ", &value - tuple.data() + 1, " has ", what));
    }
    if (in_.failed()) return Malformed("the message is too short");
  }
  return absl::OkStatus();
}

absl::Status Decoder::MessageReader::Malformed(std::string_view why) const {
  std::string text = Cat("pgoutput message ", Printed(tag_), " at byte ", in_.position());
  if (decoder_.open_) {
    text += Cat(", in transaction ", decoder_.open_->xid, ", which commits at ",
                decoder_.open_->final_lsn);
  } else {
    text += Cat(", after the transaction that committed at ", decoder_.last_commit_);
  }
  return absl::DataLossError(Cat(text, ": ", why));
}

}  // namespace walrelay::wal
