"""The two-way door: the real Debezium and walrelay take turns on one slot under load. Nothing is lost, and whatever is
there twice was doubled by Debezium, which is counted."""
import collections
import itertools
import json
import os
import re
import signal

import pytest
from debezium import OFFSETS, VERSIONS, Broker, Ended, Worker, debezium_of
from harness import EVENTS, Load, Pipeline, acknowledged_rows, append_event, end_offsets, envelope, read_topics, rows_in_kafka, topics, wait_until


class Door:
    """A table under load, and who reads its slot at the moment."""

    def __init__(self, pipeline, worker, load):
        self.pipeline, self.load = pipeline, load
        self.topic = pipeline.topic("events")
        self.debezium = debezium_of(worker, pipeline)
        self.turns = []  # (who, where the topic ended when the turn was over)
        self.unconfirmed = set()  # LSNs of what the slot still held where walrelay was killed.

    def records(self):
        return sum(end_offsets({self.topic: topics(self.topic).get(self.topic, [])}).values())

    def wait_records(self, more, program):
        goal = self.records() + more

        def there():
            (self.debezium.check if program == "debezium" else self.pipeline.check_alive)()
            return self.records() >= goal
        wait_until(f"{more} more records", there, 120, every=0.2)

    def offsets_stored(self):
        """How many there are of this connector."""
        return sum(self.pipeline.name.encode() in message.key() for messages in read_topics(topics(OFFSETS)).values() for message in messages)

    def released(self):
        wait_until("slot released", lambda: not self.pipeline.slot_active())

    def over(self, who):
        self.released()
        self.turns.append((who, self.records()))

    def debeziums_turn(self, more=300):
        self.debezium.start()
        # On a slow machine its snapshot alone is as many records, and a snapshot that was cut off leaves no offset.
        wait_until("Debezium streams", lambda: self.debezium.check() or self.pipeline.walsender(), 120, every=0.2)
        # Where it stands behind, its snapshot is on its way still, and one that is cut off begins anew.
        behind = self.pipeline.source.value("SELECT count(*) FROM events") - self.records()
        self.wait_records(max(more, behind), "debezium")
        self.stop_debezium()

    def stop_debezium(self):
        stored = self.offsets_stored()
        self.debezium.stop()  # Connect stores the offset last, after the slot was released
        wait_until("offset stored", lambda: self.offsets_stored() > stored, 60)
        self.over("debezium")

    def our_turn(self, more=300):
        self.pipeline.start("produce")
        self.pipeline.wait_streaming()
        self.wait_records(more, "walrelay")
        assert self.pipeline.stop()[0] == 0
        self.over("walrelay")

    def slot_is_ahead(self):
        """Of the last offset that is stored, even with what it needs of the WAL; a checkpoint lets that follow."""
        self.pipeline.source.query("CHECKPOINT")
        stored = [message for messages in read_topics(topics(OFFSETS)).values() for message in messages if self.pipeline.name.encode() in message.key()]
        offset = json.loads(stored[-1].value())
        return self.pipeline.source.value("SELECT restart_lsn - '0/0' > %s FROM pg_replication_slots WHERE slot_name = %s",
                                          [max(offset.get("lsn_commit") or 0, offset["lsn_proc"]), self.pipeline.slot])

    def our_killed_turn(self, more=300):
        """Its last offset is older than where the slot is."""
        self.pipeline.pipeline_options["offset.flush.interval.ms"] = 3600000
        self.pipeline.start("produce")
        self.pipeline.wait_streaming()
        self.wait_records(more, "walrelay")
        wait_until("the slot ahead", lambda: self.pipeline.check_alive() or self.slot_is_ahead(), every=0.5)
        self.pipeline.kill()
        self.over("walrelay")
        self.unconfirmed |= {row[0] for row in self.pipeline.source.query(
            "SELECT (lsn - '0/0')::bigint FROM pg_logical_slot_peek_binary_changes(%s, NULL, NULL, 'proto_version', '1', 'publication_names', %s)",
            [self.pipeline.slot, self.pipeline.name])}

    def our_crash(self, point):
        """A turn that ends at a crash point."""
        self.pipeline.start("produce", crash_at=point)
        assert self.pipeline.process.wait(60) == -signal.SIGKILL
        self.pipeline.process = None
        self.over("walrelay")

    def turn_of(self, offset):
        return next(number for number, (_, end) in enumerate(self.turns) if offset < end)

    def doubled(self):
        """{(who wrote a record first, who wrote it again): how many}"""
        seen, found = {}, collections.Counter()
        for message in self.pipeline.records("events"):
            row = envelope(message)
            if row is None or not row["after"]:
                continue
            identity, turn = (row["after"]["client"], row["after"]["seq"]), self.turn_of(message.offset())
            assert row["op"] != "r" or turn == 0, "a second snapshot"
            if identity in seen:
                pair = seen[identity], self.turns[turn][0]
                # Debezium goes on where walrelay was killed: what the slot was confirmed past does not come again.
                if pair != ("walrelay", "debezium") or row["source"]["lsn"] not in self.unconfirmed:
                    found[pair] += 1
                else:
                    found["unconfirmed"] += 1
            seen[identity] = self.turns[turn][0]
        return found

    def check(self):
        self.load.stop()
        source = {tuple(row) for row in self.pipeline.source.query("SELECT client, seq FROM events")}
        assert not acknowledged_rows(self.load) - source
        self.pipeline.start("produce")
        wait_until("everything is in Kafka", lambda: self.pipeline.check_alive() or not source - set(rows_in_kafka(self.pipeline)), 60, every=0.5)
        assert self.pipeline.stop()[0] == 0
        self.over("walrelay")
        assert set(rows_in_kafka(self.pipeline)) == source
        doubled = self.doubled()
        print(f"{len(source)} rows; turns {self.turns}; doubled (by whom first, by whom again): {dict(doubled)}")
        assert set(doubled) <= {("debezium", "debezium"), "unconfirmed"}, "not Debezium's own doing: one went on from behind the other's end"


