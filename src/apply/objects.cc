#include "apply/objects.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/status.h"

namespace walrelay::apply {
namespace {

struct Object {
  std::string_view exists;  // SQL that is not NULL when it is there.
  std::string_view create;
};

constexpr Object kCommon[] = {
    {"to_regnamespace('walrelay')", "CREATE SCHEMA walrelay"},
    {"to_regclass('walrelay.progress')", R"(
CREATE TABLE walrelay.progress (
  pipeline    text        NOT NULL,
  sink        text        NOT NULL,
  topic       text        NOT NULL,
  partition   integer     NOT NULL,
  next_offset bigint      NOT NULL,
  fingerprint text        NOT NULL,
  updated_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (pipeline, sink, topic, partition)
))"},
    {"to_regclass('walrelay.dead_letters')", R"(
CREATE TABLE walrelay.dead_letters (
  id              bigserial   PRIMARY KEY,
  pipeline        text        NOT NULL,
  sink            text        NOT NULL,
  kafka_topic     text        NOT NULL,
  kafka_partition integer     NOT NULL,
  kafka_offset    bigint      NOT NULL,
  reason          text        NOT NULL,
  sqlstate        text,
  source_table    text,
  parked_key      text,
  retry_at        timestamptz,
  record_key      bytea,
  record_value    bytea,
  record_headers  json,
  created_at      timestamptz NOT NULL DEFAULT now()
))"},
    // What versions before it had a table without.
    {"(SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('walrelay.dead_letters') AND "
     "attname "
     "= 'retry_at')",
     R"(
ALTER TABLE walrelay.dead_letters
  ADD COLUMN IF NOT EXISTS source_table text,
  ADD COLUMN IF NOT EXISTS parked_key text,
  ADD COLUMN IF NOT EXISTS retry_at timestamptz)"},
    {"to_regclass('walrelay.parked_tables')", R"(
CREATE TABLE walrelay.parked_tables (
  pipeline     text        NOT NULL,
  sink         text        NOT NULL,
  topic        text        NOT NULL,
  source_table text        NOT NULL,
  reason       text        NOT NULL,
  parked_at    timestamptz NOT NULL DEFAULT now(),
  resume_at    timestamptz,
  PRIMARY KEY (pipeline, sink, topic)
))"},
    {"to_regclass('walrelay.known_schemas')", R"(
CREATE TABLE walrelay.known_schemas (
  pipeline      text        NOT NULL,
  sink          text        NOT NULL,
  source_table  text        NOT NULL,
  lsn           bigint      NOT NULL,
  is_snapshot   boolean     NOT NULL,
  column_names  text[]      NOT NULL,
  column_types  text[]      NOT NULL,
  record_key    text[]      NOT NULL,
  dropped_names text[]      NOT NULL,
  updated_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (pipeline, sink, source_table)
))"},
    {"to_regclass('walrelay.last_truncates')", R"(
CREATE TABLE walrelay.last_truncates (
  pipeline     text        NOT NULL,
  sink         text        NOT NULL,
  source_table text        NOT NULL,
  lsn          bigint      NOT NULL,
  source_ts_us bigint      NOT NULL,
  updated_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (pipeline, sink, source_table)
))"},
    {"to_regclass('walrelay.moved_rows')", R"(
CREATE TABLE walrelay.moved_rows (
  pipeline      text        NOT NULL,
  sink          text        NOT NULL,
  table_name    text        NOT NULL,
  lsn           text        NOT NULL,
  column_names  text[]      NOT NULL,
  column_values text[]      NOT NULL,
  created_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (pipeline, sink, table_name, lsn)
))"},
    {"(SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('walrelay.moved_rows') AND attname "
     "= 'has_arrived')",
     R"(
ALTER TABLE walrelay.moved_rows
  ADD COLUMN IF NOT EXISTS column_awaits text[] NOT NULL DEFAULT '{}',
  ADD COLUMN IF NOT EXISTS has_arrived boolean NOT NULL DEFAULT false)"},
    {"to_regclass('walrelay.incomplete_rows')", R"(
CREATE TABLE walrelay.incomplete_rows (
  pipeline    text        NOT NULL,
  sink        text        NOT NULL,
  table_name  text        NOT NULL,
  row_key     jsonb       NOT NULL,
  column_name text        NOT NULL,
  awaits_lsn  text        NOT NULL DEFAULT '',
  created_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (pipeline, sink, table_name, row_key, column_name)
))"},
    {"to_regprocedure('walrelay.table_summary(text,text,text)')", R"(
CREATE FUNCTION walrelay.table_summary(schema_name text, timestamp_column text, synced_column text)
RETURNS TABLE (table_name text, row_count bigint, last_change timestamptz, last_sync timestamptz, replication_lag interval)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
DECLARE
  found record;
BEGIN
  FOR found IN
    SELECT c.relname FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = timestamp_column AND NOT a.attisdropped
    JOIN pg_attribute b ON b.attrelid = c.oid AND b.attname = synced_column AND NOT b.attisdropped
    WHERE c.relnamespace = schema_name::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    ORDER BY c.relname
  LOOP
    RETURN QUERY EXECUTE format(
      'SELECT %L::text, count(*), max(%I)::timestamptz, max(%I)::timestamptz, '
      'greatest(max(%I)::timestamptz - max(%I)::timestamptz, interval ''0'') FROM %I.%I',
      found.relname, timestamp_column, synced_column, synced_column, timestamp_column, schema_name, found.relname);
  END LOOP;
END
$$)"},
};

constexpr Object kLake[] = {
    {"to_regnamespace('cdc_raw')", "CREATE SCHEMA cdc_raw"},
    {"to_regnamespace('cdc_processed')", "CREATE SCHEMA cdc_processed"},
    {"to_regclass('cdc_raw.cdc_events')", R"(
CREATE TABLE cdc_raw.cdc_events (
  id              bigserial   PRIMARY KEY,
  source_table    text        NOT NULL,
  operation       text        NOT NULL,
  event_key       jsonb,
  before_data     jsonb,
  after_data      jsonb,
  source_metadata jsonb,
  kafka_topic     text        NOT NULL,
  kafka_partition integer     NOT NULL,
  kafka_offset    bigint      NOT NULL,
  event_timestamp timestamptz,
  processed_at    timestamptz NOT NULL DEFAULT now(),
  UNIQUE (kafka_topic, kafka_partition, kafka_offset)
))"},
    {"to_regclass('walrelay.schemas')", R"(
CREATE TABLE walrelay.schemas (
  topic        text        NOT NULL,
  partition    integer     NOT NULL,
  source_table text        NOT NULL,
  from_offset  bigint      NOT NULL,
  key_schema   text,
  value_schema text,
  created_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (topic, partition, source_table, from_offset)
))"},
    {"to_regclass('walrelay.stored_events')", R"(
CREATE TABLE walrelay.stored_events (
  pipeline     text    NOT NULL,
  topic        text    NOT NULL,
  partition    integer NOT NULL,
  first_offset bigint  NOT NULL,
  end_offset   bigint  NOT NULL,
  PRIMARY KEY (pipeline, topic, partition, first_offset)
))"},
    {"to_regclass('cdc_raw.cdc_statistics')", R"(
CREATE VIEW cdc_raw.cdc_statistics AS
SELECT source_table,
       operation,
       count(*)             AS event_count,
       min(event_timestamp) AS first_event,
       max(event_timestamp) AS last_event,
       max(processed_at)    AS last_processed,
       greatest(max(processed_at) - max(event_timestamp), interval '0') AS replication_lag
FROM cdc_raw.cdc_events
GROUP BY source_table, operation
ORDER BY source_table, operation)"},
    {"to_regclass('cdc_processed.analytics_summary')", R"(
CREATE VIEW cdc_processed.analytics_summary AS
SELECT table_name, row_count, last_change, last_sync, replication_lag
FROM walrelay.table_summary('cdc_processed', 'cdc_timestamp', 'synced_at'))"},
};

constexpr Object kTarget[] = {
    {"to_regclass('public.sync_summary')", R"(
CREATE VIEW public.sync_summary AS
SELECT table_name, row_count, last_change, last_sync, replication_lag
FROM walrelay.table_summary('public', '__cdc_timestamp', '__synced_at'))"},
};

std::vector<Object> ObjectsOf(SinkKind kind) {
  std::vector<Object> objects(std::begin(kCommon), std::end(kCommon));
  const std::span<const Object> own =
      kind == SinkKind::kLake ? std::span<const Object>(kLake) : kTarget;
  objects.insert(objects.end(), own.begin(), own.end());
  return objects;
}

absl::StatusOr<std::vector<std::string_view>> Missing(pg::Connection& connection,
                                                      const std::vector<Object>& objects) {
  std::string sql = "SELECT ";
  for (size_t i = 0; i < objects.size(); ++i)
    sql += Cat(i == 0 ? "" : ", ", objects[i].exists, " IS NULL");
  ASSIGN_OR_RETURN(const pg::Result result, connection.Query(sql));
  std::vector<std::string_view> missing;
  for (size_t i = 0; i < objects.size(); ++i) {
    if (result.is_true(0, static_cast<int>(i))) missing.push_back(objects[i].create);
  }
  return missing;
}

void Replace(std::string_view from, std::string_view to, std::string& sql) {
  for (size_t at = sql.find(from); at != std::string::npos; at = sql.find(from, at + to.size()))
    sql.replace(at, from.size(), to);
}

// The raw events' table as it was asked for.
std::string Adapted(std::string_view create, const SinkOptions& options) {
  std::string sql(create);
  if (sql.find("CREATE TABLE cdc_raw.cdc_events") == std::string::npos) return sql;
  Replace("jsonb", RawPayloadName(options.raw_payload), sql);
  if (!options.raw_days) return sql;
  // The key of a partitioned table has the column that it is partitioned by.
  Replace("bigserial   PRIMARY KEY", "bigserial   NOT NULL", sql);
  Replace("UNIQUE (kafka_topic, kafka_partition, kafka_offset)\n)",
          "PRIMARY KEY (id, processed_at)\n) PARTITION BY RANGE (processed_at)", sql);
  return sql;
}

absl::Status CheckPartitions(pg::Connection& connection, const SinkOptions& options) {
  if (options.kind != SinkKind::kLake || !options.raw) return absl::OkStatus();
  ASSIGN_OR_RETURN(const pg::Result table,
                   connection.Query("SELECT pg_get_partkeydef('cdc_raw.cdc_events'::regclass)"));
  const std::string_view key = table.text(0, 0);
  if (!options.raw_days) {
    if (!key.empty() && options.worker == 0) {
      log::Warn("cdc_raw.cdc_events is partitioned and lake.raw.partition is none: whoever made it "
                "so must make its partitions");
    }
    return absl::OkStatus();
  }
  if (key == "RANGE (processed_at)") return absl::OkStatus();
  return absl::FailedPreconditionError(
      Cat("lake.raw.partition = \"day\" needs cdc_raw.cdc_events to be partitioned by RANGE "
          "(processed_at), and it is ", key.empty() ? "a plain table" : key,
          ". Leave the option out, or put the table aside and have it made anew: ALTER TABLE "
          "cdc_raw.cdc_events RENAME TO cdc_events_before; DROP VIEW cdc_raw.cdc_statistics"));
}

absl::Status MakeObjects(pg::Connection& connection, const SinkOptions& options) {
  const std::vector<Object> objects = ObjectsOf(options.kind);
  ASSIGN_OR_RETURN(std::vector<std::string_view> missing, Missing(connection, objects));
  if (missing.empty()) return absl::OkStatus();
  // Two sinks may share a database and start together: one creates, the other finds.
  RETURN_IF_ERROR(
      connection
          .Query("BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('walrelay objects', 0))")
          .status());
  ASSIGN_OR_RETURN(missing, Missing(connection, objects));
  for (const std::string_view create : missing) {
    const std::string sql = Adapted(create, options);
    if (const absl::Status created = connection.Query(sql).status(); !created.ok()) {
      return Annotate(created,
                      "cannot create what the sink needs (see sql/ for doing it beforehand)");
    }
  }
  return connection.Commit();
}

}  // namespace

std::string_view RawPayloadName(RawPayload payload) {
  switch (payload) {
    case RawPayload::kJsonb:
      return "jsonb";
    case RawPayload::kJson:
      return "json";
    case RawPayload::kText:
      return "text";
  }
  return "jsonb";
}

absl::Status PrepareObjects(pg::Connection& connection, const SinkOptions& options) {
  RETURN_IF_ERROR(MakeObjects(connection, options));
  return CheckPartitions(connection, options);
}

}  // namespace walrelay::apply
