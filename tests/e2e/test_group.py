"""Several instances of `apply` in one consumer group: partitions move between them while rows come, and each raw event is
there once, no matter who is killed, stopped or added, and when."""
import itertools
import json
import os
import pathlib
import re
import signal
import subprocess

import harness
import pytest
from conftest import short_name
from harness import BINARY, LABORATORY, Load, Pipeline, wait_until

PARTITIONS = 8
TABLES = ("events", "accounts")
# What a member says that has slept over the loss of its partitions: before its transaction, and inside of it, which the
# server has ended so that others can go on.
REFUSED = {"sink-small-batch": "another member of the group has taken a partition over", "sink-raw-copied": "terminating connection|server closed the connection"}


class Instance:
    """A process of `walrelay apply` that is a member of the group."""

    def __init__(self, pipeline, number, *options, freeze_at=None):
        self.number = number
        self.log_path = pipeline.folder / f"apply-{number}.log"
        settings = ["kafka.group.id=" + pipeline.name, "kafka.session.timeout.ms=6000", "kafka.heartbeat.interval.ms=500",
                    "admin.listen=", *options]
        arguments = [part for setting in settings for part in ("--set", setting)]
        program, environment = (LABORATORY, {"WALRELAY_FREEZE_AT": freeze_at}) if freeze_at else (BINARY, {})
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([program, "apply", "--config", pipeline.write_configuration(), *arguments],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=pipeline.folder,
                                            env={**os.environ, **environment})

    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def check_alive(self):
        assert self.process.poll() is None, f"instance {self.number} has ended with {self.process.returncode}:\n{self.log()[-3000:]}"

    def wait_reading(self, more_than=0):
        """Until it was given partitions once more; returns how many times that was."""
        def reading():
            self.check_alive()
            return self.log().count(": reading ") > more_than
        wait_until(f"partitions for instance {self.number}", reading, 90)
        return self.log().count(": reading ")

    def wait_having(self, stage, topic):
        """Until it was given partitions of this topic."""
        def having():
            self.check_alive()
            return f"{stage}: reading {topic}[" in self.log()
        wait_until(f"partitions of {topic} for instance {self.number}", having, 90)

    def is_frozen(self):
        self.check_alive()
        return pathlib.Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] == "T"

    def stop(self, by=signal.SIGTERM):
        self.check_alive()
        self.process.send_signal(by)
        return self.process.wait(20)


@pytest.fixture
def group(tmp_path, request):
    """A producing pipeline with topics of several partitions, and the instances that a test starts."""
    with Pipeline(short_name(request), tmp_path,
                  source={"topic.creation.default.partitions": PARTITIONS, "topic.creation.default.replication.factor": 1,
                          "skipped.operations": "none"}) as pipeline:
        pipeline.source.query(harness.EVENTS)
        pipeline.source.query("CREATE TABLE accounts (id int PRIMARY KEY, balance int, note text)")
        pipeline.source.query("INSERT INTO accounts SELECT n, 0, repeat('n', n % 30) FROM generate_series(1, 200) n")
        pipeline.instances = []
        yield pipeline
        for instance in pipeline.instances:
            if instance.process.poll() is None:
                instance.process.kill()
                instance.process.wait()
            print(f"--- the end of {instance.log_path} ---\n{instance.log()[-3000:]}")


def add(pipeline, *options, freeze_at=None):
    pipeline.instances.append(Instance(pipeline, len(pipeline.instances) + 1, *options, freeze_at=freeze_at))
    return pipeline.instances[-1]


def work(connection, writer):
    """Rows that come, change and go."""
    harness.append_event(connection, writer)
    pick = writer.random
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts SET balance = balance + %s, note = repeat('m', %s) WHERE id = %s",
                       [pick.randrange(-9, 9), pick.randrange(50), pick.randrange(200)])
        if pick.random() < 0.1:
            gone = pick.randrange(200)
            cursor.execute("DELETE FROM accounts WHERE id = %s", [gone])
            cursor.execute("INSERT INTO accounts VALUES (%s, 0, 'again') ON CONFLICT DO NOTHING", [gone])


