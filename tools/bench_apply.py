"""tools/bench apply: the same load through walrelay, PostgreSQL's own subscription and consumers in Python.

Every contender starts with empty databases and the whole load waiting for it: `run` and the subscription in a slot (they
carry it all the way from the source), `apply` and the consumers in Kafka. It is done when the last change is visible
everywhere, and then every table is compared with the source. Slow contenders get a smaller load, as the tables say. A first
load that does not count warms the broker up: its just-in-time compiler takes a third of both cores then.
"""
import collections
import contextlib
import multiprocessing
import os
import pathlib
import statistics
import subprocess
import sys
import time

import psycopg2

import harness
from harness import wait_until
from bench_base import (Load, Meter, NARROW, ROOT, WIDE, drop_slots, insert_at, percentiles, pipeline, prepare_backlog, seen_in_target, table,
                        tell_inserts, thousand)

HERE = pathlib.Path(__file__).parent
BATCH = 1000  # rows a transaction of the source
LAST = -1     # the row that ends each load
META = {"cdc_processed": ("cdc_operation", "cdc_timestamp", "synced_at"), "public": ("__cdc_operation", "__cdc_timestamp", "__synced_at")}


# --- Loads ---

def do_batches(count, body):
    return f"DO $$ BEGIN FOR i IN 0..{count - 1} LOOP {body}; COMMIT; END LOOP; END $$"


def row_of(create, values):
    if create == WIDE:
        return f"SELECT {values}, " + ", ".join(["rpad(g::text, 100, 'x')"] * 10)
    return f"SELECT {values}, g % 1000, 'some text ' || g, now()"


def change_of(create):
    return "c3 = rpad(i::text, 100, 'y')" if create == WIDE else "n = n + 1, t = 'changed text ' || i"


def inserts(create, batches):
    yield do_batches(batches, f"INSERT INTO load {row_of(create, f'i * {BATCH} + g')} FROM generate_series(1, {BATCH}) g")


def mixed(create, batches):
    """60 % inserts, 30 % updates, 10 % deletes, of the rows of the batch before."""
    yield do_batches(batches, f"INSERT INTO load {row_of(create, 'i * 600 + g')} FROM generate_series(1, 600) g;"
                     f" UPDATE load SET {change_of(create)} WHERE id > (i - 1) * 600 AND id <= (i - 1) * 600 + 300;"
                     " DELETE FROM load WHERE id > (i - 1) * 600 + 500 AND id <= i * 600")


def hot(create, batches):
    """The same thousand rows again and again."""
    yield f"INSERT INTO load {row_of(create, 'g')} FROM generate_series(1, {BATCH}) g"
    yield do_batches(batches - 1, f"UPDATE load SET {change_of(create)}")


Kind = collections.namedtuple("Kind", "title create statements batches options", defaults=({},))
PLAIN = {"key.converter": "org.apache.kafka.connect.json.JsonConverter", "key.converter.schemas.enable": False,
         "value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": False}
KINDS = (Kind("narrow inserts", NARROW, inserts, 200), Kind("narrow mixed", NARROW, mixed, 200),
         Kind("narrow, 1000 hot rows", NARROW, hot, 200), Kind("1 kB inserts", WIDE, inserts, 60), Kind("1 kB mixed", WIDE, mixed, 60),
         Kind("narrow inserts, schemas off, raw as json", NARROW, inserts, 200, {"source": PLAIN, "lake_options": {"raw.payload": "json"}}))


def load_of(kind, batches):
    def fill(pipe):
        for statement in kind.statements(kind.create, batches):
            pipe.source.query(statement)
        pipe.source.query(f"INSERT INTO load (id) VALUES ({LAST})")
    deletes_from_nothing = 400 if kind.statements is mixed else 0
    return Load(kind.title, batches * BATCH - deletes_from_nothing + 1, kind.create, fill)


# --- Contenders ---

