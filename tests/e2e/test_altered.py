"""A table is altered between kill -9 and the next start, which renders its old changes by the new catalog. Each change stands in
Kafka once and in order all the same, or the start stops with what differs before it has written anything twice."""
import collections
import re
import signal

import pytest
from harness import UNWRAP, end_offsets, envelope, read_topics, topics, wait_until
from test_start_table import position
from test_stops import ends, last_line
from truth import Truth

TABLE = """CREATE TYPE mood AS ENUM ('happy', 'sad');
CREATE TABLE mixed (id int PRIMARY KEY, code int NOT NULL UNIQUE, note text, n int NOT NULL, more text DEFAULT 'some', mood mood)"""
CHANGES = [  # One transaction each; a row at a time, so that no two changes share an LSN.
    "DO $$ BEGIN FOR i IN 1..20 LOOP INSERT INTO mixed VALUES (i, i * 7, nullif('row ' || i, 'row 3'), i, NULL, 'sad'); END LOOP; END $$",
    "UPDATE mixed SET note = 'changed', n = 5 WHERE id % 5 = 1",
    "UPDATE mixed SET note = 'was null' WHERE id = 3",
    "DELETE FROM mixed WHERE id % 5 = 2",
    "UPDATE mixed SET id = id + 100 WHERE id % 5 = 3",
    "UPDATE mixed SET code = -code WHERE id % 5 = 4",
    """DO $$ BEGIN
    FOR i IN 200..209 LOOP INSERT INTO mixed VALUES (i, i * 7, 'row ' || i, i, 'more', 'happy'); END LOOP;
    UPDATE mixed SET n = 0 WHERE id IN (200, 201);
    DELETE FROM mixed WHERE id = 202;
    UPDATE mixed SET id = -id WHERE id = 203; END $$"""]


@pytest.fixture
def stream(events):
    """Three partitions a topic, and a truth that sees everything."""
    events.source_options.update({"topic.creation.default.partitions": 3, "snapshot.mode": "no_data"})
    truth = Truth(events)
    events.truth = truth
    yield events
    events.kill()
    truth.drop()


def held(pipeline, table):
    return sum(end_offsets(topics(pipeline.topic(table))).values())


def crash(pipeline, table, statements, records):
    """Killed when so many records of these statements are in Kafka; the last statement is one transaction, and no position covers it."""
    pipeline.start("produce")
    pipeline.wait_streaming()
    assert pipeline.stop()[0] == 0
    for sql in statements:
        pipeline.source.query(sql)
    pipeline.start("produce", crash_at=f"after-acknowledgement:{records}")
    assert pipeline.process.wait(60) == -signal.SIGKILL
    pipeline.process = None
    assert held(pipeline, table) > sum(position(pipeline)["topics"][pipeline.topic(table)])


def places(pipeline):
    """{(lsn, xid): where the change stands in the stream}"""
    place = {}
    for lsn, xid, _ in pipeline.truth.events(0):
        place.setdefault((lsn, xid), len(place))
    return place


def check_each_once(pipeline, table, place):
    """Each row's change by its LSN, which no other has here: one event, or two where the key changes."""
    found = collections.Counter()
    for messages in read_topics(topics(pipeline.topic(table))).values():
        last = -1
        for message in messages:
            if (payload := envelope(message)) is None:
                continue
            event = payload["source"]["lsn"], str(payload["source"]["txId"])
            assert event in place and place[event] >= last, f"{event} comes after a later one"
            last = place[event]
            found[event, payload["op"]] += 1
    doubled = {event for event, times in found.items() if times > 1}
    assert not doubled, f"{len(doubled)} changes are there twice"
    ops = collections.defaultdict(set)
    for event, op in found:
        ops[event].add(op)
    assert set(ops) == set(place), f"{len(set(place) - set(ops))} changes are lost"
    assert all(both in ({"c"}, {"u"}, {"d"}, {"c", "d"}) for both in ops.values()), "a change is there in two forms"


