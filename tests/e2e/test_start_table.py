"""Every row of the start-up table, on real servers: the exit code, what is at stake, and the command that repairs it.

Rows that need another server (another system, another timeline, a server that was restored) are made by a position record
that says so: for the program there is no difference.
"""
import json
import os
import re
import signal
import subprocess
import time

import psycopg2.extras
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewPartitions, NewTopic

from harness import (KAFKA, UNWRAP, Database, admin_client, delete_topics, end_offsets, envelope, needs_stack, read_topics, stack, topics,
                     wait_until)
from test_stops import ends, last_line, run_until_it_ends

POSITIONS, OFFSETS = "__walrelay_positions", "connect_offsets"
SERVER_END = "the server's end"
SNAPSHOT = "source.snapshot.mode=when_needed"
ACCEPT = "pipeline.topic.mismatch=accept"


@pytest.fixture
def stream(events):
    events.source_options["snapshot.mode"] = "no_data"
    return events


def produce(topic, key, value, partition=0):
    producer = Producer({"bootstrap.servers": KAFKA, "log_level": 2})
    producer.produce(topic, key=key, value=value, partition=partition)
    assert producer.flush(20) == 0


def position(pipeline):
    shown = pipeline.command("position", "show", "--json")
    assert shown.returncode == 0, shown.stderr
    return json.loads(shown.stdout)["position"]


def rewrite_position(pipeline, **changes):
    """As if it had been taken elsewhere."""
    record = position(pipeline)
    record["generation"] += 1
    for name, value in changes.items():
        if name in record["epoch"]:
            record["epoch"][name] = value
        else:
            record[name] = value
    produce(POSITIONS, pipeline.slot, json.dumps(record))


def insert(pipeline, seq, table="events"):
    pipeline.source.query(f"INSERT INTO {table} VALUES (1, %s, 'x')", [seq])


def rows(pipeline, table="events"):
    return [envelope(m)["after"]["seq"] for m in pipeline.records(table) if m.value() and "after" in (envelope(m) or {})]


def run_once(pipeline, table="events"):
    """A first run with one row, stopped cleanly."""
    pipeline.start("produce")
    pipeline.wait_streaming()
    insert(pipeline, 0, table)
    wait_until("the row in Kafka", lambda: len(rows(pipeline, table)) == 1)
    assert pipeline.stop()[0] == 0


def crash_with_tail(pipeline, table="events", write=insert, tail=1):
    """Killed while Kafka holds rows, at least `tail`, that the position does not cover. Returns how many records there are in all."""
    topic = pipeline.topic(table)
    seq = 0

    def held():
        return sum(end_offsets(topics(topic)).values())
    for _ in range(20):
        pipeline.start("produce")
        pipeline.wait_streaming()
        # The first row's position is written at once, the next one not before a second has passed.
        for more in (1, max(3, tail)):
            for _ in range(more):
                seq += 1
                write(pipeline, seq, table)
            wait_until("the rows in Kafka", lambda: held() == seq, every=0.005)
        pipeline.kill()
        if held() - sum(position(pipeline)["topics"][topic]) >= tail:
            return seq
    raise AssertionError("the position has covered too much twenty times")


def test_the_last_position_names_debeziums_last_record(stream):
    """Else the next start would take the slot for one that Debezium has read since. The position had covered all rows before."""
    stream.start("produce")
    stream.wait_streaming()
    insert(stream, 1)
    end = stream.source.value("SELECT pg_current_wal_lsn()")
    wait_until("the row is confirmed", lambda: stream.source.value(
        "SELECT confirmed_flush_lsn >= %s::pg_lsn FROM pg_replication_slots WHERE slot_name = %s", [end, stream.slot]))
    assert stream.stop()[0] == 0
    assert position(stream)["connect_offset"] == max(m.offset() for m in offset_records(stream))


