// schema.name.adjustment.mode, field.name.adjustment.mode. FORMAT.md §2.1.
#pragma once

namespace walrelay::envelope {

enum class NameAdjustment { kNone, kAvro, kAvroUnicode };

}  // namespace walrelay::envelope
