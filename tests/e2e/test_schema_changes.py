"""Tables that change at the source under a running pipeline: their mirrors follow, or wait and say why."""
import re

import pytest

import harness
from harness import wait_until
from test_stops import ends

TABLE = """
CREATE TABLE items (id int PRIMARY KEY, n int NOT NULL, word varchar(5), price numeric(5,2), gone text);
CREATE TABLE other (id int PRIMARY KEY)"""


@pytest.fixture
def pipeline(tmp_path, request):
    name = request.node.name.removeprefix("test_")[:20]
    with harness.Pipeline(name, tmp_path) as made:
        made.source.query(TABLE)
        made.source.query("INSERT INTO items VALUES (1, 1, 'one', 1.5, 'x'), (2, 2, NULL, NULL, NULL)")
        made.source.query("INSERT INTO other VALUES (1)")
        made.start()
        made.wait_streaming()
        made.wait_equal(["items", "other"])
        yield made
        made.show_log()


def type_of(database, table, column):
    return database.query("SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = %s::regclass AND attname = %s",
                          [table, column])


def test_mirrors_follow_what_is_safe(pipeline):
    """Columns are added, with what rows of before have, and get room for more; nothing waits and nothing is refused."""
    source = pipeline.source
    source.query("BEGIN; INSERT INTO items VALUES (3, 3, 'three', 3, 'x'); ALTER TABLE items ADD COLUMN note text DEFAULT 'new';"
                 " INSERT INTO items VALUES (4, 4, 'four', 4, 'x', 'mine'); COMMIT")
    pipeline.wait_equal(["items"])
    source.query("ALTER TABLE items ALTER COLUMN n TYPE bigint, ALTER COLUMN price TYPE numeric(12,4), ALTER COLUMN n DROP NOT NULL")
    source.query("INSERT INTO items VALUES (5, 5000000000, 'five', 12345678.1234, 'x', 'y'), (6, NULL, NULL, NULL, NULL, 'y')")
    pipeline.wait_equal(["items"])
    # A longer text does not show in the records' schema.
    source.query("ALTER TABLE items ALTER COLUMN word TYPE varchar(50)")
    source.query("INSERT INTO items VALUES (7, 7, 'much longer than it was', 7, 'x', 'y')")
    pipeline.wait_equal(["items"])
    for _, database, mirror in pipeline.copies("items"):
        assert type_of(database, mirror, "n") == [("bigint",)]
        assert type_of(database, mirror, "word") == [("character varying(50)",)]
        assert database.value("SELECT count(*) FROM walrelay.dead_letters") == 0
    assert "no table is parked" in pipeline.command("apply", "parked").stdout
    assert pipeline.stop()[0] == 0


def test_the_rest_waits_until_somebody_resumes_it(pipeline):
    """A dropped and a retyped column park the table in both sinks, also in the first record behind the snapshot; the other
    table goes on."""
    source = pipeline.source
    source.query("ALTER TABLE items DROP COLUMN gone, ALTER COLUMN price TYPE text")
    source.query("INSERT INTO items VALUES (4, 4, 'four', 'cheap')")
    source.query("INSERT INTO other VALUES (2)")
    pipeline.wait_equal(["other"])
    wait_until("both parked", lambda: pipeline.command("apply", "parked").stdout.count("public.items") >= 2)
    listed = pipeline.command("apply", "parked").stdout
    health = pipeline.http("/health")[1]
    for text in (listed, health, pipeline.log()):
        assert "column gone was dropped or renamed in the source" in text
        assert "column price is numeric(5,2) here and text in the source" in text
        assert "target.schema.column.retyped, target.schema.column.dropped" in text
    wait_until("both told by /metrics",
               lambda: re.findall(r"walrelay_parked_topics{.*} (\d)", pipeline.http("/metrics")[1]) == ["1", "1"], 10)
    for _, database, mirror in pipeline.copies("items"):
        assert database.query(f"SELECT id, gone FROM {mirror} ORDER BY id") == [(1, "x"), (2, None)], "up to the change"
    assert pipeline.stop()[0] == 0

    for _, database, mirror in pipeline.copies("items"):
        database.query(f"ALTER TABLE {mirror} DROP COLUMN gone, ALTER COLUMN price TYPE text")
    pipeline.start()
    assert pipeline.command("apply", "resume", "public.items").returncode == 0
    source.query("INSERT INTO items VALUES (5, 5, 'five', 'dear')")
    pipeline.wait_equal(["items", "other"])
    assert "no table is parked" in pipeline.command("apply", "parked").stdout
    assert pipeline.stop()[0] == 0


IGNORING = {"schema.column.dropped": "ignore", "schema.column.added": "ignore", "schema.table.created": "ignore"}
APPLYING = {"schema.column.dropped": "apply", "schema.column.retyped": "apply"}


