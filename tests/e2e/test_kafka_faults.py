"""What Kafka can do to us beyond a restart: it freezes, stays away for long, loses its end, holds back what is not decided.

test_restart.py has the restarts, tests/crash the chaos proxy between us and the broker.
"""
import os
import pathlib
import shutil
import signal
import time

import pytest
from confluent_kafka import Producer
from harness import KAFKA, Load, end_offsets, needs_stack, rows_in_raw, stack, topics, wait_until
from test_exactly_once import counter, mixed_work, start_stream, stream, wait_caught_up  # noqa: F401  pylint: disable=unused-import
from test_rewind import rewind
from test_start_table import ACCEPT, SNAPSHOT, between, confirmed, position, refuses
from test_stops import last_line, run_until_it_ends
from truth import check_once_and_in_order

# How long Kafka stays away; ten minutes when asked (WALRELAY_TEST_AWAY=600).
AWAY = int(os.environ.get("WALRELAY_TEST_AWAY", "12"))
QUEUE_MB = 8


def broker():
    """The folder of the broker; its process, data and log are there."""
    return pathlib.Path(os.environ["STACK_STATE"]) / "kafka"


def says_waiting(pipeline):
    return 'walrelay_state{stage="capture",state="waiting"} 1' in pipeline.http("/metrics")[1]


@pytest.mark.parametrize("delivery", ["exactly-once", "transactional"])
def test_frozen(stream, delivery):  # noqa: F811
    """For longer than a transaction lives: the coordinator wakes up and finds one that is too old."""
    needs_stack()
    stream.pipeline_options["delivery"] = delivery
    if delivery == "transactional":
        stream.kafka_options["transaction.timeout.ms"] = 2000
        stream.pipeline_options["transaction.interval.ms"] = 600
    after = start_stream(stream)
    pid = int((broker() / "pid").read_text())
    with Load(stream.source, mixed_work) as load:
        load.wait_commits(100)
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(6)
        finally:
            os.kill(pid, signal.SIGCONT)
        load.wait_commits(50)
    wait_caught_up(stream, 120)
    assert check_once_and_in_order(stream, stream.truth, after) > 100
    assert stream.stop()[0] == 0