@pytest.fixture(name="worker", params=VERSIONS, scope="module")
def worker_of(request, tmp_path_factory):
    with Worker(request.param, Broker(os.environ["STACK_KAFKA_PORT"]), tmp_path_factory.mktemp("connect")) as worker:
        yield worker


doors = itertools.count(1)  # A connector's name never comes again: Kafka keeps its offset.


@pytest.fixture(name="door")
def door_of(worker, tmp_path):
    name = f"door{next(doors)}"
    with Pipeline(name, tmp_path, pipeline={"compat": worker.version, "offset.flush.interval.ms": 500}, lake=False, target=False) as pipeline:
        pipeline.source.query(EVENTS)
        pipeline.source.query(f"CREATE PUBLICATION {pipeline.name} FOR TABLE events")
        with Load(pipeline.source, append_event, pause=0.01) as load:
            door = Door(pipeline, worker, load)
            try:
                yield door
            finally:
                door.debezium.remove()
                pipeline.show_log()


def test_taking_turns_under_load(door):
    for delivery in ("exactly-once", "transactional"):
        door.debeziums_turn()
        door.pipeline.pipeline_options["delivery"] = delivery
        door.our_turn()
    door.debeziums_turn()
    door.check()


def test_going_back_where_we_were_killed(door, worker):
    """The slot is ahead of the offset that we last stored for Debezium: what lies between is in Kafka. 3.6 does not go on where the WAL
    is gone that it thinks it needs: a start and a stop of walrelay stores the offset."""
    door.our_turn()
    door.our_killed_turn()
    if worker.version != "2.5.0.Final":
        door.debezium.start()
        with pytest.raises(Ended, match="no longer available on the server"):
            wait_until("its refusal", lambda: door.debezium.check(at_once=True), every=0.2)
        door.debezium.stop()
        door.over("debezium")
        door.our_turn()
    door.debeziums_turn()
    door.check()


def test_taking_over_where_debezium_was_killed(door, worker):
    door.debeziums_turn()
    door.debezium.start()
    door.wait_records(500, "debezium")
    worker.process.send_signal(signal.SIGKILL)  # it would write all of this turn again
    worker.process.wait()
    door.over("debezium")
    door.our_turn()
    worker.__enter__()  # the same worker again: it goes on from what we have written
    door.wait_records(100, "debezium")
    door.stop_debezium()
    door.check()