def check_once_each(pipeline):
    """The mirrors equal the source, and the raw events are the records of Kafka that hold a change, each once."""
    pipeline.wait_equal(TABLES, 180)
    kafka = set()
    for table in TABLES:
        kafka |= {(m.topic(), m.partition(), m.offset()) for m in pipeline.records(table) if m.value() is not None}

    def raw():
        return pipeline.lake.query("SELECT kafka_topic, kafka_partition, kafka_offset FROM cdc_raw.cdc_events")
    wait_until("all raw events", lambda: len(raw()) >= len(kafka), 60)
    found = [tuple(row) for row in raw()]
    assert len(found) == len(set(found)), f"{len(found) - len(set(found))} raw events are there twice"
    assert set(found) == kafka, f"{len(kafka - set(found))} missing, {len(set(found) - kafka)} too many"
    assert pipeline.lake.value("SELECT count(*) FROM walrelay.dead_letters") == 0
    print(f"{len(found)} raw events, each once")


@pytest.mark.parametrize("point", ["sink-small-batch", "sink-raw-copied"])
def test_given_up_inside_a_batch(group, point):
    """Frozen with a batch in its hands for longer than the group waits: another member applies its records. When it goes on,
    nothing of the batch may count."""
    group.start("produce")
    group.wait_streaming()
    first = add(group, freeze_at=f"{point}:2")
    first.wait_reading()
    rows = {"sink-small-batch": 1, "sink-raw-copied": 4000}[point]
    turns = itertools.count()

    def frozen():
        group.source.query("INSERT INTO events SELECT %s, n, 'x' FROM generate_series(1, %s) n", [next(turns), rows])
        return first.is_frozen()
    wait_until("the first one frozen", frozen, 60, every=0.5)
    second = add(group)
    second.wait_reading()
    for database in (group.lake, group.target):  # As their time limit does in a minute.
        database.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'")
    check_once_each(group)
    first.process.send_signal(signal.SIGCONT)
    wait_until("the batch is refused", lambda: first.check_alive() or re.search(REFUSED[point], first.log()), 60)
    group.source.query("INSERT INTO events SELECT -1, n, 'x' FROM generate_series(1, 100) n")
    check_once_each(group)
    for instance in (first, second):
        assert instance.stop() == 0, f"instance {instance.number}"


def test_instances_come_and_go(group):
    """1, 2 and 4 instances; killed, stopped past the session's end and asked to leave; new ones in their place."""
    group.start("produce")
    group.wait_streaming()
    with Load(group.source, work, pause=0.01) as load:
        first = add(group)
        first.wait_reading()
        load.wait_commits(100)
        second = add(group)
        second.wait_reading()
        load.wait_commits(100)
        third, fourth = add(group), add(group, "lake.workers=2")
        fourth.wait_reading()
        third.wait_reading()
        load.wait_commits(200)
        assert second.stop(signal.SIGKILL) == -signal.SIGKILL
        times = first.wait_reading()
        load.wait_commits(100)
        first.wait_reading(times)  # Those of the one that was killed.
        # A process that does not notice that it was given up: its late commit must not count.
        third.process.send_signal(signal.SIGSTOP)
        times = first.wait_reading()
        first.wait_reading(times)
        load.wait_commits(100)
        third.process.send_signal(signal.SIGCONT)
        fifth = add(group)
        fifth.wait_reading()
        load.wait_commits(100)
        assert fourth.stop() == 0
        load.wait_commits(100)
    check_once_each(group)
    for instance in (first, third, fifth):
        assert instance.stop() == 0, f"instance {instance.number}"
    assert group.stop()[0] == 0


