"""delivery = "transactional": Kafka transactions with the position inside; who was thought dead is fenced."""
import os
import random
import signal
import subprocess

import pytest
from confluent_kafka import KafkaException, Producer
from harness import BINARY, KAFKA, Load, end_offsets, needs_stack, rows_in_raw, stack, topics, wait_until
from test_exactly_once import counter, mixed_work, start_stream, wait_caught_up as wait_confirmed
from truth import Truth, check_once_and_in_order

KILLS = int(os.environ.get("WALRELAY_TEST_KILLS", "10"))
FENCED = 59


@pytest.fixture
def stream(events):
    """As test_exactly_once has it, in transactions that are small enough to have several under way."""
    events.pipeline_options["delivery"] = "transactional"
    events.source_options.update({"topic.creation.default.partitions": 3, "snapshot.mode": "never"})
    events.source.query("CREATE TABLE keyless (n bigint, payload text); ALTER TABLE keyless REPLICA IDENTITY FULL")
    events.truth = Truth(events)
    events.others = []
    yield events
    for process in events.others:
        process.kill()
        process.wait()
    events.kill()
    events.truth.drop()


def start_another(pipeline, name):
    """A second process of the same pipeline, with a log of its own."""
    path = pipeline.write_configuration()
    with open(pipeline.folder / name, "ab") as log:
        process = subprocess.Popen([BINARY, "produce", "--config", path, "--set", "admin.listen=127.0.0.1:0"],
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=pipeline.folder)
    pipeline.others.append(process)
    return process


def lose_slot(pipeline):
    """What the server does to a client that is silent for wal_sender_timeout."""
    pipeline.source.query("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s AND active",
                          [pipeline.slot])
    wait_until("the slot released", lambda: not pipeline.slot_active())


def wait_caught_up(pipeline, seconds=90):
    """Until the slot is confirmed, and what was committed can be seen: Kafka answers a commit before it marks the partitions."""
    wait_confirmed(pipeline, seconds)
    names = topics(pipeline.prefix + ".")
    wait_until("transactions marked", lambda: end_offsets(names) == end_offsets(names, **{"isolation.level": "read_uncommitted"}))


def written(pipeline, table="events"):
    """How many offsets a topic has given away, to whatever."""
    try:
        return sum(end_offsets(topics(pipeline.topic(table))).values())
    except KafkaException:  # It is just being made.
        return 0


def test_follows_an_idle_server_beside_heartbeats(stream):
    """They come faster than a Kafka transaction ends: one is always open."""
    needs_stack()
    stream.source_options["heartbeat.interval.ms"] = 20
    start_stream(stream)
    stream.source.query("INSERT INTO events VALUES (1, 0, 'x')")
    wait_confirmed(stream)
    stream.source.query("CREATE TABLE another (n int)")
    wait_confirmed(stream)
    stopped = stack("stop", "source")
    stack("start", "source")
    assert stopped < 10, f"the server's shutdown was held up for {stopped:.1f} s"
    stream.wait_streaming()
    assert stream.stop()[0] == 0


def test_killed_under_load(stream):
    after = start_stream(stream)
    replayed = 0
    with Load(stream.source, mixed_work) as load:
        moments = random.Random(load.seed)
        for number in range(KILLS):
            if number % 2:  # The others may come before it streams again.
                wait_until("the slot taken", lambda: stream.check_alive() or stream.slot_active())
            wait_until("commits", lambda limit=load.commits() + moments.choice((5, 50, 200)): load.commits() >= limit)
            stream.check_alive()
            replayed += counter(stream, "walrelay_replayed_records_total") or 0
            assert stream.kill() == -signal.SIGKILL
            stream.start("produce")
        load.wait_commits(50)
    wait_caught_up(stream, 180)
    checked = check_once_and_in_order(stream, stream.truth, after)
    print(f"{KILLS} kills; {checked} events, {replayed} records sent again, as far as the metrics say")
    assert checked > 50
    assert stream.stop()[0] == 0
    assert '"ours":true' in stream.command("position", "show", "--json").stdout, "Debezium's record is committed with the position"