@pytest.mark.parametrize("shape", [{}, UNWRAP], ids=["envelopes", "rows"])
def test_killed_before_position(stream, shape):
    """Debezium's record is there, is ours, and no position names it yet; but one covers all that it says."""
    stream.source_options |= shape
    stream.pipeline_options["offset.flush.interval.ms"] = 200  # Several times between two positions, if it were not for them.
    stream.start("produce")
    stream.wait_streaming()
    insert(stream, 0)
    assert stream.stop()[0] == 0  # A position names a record: only then can a newer one be somebody else's.
    stream.start("produce")
    stream.wait_streaming()
    for seq in range(1, 6):
        stream.kill()
        stream.start("produce", crash_at=f"offset-acknowledged:{seq % 3 + 1}")
        stream.wait_streaming()
        stream.source.query("SELECT pg_logical_emit_message(false, '', '')")  # The slot passes WAL that is no commit.
        written = 0
        while stream.process.poll() is None:
            written += 1
            insert(stream, 1000 * seq + written)
            time.sleep(0.02)
        stream.process = None
        stream.start("produce")
        stream.wait_streaming()
        insert(stream, 1000 * seq)
        wait_until("the rows", lambda: stream.check_alive() or sum(end_offsets(topics(stream.topic("events"))).values()) >= inserted(stream))
    assert sum(end_offsets(topics(stream.topic("events"))).values()) == inserted(stream)
    assert "last read by Debezium" not in stream.log()
    assert stream.stop()[0] == 0


def offset_records(pipeline):
    return [m for messages in read_topics(topics(OFFSETS)).values() for m in messages if pipeline.name.encode() in m.key()]


def inserted(pipeline):
    return pipeline.source.value("SELECT count(*) FROM events")


def test_a_position_names_debeziums_last_record_while_nothing_comes(stream):
    """Killed on an idle source: the next start must not take that record for one of Debezium's."""
    stream.pipeline_options["offset.flush.interval.ms"] = 2000  # Behind the position that covers the row.
    stream.start("produce")
    stream.wait_streaming()
    insert(stream, 1)

    def written():
        return [m.offset() for m in offset_records(stream)]
    first = wait_until("Debezium's record", written)
    wait_until("the position names it", lambda: position(stream)["connect_offset"] == first[-1], every=0.2)
    assert written() == first, "not by the idle position, which writes another one"
    stream.kill()
    goes_on_once(stream, 1)
    assert "last read by Debezium" not in stream.log()


def goes_on_once(pipeline, seq, table="events"):
    """It starts, takes one more row, and holds each row once."""
    pipeline.start("produce")
    insert(pipeline, seq + 1, table)
    wait_until("the next row", lambda: pipeline.check_alive() or seq + 1 in rows(pipeline, table))
    assert sorted(rows(pipeline, table)) == list(range(1, seq + 2))
    assert pipeline.stop()[0] == 0


def between(pipeline, begin, end):
    """The pattern of what is at stake between two LSNs, in LSNs and bytes; the server's end moves by itself."""
    if end is SERVER_END:
        return rf"from {begin} to [0-9A-F]+/[0-9A-F]+ \([0-9]+ bytes of WAL\)"
    size = pipeline.source.value("SELECT %s::pg_lsn - %s::pg_lsn", [end, begin])
    return rf"from {begin} to {end} \({size} bytes of WAL\)"


def confirmed(pipeline):
    return pipeline.source.value("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = %s", [pipeline.slot])


def refuses(pipeline, code, *patterns):
    before = {key: end for key, end in end_offsets(topics(pipeline.prefix + ".")).items()}
    assert run_until_it_ends(pipeline) == code
    line = last_line(pipeline)
    for pattern in patterns:
        assert re.search(pattern, line), f"no {pattern} in: {line}"
    assert before == end_offsets(topics(pipeline.prefix + ".")), "nothing is written before that is decided"