Result = collections.namedtuple("Result", "rate cpu_us database_us peak_mb")
POSTMASTERS = {name: pathlib.Path(os.environ["STACK_STATE"]) / name / "postmaster.pid" for name in ("lake", "target")}


class Databases:
    """CPU of all processes of the sinks' servers from its creation on."""

    def __init__(self):
        self.begun = self._cpu()

    def _cpu(self):
        """Of the postmasters, of their children that have ended, and of those that live."""
        parents = {path.read_text(encoding="ascii").split()[0] for path in POSTMASTERS.values()}
        ticks = 0
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = stat.read_text(encoding="ascii", errors="replace").rsplit(")", 1)[1].split()
                if stat.parent.name in parents:
                    ticks += sum(map(int, fields[11:15]))
                elif fields[1] in parents:
                    ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def cpu_seconds(self):
        return self._cpu() - self.begun


def is_there(database, mirror):
    try:
        return bool(database.query(f"SELECT 1 FROM {mirror} WHERE id = {LAST}"))
    except (psycopg2.errors.UndefinedTable, psycopg2.errors.InvalidSchemaName):
        return False  # walrelay makes it with the first row


def measure(pipe, load, start, alive, has_raw=True):
    """start() returns the pid of who does the work. The result is for the whole load, from that call on."""
    databases, begun = Databases(), time.monotonic()
    meter = Meter(start())

    def all_there():
        alive()
        return all(is_there(database, mirror) for _, database, mirror in pipe.copies("load"))
    wait_until("the last row", all_there, 900, every=0.02)
    seconds = time.monotonic() - begun
    result = Result(load.rows / seconds, meter.cpu_seconds() / load.rows * 1e6, databases.cpu_seconds() / load.rows * 1e6, meter.peak_mb())
    check(pipe, load, has_raw)
    return result


def check(pipe, load, has_raw):
    """Every table equals the source, and each event is in the lake once."""
    assert pipe.differences(["load"]) == [], pipe.differences(["load"])
    if pipe.with_lake and has_raw:
        found = pipe.lake.value("SELECT count(DISTINCT (kafka_topic, kafka_partition, kafka_offset)) FROM cdc_raw.cdc_events")
        assert found == load.rows, f"{found} raw events of {load.rows}"


def empty_sinks(pipe):
    for database in (pipe.lake, pipe.target):
        database.drop()
        database.create()


def measure_walrelay(pipe, load, command):
    result = measure(pipe, load, lambda: pipe.start(command).pid, pipe.check_alive)
    assert pipe.stop()[0] == 0
    return result


@contextlib.contextmanager
def subscription(pipe, slot):
    """PostgreSQL's own from a slot that stands; yields a function that starts it and returns the pid of its worker. It commits
    as our sinks do, to the disk: its default is not to wait for that."""
    at = dict(harness.parts("source"), dbname=pipe.source.name)
    connection = psycopg2.extensions.make_dsn(**at).replace("'", "''")

    def worker():
        rows = pipe.target.query("SELECT pid FROM pg_stat_subscription WHERE subname = 'load' AND pid IS NOT NULL AND relid IS NULL")
        return rows[0][0] if rows else None

    def start():
        pipe.target.query(f"CREATE SUBSCRIPTION load CONNECTION '{connection}' PUBLICATION {pipe.name}"
                          f" WITH (create_slot = false, slot_name = {slot}, copy_data = false, synchronous_commit = on)")
        return wait_until("its worker", worker, every=0.005)
    pipe.target.query(pipe.source_table)
    try:
        yield start
    finally:
        with contextlib.suppress(psycopg2.Error):
            pipe.target.query("ALTER SUBSCRIPTION load DISABLE")
            pipe.target.query("ALTER SUBSCRIPTION load SET (slot_name = NONE)")
            pipe.target.query("DROP SUBSCRIPTION load")


