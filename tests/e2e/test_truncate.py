"""Tables that are truncated while their topics have several partitions: the truncate stands in one of them, rows of before and
behind it in all, and they are read in any order."""
import signal

import pytest

import harness
from harness import wait_until

TABLES = ("items", "parts")


@pytest.fixture
def pipeline(tmp_path, request):
    with harness.Pipeline(request.node.name.removeprefix("test_")[:20], tmp_path,
                          source={"topic.creation.default.partitions": 3, "topic.creation.default.replication.factor": 1,
                                  "skipped.operations": "none"}) as made:
        for table in TABLES:
            made.source.query(f"CREATE TABLE {table} (id int PRIMARY KEY, n int, note text)")
        yield made
        made.show_log()


def fill(source, table, note, ids):
    source.query(f"INSERT INTO {table} SELECT id, 0, %s FROM unnest(%s) id", [note, list(ids)])


def records_of(pipeline, table):
    return harness.read_topics(harness.topics(pipeline.topic(table)))


def ids_by_partition(pipeline, table):
    """The partition of the table's truncates, and the ids that lie in each, in that one first."""
    partitions, truncate = {}, None
    for (_, partition), messages in records_of(pipeline, table).items():
        payloads = [harness.envelope(message) for message in messages if message.value() is not None]
        partitions[partition] = sorted({p["after"]["id"] for p in payloads if p["after"]})
        if any(p["op"] == "t" for p in payloads):
            truncate = partition
    return truncate, [partitions.pop(truncate), *partitions.values()]


def check_once_each(pipeline):
    pipeline.wait_equal(TABLES)
    raw = pipeline.lake.query("SELECT kafka_topic, kafka_partition, kafka_offset FROM cdc_raw.cdc_events")
    kafka = {(m.topic(), m.partition(), m.offset()) for table in TABLES for m in pipeline.records(table) if m.value() is not None}
    assert len(raw) == len(set(raw)) and set(raw) == kafka
    for database in (pipeline.lake, pipeline.target):
        assert database.value("SELECT count(*) FROM walrelay.dead_letters") == 0
    assert "no table is parked" in pipeline.command("apply", "parked").stdout


def test_backlog_of_one_partition(pipeline):
    """Truncates lie behind a backlog of one partition, rows of before and behind them in the others; the process is killed."""
    source = pipeline.source
    pipeline.start("produce")
    pipeline.wait_streaming()
    for table in TABLES:
        fill(source, table, "first", range(1, 3001))
        source.query(f"TRUNCATE {table}")
        fill(source, table, "second", range(1, 3001))
    truncated, ids = {}, {}
    for table in TABLES:
        wait_until("all records", lambda t=table: len(pipeline.records(t)) == 6001)
        truncated[table], ids[table] = ids_by_partition(pipeline, table)
    for _ in range(15):  # Only the truncate's partition grows.
        for table in TABLES:
            source.query(f"UPDATE {table} SET n = n + 1 WHERE id = ANY(%s)", [ids[table][0]])
    source.query("BEGIN; INSERT INTO items VALUES (9001, 1, 'same transaction'); TRUNCATE items, parts;"
                 " INSERT INTO items VALUES (9002, 1, 'same transaction'); COMMIT")
    for table in TABLES:
        _, one, other = ids[table]
        fill(source, table, "third", one + other[:100])
        source.query(f"UPDATE {table} SET n = 7 WHERE id = ANY(%s)", [one[:50]])
        source.query(f"DELETE FROM {table} WHERE id = ANY(%s)", [one[50:80]])
    source.query("TRUNCATE parts")
    fill(source, "parts", "last", ids["parts"][1][:10])
    wait_until("all records", lambda: sum(b'"last"' in (m.value() or b"") for m in pipeline.records("parts")) == 10)
    assert pipeline.stop()[0] == 0

    end = sum(offset for table in TABLES for offset in harness.end_offsets(harness.topics(pipeline.topic(table))).values())

    def progress(sink="lake"):
        database = getattr(pipeline, sink)
        if not database.value("SELECT to_regclass('walrelay.progress') IS NOT NULL"):
            return 0
        return database.value("SELECT coalesce(sum(next_offset), 0) FROM walrelay.progress")
    for _ in range(2):  # With a truncate's own work done and nothing committed, as the program of the laboratory can.
        pipeline.start("apply", crash_at="sink-truncated:1")
        assert pipeline.process.wait(60) == -signal.SIGKILL
        pipeline.process = None
    pipeline.start("apply")
    for _ in range(4):  # Wherever it stands: within the backlog, at a truncate, behind it.
        at = progress()
        wait_until("progress", lambda a=at: progress() >= min(a + 3000, end))
        pipeline.kill()
        pipeline.start("apply")
    check_once_each(pipeline)
    assert pipeline.target.value("SELECT count(*) FROM items") > 500
    assert pipeline.stop()[0] == 0

    # As if the truncates' partition had not been read at all when the others were at their ends.
    pipeline.target.query("DELETE FROM walrelay.last_truncates")
    for table in TABLES:
        pipeline.target.query("UPDATE walrelay.progress SET next_offset = 0, fingerprint = '' WHERE topic = %s AND partition = %s",
                              [pipeline.topic(table), truncated[table]])
    pipeline.start("apply")
    wait_until("read again", lambda: pipeline.log().count("changes behind that were applied again") >= 2)
    wait_until("all of it", lambda: progress("target") == end)
    pipeline.wait_equal(TABLES)
    assert pipeline.stop()[0] == 0


def test_under_load(pipeline):
    """Rows come and tables are truncated, one, the other and both; the process is killed in between."""
    source = pipeline.source
    pipeline.start("run")
    pipeline.wait_streaming()

    def work(connection, writer):
        pick = writer.random
        with connection.cursor() as cursor:
            table = pick.choice(TABLES)
            first = pick.randrange(2000)
            cursor.execute(f"INSERT INTO {table} SELECT id, 0, repeat('x', id %% 40) FROM generate_series(%s, %s) id"
                           " ON CONFLICT (id) DO UPDATE SET n = excluded.n + 1", [first, first + pick.randrange(30)])
            if writer.number == 0 and pick.random() < 0.1:
                cursor.execute("TRUNCATE " + pick.choice(["items", "parts", "items, parts"]))

    with harness.Load(source, work, pause=0.005) as load:
        for _ in range(3):
            load.wait_commits(150)
            pipeline.kill()
            pipeline.start("run")
            pipeline.wait_streaming()
        load.wait_commits(150)
    check_once_each(pipeline)
    assert pipeline.target.value("SELECT count(*) FROM walrelay.last_truncates") == 2
    assert pipeline.stop()[0] == 0
