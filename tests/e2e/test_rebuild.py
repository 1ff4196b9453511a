"""walrelay rebuild: a mirror made anew from raw events equals the live one, and nothing is replaced that would lose rows."""
from harness import Load, start_slow_snapshot, wait_until
from test_mix import SHOP, shop_transaction

HOLE, IN_USE, REFUSED, UNCONFIRMED = 50, 63, 62, 3
LONG = "(SELECT string_agg(md5(n::text), '') FROM generate_series(1, 90) n)"  # stored out of line, even compressed

# A history of everything that a row or a table can go through.
HISTORY = [
    "CREATE TABLE items (id int, part text, big text, n numeric(12,3), at timestamptz DEFAULT now(), tags text[], PRIMARY KEY (part, id));"
    "CREATE TABLE log (line text, n int); ALTER TABLE log REPLICA IDENTITY FULL;"
    f"INSERT INTO items SELECT n, 'p' || n % 3, {LONG}, n / 7.0, now(), ARRAY['a', NULL] FROM generate_series(1, 30) n",
    "INSERT INTO log SELECT 'line ' || n % 4, n % 4 FROM generate_series(1, 20) n",
    "UPDATE items SET n = n + 1",  # the long values are not sent
    "UPDATE items SET id = id + 100 WHERE id <= 10",  # nor are they with a key change
    "UPDATE items SET part = 'q', id = id + 100 WHERE id BETWEEN 101 AND 105",
    "DELETE FROM items WHERE id % 9 = 0",
    "DELETE FROM log WHERE ctid IN (SELECT ctid FROM log WHERE n = 1 LIMIT 2); UPDATE log SET line = 'other' WHERE n = 2",
    "ALTER TABLE items ADD COLUMN note varchar(40), ADD COLUMN price numeric(8,2)",
    "INSERT INTO items (id, part, note) VALUES (500, 'new', 'with a note'); UPDATE items SET note = 'n', price = 2.5 WHERE id > 20",
    "TRUNCATE log",
    "INSERT INTO log VALUES ('after', 9), ('after', 9)",
    "UPDATE items SET big = 'short' WHERE part = 'p1'",
]


def shape(lake, table):
    """Columns, and indexes by name."""
    return (lake.query("SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute"
                       " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum", [f"cdc_processed.{table}"]),
            lake.query("SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %s::regclass ORDER BY 1", [f"cdc_processed.{table}"]))


def rows(lake, table):
    """All rows, but for when they were written."""
    return lake.query(f"SELECT (to_jsonb(t) - 'synced_at')::text FROM cdc_processed.{table} t ORDER BY 1")


def identity(lake, table):
    return lake.value("SELECT to_regclass(%s)::oid", [f"cdc_processed.{table}"])


def left_behind(lake):
    return (lake.query("SELECT relname FROM pg_class WHERE relname LIKE '%%rebuild%%' OR relname LIKE '%%replaced%%'"),
            [lake.value(f"SELECT count(*) FROM walrelay.{table} WHERE pipeline LIKE '%%/rebuild%%'")
             for table in ("dead_letters", "moved_rows", "incomplete_rows", "progress")])


NOTHING = ([], [0, 0, 0, 0])