@contextlib.contextmanager
def consumer(pipe, mode):
    """The same for one in Python; its tables stand before it starts."""
    python = [sys.executable, "-B", HERE / "bench_consumer.py", mode]
    arguments = [harness.KAFKA, f"{pipe.name}_{mode}", pipe.topic("load"), pipe.lake.dsn, pipe.target.dsn]
    pipe.lake.run_file(ROOT / "sql" / "lake.sql")
    for _, database, mirror in pipe.copies("load"):
        operation, timestamp, synced = META[mirror.split(".")[0]]
        database.query(pipe.source_table.replace("TABLE load", f"TABLE {mirror}"))
        database.query(f"ALTER TABLE {mirror} ADD {operation} text, ADD {timestamp} timestamptz, ADD {synced} timestamptz")
    with beside(*python, *arguments) as (start, alive):
        yield start, alive


def sinks_alone(pipe):
    """The same for `walrelay apply` beside a process that produces."""
    return beside(harness.BINARY, "apply", "--config", pipe.write_configuration(), "--set", "admin.listen=127.0.0.1:0")


@contextlib.contextmanager
def beside(*command):
    """Yields what starts a process of its own and returns its pid, and what checks that it lives."""
    processes = []

    def start():
        processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        return processes[0].pid

    def alive():
        assert processes[0].poll() is None, "it has ended"
    try:
        yield start, alive
    finally:
        for process in processes:
            process.kill()
            process.wait()


# --- A backlog ---

@contextlib.contextmanager
def backlog(name, kind, batches, slots=(), **options):
    """A pipeline with the load in its slot, and in copies of it."""
    load = load_of(kind, batches)
    with pipeline(name, **options, **kind.options) as pipe:
        pipe.source_table = kind.create
        copies = [f"{pipe.slot}_{slot}" for slot in slots]
        try:
            prepare_backlog(pipe, load, copies)
            yield pipe, load
        finally:
            pipe.kill()
            drop_slots(pipe, copies)


def run_ours(kind, batches, found):
    for place, with_lake in (("lake and target", True), ("target", False)):
        with backlog("apply", kind, batches, () if with_lake else ("native",), lake=with_lake) as (pipe, load):
            for command in ("run", "apply"):  # The first has put into Kafka what the second takes from there.
                found[f"walrelay {command}", place, load.rows].append(measure_walrelay(pipe, load, command))
                empty_sinks(pipe)
            if not with_lake:
                with subscription(pipe, f"{pipe.slot}_native") as start:
                    found["PostgreSQL's subscription", place, load.rows].append(measure(pipe, load, start, lambda: None))


def run_python(kind, mode, batches, found):
    with backlog("python", kind, batches) as (pipe, load):
        pipe.start("produce")
        wait_until("the topic", lambda: any(last_of(m) for m in harness.read_topics(harness.topics(pipe.topic("load"))).values()), 120)
        assert pipe.stop()[0] == 0
        with consumer(pipe, mode) as (start, alive):
            found[f"Python, {mode}", "lake and target", load.rows].append(measure(pipe, load, start, alive))


def last_of(messages):
    return messages and b'"id":-1,' in messages[-1].value()