def goes_on(pipeline, table):
    """Whether it does, and then with each change once; or it stops before anything is written."""
    before = held(pipeline, table)
    place = places(pipeline)
    pipeline.source.query("INSERT INTO events VALUES (1, 1, 'behind all of it')")
    process = pipeline.start("produce")
    wait_until("its end, or the last row", lambda: process.poll() is not None or held(pipeline, "events"))
    if process.poll() is None:
        assert pipeline.stop()[0] == 0
        check_each_once(pipeline, table, place)
        return True
    assert ends(pipeline) == 58
    assert held(pipeline, table) == before, f"{held(pipeline, table) - before} records were written before it stopped"
    return False


GO_ON = {
    "drop_column": ("full", "ALTER TABLE mixed DROP COLUMN note"),
    "drop_required": ("default", "ALTER TABLE mixed DROP COLUMN n"),
    "rename_required": ("default", "ALTER TABLE mixed RENAME n TO m"),
    "retype": ("full", "ALTER TABLE mixed ALTER n TYPE bigint, ALTER id TYPE bigint, ALTER mood TYPE text"),
    "set_not_null": ("default", "ALTER TABLE mixed ALTER note SET NOT NULL"),
    "set_not_null_full": ("full", "ALTER TABLE mixed ALTER note SET NOT NULL"),
    "drop_not_null": ("default", "ALTER TABLE mixed ALTER n DROP NOT NULL"),
    "other_default": ("full", "ALTER TABLE mixed ALTER more SET DEFAULT 'other'"),
    "drop_default": ("default", "ALTER TABLE mixed ALTER more DROP DEFAULT"),
    "add_value": ("default", "ALTER TYPE mood ADD VALUE 'so'"),
}
MAY_STOP = {  # Where a change of one key is none of the other.
    "rename_key": ("default", "ALTER TABLE mixed RENAME id TO ident"),
    "drop_key": ("full", "ALTER TABLE mixed DROP CONSTRAINT mixed_pkey"),  # The unique index is one.
    "drop_keys": ("default", "ALTER TABLE mixed DROP CONSTRAINT mixed_pkey, DROP CONSTRAINT mixed_code_key"),
    "other_key": ("full", "ALTER TABLE mixed DROP CONSTRAINT mixed_pkey, ADD PRIMARY KEY (code)"),
    "wider_key": ("full", "ALTER TABLE mixed DROP CONSTRAINT mixed_pkey, ADD PRIMARY KEY (id, code)"),
    "drop_table": ("default", "DROP TABLE mixed"),
    "drop_type": ("default", "ALTER TABLE mixed DROP COLUMN mood; DROP TYPE mood"),
}


def crash_and_alter(pipeline, identity, ddl):
    pipeline.source.query(TABLE)
    pipeline.source.query(f"ALTER TABLE mixed REPLICA IDENTITY {identity}")
    crash(pipeline, "mixed", CHANGES, 55)
    pipeline.source.query(ddl)


@pytest.mark.parametrize("ddl", GO_ON)
def test_goes_on(stream, ddl):
    crash_and_alter(stream, *GO_ON[ddl])
    assert goes_on(stream, "mixed"), last_line(stream)


@pytest.mark.parametrize("ddl", MAY_STOP)
def test_goes_on_or_stops(stream, ddl):
    crash_and_alter(stream, *MAY_STOP[ddl])
    if not goes_on(stream, "mixed"):
        assert re.search(r"holds op . of public.mixed, LSN .* goes on with op . of public.mixed, .*its table was altered since", last_line(stream))


def test_a_key_is_added_to_rows_without_an_lsn(stream):
    """Their keys lead them into other partitions, where nothing stands."""
    stream.source_options |= UNWRAP
    stream.source.query("CREATE TABLE plain (id int, note text); ALTER TABLE plain REPLICA IDENTITY FULL")
    crash(stream, "plain", ["DO $$ BEGIN FOR i IN 1..30 LOOP INSERT INTO plain VALUES (i, 'x'); END LOOP; END $$"], 20)
    stream.source.query("ALTER TABLE plain ADD PRIMARY KEY (id)")
    before = held(stream, "plain")
    stream.start("produce")
    assert ends(stream) == 58
    assert "its table was altered since" in last_line(stream)
    assert held(stream, "plain") == before, "something was written before it stopped"
