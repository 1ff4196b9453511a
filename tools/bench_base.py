"""What the measurements in tools share: a pipeline for each, tables in Markdown, CPU and memory, waiting times."""
import collections
import contextlib
import itertools
import multiprocessing
import os
import pathlib
import re
import select
import sys
import tempfile
import time

import psycopg2
from confluent_kafka import KafkaException, TopicPartition

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import harness  # noqa: E402
from harness import Pipeline, wait_until  # noqa: E402

LZ4 = {"compression.codec": "lz4"}


def table(title, columns, rows):
    print(f"\n**{title}**\n\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for row in rows:
        print(f"| {' | '.join(str(value) for value in row)} |", flush=True)


def thousand(value):
    return f"{value / 1000:.1f} k" if value >= 1000 else f"{value:.0f}"


pipelines = itertools.count(1)  # A slot's name never comes again: Kafka keeps its position.


@contextlib.contextmanager
def pipeline(name, **options):
    with tempfile.TemporaryDirectory() as folder, Pipeline(f"bench_{name}{next(pipelines)}", folder, kafka=LZ4, **options) as made:
        try:
            yield made
        except BaseException:
            made.show_log()
            raise


class Meter:
    """CPU and peak memory of a process between its creation and done()."""

    def __init__(self, pid):
        self.pid = pid
        self.cpu = self._cpu()

    def _cpu(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def cpu_seconds(self):
        return self._cpu() - self.cpu

    def peak_mb(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


# --- Loads ---

Load = collections.namedtuple("Load", "title rows create fill")
NARROW = "CREATE TABLE load (id bigserial PRIMARY KEY, n int, t text, at timestamptz)"
WIDE = "CREATE TABLE load (id bigserial PRIMARY KEY, " + ", ".join(f"c{n} text" for n in range(10)) + ")"


def run_sql(pipe, sql):
    pipe.source.query(sql)


def prepare_backlog(pipe, load, slots=()):
    """A slot that stands before the load, copies of it for others, then the load."""
    pipe.source.query(load.create)
    pipe.start("produce")
    pipe.wait_streaming()
    assert pipe.stop()[0] == 0
    for slot in slots:
        pipe.source.query("SELECT pg_copy_logical_replication_slot(%s, %s, false)", [pipe.slot, slot])
    load.fill(pipe)
    pipe.source.query("CHECKPOINT")


def drop_slots(pipe, slots):
    for slot in slots:
        wait_until(f"{slot} free", lambda s=slot: not pipe.source.query("SELECT 1 FROM pg_replication_slots WHERE slot_name = %s AND active", [s]))
        pipe.source.query("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s", [slot])


# --- Waiting times ---

class TopicEnd:
    """Looks at the number of records of a topic with one partition, again and again and cheaply."""

    def __init__(self, topic):
        self.at = TopicPartition(topic, 0)
        self.consumer = harness.new_consumer()

    def __call__(self):
        try:
            return self.consumer.get_watermark_offsets(self.at, timeout=10)[1]
        except KafkaException:  # not created yet
            return 0


def seen_in_kafka(topic, start, stop, pipe):
    """A process of its own: {id: when} of the inserts that a consumer sees."""
    consumer = harness.new_consumer(**{"fetch.wait.max.ms": 100, "fetch.min.bytes": 1})
    consumer.assign([TopicPartition(topic, 0, start)])
    pattern, seen = re.compile(rb'"after":\{"id":(\d+)'), {}
    while not stop.is_set():
        message = consumer.poll(0.1)
        if message is not None and not message.error() and message.value():
            now = time.monotonic_ns()
            seen[int(pattern.search(message.value())[1])] = now
    pipe.send(seen)


def seen_in_target(dsn, stop, pipe):
    """The same for rows that have become visible in the target: a trigger there notifies at the commit."""
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    connection.cursor().execute("LISTEN seen")
    seen = {}
    while not stop.is_set():
        if select.select([connection], [], [], 0.1)[0]:
            connection.poll()
            now = time.monotonic_ns()
            for notice in connection.notifies:
                seen[int(notice.payload)] = now
            connection.notifies.clear()
    pipe.send(seen)


def insert_at(pipe, per_second, seconds):
    """One-row transactions at a steady rate; {id: when its commit had returned}."""
    connection, committed = pipe.source.connect(), {}
    begun = time.monotonic()
    with connection.cursor() as cursor:
        for n in range(int(per_second * seconds)):
            time.sleep(max(0.0, begun + n / per_second - time.monotonic()))
            cursor.execute("INSERT INTO load (n, t, at) VALUES (%s, 'some text', now()) RETURNING id", [n])
            committed[cursor.fetchone()[0]] = time.monotonic_ns()
    connection.close()
    return committed


def percentiles(committed, seen):
    """p50, p99 and the worst in ms; the first tenth warms up."""
    identities = sorted(committed)[len(committed) // 10:]
    waits = sorted(max(0, seen[i] - committed[i]) / 1e6 for i in identities)
    return [f"{waits[int(len(waits) * part)]:.1f}" for part in (0.5, 0.99)] + [f"{waits[-1]:.1f}"]


def tell_inserts(database, mirror):
    """A trigger that seen_in_target() listens to; it fires in the session of a replica too."""
    database.query("CREATE FUNCTION public.tell() RETURNS trigger LANGUAGE plpgsql AS"
                   " $$ BEGIN PERFORM pg_catalog.pg_notify('seen', NEW.id::text); RETURN NULL; END $$")
    database.query(f"CREATE TRIGGER tell AFTER INSERT ON {mirror} FOR EACH ROW EXECUTE FUNCTION public.tell()")
    database.query(f"ALTER TABLE {mirror} ENABLE ALWAYS TRIGGER tell")


def watched_inserts(pipe, per_second, seconds):
    stop = multiprocessing.Event()
    topic = pipe.topic("load")
    watchers = [(seen_in_kafka, (topic, TopicEnd(topic)())), (seen_in_target, (pipe.target.dsn,))]
    running = []
    for function, arguments in watchers:
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.Process(target=function, args=(*arguments, stop, theirs), daemon=True)
        process.start()
        running.append((process, ours))
    time.sleep(1.5)  # both listen by then; one that does not misses rows, which is an error below
    committed = insert_at(pipe, per_second, seconds)
    time.sleep(1.5)
    stop.set()
    seen = [pipe_end.recv() for _, pipe_end in running]
    for process, _ in running:
        process.join()
    for place, found in zip(("Kafka", "target"), seen):
        assert committed.keys() <= found.keys(), f"{len(committed.keys() - found.keys())} rows were not seen in {place}"
    return committed, seen
