"""walrelay position rewind: what it says is what comes again, and nothing else does."""
import re

import pytest

from harness import Database, delete_topics, needs_stack, topics, wait_until
from test_start_table import expire, insert, position, rows, run_once


@pytest.fixture
def stream(events):
    events.source_options["snapshot.mode"] = "no_data"
    return events


def rewind(pipeline, *arguments):
    done = pipeline.command("position", "rewind", *arguments)
    return done.returncode, done.stdout + done.stderr


# --- Sinks ---

@pytest.fixture
def applied(events):
    """Ten rows, of which five were changed, all applied, and stopped."""
    events.source.query("INSERT INTO events SELECT 1, n, 'x' FROM generate_series(1, 10) n")
    events.start("run")
    events.wait_streaming()
    events.wait_equal(["events"])
    events.source.query("UPDATE events SET payload = 'y' WHERE seq <= 5")
    events.source.query("DELETE FROM events WHERE seq = 10")
    events.wait_equal(["events"])
    wait_until("raw events", lambda: raw_events(events) == 16)
    assert events.stop()[0] == 0
    return events


def raw_events(pipeline):
    return pipeline.lake.value("SELECT count(*) FROM cdc_raw.cdc_events")


def progress(pipeline, sink):
    return getattr(pipeline, sink).value("SELECT next_offset FROM walrelay.progress")


def test_sink_back_to_its_beginning(applied):
    """The mirrors are made again from Kafka; raw events that are there stay, those that are gone come back."""
    applied.target.query("UPDATE public.events SET payload = 'broken'")
    applied.lake.query("UPDATE cdc_processed.events SET payload = 'broken'")
    applied.lake.query("DELETE FROM cdc_raw.cdc_events WHERE kafka_offset IN (3, 4)")
    assert progress(applied, "lake") == 17, "sixteen events and a tombstone"
    for sink in ("lake", "target"):
        code, said = rewind(applied, "--sink", sink, "--to", "earliest", "--dry-run")
        assert code == 0 and progress(applied, sink) == 17
        assert "17 records are applied to its mirrors again" in said and ("raw events of 14" in said) == (sink == "lake")
        assert rewind(applied, "--sink", sink, "--to", "earliest")[0] == 3, "nobody said yes"
        assert rewind(applied, "--sink", sink, "--to", "earliest", "--yes")[0] == 0
        assert progress(applied, sink) == 0
    applied.start("run")
    applied.wait_equal(["events"])
    wait_until("all applied", lambda: applied.check_alive() or progress(applied, "lake") == 17)
    assert raw_events(applied) == 16
    insert(applied, 11)
    applied.wait_equal(["events"])
    wait_until("the next raw event", lambda: raw_events(applied) == 17)
    assert applied.stop()[0] == 0


def test_sink_back_to_an_offset_or_a_time(applied):
    topic = applied.topic("events")
    assert rewind(applied, "--sink", "target", "--topic", topic, "--to", "12", "--yes")[0] == 0
    assert progress(applied, "target") == 12 and progress(applied, "lake") == 17
    code, said = rewind(applied, "--sink", "target", "--to", "13", "--yes")
    assert code == 2 and "only ever set back" in said
    records = applied.records("events")
    at = records[4].timestamp()[1]
    first = next(i for i, record in enumerate(records) if record.timestamp()[1] >= at)
    assert rewind(applied, "--sink", "target", "--to", f"@{at}", "--yes")[0] == 2, "not a time"
    iso = Database("source").value("SELECT to_timestamp(%s)::text", [at / 1000])
    assert rewind(applied, "--sink", "target", "--to", iso, "--yes")[0] == 0
    assert progress(applied, "target") == first
    assert rewind(applied, "--sink", "target", "--to", "2100-01-01", "--yes") == (0, "The target has not come further than that\n")
    assert rewind(applied, "--sink", "target", "--topic", "no-such-topic", "--to", "earliest", "--yes")[0] == 2
    applied.target.query("UPDATE public.events SET payload = 'broken' WHERE seq = 1")
    applied.start("run")
    applied.wait_equal(["events"])
    assert applied.stop()[0] == 0


def test_sink_that_runs_or_whose_records_are_gone(applied):
    needs_stack()
    applied.start("apply")
    wait_until("it applies", lambda: "target: reading" in applied.log().split("=== start 2")[-1])
    code, said = rewind(applied, "--sink", "target", "--to", "earliest", "--yes")
    assert code == 63 and "another process applies" in said and progress(applied, "target") == 17
    assert applied.stop()[0] == 0
    expire(applied.topic("events"), 5, applied.folder)
    code, said = rewind(applied, "--sink", "target", "--topic", applied.topic("events"), "--to", "4", "--yes")
    assert code == 43 and "begins at offset 5" in said
    assert rewind(applied, "--sink", "target", "--to", "earliest", "--yes")[0] == 0
    assert progress(applied, "target") == 5