def snapshot_brings(pipeline, seqs):
    """As the message says: a start with SNAPSHOT takes a new one, streams on, and the next start needs none."""
    pipeline.source_options["snapshot.mode"] = "when_needed"
    for start in range(2):
        insert(pipeline, 1000 + start)
        pipeline.start("produce")
        wait_until("the new row", lambda last=1000 + start: pipeline.check_alive() or last in rows(pipeline))
        assert pipeline.stop()[0] == 0
    read = {envelope(m)["after"]["seq"] for m in pipeline.records("events") if (envelope(m) or {}).get("op") == "r"}
    assert seqs <= read and 1001 not in read


# --- Neither slot nor position, or one of them ---

def test_topics_hold_records_but_nobody_knows_why(events):
    produce(events.topic("events"), "k", "v")
    refuses(events, 56, events.topic("events"), SNAPSHOT)
    events.source_options["snapshot.mode"] = "when_needed"
    insert(events, 1)
    events.start("produce")
    wait_until("the snapshot behind them", lambda: len(events.records("events")) == 2)


def test_slot_without_position(events):
    events.source.query("CREATE PUBLICATION \"%s\" FOR ALL TABLES" % events.name)
    events.source.query("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [events.slot])
    insert(events, 1)
    events.start("produce")
    wait_until("the row, read and streamed", lambda: len(events.records("events")) == 2)
    assert [envelope(m)["op"] for m in events.records("events")] == ["r", "c"]
    assert "nobody has a position for it" in events.log()


def test_slot_and_records_without_position(events):
    """As where __walrelay_positions was lost."""
    events.source_options["snapshot.mode"] = "no_data"
    run_once(events)
    produce(POSITIONS, events.slot, None)
    produce(OFFSETS, offset_records(events)[-1].key(), None)
    insert(events, 1)
    events.source_options["snapshot.mode"] = "initial"
    refuses(events, 56, events.topic("events"), between(events, confirmed(events), SERVER_END), "no_data", SNAPSHOT)
    events.source_options["snapshot.mode"] = "no_data"
    events.start("produce")
    wait_until("the next row", lambda: 1 in rows(events))
    assert rows(events) == [0, 1]


def test_slot_of_another_database(events):
    other = Database("source", "postgres")
    other.query("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [events.slot])
    try:
        refuses(events, 24, "belongs to the database postgres", "source.slot.name")
    finally:
        other.query("SELECT pg_drop_replication_slot(%s)", [events.slot])


def test_slot_of_another_plugin(events):
    events.source.query("SELECT pg_create_logical_replication_slot(%s, 'test_decoding')", [events.slot])
    refuses(events, 24, "test_decoding", "slot drop")


def test_position_without_slot(stream):
    run_once(stream)
    stream.drop_slot()
    insert(stream, 1)
    refuses(stream, 20, between(stream, position(stream)["end_lsn"], SERVER_END), SNAPSHOT)


def passed_by_debezium(pipeline):
    offset = json.loads(offset_records(pipeline)[-1].value())
    return pipeline.source.value("SELECT '0/0'::pg_lsn + %s::numeric", [max(offset.get("lsn_commit") or 0, offset["lsn_proc"])])


def test_debeziums_offset_without_slot(stream):
    """A new slot would begin behind changes that nobody has read."""
    run_once(stream)
    produce(POSITIONS, stream.slot, None)  # As if only Debezium had been there.
    stream.drop_slot()
    insert(stream, 1)
    refuses(stream, 20, "Debezium", between(stream, passed_by_debezium(stream), SERVER_END), SNAPSHOT)
    snapshot_brings(stream, {0, 1})


def test_slot_ahead(stream):
    run_once(stream)
    insert(stream, 1)
    stream.source.query("SELECT pg_replication_slot_advance(%s, pg_current_wal_lsn())", [stream.slot])
    refuses(stream, 22, between(stream, position(stream)["end_lsn"], confirmed(stream)), SNAPSHOT)
    snapshot_brings(stream, {0, 1})


def test_slot_is_taken_ahead_while_it_is_waited_for(stream):
    """By whoever has it: the server would begin there, and say nothing."""
    run_once(stream)
    other = psycopg2.connect(stream.source.dsn, connection_factory=psycopg2.extras.LogicalReplicationConnection).cursor()
    other.start_replication(slot_name=stream.slot, options={"proto_version": "1", "publication_names": stream.prefix})
    stream.start("produce")
    wait_until("waiting", lambda: "waiting for the slot: " in stream.log())
    insert(stream, 1)
    end = stream.source.value("SELECT (pg_current_wal_lsn() - '0/0')::bigint")
    other.send_feedback(write_lsn=end, flush_lsn=end, force=True)
    wait_until("the slot ahead", lambda: stream.source.query(
        "SELECT 1 FROM pg_replication_slots WHERE slot_name = %s AND confirmed_flush_lsn - '0/0' >= %s", [stream.slot, end]))
    other.connection.close()
    assert ends(stream) == 22
    assert "were confirmed by somebody else" in last_line(stream)


def test_slot_ahead_of_debeziums_offset(stream):
    """Somebody else has confirmed changes, unless it was Debezium itself: the message says how to tell walrelay so."""
    run_once(stream)
    produce(POSITIONS, stream.slot, None)  # As if only Debezium had been there: its record stays.
    insert(stream, 1)
    stream.source.query("SELECT pg_replication_slot_advance(%s, pg_current_wal_lsn())", [stream.slot])
    refuses(stream, 22, "ahead of Debezium's offset", between(stream, passed_by_debezium(stream), confirmed(stream)), SNAPSHOT,
            r"source\.offset\.mismatch\.strategy=trust_slot")
    snapshot_brings(stream, {0, 1})


def test_slot_that_an_idle_debezium_has_confirmed(stream):
    """With lsn.flush.mode=connector_and_driver: what it has passed had nothing for it. The advice of the message is followed."""
    run_once(stream)
    produce(POSITIONS, stream.slot, None)
    stream.source.query("CREATE TABLE elsewhere (n int)")
    stream.source.query("SELECT pg_replication_slot_advance(%s, pg_current_wal_lsn())", [stream.slot])
    refuses(stream, 22, "ahead of Debezium's offset", r"source\.offset\.mismatch\.strategy=trust_slot")
    stream.source_options["offset.mismatch.strategy"] = "trust_slot"
    insert(stream, 1)
    stream.start("produce")
    wait_until("the next row", lambda: stream.check_alive() or rows(stream) == [0, 1])
    assert stream.stop()[0] == 0
    assert re.search(r"changes from \S+ to \S+ .* are passed over", stream.log())


def test_slot_ahead_and_trusted(stream):
    run_once(stream)
    insert(stream, 1)
    stream.source.query("SELECT pg_replication_slot_advance(%s, pg_current_wal_lsn())", [stream.slot])
    stream.source_options["offset.mismatch.strategy"] = "trust_slot"
    end, slot = position(stream)["end_lsn"], confirmed(stream)
    stream.start("produce")
    insert(stream, 2)
    wait_until("the next row", lambda: stream.check_alive() or 2 in rows(stream))
    assert rows(stream) == [0, 2]
    assert re.search(f"changes {between(stream, end, slot)} are passed over", stream.log())


# --- A snapshot that was not finished, and Debezium that has run meanwhile ---

def crashes(pipeline, point):
    pipeline.start("produce", crash_at=f"{point}:1")
    assert pipeline.process.wait(30) == -signal.SIGKILL
    pipeline.process = None


def create_slot(pipeline):
    pipeline.source.query("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [pipeline.slot])


def debezium_has_run(pipeline):
    """Its offset says that it has passed all that is there. Returns up to where, as a number."""
    if not topics(OFFSETS):
        client = admin_client()  # It must outlive its futures.
        client.create_topics([NewTopic(OFFSETS, 25, 1, config={"cleanup.policy": "compact"})])[OFFSETS].result()
    lsn = pipeline.source.value("SELECT (pg_current_wal_lsn() - '0/0')::bigint")
    producer = Producer({"bootstrap.servers": KAFKA, "log_level": 2, "partitioner": "murmur2_random"})
    producer.produce(OFFSETS, key=json.dumps([pipeline.name, {"server": pipeline.prefix}], separators=(",", ":")), value=json.dumps(
        {"transaction_id": None, "lsn_proc": lsn, "messageType": "INSERT", "lsn_commit": lsn, "lsn": lsn, "txId": 7, "ts_usec": 1}))
    assert producer.flush(20) == 0
    return lsn


def operations(pipeline, table="events"):
    return [(envelope(m)["op"], envelope(m)["after"]["seq"]) for m in pipeline.records(table)]


@pytest.mark.parametrize("slot_is_known", [False, True], ids=["intent", "slot"])
def test_cut_off_then_debezium(events, slot_is_known):
    """Before it has made a slot, or behind that: the slot is Debezium's by now, and is not dropped."""
    crashes(events, "snapshot-slot-recorded" if slot_is_known else "snapshot-intent")
    if not slot_is_known:
        create_slot(events)
    insert(events, 1)
    debezium_has_run(events)
    insert(events, 2)
    events.start("produce")
    wait_until("the row behind Debezium's offset", lambda: events.check_alive() or operations(events) == [("c", 2)])
    assert "was last read by Debezium" in events.log()
    assert events.stop()[0] == 0


def test_cut_off_beside_somebodys_slot(events):
    crashes(events, "snapshot-intent")
    create_slot(events)
    insert(events, 1)
    events.start("produce")
    wait_until("the row, read and streamed", lambda: events.check_alive() or operations(events) == [("r", 1), ("c", 1)])
    assert "dropping slot" not in events.log()
    assert events.stop()[0] == 0


def test_cut_off_behind_its_own_slot(events):
    """Its slot, which nobody has read: it is made again, so that snapshot and stream join without overlap."""
    crashes(events, "snapshot-slot-recorded")
    insert(events, 1)
    events.start("produce")
    events.wait_streaming()
    insert(events, 2)
    wait_until("both rows", lambda: events.check_alive() or len(operations(events)) >= 2)
    assert operations(events) == [("r", 1), ("c", 2)]
    assert "dropping slot" in events.log()
    assert events.stop()[0] == 0


def test_cut_off_over_an_older_slot(stream):
    """As where the server has crashed, or was not told before we were killed."""
    run_once(stream)
    stream.source.query("SELECT pg_copy_logical_replication_slot(%s, 'behind')", [stream.slot])
    try:
        stream.start("produce")
        insert(stream, 1)
        wait_until("the row", lambda: stream.check_alive() or operations(stream) == [("c", 0), ("c", 1)])
        assert stream.stop()[0] == 0
        stream.drop_slot()
        stream.source.query("SELECT pg_copy_logical_replication_slot('behind', %s)", [stream.slot])
    finally:
        stream.source.query("SELECT pg_drop_replication_slot('behind')")
    stream.source_options["snapshot.mode"] = "always"
    crashes(stream, "snapshot-row")
    stream.source_options["snapshot.mode"] = "initial"
    stream.start("produce")
    stream.wait_streaming()
    insert(stream, 2)
    wait_until("the next row", lambda: stream.check_alive() or ("c", 2) in operations(stream))
    assert [seq for op, seq in operations(stream) if op == "c"] == [0, 1, 2]
    assert {seq for op, seq in operations(stream) if op == "r"} == {0, 1}
    assert stream.stop()[0] == 0


def test_debezium_has_run_before_we_wrote_its_offset(stream):
    """A position says which of its records was there, or that there was none, from the first one on."""
    stream.start("produce")
    stream.wait_streaming()
    insert(stream, 1)
    wait_until("the row", lambda: stream.check_alive() or rows(stream) == [1])
    stream.kill()
    assert position(stream)["connect_offset"] == -1
    insert(stream, 2)
    passed = debezium_has_run(stream)
    wait_until("slot released", lambda: not stream.slot_active())
    stream.source.query("SELECT pg_replication_slot_advance(%s, '0/0'::pg_lsn + %s::numeric)", [stream.slot, passed])
    stream.start("produce")
    insert(stream, 3)
    wait_until("the row behind Debezium's offset", lambda: stream.check_alive() or rows(stream) == [1, 3])
    assert stream.stop()[0] == 0


def test_slot_lost(stream):
    needs_stack()
    run_once(stream)
    server = Database("source", "postgres")
    try:
        server.query("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'")
        server.query("SELECT pg_reload_conf()")

        def lost():
            insert(stream, lost.seq)
            lost.seq += 1
            server.query("SELECT pg_switch_wal()")
            server.query("CHECKPOINT")
            return server.value("SELECT wal_status FROM pg_replication_slots WHERE slot_name = %s", [stream.slot]) == "lost"
        lost.seq = 10
        wait_until("the slot lost", lost, 120)
    finally:
        server.query("ALTER SYSTEM RESET max_slot_wal_keep_size")
        server.query("SELECT pg_reload_conf()")
    refuses(stream, 21, between(stream, position(stream)["end_lsn"], SERVER_END), SNAPSHOT)
    stream.source_options["snapshot.mode"] = "when_needed"
    stream.start("produce")
    wait_until("a new snapshot", lambda: any(envelope(m)["op"] == "r" for m in stream.records("events")))


# --- A position of another history ---

def test_position_beyond_the_server(stream):
    run_once(stream)
    rewrite_position(stream, end_lsn="FFFF/0")
    refuses(stream, 55, r"FFFF/0", r"\d+ bytes of WAL", SNAPSHOT)


def test_position_of_another_system(stream):
    run_once(stream)
    rewrite_position(stream, system_identifier="1234567890123456789")
    refuses(stream, 52, "1234567890123456789", f"changes up to {position(stream)['end_lsn']}, this one's WAL ends at", SNAPSHOT)


def test_position_of_another_timeline(stream):
    run_once(stream)
    rewrite_position(stream, timeline=99)
    refuses(stream, 54, "timeline 99", f"changes up to {position(stream)['end_lsn']}, this server's WAL ends at", SNAPSHOT)


# --- Topics that do not hold what the position says ---

def test_topic_deleted(stream):
    run_once(stream)
    delete_topics([stream.topic("events")])
    wait_until("the topic gone", lambda: not topics(stream.topic("events")))
    refuses(stream, 57, stream.topic("events"), ACCEPT, SNAPSHOT)
    stream.pipeline_options["topic.mismatch"] = "accept"
    stream.start("produce")
    insert(stream, 1)
    wait_until("the next row, in a new topic", lambda: rows(stream) == [1])


def test_topic_made_again(stream):
    """As a broker that was restored from an older copy: its partitions end before the position."""
    seq = crash_with_tail(stream)
    stream.start("produce")
    insert(stream, seq + 1)
    wait_until("the row", lambda: seq + 1 in rows(stream))
    assert stream.stop()[0] == 0
    name = stream.topic("events")
    delete_topics([name])
    wait_until("the topic gone", lambda: not topics(name))
    client = admin_client()  # It must outlive its futures.
    client.create_topics([NewTopic(name, 1, 1)])[name].result()
    refuses(stream, 57, r"ends at offset 0, but \d+ more records", ACCEPT, SNAPSHOT)
    snapshot_brings(stream, set(range(1, seq + 2)))


def expire(topic, before, folder):
    """As retention does it: the partition begins at `before`."""
    order = folder / "expire.json"
    order.write_text(json.dumps({"version": 1, "partitions": [{"topic": topic, "partition": 0, "offset": before}]}))
    jars = f"{os.environ['STACK_CACHE']}/kafka-{os.environ['STACK_KAFKA_VERSION']}/*"
    subprocess.run([os.environ.get("JAVA", "java"), "-cp", jars, "org.apache.kafka.tools.DeleteRecordsCommand",
                    "--bootstrap-server", KAFKA, "--offset-json-file", order], check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)


def test_tail_expired(stream):
    needs_stack()
    seq = crash_with_tail(stream)
    expire(stream.topic("events"), end_offsets(topics(stream.topic("events")))[stream.topic("events"), 0] - 1, stream.folder)
    refuses(stream, 57, "have expired", between(stream, position(stream)["end_lsn"], SERVER_END), ACCEPT)
    stream.pipeline_options["topic.mismatch"] = "accept"
    stream.start("produce")
    insert(stream, seq + 1)
    wait_until("the rows again", lambda: stream.check_alive() or rows(stream)[-1] == seq + 1)
    assert seq in rows(stream)


def test_tail_compacted(stream):
    """A topic that keeps the last record of each key only: of the same row's changes in the tail the first ones are gone."""
    stream.source_options.update({f"topic.creation.default.{name}": value for name, value in {
        "cleanup.policy": "compact", "segment.bytes": 1 << 20, "min.cleanable.dirty.ratio": 0.01}.items()})

    def rewrite(pipeline, seq, table):
        """So large that a segment holds two of them: only closed segments are compacted."""
        pipeline.source.query(f"INSERT INTO {table} SELECT 1, 0, string_agg(md5(random()::text), '') FROM generate_series(1, 13000)"
                              " ON CONFLICT (client, seq) DO UPDATE SET payload = excluded.payload")
    # The segment that is written to, of one or two records, is left alone: the one before must hold two of the tail.
    seq = crash_with_tail(stream, write=rewrite, tail=4)
    covered = sum(position(stream)["topics"][stream.topic("events")])
    wait_until("a hole in the tail", lambda: not any(m.offset() == covered for m in stream.records("events")), 120, every=1)
    refuses(stream, 58, "compaction", ACCEPT)
    stream.pipeline_options["topic.mismatch"] = "accept"
    stream.start("produce")
    insert(stream, seq + 1)
    wait_until("the next row", lambda: stream.check_alive() or rows(stream)[-1] == seq + 1)


def test_foreign_record_in_the_tail(stream):
    seq = crash_with_tail(stream)
    produce(stream.topic("events"), "k", "somebody's secret")
    insert(stream, seq + 1)
    end = end_offsets(topics(stream.topic("events")))
    stream.start("produce")
    assert ends(stream) == 58
    line = last_line(stream)
    assert ACCEPT in line and f"offset {sum(end.values()) - 1} of partition 0" in line and "secret" not in stream.log()
    assert end == end_offsets(topics(stream.topic("events"))), "nothing is written behind it"
    assert run_until_it_ends(stream) == 58, "it stays so"
    stream.pipeline_options["topic.mismatch"] = "accept"
    stream.start("produce")
    wait_until("the next row", lambda: stream.check_alive() or len(stream.records("events")) == seq + 2)


def test_foreign_record_that_the_stream_never_gives(stream):
    crash_with_tail(stream)
    produce(stream.topic("events"), "k", "v")
    stream.start("produce")
    assert ends(stream) == 58
    assert "which the stream has not given up to" in last_line(stream)


def test_foreign_record_while_it_streams(stream):
    stream.start("produce")
    stream.wait_streaming()
    insert(stream, 1)
    wait_until("the row", lambda: rows(stream) == [1])
    produce(stream.topic("events"), "k", "v")
    insert(stream, 2)
    assert ends(stream) == 58
    assert "1 records of somebody else" in last_line(stream)
    assert re.search(r"error offset 1 of partition 0 of topic \S+: a record of 1 bytes without an LSN", stream.log())
    assert run_until_it_ends(stream) == 58, "no position has passed it"


def test_foreign_record_before_our_first_one(stream):
    """The position says where each partition of a new topic ends; somebody else writes there before we do."""
    stream.source_options["topic.creation.default.partitions"] = 3
    stream.start("produce")
    stream.wait_streaming()
    topic = stream.topic("events")
    insert(stream, 1)
    wait_until("the row", lambda: rows(stream) == [1])
    used = {p for (_, p), end in end_offsets(topics(topic)).items() if end}
    for partition in {0, 1, 2} - used:
        produce(topic, "k", "somebody's secret", partition)
    for seq in range(2, 20):  # Keys of all partitions.
        insert(stream, seq)
    assert ends(stream) == 58
    line = last_line(stream)
    assert ACCEPT in line and re.search(rf"offset 0 of partition [0-2] of topic {topic} holds a record", line) and "secret" not in stream.log()
    assert all(end == 1 for (_, p), end in end_offsets(topics(topic)).items() if p not in used), "nothing is written behind it"
    assert run_until_it_ends(stream) == 58, "it stays so"
    stream.pipeline_options["topic.mismatch"] = "accept"
    stream.start("produce")
    wait_until("the rows behind it", lambda: stream.check_alive() or len(stream.records("events")) == 21)


# --- What may change between a crash and the next start ---

def test_options_changed(stream):
    seq = crash_with_tail(stream)
    stream.source_options["decimal.handling.mode"] = "string"
    refuses(stream, 53, between(stream, position(stream)["end_lsn"], SERVER_END), "SIGTERM", ACCEPT)
    del stream.source_options["decimal.handling.mode"]
    goes_on_once(stream, seq)
    stream.source_options["decimal.handling.mode"] = "string"
    goes_on_once(stream, seq + 1)


def test_partitions_added(stream):
    seq = crash_with_tail(stream)
    name = stream.topic("events")
    client = admin_client()  # It must outlive its futures.
    client.create_partitions([NewPartitions(name, 3)])[name].result()
    wait_until("three partitions", lambda: len(topics(name)[name]) == 3)
    goes_on_once(stream, seq)
    assert [end for (_, p), end in sorted(end_offsets(topics(name)).items()) if p > 0] == [0, 0], "keys stay where they are"


def test_a_key_is_added(stream):
    """The key of the records, and so their partition, is another one."""
    stream.source_options["topic.creation.default.partitions"] = 3
    stream.source.query("CREATE TABLE plain (client int, seq bigint, payload text); ALTER TABLE plain REPLICA IDENTITY FULL")
    seq = crash_with_tail(stream, "plain")
    stream.source.query("ALTER TABLE plain ADD PRIMARY KEY (client, seq)")
    goes_on_once(stream, seq, "plain")
    assert "was altered since its last records were written" in stream.log()


def test_a_default_is_added(stream):
    stream.source.query("CREATE TABLE plain (client int, seq bigint, payload text, more text, PRIMARY KEY (client, seq))")
    seq = crash_with_tail(stream, "plain")
    stream.source.query("ALTER TABLE plain ALTER more SET DEFAULT 'some', ALTER payload SET DEFAULT 'x'")
    goes_on_once(stream, seq, "plain")


def test_a_column_is_added(stream):
    seq = crash_with_tail(stream)
    stream.source.query("ALTER TABLE events ADD more int DEFAULT 5")
    stream.start("produce")
    stream.source.query("INSERT INTO events VALUES (1, %s, 'x', 6)", [seq + 1])
    wait_until("the next row", lambda: stream.check_alive() or seq + 1 in rows(stream))
    assert sorted(rows(stream)) == list(range(1, seq + 2))


def test_the_slot_goes_back(stream):
    """A server that crashes before a checkpoint has an older confirmed_flush: the position counts."""
    needs_stack()
    seq = crash_with_tail(stream)
    stack("stop", "source", "immediate")
    stack("start", "source")
    goes_on_once(stream, seq)