def test_killed_inside_a_large_transaction(stream):
    """It spans several Kafka transactions: what is committed of it is recognised, the rest is void and comes again."""
    stream.pipeline_options["transaction.max.bytes"] = 4_000_000
    point = "after-produce:12000"
    after = start_stream(stream, point)
    stream.source.query("INSERT INTO events SELECT 7, n, repeat('x', 100) FROM generate_series(1, 100000) n")
    for _ in range(3):
        stream.wait_killed()
        stream.start("produce", crash_at=point)
    stream.wait_killed()
    stream.start("produce")
    wait_caught_up(stream, 180)
    assert check_once_and_in_order(stream, stream.truth, after) == 100000
    assert written(stream) > 100000, "nothing was aborted, and there is no marker"
    assert "records that the last run had written were recognised" in stream.log()
    assert stream.stop()[0] == 0


def test_killed_at_a_new_topic(stream):
    """No position of before says where it ends: with its first records that is committed, or neither is."""
    stream.pipeline_options["transaction.max.bytes"] = 500_000  # Several Kafka transactions a table.
    after = start_stream(stream)
    points = {"topic-adopted:1": False, "after-produce:1": None, "after-produce:900": True, "before-position-record:4": True,
              "before-kafka-commit:6": True, "after-kafka-commit:4": True}
    for number, (point, leaves_records) in enumerate(points.items()):
        stream.kill()
        stream.start("produce", crash_at=point)
        stream.wait_streaming()
        table = f"new_{number}"
        stream.source.query(f"CREATE TABLE {table} (n int PRIMARY KEY, payload text);"
                            f"INSERT INTO {table} SELECT n, repeat('x', 100) FROM generate_series(1, 1000) n")
        assert stream.process.wait(120) == -signal.SIGKILL, point
        stream.process = None
        assert leaves_records in (None, written(stream, table) > 0), point
        stream.start("produce")
        wait_caught_up(stream)
    assert check_once_and_in_order(stream, stream.truth, after) == 1000 * len(points)
    assert stream.stop()[0] == 0


def test_zombie_is_fenced(stream):
    """A frozen process whose slot was taken by another one: what it still sends is refused, and it ends for good."""
    after = start_stream(stream)
    with Load(stream.source, mixed_work) as load:
        load.wait_commits(50)
        zombie = stream.process
        zombie.send_signal(signal.SIGSTOP)
        load.wait_commits(20)
        lose_slot(stream)
        second = start_another(stream, "second.log")
        wait_until("the second process has the slot", stream.slot_active)
        load.wait_commits(50)
        zombie.send_signal(signal.SIGCONT)
        assert zombie.wait(60) == FENCED
        stream.process = None
        assert "has taken over slot" in stream.log()
        load.wait_commits(50)
        assert second.poll() is None
    stream.process = second
    wait_caught_up(stream, 120)
    assert check_once_and_in_order(stream, stream.truth, after) > 100


def test_two_processes_do_not_take_turns(stream):
    """The second one waits as long as the first streams; neither fences the other."""
    after = start_stream(stream)
    with Load(stream.source, mixed_work) as load:
        second = start_another(stream, "second.log")
        wait_until("commits of the first beside it", lambda: (counter(stream, "walrelay_positions_written_total") or 0) >= 20, 120)
        assert second.poll() is None and "streaming slot" not in (stream.folder / "second.log").read_text()
        wait_until("the second to say why", lambda: "waiting for the slot" in (stream.folder / "second.log").read_text(), 20)
        stream.kill()
        wait_until("the second takes over", lambda: "streaming slot" in (stream.folder / "second.log").read_text())
        stream.start("produce")  # As a supervisor would.
        load.wait_commits(100)
        assert second.poll() is None
        stream.check_alive()
    wait_caught_up(stream, 120)
    assert stream.log().count("streaming slot") == 1, "the first has not come back"
    second.kill()
    assert check_once_and_in_order(stream, stream.truth, after) > 100


def test_broker_crashes(stream):
    needs_stack()
    after = start_stream(stream)
    with Load(stream.source, mixed_work, pause=0.02) as load:  # Where Kafka takes a minute to start, that is much to catch up with.
        for _ in range(2):
            load.wait_commits(100)
            stack("stop", "kafka", "immediate")
            load.wait_commits(20)
            stack("start", "kafka")
        load.wait_commits(50)
    wait_caught_up(stream, 180)
    assert check_once_and_in_order(stream, stream.truth, after) > 100
    assert stream.stop()[0] == 0