def test_killed_while_we_take_over(door, worker):
    """In the tail of a Debezium that was killed, and where we have just gone on behind it."""
    door.debeziums_turn()
    door.debezium.start()
    door.wait_records(500, "debezium")
    worker.process.send_signal(signal.SIGKILL)
    worker.process.wait()
    door.over("debezium")
    for point in ("frame-received:100", "before-position-record:1", "after-position-record:1", "after-produce:1", "after-acknowledgement:20"):
        door.our_crash(point)
    door.our_turn()
    worker.__enter__()
    door.check()


def test_an_idle_hour_of_other_tables(door):
    door.debeziums_turn()
    door.load.stop()
    pipeline = door.pipeline
    pipeline.source.query("CREATE TABLE other (t text)")
    pipeline.start("produce")
    pipeline.wait_streaming()
    for _ in range(3):
        pipeline.source.query("INSERT INTO other SELECT repeat('x', 1000) FROM generate_series(1, 20000)")
        pipeline.source.query("SELECT pg_switch_wal()")
    end = pipeline.source.value("SELECT pg_current_wal_lsn()")
    wait_until("the slot follows", lambda: pipeline.source.value(
        "SELECT confirmed_flush_lsn >= %s::pg_lsn FROM pg_replication_slots WHERE slot_name = %s", [end, pipeline.slot]), 60)
    assert pipeline.stop()[0] == 0
    door.over("walrelay")
    pipeline.source.query("CHECKPOINT")
    pipeline.source.query("INSERT INTO events SELECT 9, n, 'x' FROM generate_series(1, 20) n")
    door.debezium.start()
    wait_until("rows after the idle hour", lambda: door.debezium.check() or (9, 20) in rows_in_kafka(pipeline), 120, every=0.5)
    door.stop_debezium()
    door.check()


@pytest.mark.parametrize("killed", [False, True], ids=["stopped", "killed"])
def test_a_slot_that_went_on_with_an_idle_debezium(door, worker, killed):
    """lsn.flush.mode=connector_and_driver: the slot passes Debezium's last transaction, and its offset does not say so. What it
    wrote before that does not come again; what it wrote behind it, and was killed, does."""
    pipeline, numbers = door.pipeline, itertools.count(1)

    def insert(rows=2):
        pipeline.source.query("INSERT INTO events SELECT 9, n, 'x' FROM unnest(%s) n", [list(itertools.islice(numbers, rows))])

    def all_written():
        rows = set(map(tuple, pipeline.source.query("SELECT client, seq FROM events")))
        wait_until("all rows", lambda: door.debezium.check() or rows == set(rows_in_kafka(pipeline)), 60, every=0.2)

    door.debezium.options["offset.mismatch.strategy"] = "trust_slot"  # Else 3.6 does not go on; 2.5 always does.
    door.debeziums_turn()
    door.load.stop()
    door.debezium.start()
    insert()
    all_written()
    door.stop_debezium()
    pipeline.source.query("CREATE TABLE elsewhere AS SELECT")
    pipeline.source.query("SELECT pg_replication_slot_advance(%s, pg_current_wal_lsn())", [pipeline.slot])
    if killed:
        door.debezium.start()
        wait_until("Debezium streams", lambda: door.debezium.check() or pipeline.walsender(), 60)
        for _ in range(3):
            insert()
        all_written()
        worker.process.send_signal(signal.SIGKILL)
        worker.process.wait()
        door.over("debezium")
    pipeline.source_options["offset.mismatch.strategy"] = "trust_slot"
    pipeline.start("produce")
    pipeline.wait_streaming()
    insert()
    assert pipeline.stop()[0] == 0
    door.over("walrelay")
    if killed:
        worker.__enter__()
    door.check()
    assert "are passed over (offset.mismatch.strategy)" in pipeline.log()
    skipped = re.search(r"(\d+) records that the last run had written were recognised", pipeline.log())
    assert (int(skipped[1]) if skipped else 0) == (6 if killed else 0)