def test_each_sink_has_its_own_policies(pipeline):
    """The lake keeps what it has, the target follows everything."""
    source, lake, target = pipeline.source, pipeline.lake, pipeline.target
    assert pipeline.stop()[0] == 0
    pipeline.lake_options, pipeline.target_options = IGNORING, APPLYING
    pipeline.start()
    source.query("ALTER TABLE items DROP COLUMN gone, ADD COLUMN note int")
    source.query("INSERT INTO items VALUES (3, 3, 'three', 3, 30)")
    wait_until("the row in the lake", lambda: lake.query("SELECT 1 FROM cdc_processed.items WHERE id = 3"))
    assert lake.query("SELECT gone FROM cdc_processed.items ORDER BY id") == [("x",), (None,), (None,)]
    assert type_of(lake, "cdc_processed.items", "note") == []
    source.query("ALTER TABLE items ALTER COLUMN n TYPE text USING n || '!'")
    source.query("UPDATE items SET word = 'w'")
    source.query("CREATE TABLE later (id int PRIMARY KEY)")
    source.query("INSERT INTO later VALUES (1)")
    wait_until("the table in the target", lambda: target.value("SELECT to_regclass('public.later')"))
    wait_until("the last row", lambda: target.query("SELECT 1 FROM later"))
    wait_until("equal target", lambda: not [line for line in pipeline.differences(["items", "later"]) if "target" in line])
    assert type_of(target, "items", "n") == [("text",)] and type_of(target, "items", "gone") == []
    wait_until("the lake parked", lambda: "column n is integer here and text" in pipeline.command("apply", "parked").stdout)
    assert not lake.value("SELECT to_regclass('cdc_processed.later')")
    assert pipeline.stop()[0] == 0


def test_the_sink_stops_where_that_is_asked_for(pipeline):
    """Exactly at the change, at each start, until the copies are as they should be."""
    source = pipeline.source
    assert pipeline.stop()[0] == 0
    pipeline.lake_options = pipeline.target_options = {"schema.column.dropped": "stop"}
    pipeline.start()
    source.query("BEGIN; INSERT INTO items VALUES (3, 3, 'three', 3, 'x'); ALTER TABLE items DROP COLUMN gone;"
                 " INSERT INTO items VALUES (4, 4, 'four', 4); COMMIT")
    assert ends(pipeline) == 62
    assert "column gone was dropped or renamed in the source" in pipeline.log()
    pipeline.start()
    assert ends(pipeline) == 62
    for _, database, mirror in pipeline.copies("items"):
        database.query(f"ALTER TABLE {mirror} DROP COLUMN gone")
    pipeline.start()
    pipeline.wait_equal(["items", "other"])
    assert pipeline.stop()[0] == 0


def test_a_renamed_column(pipeline):
    """It looks like one that was dropped and one that was added: nothing is guessed, and no value is lost."""
    source = pipeline.source
    assert pipeline.stop()[0] == 0
    pipeline.lake_options, pipeline.target_options = {}, APPLYING
    pipeline.start()
    source.query("ALTER TABLE items RENAME COLUMN gone TO kept")
    source.query("INSERT INTO items VALUES (3, 3, 'three', 3, 'new')")
    wait_until("both parked", lambda: pipeline.command("apply", "parked").stdout.count("rename it here too") == 2)
    for _, database, mirror in pipeline.copies("items"):
        assert database.query(f"SELECT id, gone FROM {mirror} ORDER BY id") == [(1, "x"), (2, None)]
        database.query(f"ALTER TABLE {mirror} RENAME COLUMN gone TO kept")
    assert pipeline.command("apply", "resume", "public.items").returncode == 0
    pipeline.wait_equal(["items", "other"])
    assert pipeline.stop()[0] == 0


def test_a_table_made_anew_alike(pipeline):
    """Records do not say that a table was dropped: rows of the old one stay until verify finds and removes them."""
    source = pipeline.source
    source.query("DROP TABLE items")
    source.query(TABLE.split(";")[0])
    if not source.value("SELECT puballtables FROM pg_publication WHERE pubname = %s", [pipeline.name]):
        source.query(f"ALTER PUBLICATION {pipeline.name} ADD TABLE items")
    source.query("INSERT INTO items VALUES (2, 20, 'anew', 2, 'y'), (3, 30, 'anew', 3, 'y')")
    for _, database, mirror in pipeline.copies("items"):
        wait_until("the new row", lambda d=database, m=mirror: d.query(f"SELECT 1 FROM {m} WHERE id = 3"))
        assert database.query(f"SELECT id, n, gone FROM {mirror} ORDER BY id") == [(1, 1, "x"), (2, 20, "y"), (3, 30, "y")]
    found = pipeline.command("verify", "--table", "public.items")
    assert found.returncode == 70 and "extra" in found.stdout
    repaired = pipeline.command("verify", "--table", "public.items", "--repair", "--yes")
    assert repaired.returncode == 0, repaired.stdout + repaired.stderr
    pipeline.wait_equal(["items", "other"])
    assert pipeline.stop()[0] == 0
