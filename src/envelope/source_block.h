// The `source` struct of an envelope: where an event comes from.
//
// Source: FORMAT.md §2.4, §3.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "change/record.h"
#include "envelope/buffer.h"
#include "envelope/connect_schema.h"
#include "envelope/encoder.h"
#include "envelope/options.h"

namespace walrelay::envelope {

ConnectSchema SourceSchema(Compat compat);
// The `transaction` struct, whose name is never adjusted.
ConnectSchema TransactionBlockSchema();

// Writes the struct for one table, from prepared pieces.
class SourceBlock {
 public:
  SourceBlock(const Options& options, std::string_view schema, std::string_view table);
  // xmin is as the slot has it at that moment: no two runs share it.
  void Append(Buffer& out, const EventContext& context, VolatileSpans& spans) const;
  // One field, by its place in SourceSchema(), as JSON. False: it is null, and nothing was written.
  bool AppendField(Buffer& out, size_t place, const EventContext& context) const;
  bool is_volatile(size_t place) const { return names_[place] == "xmin"; }

 private:
  bool with_origin_;       // 3.6: ts_us, ts_ns, origin, origin_lsn.
  std::string lead_;       // {"version":…,"ts_ms":
  std::string database_;   // ,"db":…,"sequence":"[
  std::string streaming_;  // The same with the `snapshot` of the stream before it.
  std::string table_;      // ,"schema":…,"table":…,"txId":
  // Of fields that never change: their JSON. Of others: empty.
  std::vector<std::string> constants_;
  std::vector<std::string> names_;  // Of all fields.
};

// ts_ms, ts_us, ts_ns of a time: numbers of at most 20 digits.
int64_t MillisOf(WallTime time);

}  // namespace walrelay::envelope
