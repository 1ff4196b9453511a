"""Rows that ExtractNewRecordState has taken out of their envelopes, written by our own producer, are applied like envelopes.
Where they do not say what happened they are refused, with what to set. So are those of the real Debezium."""
import os

import pytest
from harness import Pipeline, wait_until
from test_rebuild import LONG

NEEDED = "op,schema,table,lsn,source.ts_ms"
# How the transform is told to let deletes be seen, and where it puts what the envelope said.
SETTINGS = {
    "2.5, fields": ("2.5.0.Final", {"delete.handling.mode": "rewrite", "add.fields": NEEDED}),
    "2.5, fields, tombstones": ("2.5.0.Final", {"delete.handling.mode": "rewrite", "drop.tombstones": "false", "add.fields": NEEDED}),
    "3.6, fields": ("3.6.1.Final", {"delete.tombstone.handling.mode": "rewrite", "add.fields": NEEDED}),
    "3.6, headers, tombstones": ("3.6.1.Final", {"delete.tombstone.handling.mode": "rewrite-with-tombstone", "add.headers": NEEDED}),
}
ROWS = ("CREATE TABLE items (id int PRIMARY KEY, big text, n numeric(10,2), note text);"
        f"INSERT INTO items SELECT i, {LONG}, i / 7.0, 'read' FROM generate_series(1, 20) i")
CHANGES = [
    f"INSERT INTO items SELECT i, {LONG}, NULL, 'made' FROM generate_series(21, 40) i",
    "UPDATE items SET n = coalesce(n, 0) + 1, note = 'changed' WHERE id % 2 = 0",  # the long values are not sent
    "UPDATE items SET id = id + 100 WHERE id <= 10",  # nor are they with a key change
    "UPDATE items SET id = id + 100, note = NULL WHERE id BETWEEN 101 AND 105",
    "DELETE FROM items WHERE id % 9 = 0",
    "INSERT INTO items VALUES (9, 'again', 0, 'again'); UPDATE items SET big = 'short' WHERE id = 12",
    "BEGIN; DELETE FROM items WHERE id = 13; INSERT INTO items VALUES (13, 'new', 13, NULL); COMMIT",
]


def unwrapping(number, folder, compat, settings):
    """Its slot, and with it its position, is no other's."""
    name = f"unwrapped_{number}"
    transform = {"type": "io.debezium.transforms.ExtractNewRecordState", **settings}
    return Pipeline(name, folder, pipeline={"compat": compat},
                    source={"transforms": "unwrap", **{f"transforms.unwrap.{key}": value for key, value in transform.items()}})


@pytest.mark.parametrize("given", SETTINGS)
def test_mirrored_like_envelopes(tmp_path, given):
    with unwrapping(list(SETTINGS).index(given), tmp_path, *SETTINGS[given]) as pipeline:
        pipeline.source.query(ROWS)
        pipeline.start()
        pipeline.wait_streaming()
        for sql in CHANGES:
            pipeline.source.query(sql)
        pipeline.wait_equal(["items"])
        raw = dict(pipeline.lake.query("SELECT operation, count(*) FROM cdc_raw.cdc_events GROUP BY 1"))
        assert set(raw) == {"r", "c", "u", "d"} and raw["r"] == 20, raw
        assert pipeline.lake.value("SELECT count(*) FROM cdc_raw.cdc_events WHERE after_data ? '__op' OR after_data ? '__deleted'") == 0
        tombstones = [record for record in pipeline.records("items") if record.value() is None]
        assert bool(tombstones) == ("tombstones" in given)
        for database in (pipeline.lake, pipeline.target):
            assert database.value("SELECT count(*) FROM walrelay.dead_letters") == 0
            assert database.value("SELECT count(*) FROM walrelay.incomplete_rows") == 0
        assert pipeline.stop()[0] == 0
        pipeline.start()
        pipeline.wait_streaming()
        pipeline.source.query("UPDATE items SET note = 'after a new start'")
        pipeline.wait_equal(["items"])
        assert pipeline.stop()[0] == 0