def test_away_for_long(stream):  # noqa: F811
    """Memory stays where the options put it, whatever waits in the slot; who looks is told; then it catches up."""
    needs_stack()
    stream.kafka_options["queue.buffering.max.kbytes"] = QUEUE_MB * 1024
    after = start_stream(stream)
    stream.source.query("INSERT INTO events SELECT 1, n, repeat('x', 500) FROM generate_series(1, 20000) n")
    wait_caught_up(stream)
    before = stream.resident_kb()
    stack("stop", "kafka", "immediate")
    try:
        for part in range(2, 8):  # Several times what the queue holds.
            stream.source.query("INSERT INTO events SELECT %s, n, repeat('x', 500) FROM generate_series(1, 20000) n", [part])
        wait_until("it says that it waits", lambda: says_waiting(stream), 10)
        answers, until = set(), time.monotonic() + AWAY
        while time.monotonic() < until:
            stream.check_alive()
            answers.add(stream.http("/health")[0])
            assert stream.resident_kb() < before + (QUEUE_MB + 24) * 1024
            time.sleep(0.2)
        assert counter(stream, "walrelay_slot_retained_bytes") > 6 * 20000 * 500
        assert answers >= {200} and (AWAY < 120 or 503 in answers)
        wait_until("the lag grows", lambda: counter(stream, "walrelay_lag_seconds") >= AWAY // 2)
    finally:
        stack("start", "kafka")
    wait_caught_up(stream, 180)
    wait_until("it says that it streams", lambda: not says_waiting(stream))
    assert check_once_and_in_order(stream, stream.truth, after) == 140000
    assert stream.starts == 1 and stream.stop()[0] == 0


def test_broker_lost_its_tail(stream):  # noqa: F811
    """A power cut takes acknowledged records with it: nobody can bring them back, but it must be said."""
    needs_stack()
    start_stream(stream)
    stream.source.query("INSERT INTO events SELECT 1, n, 'x' FROM generate_series(1, 300) n")
    wait_caught_up(stream)
    stack("stop", "kafka")
    kept = broker() / "kept"
    data = broker() / "data"
    names = [folder.name for folder in data.iterdir() if folder.name.startswith(stream.topic("events") + "-")]
    for name in names:
        shutil.copytree(data / name, kept / name)
    stack("start", "kafka")
    stream.source.query("INSERT INTO events SELECT 2, n, 'x' FROM generate_series(1, 300) n")
    wait_caught_up(stream)
    ends = end_offsets(topics(stream.topic("events")))
    stream.kill()
    stack("stop", "kafka", "immediate")
    for name in names:
        shutil.rmtree(data / name)
        shutil.move(kept / name, data / name)
    stack("start", "kafka")
    wait_until("the older copy", lambda: sum(end_offsets(topics(stream.topic("events"))).values()) == sum(ends.values()) - 300)
    refuses(stream, 57, r"more records", ACCEPT)


def test_all_of_it_is_an_older_copy(events):
    """As restored from a backup: the slot is ahead of the position, the sinks are ahead of the topic. Each says from where to where."""
    needs_stack()
    events.source_options["snapshot.mode"] = "no_data"

    def applied(who):
        events.start("run")
        events.wait_streaming()
        events.source.query("INSERT INTO events SELECT %s, n, 'x' FROM generate_series(1, 300) n", [who])
        events.wait_equal(["events"])
        wait_until("the raw events", lambda: len(rows_in_raw(events)) == 300 * who)
        assert events.stop()[0] == 0
        stack("stop", "kafka")
    older = events.folder / "older"
    try:
        applied(1)
        shutil.copytree(broker() / "data", older)
        stack("start", "kafka")
        applied(2)
        shutil.rmtree(broker() / "data")
        shutil.move(older, broker() / "data")
    finally:
        stack("start", "kafka")
    end = position(events)["end_lsn"]
    refuses(events, 22, between(events, end, confirmed(events)), SNAPSHOT)
    assert run_until_it_ends(events, "apply") == 43
    topic = events.topic("events")
    assert f"records from offset 300 to 599 of partition 0 of topic {topic} are gone" in last_line(events)
    assert run_until_it_ends(events, "run") in (22, 43)

    # Go on behind what is left, with a new snapshot.
    at = ("--topic", topic, "--partition", "0", "--to", "300", "--yes")
    assert rewind(events, "--sink", "target", *at)[0] == 0
    code, said = rewind(events, "--sink", "lake", *at)
    assert code == 43 and f"events of 300 records of topic {topic} partition 0 from offset 300 on that Kafka has lost" in said
    events.lake.query("DELETE FROM cdc_raw.cdc_events WHERE kafka_offset >= 300")
    assert rewind(events, "--sink", "lake", *at)[0] == 0
    events.drop_slot()
    events.source_options["snapshot.mode"] = "when_needed"
    events.start("run")
    events.wait_streaming()
    events.source.query("INSERT INTO events VALUES (3, 1, 'x')")
    events.wait_equal(["events"])
    wait_until("the raw events", lambda: events.lake.value("SELECT count(*) FROM cdc_raw.cdc_events") == 300 + 601)
    assert events.stop()[0] == 0


def test_a_transaction_that_nobody_ends(events):
    """The sinks read up to it and say how much waits behind it; when the broker has given it up they go on, without it."""
    events.start("run")
    events.source.query("INSERT INTO events VALUES (1, 1, 'x')")
    events.wait_equal(["events"])
    assert events.stop()[0] == 0
    message = events.records("events")[0]

    def produce(producer, seq):
        producer.produce(events.topic("events"), key=message.key(), value=message.value().replace(b'"seq":1', b'"seq":%d' % seq))
        assert producer.flush(30) == 0
    hanging = Producer({"bootstrap.servers": KAFKA, "transactional.id": events.name + "-hanging", "transaction.timeout.ms": 40000, "log_level": 2})
    hanging.init_transactions(30)
    hanging.begin_transaction()
    produce(hanging, 666)
    produce(Producer({"bootstrap.servers": KAFKA, "log_level": 2}), 2)  # Behind it, and decided.
    events.start("apply")
    wait_until("records that wait", lambda: counter(events, "walrelay_lag_records") == 2, 60)
    assert rows_in_raw(events) == {(1, 1)}
    wait_until("the record behind it", lambda: events.check_alive() or rows_in_raw(events) == {(1, 1), (1, 2)}, 120)
    assert events.stop()[0] == 0
