#include "pg/copy_text.h"

#include <gtest/gtest.h>

#include <random>

#include "base/status.h"

namespace walrelay::pg {
namespace {

using namespace std::literals;

std::string Escaped(std::string_view text) {
  std::string out;
  AppendCopyText(out, text);
  return out;
}

struct Row {
  std::string bytes;
  Tuple tuple;
  absl::Status status;
};
Row Read(std::string_view bytes, size_t columns) {
  Row row{.bytes = std::string(bytes), .tuple = {}, .status = {}};
  row.status = ReadCopyRow(row.bytes, columns, row.tuple);
  return row;
}

TEST(CopyText, EscapesWhatSeparates) {
  EXPECT_EQ(Escaped("a\tb\nc\\d\r\b\f\v"), "a\\tb\\nc\\\\d\\r\\b\\f\\v");
  EXPECT_EQ(Escaped("\\N"), "\\\\N");
  EXPECT_EQ(Escaped("\\."), "\\\\.");
  EXPECT_EQ(Escaped("é😀\x01\x1f\x7f"), "é😀\x01\x1f\x7f");
  EXPECT_EQ(Escaped(""), "");
}

TEST(CopyText, TellsNullFromEmptyAndFromBackslashN) {
  const Row row = Read("\\N\t\t\\\\N\n", 3);
  ASSERT_TRUE(row.status.ok()) << row.status;
  EXPECT_EQ(row.tuple,
            (Tuple{ColumnValue::Null(), ColumnValue::Text(""), ColumnValue::Text("\\N")}));
}

TEST(CopyText, ReadsEveryEscapeOfTheManual) {
  const Row row = Read("\\b\\f\\n\\r\\t\\v\\\\\\101\\x41\\x4\\q", 1);
  ASSERT_TRUE(row.status.ok()) << row.status;
  EXPECT_EQ(row.tuple[0].text, "\b\f\n\r\t\v\\AA\x04q");
}

TEST(CopyText, RefusesAnotherNumberOfColumns) {
  for (const size_t columns : {0u, 1u, 3u}) {
    EXPECT_EQ(Read("a\tb\n", columns).status.code(), absl::StatusCode::kDataLoss) << columns;
  }
  EXPECT_EQ(Read("a\\", 1).status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Read("a\\\tb", 2).status.code(), absl::StatusCode::kDataLoss)
      << "a backslash before the tab";
  EXPECT_EQ(Message(Read("secret\tb\n", 1).status).find("secret"), std::string_view::npos);
  EXPECT_TRUE(Read("\n", 0).status.ok()) << "a table without columns";
  EXPECT_EQ(Read("\n", 1).tuple, Tuple{ColumnValue::Text("")});
}

TEST(CopyText, IsReadBackAsItWas) {
  std::mt19937 random(20240607);
  for (int round = 0; round < 5000; ++round) {
    std::vector<std::string> values(1 + random() % 5);
    std::string bytes;
    for (std::string& value : values) {
      const size_t size = random() % 12;
      for (size_t i = 0; i < size; ++i)
        value.push_back("\t\n\r\\N.abx0\b\f\v\x80\xff"[random() % 16]);
      if (&value != values.data()) bytes.push_back('\t');
      AppendCopyText(bytes, value);
    }
    bytes.push_back('\n');
    const Row row = Read(bytes, values.size());
    ASSERT_TRUE(row.status.ok()) << row.status;
    for (size_t i = 0; i < values.size(); ++i)
      ASSERT_EQ(row.tuple[i], ColumnValue::Text(values[i]));
  }
}

}  // namespace
}  // namespace walrelay::pg
