// Which event a record tells of, read from its envelope: for messages, and to recognise a record
// whose table was altered since.
//
// The catalog shows now: after a key or a default was altered, the same change makes a record with
// another schema block, key or partition. Its identity stays: LSN and transaction, operation and
// row. Rows of one COPY share even those but for one value, which may be a serial key's: values
// that differ are taken for one only where a column's default has changed, as a NULL is written as
// the default, or whether it may be null, as a NULL is written as some other value where it may
// not. Other keys of the same columns are of other rows, whose values may all be the same without
// them (column.exclude.list). A logical message outside of transactions repeats the time of
// whatever came before it, which a restart does not know: it has its identity as well. Only the
// default envelope has one; the output of a transform may have none. Pure; any thread. Source:
// FORMAT.md §2–§4; DESIGN.md §2.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "change/lsn.h"

namespace walrelay::app {

// What the schema block says of how NULL is written in a column.
struct NullRendering {
  std::optional<std::string> by_default{};  // As JSON.
  bool required = false;                    // It is never null there.
  bool operator==(const NullRendering&) const = default;
};

struct EventIdentity {
  Lsn lsn{};
  std::string tx_id;  // As written; "null" for none.
  std::string op;
  std::string table;                          // "schema.table".
  std::map<std::string, std::string> before;  // Column to its JSON; empty when there is no row.
  std::map<std::string, std::string> after;   // Of a logical message: prefix and content.
  std::map<std::string, std::string> key;     // Empty: there is none, or it is no row.
  bool with_schema = false;
  std::map<std::string, NullRendering> nulls;  // By column, by the schema block.
};

// nullopt for anything but an envelope with source, op and LSN.
std::optional<EventIdentity> IdentityOf(JsonReader& reader, std::string_view value,
                                        std::optional<std::string_view> key = std::nullopt);

// The same change of the same row, however it was rendered.
bool IsSameEvent(const EventIdentity& a, const EventIdentity& b);

// Both tell of one change of one row, but not of the same event: the table was altered in between,
// so that a value is written otherwise, or a change of the key is one event in one of them and two
// in the other. Not certain of rows of one COPY, which share an LSN: those differ in their key, or
// in a value that is there in both. `ours` comes from the stream, `theirs` is the next record of a
// partition.
bool IsSameChange(const EventIdentity& ours, const EventIdentity& theirs);

// The columns of a record's key, without their values: "" for no key; nullopt for one that is no
// row.
std::optional<std::string> KeyColumnNames(JsonReader& reader, std::optional<std::string_view> key);
// What a value without an LSN says, whatever its schema block; nullopt where it is not JSON.
std::optional<std::string> PayloadOf(JsonReader& reader, std::string_view value);

// "op c of public.orders, LSN 0/16B3748, transaction 731"; never a value of the row.
std::string Describe(const EventIdentity& event);
// The same of a record as it stands in a topic: "a tombstone", "a record of 12 bytes without an
// LSN", …
std::string DescribeRecord(JsonReader& reader, std::optional<std::string_view> value);

}  // namespace walrelay::app