def rebuild(pipeline, *arguments, code=0):
    done = pipeline.command("rebuild", *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def run_history(pipeline):
    pipeline.start()
    pipeline.wait_streaming()
    for sql in HISTORY:
        pipeline.source.query(sql)
    pipeline.wait_equal(["items", "log"])


def test_equals_the_live_one(events):
    events.source_options.update({"topic.creation.default.partitions": 3, "topic.creation.default.replication.factor": 1,
                                  "skipped.operations": "none"})
    events.with_target = False
    run_history(events)
    assert events.stop()[0] == 0
    lake = events.lake
    assert lake.value("SELECT count(*) FROM cdc_raw.cdc_events WHERE operation = 'u' AND after_data ->> 'big' LIKE '%%unavailable%%'")
    assert lake.value("SELECT count(DISTINCT kafka_partition) FROM cdc_raw.cdc_events WHERE source_table = 'public.items'") > 1
    lake.query("CREATE INDEX by_note ON cdc_processed.items (note); CREATE VIEW cdc_processed.dear AS SELECT id, price FROM cdc_processed.items;"
               "CREATE ROLE reader_of_rebuild; GRANT SELECT ON cdc_processed.items TO reader_of_rebuild")
    try:
        before = {table: (shape(lake, table), rows(lake, table), identity(lake, table)) for table in ("items", "log")}
        dear = lake.query("SELECT * FROM cdc_processed.dear ORDER BY 1, 2")
        for table, (was_shape, was_rows, was_identity) in before.items():
            said = rebuild(events, f"public.{table}", "--dry-run")
            assert "raw events" in said and f"{len(was_rows)} rows" in said
            assert identity(lake, table) == was_identity and left_behind(lake) == NOTHING, "only said"
            rebuild(events, f"public.{table}", code=UNCONFIRMED)
            rebuild(events, f"public.{table}", "--sink", "lake", "--yes")
            assert identity(lake, table) != was_identity
            assert rows(lake, table) == was_rows and shape(lake, table) == was_shape
            assert left_behind(lake) == NOTHING
        assert lake.query("SELECT * FROM cdc_processed.dear ORDER BY 1, 2") == dear
        lake.query("UPDATE cdc_processed.items SET price = 77 WHERE id = 500")
        assert lake.value("SELECT price FROM cdc_processed.dear WHERE id = 500") == 77, "the view reads the new table"
        assert lake.value("SELECT has_table_privilege('reader_of_rebuild', 'cdc_processed.items', 'SELECT')")

        # Without a live one: as apply makes it.
        lake.query("DROP VIEW cdc_processed.dear; DROP INDEX cdc_processed.by_note; DROP TABLE cdc_processed.log")
        made = shape(lake, "items")
        lake.query("DROP TABLE cdc_processed.items")
        for table, (_, was_rows, _) in before.items():
            rebuild(events, f"public.{table}", "--yes")
            assert rows(lake, table) == was_rows
        assert shape(lake, "items") == made and shape(lake, "log") == before["log"][0]

        rebuild(events, "public.log", "--yes", "--keep-old")
        assert rows(lake, "log__replaced") == rows(lake, "log") == before["log"][1]
    finally:
        lake.query("DROP OWNED BY reader_of_rebuild; DROP ROLE reader_of_rebuild")
    events.start()
    events.wait_streaming()
    events.source.query("UPDATE items SET note = 'later'; INSERT INTO log VALUES ('later', 1)")
    events.wait_equal(["items", "log"])
    assert events.stop()[0] == 0


def test_beside_a_running_pipeline(shop):
    """The sink goes on with the new table; no change is lost or doubled."""
    shop.with_target = False
    shop.start()
    shop.wait_streaming()
    shop.wait_equal(SHOP)
    with Load(shop.source, shop_transaction, writers=2, pause=0.02) as load:
        load.wait_commits(100)
        for table in SHOP:
            was = identity(shop.lake, table)
            rebuild(shop, f"public.{table}", "--yes")
            assert identity(shop.lake, table) != was
            load.wait_commits(30)
    shop.wait_equal(SHOP)
    for table in SHOP:
        live = rows(shop.lake, table)
        rebuild(shop, f"public.{table}", "--yes")
        assert rows(shop.lake, table) == live
    assert shop.lake.value("SELECT count(*) = count(DISTINCT (kafka_topic, kafka_partition, kafka_offset)) FROM cdc_raw.cdc_events")
    assert left_behind(shop.lake) == NOTHING
    assert shop.stop()[0] == 0


def test_missing_raw_events_are_refused(events):
    events.with_target = False
    events.source.query("INSERT INTO events SELECT 1, n, 'x' FROM generate_series(1, 20) n")
    events.start()
    events.wait_streaming()
    events.source.query("UPDATE events SET payload = 'y' WHERE seq > 10")
    events.wait_equal(["events"])
    assert events.stop()[0] == 0
    lake = events.lake
    live = rows(lake, "events"), identity(lake, "events")

    def refused(what):
        for arguments in (["--dry-run"], ["--yes"]):
            said = rebuild(events, "public.events", *arguments, code=HOLE)
            assert what in said and "--partial" in said, said
        assert (rows(lake, "events"), identity(lake, "events")) == live and left_behind(lake) == NOTHING

    def without(condition, what):
        lake.query(f"CREATE TABLE public.aside AS SELECT * FROM cdc_raw.cdc_events WHERE {condition}")
        lake.query(f"DELETE FROM cdc_raw.cdc_events WHERE {condition}")
        refused(what)
        lake.query("INSERT INTO cdc_raw.cdc_events SELECT * FROM public.aside; DROP TABLE public.aside")

    without("kafka_offset BETWEEN 12 AND 14", "3 offsets from 12 on")
    without("kafka_offset = 29", "1 offsets from 29 on")
    without("kafka_offset < 5", "was here and is gone")
    without("kafka_offset < 25", "a row that came before")
    rebuild(events, "public.events", "--dry-run")

    # Nothing tells of what was never there, but for the rows that would be gone.
    lake.query("INSERT INTO cdc_processed.events (client, seq, payload) VALUES (9, 9, 'nobody wrote it')")
    live = rows(lake, "events"), identity(lake, "events")
    said = rebuild(events, "public.events", "--yes", code=HOLE)
    assert "1 rows of cdc_processed.events would be gone" in said
    assert (rows(lake, "events"), identity(lake, "events")) == live and left_behind(lake) == NOTHING
    assert "1 rows of the old table are gone" in rebuild(events, "public.events", "--yes", "--partial")
    lake.query("DELETE FROM cdc_raw.cdc_events WHERE kafka_offset < 25")
    assert "15 rows of the old table" in rebuild(events, "public.events", "--yes", "--partial")
    assert lake.query("SELECT seq FROM cdc_processed.events ORDER BY 1") == [(n,) for n in range(16, 21)]


def test_refused(events):
    """What cannot be done is said before anything is."""
    events.with_target = False
    assert "no raw events" in rebuild(events, "public.events", "--yes", code=REFUSED)
    events.source.query("INSERT INTO events SELECT 1, n, 'x' FROM generate_series(1, 20) n")
    events.start()
    events.wait_streaming()
    events.wait_equal(["events"])
    assert events.stop()[0] == 0
    lake = events.lake
    rebuild(events, "public.events", "--sink", "target", code=2)
    rebuild(events, "events", code=2)
    rebuild(events, "public.nothing", "--yes", code=2)
    for made, named, dropped in (
            ("CREATE MATERIALIZED VIEW cdc_processed.frozen AS SELECT * FROM cdc_processed.events", "frozen", "DROP MATERIALIZED VIEW cdc_processed.frozen"),
            ("CREATE TABLE cdc_processed.child () INHERITS (cdc_processed.events)", "inherit", "DROP TABLE cdc_processed.child"),
            ("CREATE TABLE cdc_processed.events__rebuild ()", "in the way", "DROP TABLE cdc_processed.events__rebuild"),
            ("CREATE PUBLICATION chained FOR TABLE cdc_processed.events", "chained", "DROP PUBLICATION chained")):
        lake.query(made)
        assert named in rebuild(events, "public.events", "--yes", code=REFUSED)
        lake.query(dropped)
    # Somebody else is at it.
    with lake.connect() as other, other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [f"walrelay/{events.name}/rebuild public.events/lock/lake"])
        assert "another process" in rebuild(events, "public.events", "--yes", code=IN_USE)
        cursor.execute("SELECT pg_advisory_unlock_all()")
    # What a rebuild that was killed has left behind is taken away.
    lake.query("CREATE TABLE cdc_processed.events__rebuild (wrong int);"
               "COMMENT ON TABLE cdc_processed.events__rebuild IS 'walrelay rebuild: a table that takes the place of another one'")
    rebuild(events, "public.events", "--yes")
    assert left_behind(lake) == NOTHING


def test_truncated_before_the_snapshot_has_read_it(events):
    """TRUNCATE does not keep to snapshots: the table is read empty, and its topic begins with the changes from the slot to there."""
    events.with_target = False
    events.source_options["skipped.operations"] = "none"
    start_slow_snapshot(events)
    events.source.query("UPDATE events SET payload = 'y' WHERE seq > 10; DELETE FROM events WHERE seq = 1; TRUNCATE events")
    events.source.query("INSERT INTO events VALUES (1, 1, 'after')")
    events.wait_equal(["events"])
    assert events.stop()[0] == 0
    lake = events.lake
    assert lake.query("SELECT operation, count(*) FROM cdc_raw.cdc_events WHERE source_table = 'public.events' GROUP BY 1 ORDER BY 1") == [
        ("c", 1), ("d", 1), ("t", 1), ("u", 10)]
    live = rows(lake, "events")
    rebuild(events, "public.events", "--yes")
    assert rows(lake, "events") == live