def test_frozen_for_longer_than_a_transaction_lives(stream):
    """The broker gives the transaction up; nobody has taken over, so the process goes on from its position."""
    stream.kafka_options["transaction.timeout.ms"] = 1000
    stream.pipeline_options["transaction.interval.ms"] = 600
    after = start_stream(stream)
    topic = stream.topic("events")
    with Load(stream.source, mixed_work) as load:
        load.wait_commits(100)
        stream.process.send_signal(signal.SIGSTOP)

        def decided():
            """No transaction is open in the topic: its stable end is its end."""
            ends = end_offsets(topics(topic))
            return ends == end_offsets(topics(topic), **{"isolation.level": "read_uncommitted"})
        wait_until("the broker has given it up", decided, 120, every=0.5)
        stream.process.send_signal(signal.SIGCONT)
        load.wait_commits(50)
    wait_caught_up(stream, 120)
    assert check_once_and_in_order(stream, stream.truth, after) > 100
    assert stream.stop()[0] == 0


def test_stopped_inside_a_large_transaction(stream):
    """SIGTERM: what is open is made void at once, so that no reader waits for it."""
    after = start_stream(stream)
    stream.source.query("INSERT INTO events SELECT 7, n, repeat('x', 100) FROM generate_series(1, 60000) n")
    wait_until("records on their way", lambda: stream.check_alive() or written(stream) >= 5000, 120, every=0.01)
    assert stream.stop()[0] == 0
    stream.start("produce")
    wait_caught_up(stream, 120)
    assert check_once_and_in_order(stream, stream.truth, after) == 60000
    assert stream.stop()[0] == 0


def test_what_the_first_transaction_left_open_is_ended(stream):
    """By the next start, whatever its delivery, and not by the broker after its minute."""
    stream.pipeline_options["delivery"] = "exactly-once"
    start_stream(stream)
    stream.kill()
    stream.pipeline_options["delivery"] = "transactional"
    stream.start("produce", crash_at="before-kafka-commit:2")  # It has said that it is here, and claims the position.
    assert stream.process.wait(60) == -signal.SIGKILL
    stream.process = None
    stream.pipeline_options["delivery"] = "exactly-once"
    stream.start("produce")
    stream.source.query("INSERT INTO events VALUES (1, 1, 'x')")
    wait_caught_up(stream, 30)
    assert stream.stop()[0] == 0


def test_changing_the_delivery(stream):
    """From one to the other after kill -9, each way: what stands there is recognised, or void."""
    after = start_stream(stream)
    with Load(stream.source, mixed_work) as load:
        for delivery in ("exactly-once", "transactional", "exactly-once", "transactional"):
            wait_until("the slot taken", lambda: stream.check_alive() or stream.slot_active())
            load.wait_commits(100)
            stream.kill()
            stream.pipeline_options["delivery"] = delivery
            stream.start("produce")
        load.wait_commits(50)
    wait_caught_up(stream, 120)
    assert check_once_and_in_order(stream, stream.truth, after) > 100
    assert stream.stop()[0] == 0


def test_sinks_see_what_is_committed(stream):
    """Records of an aborted transaction stand in the topic; lake and mirrors do not see them."""
    start_stream(stream)
    stream.source.query("INSERT INTO events VALUES (1, 1, 'x')")
    wait_caught_up(stream)
    assert stream.stop()[0] == 0
    message = stream.records("events")[0]
    foreign = Producer({"bootstrap.servers": KAFKA, "transactional.id": stream.name + "-aborted", "log_level": 2})
    foreign.init_transactions(30)
    foreign.begin_transaction()
    foreign.produce(stream.topic("events"), key=message.key(), value=message.value().replace(b'"seq":1', b'"seq":666'),
                    partition=message.partition())
    assert foreign.flush(30) == 0
    foreign.abort_transaction(30)
    stream.start("run")
    stream.source.query("INSERT INTO events VALUES (1, 2, 'x')")
    stream.wait_equal(["events"])
    assert rows_in_raw(stream) == {(1, 1), (1, 2)}
    assert stream.stop()[0] == 0