def test_repair_beside_a_group(group):
    """Rows of the copy are spoiled and repaired while three members write it, and one of them is killed: nothing older than what
    the source has is ever put over it, and no member stumbles over the repair."""
    group.source.query("INSERT INTO accounts SELECT n, 0, 'quiet' FROM generate_series(1001, 1030) n")
    group.start("produce")
    group.wait_streaming()
    members = [add(group) for _ in range(3)]
    for member in members:
        member.wait_reading()
    group.wait_equal(TABLES, 180)
    repaired = 0
    with Load(group.source, work, pause=0.02) as load:
        for round_ in range(3):
            group.target.query("UPDATE public.accounts SET note = 'wrong' WHERE id %% 3 = %s", [round_])
            group.target.query("DELETE FROM public.accounts WHERE id IN (%s, %s)", [7 + round_, 1007 + round_])
            group.target.query("INSERT INTO public.accounts (id, balance) VALUES (%s, 7)", [2000 + round_])
            if round_ == 1:
                members[0].stop(signal.SIGKILL)
            done = group.command("verify", "--repair", "--yes", "--json", "--sink", "target", "--table", "public.accounts",
                                 seconds=300)
            assert done.stdout.startswith("["), done.stdout + done.stderr
            differences = json.loads(done.stdout)[0]["differences"]
            assert all(row["repaired"] for row in differences), differences
            repaired += len(differences)
        load.wait_commits(50)
    check_once_each(group)
    assert repaired >= 3 * (10 + 1), "of the rows that nobody writes alone"
    for member in members[1:]:
        assert member.stop() == 0, f"instance {member.number}"
    assert group.stop()[0] == 0


def test_workers_of_one_process(group):
    """No group: the partitions are divided among the threads, and a start after kill -9 waits for nobody."""
    options = ("--set", "lake.workers=3", "--set", "target.workers=2")

    def start():
        with open(group.log_path, "ab") as log:
            group.process = subprocess.Popen([BINARY, "run", "--config", group.write_configuration(), *options],
                                             stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=group.folder)
    start()
    group.wait_streaming()
    with Load(group.source, work, pause=0.01) as load:
        for _ in range(3):
            load.wait_commits(100)
            assert group.kill() == -signal.SIGKILL
            start()
            group.wait_streaming()
        load.wait_commits(100)
    check_once_each(group)
    assert '"lake-3"' in group.http("/health")[1]
    log = group.log()
    assert all(f"lake-{n}: reading" in log for n in (1, 2, 3)) and "target-2: reading" in log
    assert group.stop()[0] == 0


def test_truncate_is_no_barrier_for_several(group):
    """Nobody knows which rows of the other partitions come before it: the table waits, the others go on."""
    group.start("produce")
    group.wait_streaming()
    wait_until("the topic", lambda: len(group.records("accounts")) == 200)
    # The first one has all of it, and gives half of it up before the second one gets that.
    first = add(group)
    first.wait_having("target", group.topic("accounts"))
    second = add(group)
    second.wait_having("target", group.topic("accounts"))
    group.wait_equal(TABLES)
    group.source.query("TRUNCATE accounts")
    group.source.query("INSERT INTO events VALUES (1, 1, 'after')")

    def parked():
        for instance in (first, second):
            instance.check_alive()
        return group.target.query("SELECT reason FROM walrelay.parked_tables WHERE source_table = 'public.accounts'")
    reason = wait_until("parked", parked, 60)[0][0]
    assert "several workers" in reason
    group.wait_equal(["events"])
    assert group.target.value("SELECT count(*) FROM public.accounts") == 200
    # Both know of it, and one that is alone goes on.
    for instance in (first, second):
        wait_until("both have parked it", lambda log=instance.log: "table public.accounts is parked" in log(), 60)
        assert instance.stop() == 0
    assert group.command("apply", "resume", "public.accounts").returncode == 0
    group.stop()
    group.start("run")
    group.wait_streaming()
    group.wait_equal(TABLES)
    assert group.stop()[0] == 0
