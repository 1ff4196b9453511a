// The end of an envelope, from `source` on. Source: FORMAT.md §2.3.
#pragma once

#include <string_view>

#include "change/record.h"
#include "envelope/buffer.h"
#include "envelope/encoder.h"
#include "envelope/options.h"
#include "envelope/source_block.h"

namespace walrelay::envelope {

// A number that no two runs share.
inline void AppendVolatileInt(Buffer& out, int64_t number, VolatileSpans& spans) {
  const size_t from = out.size();
  out.AppendInt(number);
  spans.Add(from, out.size() - from);
}

// Closes the envelope and, with schemas, what stands around it. `transaction` is the block's JSON.
inline void AppendEnvelopeTail(Buffer& out, const SourceBlock& source, const EventContext& context,
                               char op, std::string_view transaction, const Options& options,
                               VolatileSpans& spans) {
  constexpr std::string_view kTransaction = ",\"transaction\":";
  const bool later = options.compat != Compat::k2_5_0;
  out.append(",\"source\":");
  source.Append(out, context, spans);
  if (later) {
    out.append(kTransaction);
    out.append(transaction);
  }
  out.append(",\"op\":\"");
  out.push_back(op);
  out.append("\",\"ts_ms\":");
  AppendVolatileInt(out, MillisOf(context.now), spans);
  if (later) {
    out.append(",\"ts_us\":");
    AppendVolatileInt(out, UnixNanos(context.now) / 1000, spans);
    out.append(",\"ts_ns\":");
    AppendVolatileInt(out, UnixNanos(context.now), spans);
  } else {
    out.append(kTransaction);
    out.append(transaction);
  }
  out.append(options.value_schemas ? "}}" : "}");
}

}  // namespace walrelay::envelope