def backlogs(options):
    rows = []
    run_ours(KINDS[0], max(2, int(KINDS[0].batches * options.scale)), collections.defaultdict(list))  # A cold broker compiles itself.
    for kind in KINDS:
        batches = max(2, int(kind.batches * options.scale))
        found = collections.defaultdict(list)
        for run in range(options.runs):
            run_ours(kind, batches, found)
            if run == 0 and not kind.options:  # They are slow, and do not read records without schemas faster.
                run_python(kind, "tuned", max(2, batches // 8), found)
                run_python(kind, "seed", max(2, batches // 50), found)
        for (who, place, events), results in found.items():
            best = Result(*(statistics.median(values) for values in zip(*results)))
            rows.append((kind.title, place, who, thousand(events), thousand(best.rate), f"{best.cpu_us:.1f}", f"{best.database_us:.1f}",
                         f"{best.peak_mb:.0f}"))
    table("A backlog, from the start of the contender until its last change is visible; all tables equal the source's",
          ("load", "into", "contender", "events", "events/s", "CPU µs/event", "of the sinks' databases", "peak RSS MB"), rows)


# --- A steady load ---

def in_background(function, *arguments):
    """A process of its own; returns a function that waits for what it sends last."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=function, args=(*arguments, theirs), daemon=True)
    process.start()

    def result():
        found = ours.recv()
        process.join()
        return found
    return result


def writer(pipe, per_second, seconds, to):
    to.send(insert_at(pipe, per_second, seconds))


def watch(pipe, load, per_second, seconds, start, alive):
    """Rows of the table: per copy the waiting times from the return of the commit."""
    pid = start()
    copies = list(pipe.copies("load"))

    def all_there():
        alive()
        return all(is_there(database, mirror) for _, database, mirror in copies)
    wait_until("the first rows", all_there, 120)
    pipe.source.query("SELECT setval('load_id_seq', 1000000)")
    for _, database, mirror in copies:
        tell_inserts(database, mirror)
    stop = multiprocessing.Event()
    watchers = [in_background(seen_in_target, database.dsn, stop) for _, database, _ in copies]
    time.sleep(1.5)  # All listen by then; one that does not misses rows, which is an error below.
    meter, databases = Meter(pid), Databases()
    writers = [in_background(writer, pipe, per_second / 4, seconds) for _ in range(4)]
    committed = {row: when for result in writers for row, when in result().items()}
    wait_until("copies equal", lambda: alive() or not pipe.differences(["load"]), 300)
    cpu_us, database_us = (seconds / len(committed) * 1e6 for seconds in (meter.cpu_seconds(), databases.cpu_seconds()))
    time.sleep(1)
    stop.set()
    check(pipe, load._replace(rows=load.rows + len(committed)), True)
    span = (max(committed.values()) - min(committed.values())) / 1e9
    cells = [thousand(len(committed) / span), f"{cpu_us:.0f}", f"{database_us:.0f}", f"{meter.peak_mb():.0f}"]
    waits = {name: percentiles(committed, result()) for (name, _, _), result in zip(copies, watchers)}
    return cells + [cell for name in ("lake", "target") for cell in waits.get(name, ["–"] * 3)]


def steady(options):
    rows, kind = [], Kind("", NARROW, inserts, 1)
    fast, slow = 1000, 100  # one-row transactions a second
    with backlog("steady", kind, 1) as (pipe, load):
        rows.append(("walrelay run", *watch(pipe, load, fast, options.seconds, lambda: pipe.start().pid, pipe.check_alive)))
    with backlog("steady", kind, 1) as (pipe, load), sinks_alone(pipe) as (start, alive):
        pipe.start("produce")
        rows.append(("walrelay produce, then walrelay apply", *watch(pipe, load, fast, options.seconds, start, alive)))
    with backlog("steady", kind, 1, ("native",), lake=False) as (pipe, load), subscription(pipe, f"{pipe.slot}_native") as start:
        rows.append(("PostgreSQL's subscription", *watch(pipe, load, fast, options.seconds, start, lambda: None)))
    for mode, rate in (("tuned", fast), ("seed", slow)):
        with backlog("steady", kind, 1) as (pipe, load), consumer(pipe, mode) as (start, alive):
            pipe.start("produce")
            rows.append((f"walrelay produce, then Python, {mode}", *watch(pipe, load, rate, options.seconds, start, alive)))
    table("One-row transactions at a steady rate; ms from the return of the commit until the row is visible",
          ("contender", "tx/s", "CPU µs/tx", "of the sinks' databases", "peak RSS MB", "lake p50", "p99", "max", "target p50", "p99", "max"), rows)


def apply(options):
    backlogs(options)
    steady(options)