def test_lake_of_a_topic_that_was_made_anew(applied):
    """The raw events of the former topic must not stand for records that have their offsets now."""
    applied.pipeline_options["topic.mismatch"] = "accept"
    topic = applied.topic("events")
    delete_topics([topic])
    wait_until("the topic gone", lambda: not topics(topic))
    applied.start("produce")
    applied.source.query("INSERT INTO events SELECT 2, n, 'x' FROM generate_series(1, 20) n")
    wait_until("the rows in Kafka", lambda: applied.check_alive() or len(rows(applied)) == 20)
    assert applied.stop()[0] == 0
    assert rewind(applied, "--sink", "target", "--to", "earliest", "--yes")[0] == 0
    code, said = rewind(applied, "--sink", "lake", "--to", "earliest", "--yes")
    assert code == 43 and "made anew" in said and progress(applied, "lake") == 17
    applied.lake.query("DELETE FROM cdc_raw.cdc_events")
    assert rewind(applied, "--sink", "lake", "--to", "earliest", "--yes")[0] == 0
    applied.start("run")
    applied.wait_equal(["events"])
    wait_until("each raw event", lambda: raw_events(applied) == 20)
    assert applied.stop()[0] == 0


# --- The capture ---

def test_capture_back_as_far_as_the_slot_reaches(stream):
    """A slot that is older than the position: what lies between can be had again, what lies before cannot."""
    run_once(stream)
    stream.source.query("SELECT pg_copy_logical_replication_slot(%s, 'older')", [stream.slot])
    try:
        stream.start("produce")
        stream.wait_streaming()
        insert(stream, 1)
        insert(stream, 2)
        wait_until("the rows", lambda: rows(stream) == [0, 1, 2])
        assert stream.stop()[0] == 0
        stream.drop_slot()
        stream.source.query("SELECT pg_copy_logical_replication_slot('older', %s)", [stream.slot])
    finally:
        stream.source.query("SELECT pg_drop_replication_slot('older')")
    slot = stream.source.value("SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = %s", [stream.slot])
    before = position(stream)["end_lsn"]
    code, said = rewind(stream, "--to", "0/1", "--yes")
    assert code == 22 and f"was confirmed up to {slot}" in said and "--to earliest" in said
    code, said = rewind(stream, "--to", "FFFF/0", "--yes")
    assert code == 2 and "beyond the server" in said
    code, said = rewind(stream, "--to", "earliest", "--dry-run")
    assert code == 0 and re.search(rf"changes from {slot} to {before} \(\d+ bytes of WAL\) are written to Kafka again", said)
    assert position(stream)["end_lsn"] == before
    assert rewind(stream, "--to", "earliest")[0] == 3
    held = rows(stream)
    assert rewind(stream, "--to", "earliest", "--yes")[0] == 0
    assert position(stream)["end_lsn"] == slot
    stream.start("produce")
    insert(stream, 3)
    wait_until("the next row", lambda: stream.check_alive() or 3 in rows(stream))
    assert rows(stream) == held + [1, 2, 3], "all from there on, in order, behind what was there"
    code, said = rewind(stream, "--to", "earliest", "--yes")
    assert code == 23 and "stop what reads it" in said
    assert stream.stop()[0] == 0


def test_capture_forward(stream):
    stream.start("produce")
    stream.wait_streaming()
    insert(stream, 1)
    wait_until("the row", lambda: rows(stream) == [1])
    assert stream.stop()[0] == 0
    assert rewind(stream, "--to", position(stream)["end_lsn"], "--yes")[1].endswith("already\n")
    insert(stream, 2)
    here = stream.source.value("SELECT pg_current_wal_lsn()::text")
    code, said = rewind(stream, "--to", here, "--dry-run")
    assert code == 0 and "will never be in Kafka" in said
    assert rewind(stream, "--to", here, "--yes")[0] == 0
    insert(stream, 3)
    stream.start("produce")
    wait_until("the row behind", lambda: stream.check_alive() or rows(stream) == [1, 3])
    assert stream.stop()[0] == 0


def test_there_is_no_position(events):
    code, said = rewind(events, "--to", "earliest", "--yes")
    assert code == 20 and "does not exist" in said