@pytest.mark.parametrize("number, compat, settings, lacks", [
    (10, "2.5.0.Final", {"add.fields": NEEDED}, "__deleted"),
    (11, "3.6.1.Final", {"add.fields": NEEDED, "delete.tombstone.handling.mode": "tombstone"}, "__deleted"),
    (12, "3.6.1.Final", {"add.fields": "op,table,lsn,source.ts_ms", "delete.tombstone.handling.mode": "rewrite"}, "__schema"),
])
def test_refused_with_what_to_set(tmp_path, number, compat, settings, lacks):
    with unwrapping(number, tmp_path, compat, settings) as pipeline:
        pipeline.source.query("CREATE TABLE items (id int PRIMARY KEY, note text); INSERT INTO items VALUES (1, 'content'), (2, 'content')")
        pipeline.start()
        for database in (pipeline.lake, pipeline.target):
            def letters(at=database):
                pipeline.check_alive()
                return at.value("SELECT to_regclass('walrelay.dead_letters') IS NOT NULL") and \
                    at.value("SELECT count(*) FROM walrelay.dead_letters") == 2
            wait_until("both rows refused", letters)
            reasons = {row[0] for row in database.query("SELECT reason FROM walrelay.dead_letters")}
            assert len(reasons) == 1
            reason = reasons.pop()
            assert f"lacks {lacks}: set add.fields={NEEDED}" in reason and "delete.handling.mode=rewrite" in reason
            assert "content" not in reason
        assert pipeline.target.value("SELECT to_regclass('public.items') IS NULL")
        assert pipeline.stop()[0] == 0


ZOO = """
CREATE TYPE mood AS ENUM ('happy', 'sad');
CREATE TABLE zoo (id int PRIMARY KEY, small smallint, large bigint, flag boolean, r real, d double precision, n numeric(10,2),
  t text, v varchar(20), c char(8), e mood, b bytea, u uuid, j json, jb jsonb, day date, at time, ts timestamp, ts3 timestamp(3),
  tstz timestamptz, ints int[], texts text[]);
INSERT INTO zoo VALUES (1, -1, 9223372036854775807, true, 1.5, 1e300, 1.50, 'ä"\\,', 'x', 'pad', 'happy', '\\x00ff',
  '00000000-0000-0000-0000-000000000001', '{"b": 1,  "a": 2}', '{"b": 1, "a": 2}', '2020-02-29', '23:59:59.999999',
  '2020-01-02 03:04:05.678901', '2020-01-02 03:04:05.678', '2020-01-02 03:04:05.678901+05', '{1,NULL,3}', '{a,"b c",NULL}');
INSERT INTO zoo (id) VALUES (2), (3)"""


@pytest.mark.parametrize("given", ["2.5, fields", "3.6, fields"])
def test_written_by_debezium(tmp_path, given):
    """Its snapshot, values of many types, values that it does not send again, keys that change, deletes."""
    from debezium import Broker, Worker, debezium_of  # pylint: disable=import-outside-toplevel  # Only this one needs its stack.
    version, settings = SETTINGS[given]
    with Worker(version, Broker(os.environ["STACK_KAFKA_PORT"]), tmp_path) as worker, \
         Pipeline(f"unwrapped_by_{version[0]}", tmp_path, pipeline={"compat": version}) as pipeline:
        pipeline.source.query(ROWS + ";" + ZOO)
        pipeline.source.query(f"CREATE PUBLICATION {pipeline.name} FOR ALL TABLES")
        debezium = debezium_of(worker, pipeline)
        debezium.options |= {"transforms": "unwrap", "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
                             **{f"transforms.unwrap.{key}": value for key, value in settings.items()}}
        try:
            debezium.start()
            pipeline.start("apply")
            wait_until("Debezium streams", lambda: debezium.check() or pipeline.walsender(), 120, every=0.2)
            for sql in CHANGES + ["UPDATE zoo SET id = id + 10 WHERE id < 3", "DELETE FROM zoo WHERE id = 3"]:
                pipeline.source.query(sql)
            pipeline.wait_equal(["items", "zoo"])
            for database in (pipeline.lake, pipeline.target):
                assert database.value("SELECT count(*) FROM walrelay.dead_letters") == 0
                assert database.value("SELECT count(*) FROM walrelay.incomplete_rows") == 0
            assert pipeline.stop()[0] == 0
        finally:
            debezium.remove()
