-- What walrelay needs in the lake. It creates all of this itself; run the file beforehand where its role may not, for
-- example: psql -d datalake_db -f sql/lake.sql. May be run again.
-- src/apply/objects.cc has the same objects; a test compares them.

-- Our own book-keeping.
CREATE SCHEMA IF NOT EXISTS walrelay;

-- The next offset of each partition; moves in the transaction of the rows.
CREATE TABLE IF NOT EXISTS walrelay.progress (
  pipeline    text        NOT NULL,
  sink        text        NOT NULL,
  topic       text        NOT NULL,
  partition   integer     NOT NULL,
  next_offset bigint      NOT NULL,
  fingerprint text        NOT NULL,
  updated_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (pipeline, sink, topic, partition)
);

-- Records that could not be applied: why, where from, and their bytes. A row with a parked_key has its later changes
-- here too, until they are applied (retry_at is set by "walrelay dlq retry") or dropped.
CREATE TABLE IF NOT EXISTS walrelay.dead_letters (
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
);

ALTER TABLE walrelay.dead_letters
  ADD COLUMN IF NOT EXISTS source_table text,
  ADD COLUMN IF NOT EXISTS parked_key text,
  ADD COLUMN IF NOT EXISTS retry_at timestamptz;

-- Tables that no longer fit and wait for an operator; resume_at is set by "walrelay apply resume".
CREATE TABLE IF NOT EXISTS walrelay.parked_tables (
  pipeline     text        NOT NULL,
  sink         text        NOT NULL,
  topic        text        NOT NULL,
  source_table text        NOT NULL,
  reason       text        NOT NULL,
  parked_at    timestamptz NOT NULL DEFAULT now(),
  resume_at    timestamptz,
  PRIMARY KEY (pipeline, sink, topic)
);

-- The newest schema of each source table that its mirror has followed: a change of it is seen by the difference.
CREATE TABLE IF NOT EXISTS walrelay.known_schemas (
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
);

-- The newest truncate of each source table: changes of before it that come later make no row.
CREATE TABLE IF NOT EXISTS walrelay.last_truncates (
  pipeline     text        NOT NULL,
  sink         text        NOT NULL,
  source_table text        NOT NULL,
  lsn          bigint      NOT NULL,
  source_ts_us bigint      NOT NULL,
  updated_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (pipeline, sink, source_table)
);

-- Old rows of key changes whose new row has not come yet: values that were not sent are taken from them.
CREATE TABLE IF NOT EXISTS walrelay.moved_rows (
  pipeline      text        NOT NULL,
  sink          text        NOT NULL,
  table_name    text        NOT NULL,
  lsn           text        NOT NULL,
  column_names  text[]      NOT NULL,
  column_values text[]      NOT NULL,
  created_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (pipeline, sink, table_name, lsn)
);

-- What of such a row was not known either, by the LSN that will bring it; has_arrived: the new row came first.
ALTER TABLE walrelay.moved_rows
  ADD COLUMN IF NOT EXISTS column_awaits text[] NOT NULL DEFAULT '{}',
  ADD COLUMN IF NOT EXISTS has_arrived boolean NOT NULL DEFAULT false;

-- Values that rows lack here though the source has them: PostgreSQL does not send unchanged TOAST values. awaits_lsn: the
-- key change that brings it; empty: the next change that sends it does, or a new snapshot.
CREATE TABLE IF NOT EXISTS walrelay.incomplete_rows (
  pipeline    text        NOT NULL,
  sink        text        NOT NULL,
  table_name  text        NOT NULL,
  row_key     jsonb       NOT NULL,
  column_name text        NOT NULL,
  awaits_lsn  text        NOT NULL DEFAULT '',
  created_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (pipeline, sink, table_name, row_key, column_name)
);

-- One line for each table of a schema that has the columns we add: its rows, last change, last write and the
-- time between the newest of both. Reads the tables, also those that are created later.
CREATE OR REPLACE FUNCTION walrelay.table_summary(schema_name text, timestamp_column text, synced_column text)
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
$$;

-- The history: every event.
CREATE SCHEMA IF NOT EXISTS cdc_raw;

-- The current state: a table for each of the source, created when its first record comes.
CREATE SCHEMA IF NOT EXISTS cdc_processed;

-- Each event as it came, without its schema. The constraint holds every record once.
CREATE TABLE IF NOT EXISTS cdc_raw.cdc_events (
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
);

-- The schema blocks of the raw events: those of a table's records in one partition from an offset on, until the next
-- row. NULL where the records have none. An event is read by them as it was in Kafka; see "walrelay rebuild".
CREATE TABLE IF NOT EXISTS walrelay.schemas (
  topic        text        NOT NULL,
  partition    integer     NOT NULL,
  source_table text        NOT NULL,
  from_offset  bigint      NOT NULL,
  key_schema   text,
  value_schema text,
  created_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (topic, partition, source_table, from_offset)
);

-- Raw events that were there before the progress came to their records: a consumer before us wrote them, or the progress
-- was set back. They are not written again. Runs of offsets, the end not included.
CREATE TABLE IF NOT EXISTS walrelay.stored_events (
  pipeline     text    NOT NULL,
  topic        text    NOT NULL,
  partition    integer NOT NULL,
  first_offset bigint  NOT NULL,
  end_offset   bigint  NOT NULL,
  PRIMARY KEY (pipeline, topic, partition, first_offset)
);

-- Events by table and operation.
CREATE OR REPLACE VIEW cdc_raw.cdc_statistics AS
SELECT source_table,
       operation,
       count(*)             AS event_count,
       min(event_timestamp) AS first_event,
       max(event_timestamp) AS last_event,
       max(processed_at)    AS last_processed,
       greatest(max(processed_at) - max(event_timestamp), interval '0') AS replication_lag
FROM cdc_raw.cdc_events
GROUP BY source_table, operation
ORDER BY source_table, operation;

-- Rows and lag of each table of the current state.
CREATE OR REPLACE VIEW cdc_processed.analytics_summary AS
SELECT table_name, row_count, last_change, last_sync, replication_lag
FROM walrelay.table_summary('cdc_processed', 'cdc_timestamp', 'synced_at');
