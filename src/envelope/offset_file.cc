// file      AC ED 00 05, object
// object    73, class of HashMap, f32 load factor, i32 threshold,
//           77 08, i32 capacity, i32 entries, (array | 70), … , 78
// array     75, (class of byte[] | 71, i32 handle), i32 size, bytes
// class     72, u16 size, name, i64 serialVersionUID, u8 flags, u16 fields, (u8 type, u16 size, name)…, 78, 70
// All numbers are big-endian. Only the first array describes its class; the later ones refer to it.

#include "envelope/offset_file.h"

#include <algorithm>
#include <bit>

#include "base/cursor.h"
#include "base/status.h"

namespace walrelay::envelope {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kMagic = "\xAC\xED\x00\x05"sv;
constexpr uint8_t kNull = 0x70;
constexpr uint8_t kReference = 0x71;
constexpr uint8_t kArray = 0x75;

// The object's tag and the two classes, as every Java release writes them.
constexpr std::string_view kHashMap =
    "\x73\x72\x00\x11java.util.HashMap\x05\x07\xDA\xC1\xC3\x16\x60\xD1\x03\x00\x02"
    "F\x00\x0AloadFactorI\x00\x09threshold\x78\x70"sv;
constexpr std::string_view kByteArray =
    "\x72\x00\x02[B\xAC\xF3\x17\xF8\x06\x08\x54\xE0\x02\x00\x00\x78\x70"sv;
constexpr std::string_view kSizes = "\x77\x08"sv;  // A block of eight bytes.
constexpr std::string_view kEnd = "\x78"sv;

// Handles count from baseWireHandle: the HashMap's class, the map, then the class of byte[].
constexpr uint32_t kByteArrayHandle = 0x7E0000 + 2;

bool Expect(Cursor& in, std::string_view expected) {
  return in.Bytes(static_cast<int64_t>(expected.size())) == expected;
}

// False where the bytes are of another shape; Java's null is no text.
bool ReadArray(Cursor& in, std::optional<std::string>& text) {
  const auto tag = in.Int<uint8_t>();
  if (tag == kNull) {
    text.reset();
    return !in.failed();
  }
  if (tag != kArray) return false;
  if (in.rest().starts_with(kByteArray)) {
    Expect(in, kByteArray);
  } else if (in.Int<uint8_t>() != kReference || in.Int<uint32_t>() != kByteArrayHandle) {
    return false;
  }
  text = in.Bytes(in.Int<int32_t>());
  return !in.failed();
}

absl::Status WrongShape(const Cursor& in) {
  return absl::DataLossError(
      Cat("not an offset file of Debezium Server: byte ", in.position(),
          " is not what Java writes for a HashMap of byte arrays"));
}

template <class T>
void AppendInt(std::string& out, T number) {
  for (int shift = static_cast<int>(sizeof(T) - 1) * 8; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>((number >> shift) & 0xFF));
}

void AppendArray(std::string& out, std::string_view bytes, bool& class_is_known) {
  out.push_back(static_cast<char>(kArray));
  if (class_is_known) {
    out.push_back(static_cast<char>(kReference));
    AppendInt(out, kByteArrayHandle);
  } else {
    out += kByteArray;
    class_is_known = true;
  }
  AppendInt(out, static_cast<uint32_t>(bytes.size()));
  out += bytes;
}

}  // namespace

absl::StatusOr<std::vector<StoredOffset>> ParseOffsetFile(std::string_view bytes) {
  Cursor in(bytes);
  if (!Expect(in, kMagic) || !Expect(in, kHashMap)) return WrongShape(in);
  in.Bytes(8);  // Load factor and threshold.
  if (!Expect(in, kSizes)) return WrongShape(in);
  in.Int<int32_t>();  // Capacity.
  const auto count = in.Int<int32_t>();
  std::vector<StoredOffset> offsets;
  for (int32_t i = 0; i < count; ++i) {
    std::optional<std::string> key;
    StoredOffset& offset = offsets.emplace_back();
    if (!ReadArray(in, key) || !key || !ReadArray(in, offset.value)) return WrongShape(in);
    offset.key = *std::move(key);
  }
  if (!Expect(in, kEnd) || !in.Finished() || count < 0) return WrongShape(in);
  return offsets;
}

std::string EncodeOffsetFile(const std::vector<StoredOffset>& offsets) {
  constexpr float kLoadFactor = 0.75F;
  const auto count = static_cast<uint32_t>(offsets.size());
  const uint32_t capacity = std::max(16U, std::bit_ceil(count * 2));
  std::string out(kMagic);
  out += kHashMap;
  AppendInt(out, std::bit_cast<uint32_t>(kLoadFactor));
  AppendInt(out, capacity / 4 * 3);
  out += kSizes;
  AppendInt(out, capacity);
  AppendInt(out, count);
  bool class_is_known = false;
  for (const StoredOffset& offset : offsets) {
    AppendArray(out, offset.key, class_is_known);
    if (offset.value) {
      AppendArray(out, *offset.value, class_is_known);
    } else {
      out.push_back(static_cast<char>(kNull));
    }
  }
  out += kEnd;
  return out;
}

}  // namespace walrelay::envelope
