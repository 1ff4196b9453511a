#include "apply/known_schemas.h"

#include "apply/array_text.h"
#include "base/json.h"
#include "base/status.h"

namespace walrelay::apply {
namespace {

absl::StatusOr<std::vector<std::string>> ReadList(std::string_view json) {
  JsonReader reader;
  ASSIGN_OR_RETURN(const JsonValue list, reader.Parse(json));
  std::vector<std::string> texts;
  for (auto it = list.begin(); it != list.end(); ++it) texts.emplace_back((*it).text());
  return texts;
}

}  // namespace

absl::StatusOr<std::optional<KnownSchema>> KnownSchemas::Read(std::string_view source_table) {
  const pg::Parameter parameters[] = {pipeline_, sink_, source_table};
  ASSIGN_OR_RETURN(
      const pg::Result rows,
      connection_.Execute("SELECT lsn, is_snapshot, to_json(column_names), to_json(column_types), "
                          "to_json(record_key), to_json(dropped_names) FROM walrelay.known_schemas "
                          "WHERE pipeline = $1 AND "
                          "sink = $2 AND source_table = $3",
                          parameters));
  if (rows.rows() == 0) return std::optional<KnownSchema>();
  KnownSchema schema;
  schema.lsn = rows.number<int64_t>(0, 0).value_or(0);
  schema.is_snapshot = rows.is_true(0, 1);
  ASSIGN_OR_RETURN(std::vector<std::string> names, ReadList(rows.text(0, 2)));
  ASSIGN_OR_RETURN(std::vector<std::string> types, ReadList(rows.text(0, 3)));
  ASSIGN_OR_RETURN(schema.key, ReadList(rows.text(0, 4)));
  ASSIGN_OR_RETURN(schema.dropped, ReadList(rows.text(0, 5)));
  types.resize(names.size());
  for (size_t i = 0; i < names.size(); ++i)
    schema.columns.push_back({std::move(names[i]), std::move(types[i])});
  return std::optional<KnownSchema>(std::move(schema));
}

absl::Status KnownSchemas::Write(std::string_view source_table, const KnownSchema& schema) {
  ArrayText name_array, type_array, key_array, dropped_array;
  for (const KnownSchema::Column& column : schema.columns) {
    name_array.Add(column.name);
    type_array.Add(column.type);
  }
  for (const std::string& column : schema.key) key_array.Add(column);
  for (const std::string& column : schema.dropped) dropped_array.Add(column);
  const std::string names = std::move(name_array).Take();
  const std::string types = std::move(type_array).Take();
  const std::string key = std::move(key_array).Take();
  const std::string dropped = std::move(dropped_array).Take();
  const std::string lsn = Cat(schema.lsn);
  const pg::Parameter parameters[] = {
      pipeline_, sink_, source_table, lsn,    schema.is_snapshot ? "true" : "false",
      names,     types, key,          dropped};
  return connection_
      .Execute(
          "INSERT INTO walrelay.known_schemas AS k (pipeline, sink, source_table, lsn, "
          "is_snapshot, "
          "column_names, column_types, record_key, dropped_names) VALUES ($1, $2, $3, $4, $5, $6, "
          "$7, "
          "$8, $9) "
          "ON CONFLICT (pipeline, sink, source_table) DO UPDATE SET lsn = EXCLUDED.lsn, "
          "is_snapshot = EXCLUDED.is_snapshot, column_names = EXCLUDED.column_names, column_types "
          "= "
          "EXCLUDED.column_types, record_key = EXCLUDED.record_key, dropped_names = "
          "EXCLUDED.dropped_names, updated_at = now() "
          "WHERE k.lsn <= EXCLUDED.lsn",
          parameters)
      .status();
}

absl::Status KnownSchemas::Remove(std::string_view source_table) {
  const pg::Parameter parameters[] = {pipeline_, sink_, source_table};
  return connection_
      .Execute(
          "DELETE FROM walrelay.known_schemas WHERE pipeline = $1 AND sink = $2 AND "
          "source_table = $3",
          parameters)
      .status();
}

}  // namespace walrelay::apply
