"""Rows that ExtractNewRecordState has taken out of their envelopes, written by our own producer, are applied like envelopes.
Where they do not say what happened they are refused, with what to set."""
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
