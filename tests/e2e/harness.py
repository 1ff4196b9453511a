"""What the end-to-end tests share: the servers, one pipeline per test, load, and the comparison of copies.

Servers are found through WALRELAY_TEST_SOURCE, _LAKE, _TARGET (libpq connection strings of a superuser) and
WALRELAY_TEST_KAFKA (bootstrap servers). A test that stops and starts servers also needs WALRELAY_TEST_STACK=1, which says
that they are those of tools/stack under the present STACK_ variables, and that everything on them may be dropped. The
program is WALRELAY_BINARY, build/release/walrelay by default. Without servers the process ends with code 77, which CTest
counts as skipped.

Each test has databases, a slot, a topic prefix and a port of its own, so that it can neither see nor hurt another.
"""
import contextlib
import dataclasses
import json
import os
import pathlib
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

import psycopg2
import psycopg2.extensions
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("WALRELAY_BINARY", ROOT / "build" / "release" / "walrelay"))
LABORATORY = BINARY.parent / "tests" / "crash" / "walrelay_laboratory"  # The program with crash points.
SKIPPED = 77
SHOP = ("customers", "products", "orders", "order_items")  # the tables of sql/source.sql, parents first


def setting(name):
    value = os.environ.get(name)
    if not value:
        print(f"set {name} (tools/test does)", file=sys.stderr)
        sys.exit(SKIPPED)
    return value


SERVERS = {name: setting(f"WALRELAY_TEST_{name.upper()}") for name in ("source", "lake", "target")}
KAFKA = setting("WALRELAY_TEST_KAFKA")


# --- Waiting ---

