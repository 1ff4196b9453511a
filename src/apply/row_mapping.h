// Which member of a record's row goes to which column, and the row as cells.
//
// Rows of one schema list their members in the same order, so a mapping is made once and each row
// is walked beside it by comparing names. Pure. Not thread-safe: it keeps buffers.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>
#include <vector>

#include "apply/cell.h"
#include "apply/envelope_reader.h"
#include "apply/mirror_table.h"
#include "apply/placeholder.h"
#include "apply/value_text.h"
#include "base/json.h"

namespace walrelay::apply {

class RowMapping {
 public:
  // Fits the object: made from the same schema (or none), with the same members in the same order?
  bool Fits(JsonValue object, const SharedFields* fields) const;
  // The first half of that, which costs nothing where records have schemas.
  bool HasSchema(const SharedFields* fields) const {
    return !members_.empty() && (fields == nullptr ? nullptr : fields->get()) == fields_.get();
  }

  // Members that the table has no column for are left out.
  void Make(JsonValue object, const SharedFields* fields, const MirrorTable& table,
            const SchemalessFormat& format);

  // Sets the cells of the object's members; the others stay. Texts point into the record's values
  // or into `texts`, which grows and is cleared by the caller. DataLoss names the column whose
  // value is not what its type says.
  absl::Status Read(JsonValue object, const MirrorTable& table, const Placeholder* placeholder,
                    ValueText& values, Arena& texts, std::vector<Cell>& cells);

 private:
  struct Member {
    std::string name;
    FieldType type;
    uint16_t column = 0;
    bool writable = true;          // It goes to a column.
    bool is_plain_number = false;  // Its digits go as they are.
    bool is_plain_string = false;  // Its text goes as it is.
  };
  std::vector<Member> members_;
  SharedFields fields_;  // Kept alive, so that its address stays its own.
  std::string text_;
};

}  // namespace walrelay::apply
