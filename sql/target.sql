-- What walrelay needs in the target. It creates all of this itself; run the file beforehand where its role may not, for
-- example: psql -d target_db -f sql/target.sql. May be run again.
-- Tables are created in schema public when their first record comes, with __cdc_operation, __cdc_timestamp, __synced_at.
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

-- Rows and lag of each replicated table.
CREATE OR REPLACE VIEW public.sync_summary AS
SELECT table_name, row_count, last_change, last_sync, replication_lag
FROM walrelay.table_summary('public', '__cdc_timestamp', '__synced_at');