def wait_until(what, test, seconds=60, every=0.05):
    """Waits until test() is true and returns what it returned; an exception of test() is a bug, not a 'not yet'."""
    deadline = time.monotonic() + seconds
    while not (result := test()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(every)
    return result


# --- Databases ---

def dsn(server, database=None):
    return psycopg2.extensions.make_dsn(SERVERS[server], **({"dbname": database} if database else {}))


def parts(server):
    """host, port, user, password, dbname of a server's connection string."""
    return psycopg2.extensions.parse_dsn(SERVERS[server])


class Database:
    """A database on one of the servers. query() reconnects by itself after a restart of the server."""

    def __init__(self, server, name=None):
        self.server = server
        self.name = name or parts(server)["dbname"]
        self.dsn = dsn(server, self.name)
        self._connection = None
        self._lock = threading.Lock()

    def connect(self, **keywords):
        connection = psycopg2.connect(self.dsn, **keywords)
        connection.autocommit = True
        return connection

    def query(self, sql, arguments=None):
        """Runs SQL in its own transaction; returns its rows, or None where it has none."""
        with self._lock:
            # An idle connection has something to read only where the server has ended it.
            if self._connection and (self._connection.closed or select.select([self._connection], [], [], 0)[0]):
                self.close()
            if self._connection is None:
                self._connection = self.connect()
            with self._connection.cursor() as cursor:
                cursor.execute(sql, arguments)
                return cursor.fetchall() if cursor.description else None

    def value(self, sql, arguments=None):
        return self.query(sql, arguments)[0][0]

    def run_file(self, path):
        """Runs a script with psql, as it may hold psql's own commands."""
        subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-f", str(path), self.dsn], check=True,
                       stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                       env=dict(os.environ, PGTZ="UTC", PGCLIENTENCODING="UTF8", PGOPTIONS="-c client_min_messages=warning"))

    def create(self):
        Database(self.server).query(f'CREATE DATABASE "{self.name}"')

    def drop(self):
        self.close()
        Database(self.server).query(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')

    def close(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None


# --- Kafka ---

def new_consumer(**options):
    return Consumer({"bootstrap.servers": KAFKA, "group.id": "e2e", "enable.auto.commit": False, "log_level": 2,
                     "enable.partition.eof": False,
                     "auto.offset.reset": "earliest", **options})


def admin_client():
    return AdminClient({"bootstrap.servers": KAFKA, "log_level": 2})


def topics(prefix):
    """The topics whose names begin so, with their partitions."""
    found = admin_client().list_topics(timeout=20).topics
    return {name: sorted(topic.partitions) for name, topic in found.items() if name.startswith(prefix)}


def end_offset(consumer, topic, partition):
    """Where it ends. Asks again where the client still believes in a topic of this name that was there before, or no leader is known yet."""
    def asked():
        try:
            return (consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=20)[1],)
        except KafkaException as error:
            if error.args[0].code() not in (KafkaError._UNKNOWN_PARTITION, KafkaError._UNKNOWN_TOPIC, KafkaError.NOT_LEADER_FOR_PARTITION):
                raise
            consumer.list_topics(timeout=20)
            return None
    return wait_until(f"the end of {topic}", asked)[0]


def end_offsets(names, **options):
    """{(topic, partition): end offset} of the topics given as topics() gives them; up to the first open transaction."""
    consumer = new_consumer(**options)
    try:
        return {(topic, partition): end_offset(consumer, topic, partition) for topic, partitions in names.items() for partition in partitions}
    finally:
        consumer.close()


def read_topics(names, starts=None):
    """{(topic, partition): [committed messages]}, each partition from its start to its present end."""
    ends = end_offsets(names)
    starts = {key: (starts or {}).get(key, 0) for key in ends}
    messages = {key: [] for key in ends}
    open_keys = {key for key in ends if ends[key] > starts[key]}
    consumer = new_consumer(**{"enable.partition.eof": True})
    try:
        consumer.assign([TopicPartition(topic, partition, starts[topic, partition]) for topic, partition in sorted(open_keys)])
        deadline = time.monotonic() + 120
        while open_keys:
            if time.monotonic() > deadline:
                raise TimeoutError(f"topics not read to their ends: {sorted(open_keys)}")
            for message in consumer.consume(10000, timeout=1):
                key = message.topic(), message.partition()
                if message.error():  # The last offset may be a transaction marker: then its end says so.
                    if message.error().code() == KafkaError._PARTITION_EOF and message.offset() >= ends[key]:
                        open_keys.discard(key)
                    continue
                if message.offset() < ends[key]:
                    messages[key].append(message)
                if message.offset() + 1 >= ends[key]:
                    open_keys.discard(key)
        return messages
    finally:
        consumer.close()


def envelope(message):
    """The payload of an envelope, None for a tombstone."""
    if message.value() is None:
        return None
    value = json.loads(message.value())
    return value.get("payload", value)


def delete_topics(names):
    if names:
        client = admin_client()  # It must outlive its futures.
        for deleted in client.delete_topics(list(names), operation_timeout=20).values():
            with contextlib.suppress(Exception):
                deleted.result()


# --- Servers ---

def needs_stack():
    """For tests that stop servers: skipped where they are somebody's own."""
    if os.environ.get("WALRELAY_TEST_STACK") != "1":
        pytest.skip("set WALRELAY_TEST_STACK=1: this test stops the servers of tools/stack", allow_module_level=True)


def stack(*arguments, timeout=180):
    """Runs tools/stack and returns how long it took, in seconds."""
    begun = time.monotonic()
    with tempfile.TemporaryFile() as output:  # not a pipe: the servers would inherit it, and hold it open
        code = subprocess.run([ROOT / "tools" / "stack", *arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                              timeout=timeout, check=False).returncode
        output.seek(0)
        assert code == 0, f"tools/stack {' '.join(arguments)}: {output.read().decode()}"
    return time.monotonic() - begun


# --- The program ---

def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def toml(value):
    return json.dumps(value) if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)


class Pipeline:
    """One configuration of the program on databases, slot and topics of its own, and the process that runs it.

    A context manager: on leaving, the process is ended and everything of its own is dropped.
    """

    def __init__(self, name, folder, *, source=None, kafka=None, pipeline=None, lake=True, target=True,
                 lake_options=None, target_options=None):
        self.name = f"e2e_{name}_{os.getpid()}"
        self.folder = pathlib.Path(folder)
        self.log_path = self.folder / "walrelay.log"
        self.source = Database("source", self.name)
        self.lake = Database("lake", self.name)
        self.target = Database("target", self.name)
        self.port = free_port()
        self.process = None
        self.starts = 0
        self.source_options, self.kafka_options, self.pipeline_options = source or {}, kafka or {}, pipeline or {}
        self.with_lake, self.with_target = lake, target
        self.lake_options, self.target_options = lake_options or {}, target_options or {}

    @property
    def slot(self):
        return self.source_options.get("slot.name", self.name)

    @property
    def prefix(self):
        return self.source_options.get("topic.prefix", self.name)

    def sections(self):
        at = parts("source")
        yield "pipeline", {"name": self.name, **self.pipeline_options}
        yield "source", {"database.hostname": at["host"], "database.port": int(at.get("port", 5432)),
                         "database.user": at["user"], "database.password": at["password"], "database.dbname": self.source.name,
                         "topic.prefix": self.name, "slot.name": self.name, "plugin.name": "pgoutput",
                         "publication.name": self.name, **self.source_options}
        yield "kafka", {"bootstrap.servers": KAFKA, **self.kafka_options}
        if self.with_lake:
            yield "lake", {"connection": self.lake.dsn, **self.lake_options}
        if self.with_target:
            yield "target", {"connection": self.target.dsn, **self.target_options}
        yield "admin", {"listen": f"127.0.0.1:{self.port}"}

    def write_configuration(self):
        path, new = self.folder / "walrelay.toml", self.folder / "walrelay.toml.new"
        new.touch(mode=0o600)
        new.write_text("\n".join(f"[{section}]\n" + "\n".join(f"{json.dumps(key)} = {toml(value)}" for key, value in keys.items())
                                 for section, keys in self.sections()) + "\n", encoding="utf-8")
        new.replace(path)  # Whoever was started a moment ago may be reading it.
        return path

    def __enter__(self):
        for database in (self.source, self.lake, self.target):
            database.drop()
            database.create()
        return self

    def __exit__(self, *_):
        self.kill()
        self.drop_slot()
        for database in (self.source, self.lake, self.target):
            database.drop()
        delete_topics(topics(self.name + "."))

    def drop_slot(self):
        wait_until("slot released", lambda: not self.slot_active())
        self.source.query("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s", [self.slot])

    # The process

    def start(self, command="run", crash_at=None):
        """With crash_at, as in "before-kafka-commit:2", it is the laboratory's program, which dies at that point."""
        assert self.process is None, "it runs already"
        path = self.write_configuration()
        self.starts += 1
        program, environment = (LABORATORY, {"WALRELAY_CRASH_AT": crash_at}) if crash_at else (BINARY, {})
        with open(self.log_path, "ab") as log:
            log.write(f"=== start {self.starts}: {command} {crash_at or ''}\n".encode())
            self.process = subprocess.Popen([program, command, "--config", path], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT, cwd=self.folder, env={**os.environ, **environment})
        return self.process

    def command(self, *arguments, seconds=60):
        """Runs another command of the program with this configuration; returns the finished process."""
        return subprocess.run([BINARY, *arguments, "--config", self.write_configuration()], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=seconds, check=False)

    def check_alive(self):
        if self.process is None or self.process.poll() is not None:
            code = self.process and self.process.returncode
            raise AssertionError(f"walrelay has ended with {code}:\n{self.log()[-3000:]}")

    def stop(self, by=signal.SIGTERM, seconds=10):
        """Asks it to stop; returns the exit code and the time it took."""
        self.check_alive()
        begun = time.monotonic()
        self.process.send_signal(by)
        code = self.process.wait(seconds)
        self.process = None
        return code, time.monotonic() - begun

    def wait_killed(self, seconds=120):
        """Waits until it has died at the point that it was started with."""
        assert self.process.wait(seconds) == -signal.SIGKILL
        self.process = None

    def kill(self):
        """SIGKILL, where it still runs."""
        if self.process is not None:
            self.process.kill()
            code = self.process.wait()
            self.process = None
            return code
        return None

    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace") if self.log_path.exists() else ""

    def show_log(self):
        """Prints the end of the log, which pytest shows where the test has failed."""
        print(f"--- the end of {self.log_path} ---\n{self.log()[-6000:]}")

    def resident_kb(self, peak=False):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(next(l for l in status.splitlines() if l.startswith("VmHWM" if peak else "VmRSS")).split()[1])

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    # What it does

    def http(self, path):
        """Status and body of an answer of its HTTP server; None where it does not listen (yet)."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return None

    def slot_active(self):
        return bool(self.source.query("SELECT 1 FROM pg_replication_slots WHERE slot_name = %s AND active", [self.slot]))

    def walsender(self):
        """The pid of the backend that streams to it, or None."""
        rows = self.source.query("SELECT active_pid FROM pg_replication_slots s JOIN pg_stat_replication r ON r.pid = s.active_pid"
                                 " WHERE slot_name = %s AND r.state = 'streaming'", [self.slot])
        return rows[0][0] if rows else None

    def wait_streaming(self, seconds=60):
        def streams():
            self.check_alive()
            with contextlib.suppress(psycopg2.OperationalError):  # the server may be on its way back
                return self.walsender()
        return wait_until("streaming", streams, seconds)

    def topic(self, table, schema="public"):
        return f"{self.prefix}.{schema}.{table}"

    def records(self, table):
        """All messages of a table's topic, partition by partition in order."""
        by_partition = read_topics(topics(self.topic(table)))
        return [m for key in sorted(by_partition) if key[0] == self.topic(table) for m in by_partition[key]]

    # Comparison

    def copies(self, table):
        """(name, database, qualified table) of the mirrors that must equal the source's table."""
        if self.with_lake:
            yield "lake", self.lake, f"cdc_processed.{table}"
        if self.with_target:
            yield "target", self.target, f"public.{table}"

    def differences(self, tables):
        """One line for each copy of a table that is not equal to the source, [] when all are. Equal is what SQL calls
        equal: rows are compared as the text of the source's columns, in both directions."""
        found = []
        for table in tables:
            columns = columns_of(self.source, f"public.{table}")
            want = summary(self.source, f"public.{table}", columns)
            for name, database, mirror in self.copies(table):
                if not database.value("SELECT to_regclass(%s) IS NOT NULL", [mirror]):
                    if want[0]:
                        found.append(f"{name} has no table {mirror}")
                elif missing := set(columns) - set(columns_of(database, mirror)):
                    found.append(f"{table}: {name} lacks columns {sorted(missing)}")
                elif (got := summary(database, mirror, columns)) != want:
                    found.append(f"{table}: source has {want[0]} rows, {name} {got[0]}"
                                 + ("" if want[0] != got[0] else ", with other values"))
        return found

    def wait_equal(self, tables, seconds=120):
        """Waits until every copy equals the source; at the deadline the rows that differ are shown."""
        def equal():
            self.check_alive()
            return not self.differences(tables)
        try:
            wait_until("copies equal", equal, seconds, every=0.2)
        except TimeoutError:
            details = [line for table in tables for line in self.set_differences(table)]
            raise AssertionError("\n".join(self.differences(tables) + details)) from None

    def set_differences(self, table, shown=5):
        """EXCEPT in both directions between the source and each copy, by the rows' text."""
        columns = columns_of(self.source, f"public.{table}")
        want = rows_as_text(self.source, f"public.{table}", columns)
        for name, database, mirror in self.copies(table):
            if database.value("SELECT to_regclass(%s) IS NOT NULL", [mirror]):
                got = rows_as_text(database, mirror, columns)
                yield f"{table}: {len(want - got)} rows only in the source: {sorted(want - got)[:shown]}"
                yield f"{table}: {len(got - want)} rows only in the {name}: {sorted(got - want)[:shown]}"


def columns_of(database, table):
    return [row[0] for row in database.query(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum", [table])]


def row_text(columns):
    return "ROW(" + ", ".join(f'"{column}"' for column in columns) + ")::text"


def summary(database, table, columns):
    """Number of rows and a hash over all of them, in no order."""
    text = row_text(columns)
    return database.query(f"SELECT count(*), sum(('x' || left(md5({text}), 15))::bit(60)::bigint) FROM {table}")[0]


def rows_as_text(database, table, columns):
    return {row[0] for row in database.query(f"SELECT {row_text(columns)} FROM {table}")}


# --- Load ---

@dataclasses.dataclass
class Writer:
    """A client that repeats one piece of work until it is stopped, in a thread of its own."""
    database: Database
    number: int
    work: object  # work(connection, writer) does one transaction, and adds to `acknowledged` what is then committed
    seed: int
    acknowledged: list = dataclasses.field(default_factory=list)
    commits: int = 0
    unknown: int = 0  # the connection broke, so that nobody knows
    error: Exception = None

    def __post_init__(self):
        self.random = random.Random(self.seed)

    def run(self, stop, pause):
        connection = None
        while not stop.is_set():
            try:
                if connection is None or connection.closed:
                    connection = self.database.connect()
                self.work(connection, self)
                self.commits += 1
            except (psycopg2.OperationalError, psycopg2.InterfaceError):  # the server restarts
                self.unknown += 1
                if connection is not None:
                    connection.close()
                stop.wait(0.05)
            except Exception as error:  # pylint: disable=broad-except
                self.error = error
                return
            stop.wait(pause)
        if connection is not None:
            connection.close()


class Load:
    """Several writers at work. A context manager; on leaving, they are stopped and their errors raised."""

    def __init__(self, database, work, writers=4, pause=0.002, seed=None):
        self.seed = seed if seed is not None else int(os.environ.get("WALRELAY_TEST_SEED", time.time_ns() % 1000000))
        print(f"seed {self.seed} (WALRELAY_TEST_SEED)")
        self.writers = [Writer(database, n, work, self.seed * 100 + n) for n in range(writers)]
        self.pause = pause
        self._stop = threading.Event()
        self._threads = []

    def commits(self):
        return sum(writer.commits for writer in self.writers)

    def unknown(self):
        return sum(writer.unknown for writer in self.writers)

    def wait_commits(self, more, seconds=60):
        """Waits for that many more commits: the proof that load was on."""
        goal = self.commits() + more
        wait_until(f"{more} commits of the load", lambda: self.commits() >= goal or self.raise_error(), seconds)

    def raise_error(self):
        for writer in self.writers:
            if writer.error:
                raise writer.error

    def __enter__(self):
        self._threads = [threading.Thread(target=w.run, args=(self._stop, self.pause), daemon=True) for w in self.writers]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        self.raise_error()


EVENTS = "CREATE TABLE events (client int, seq bigint, payload text NOT NULL, PRIMARY KEY (client, seq))"
UNWRAP = {"transforms": "unwrap", "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState"}


def start_slow_snapshot(pipeline):
    """Starts it with twenty rows in `events`, and returns while its snapshot reads table `a`, which comes before."""
    override = "snapshot.select.statement.overrides"
    pipeline.source_options |= {override: "public.a", override + ".public.a": "SELECT * FROM a WHERE pg_sleep(0.5) IS NOT NULL"}
    pipeline.source.query("CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a SELECT generate_series(1, 4);"
                          "INSERT INTO events SELECT 1, n, 'x' FROM generate_series(1, 20) n")
    pipeline.start()
    wait_until("the first table is read", lambda: pipeline.check_alive() or pipeline.source.value(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY%pg_sleep%'"))


def append_event(connection, writer):
    """One transaction of one to five rows (client, sequence) in `events`; every acknowledged one must arrive. Rows of a
    transaction whose outcome is unknown are not repeated: their numbers are not used again."""
    rows = writer.random.choice((1, 1, 1, 5))
    first = getattr(writer, "next_seq", 0)
    writer.next_seq = first + rows
    numbers = range(first, first + rows)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO events SELECT %s, n, repeat('x', 20 + n %% 50) FROM generate_series(%s, %s) n",
                       [writer.number, numbers[0], numbers[-1]])
    writer.acknowledged.extend((writer.number, n) for n in numbers)


def acknowledged_rows(load):
    return {row for writer in load.writers for row in writer.acknowledged}


def rows_in_kafka(pipeline, table="events"):
    """{(client, seq): how many times} of the rows of `events` that stand in Kafka."""
    seen = {}
    for message in pipeline.records(table):
        payload = envelope(message)
        if payload and payload["after"]:
            row = payload["after"]["client"], payload["after"]["seq"]
            seen[row] = seen.get(row, 0) + 1
    return seen


def rows_in_raw(pipeline, table="events"):
    """The set of (client, seq) in the raw events of the lake; fails where an offset is there twice."""
    doubled = pipeline.lake.value("SELECT count(*) - count(DISTINCT (kafka_topic, kafka_partition, kafka_offset)) FROM cdc_raw.cdc_events")
    assert doubled == 0, f"{doubled} raw events are there twice"
    return {tuple(row) for row in pipeline.lake.query(
        "SELECT (after_data->>'client')::int, (after_data->>'seq')::bigint FROM cdc_raw.cdc_events WHERE source_table = %s"
        " AND after_data IS NOT NULL", [f"public.{table}"])}


def check_nothing_lost(pipeline, load, table="events"):
    """Every acknowledged row is in the source, in Kafka and in the lake's raw events, and the mirrors equal the source.
    Returns how many records Kafka holds beyond one per row."""
    pipeline.wait_equal([table])
    source = {tuple(row) for row in pipeline.source.query(f"SELECT client, seq FROM {table}")}
    acknowledged = acknowledged_rows(load)
    assert acknowledged, "the load acknowledged nothing"
    assert not acknowledged - source, f"the source itself has lost {len(acknowledged - source)} rows"
    kafka = rows_in_kafka(pipeline, table)
    assert not source - set(kafka), f"{len(source - set(kafka))} rows are not in Kafka: {sorted(source - set(kafka))[:5]}"
    assert not set(kafka) - source, f"{len(set(kafka) - source)} rows in Kafka were never committed: {sorted(set(kafka) - source)[:5]}"
    if pipeline.with_lake:
        raw = rows_in_raw(pipeline, table)
        assert raw == source, f"raw events: {len(source - raw)} missing, {len(raw - source)} too many"
    repeated = sum(kafka.values()) - len(kafka)
    print(f"{len(source)} rows, {load.unknown()} unknown outcomes, {repeated} records repeated in Kafka")
    return repeated
