"""The measurements of tools/bench, which says what they are and starts the servers."""
import argparse
import collections
import contextlib
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import psycopg2

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import harness  # noqa: E402
from harness import wait_until  # noqa: E402
import bench_apply  # noqa: E402
import bench_debezium  # noqa: E402
import bench_delivery  # noqa: E402
from bench_base import (Load, Meter, NARROW, TopicEnd, WIDE, drop_slots, percentiles, pipeline, prepare_backlog, run_sql,  # noqa: E402
                        table, tell_inserts, thousand, watched_inserts)

# --- Loads ---

def run_pgbench(pipe, script, transactions):
    """Many small transactions as fast as they go; they are durable at the checkpoint that follows."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        at = harness.parts("source")
        subprocess.run(["pgbench", "-n", "-f", file.name, "-c", "8", "-t", str(transactions // 8), "-M", "prepared", "-h", at["host"],
                        "-p", at["port"], "-U", at["user"], pipe.source.name], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       env=dict(os.environ, PGPASSWORD=at["password"], PGOPTIONS="-c synchronous_commit=off"))


def narrow_rows(rows):
    return f"INSERT INTO load SELECT g, g % 1000, 'some text ' || g, now() FROM generate_series(1, {rows}) g"


def wide_rows(rows):
    return "INSERT INTO load SELECT g, " + ", ".join(["rpad(g::text, 100, 'x')"] * 10) + f" FROM generate_series(1, {rows}) g"


def small_transactions(rows):
    return lambda pipe: run_pgbench(pipe, "INSERT INTO load (n, t, at) VALUES (7, 'some text 1234567', now());", rows)


BULK = Load("1 M narrow rows, one transaction", 1_000_000, NARROW, lambda p: run_sql(p, narrow_rows(1_000_000)))
LOADS = (BULK,
         Load("100 k one-row transactions", 100_000, NARROW, small_transactions(100_000)),
         Load("200 k rows of 1 kB, one transaction", 200_000, WIDE, lambda p: run_sql(p, wide_rows(200_000))))


# --- Kafka and processes ---

# Rows a second from the start of the process, and from the first record on (start-up left out).
Result = collections.namedtuple("Result", "rate steady cpu_us peak_mb first_s")


def median(results):
    return Result(*(statistics.median(values) for values in zip(*results)))


def result_row(title, who, result):
    return title, who, thousand(result.rate), thousand(result.steady), f"{result.cpu_us:.1f}", f"{result.peak_mb:.0f}", f"{result.first_s:.2f}"


def measure_topic(topic, rows, start, alive):
    """start() returns the pid to measure. Rows a second from its call until the topic holds them all."""
    end = TopicEnd(topic)
    before = end()
    begun = time.monotonic()
    meter = Meter(start())
    first, there_first = None, 0
    while (there := end() - before) < rows:
        if there and first is None:
            first, there_first = time.monotonic(), there
        alive()
        if time.monotonic() - begun > 600:
            raise TimeoutError(f"{there} of {rows} rows in ten minutes")
        time.sleep(0.01)
    now = time.monotonic()
    first = first or now
    steady = (rows - there_first) / (now - first) if now - first > 0.1 else rows / (now - begun)
    return Result(rows / (now - begun), steady, meter.cpu_seconds() / rows * 1e6, meter.peak_mb(), first - begun)


def measure_walrelay(pipe, rows):
    return measure_topic(pipe.topic("load"), rows, lambda: pipe.start("produce").pid, pipe.check_alive)


def measure_recvlogical(pipe, slot, rows):
    end = pipe.source.value("SELECT pg_current_wal_lsn()")
    at = harness.parts("source")
    begun = time.monotonic()
    process = subprocess.Popen(["pg_recvlogical", "-h", at["host"], "-p", at["port"], "-U", at["user"], "-d", pipe.source.name, "--slot",
                                slot, "--start", "-o", "proto_version=1", "-o", f"publication_names={pipe.name}", "-f", "/dev/null",
                                "--no-loop", "-E", end], env=dict(os.environ, PGPASSWORD=at["password"]),
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, code, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(code)
    assert process.returncode == 0, "pg_recvlogical failed"
    seconds = time.monotonic() - begun
    return Result(rows / seconds, rows / seconds, (used.ru_utime + used.ru_stime) / rows * 1e6, used.ru_maxrss / 1024, 0.0)


# --- Suites ---

def capture(options):
    rows = []
    for load in LOADS:
        ours, discarded, theirs = [], [], collections.defaultdict(list)
        for run in range(options.runs):
            with pipeline("capture", lake=False, target=False) as pipe:
                rivals = {name: bench_debezium.slot_name(pipe.slot, name) for name in (bench_debezium.VARIANTS if options.debezium else ())}
                slots = [f"{pipe.slot}_recv", *rivals.values()]
                try:
                    prepare_backlog(pipe, load, slots)
                    ours.append(measure_walrelay(pipe, load.rows))
                    assert pipe.stop()[0] == 0
                    discarded.append(measure_recvlogical(pipe, slots[0], load.rows))
                    if run == 0:  # a minute each
                        for name, slot in rivals.items():
                            with bench_debezium.worker() as worker:
                                start = worker.connector(pipe, slot, name)
                                theirs[name].append(measure_topic(f"{slot}.public.load", load.rows, start, worker.check_alive))
                finally:
                    pipe.kill()
                    drop_slots(pipe, slots)
        rows.append(result_row(load.title, "walrelay produce", median(ours)))
        rows.append(result_row("", "pg_recvlogical, discarded", median(discarded)))
        rows.extend(result_row("", f"Debezium 2.5.0.Final, {name}", median(found)) for name, found in theirs.items())
    ours = []
    for _ in range(options.runs):
        with pipeline("snapshot", lake=False, target=False) as pipe:
            run_sql(pipe, NARROW)
            BULK.fill(pipe)
            pipe.source.query("VACUUM ANALYZE load")
            pipe.source.query("CHECKPOINT")
            ours.append(measure_walrelay(pipe, BULK.rows))
    rows.append(result_row("snapshot of 1 M narrow rows", "walrelay produce", median(ours)))
    table("Capture into Kafka: TCP, schemas on, lz4; from the start of the process to the last record in the topic",
          ("load", "program", "rows/s", "from the first record on", "CPU µs/event", "peak RSS MB", "first record s"), rows)


def endtoend(options):
    found = []
    rows = 300_000
    for _ in range(options.runs):
        with pipeline("endtoend") as pipe:
            # 300 transactions of 1000 rows, by one session.
            fill = f"DO $$ BEGIN FOR i IN 0..{rows // 1000 - 1} LOOP INSERT INTO load SELECT i * 1000 + g, g, 'some text ' || g, now()" \
                   " FROM generate_series(1, 1000) g; COMMIT; END LOOP; END $$"
            prepare_backlog(pipe, Load("", rows, NARROW, lambda p: run_sql(p, fill)))
            begun = time.monotonic()
            meter = Meter(pipe.start("run").pid)
            seconds = {}

            def last_row(name, database, mirror):
                with contextlib.suppress(psycopg2.errors.UndefinedTable, psycopg2.errors.InvalidSchemaName):
                    if name not in seconds and database.query(f"SELECT 1 FROM {mirror} WHERE id = %s", [rows]):
                        seconds[name] = time.monotonic() - begun

            def all_there():
                pipe.check_alive()
                for copy in pipe.copies("load"):
                    last_row(*copy)
                return len(seconds) == 2
            wait_until("the last row", all_there, 600)
            cpu = meter.cpu_seconds()
            assert pipe.differences(["load"]) == []
            assert pipe.lake.value("SELECT count(*) FROM cdc_raw.cdc_events") == rows
            found.append((rows / max(seconds.values()), rows / seconds["lake"], rows / seconds["target"], cpu / rows * 1e6, meter.peak_mb()))
    rates = [statistics.median(values) for values in zip(*found)]
    table("End to end: a backlog of 300 k narrow rows in transactions of 1000, `walrelay run`",
          ("rows/s until both have all", "lake (raw and mirror)", "target", "CPU µs/event, all stages", "peak RSS MB"),
          [(thousand(rates[0]), thousand(rates[1]), thousand(rates[2]), f"{rates[3]:.1f}", f"{rates[4]:.0f}")])


def latency(options):
    rows = []
    with pipeline("latency") as pipe:
        pipe.source.query(NARROW)
        pipe.source.query("INSERT INTO load (n) VALUES (0)")
        pipe.start()
        pipe.wait_streaming()
        pipe.wait_equal(["load"])
        tell_inserts(pipe.target, "public.load")
        for title, per_second, seconds in (("200 tx/s", 200, options.seconds), ("idle, 5 tx/s", 5, max(20, options.seconds))):
            committed, (kafka, target) = watched_inserts(pipe, per_second, seconds)
            rows.append((title, len(committed), *percentiles(committed, kafka), *percentiles(committed, target)))
    table("Latency in ms from the return of the commit; consumer and listener on the same machine",
          ("load", "rows", "Kafka p50", "p99", "max", "target p50", "p99", "max"), rows)


def idle(options):
    rows = []
    for command in ("produce", "run"):
        with pipeline("idle", lake=command == "run", target=command == "run") as pipe:
            pipe.source.run_file(ROOT / "sql" / "source.sql")
            pipe.start(command)
            pipe.wait_streaming()
            pipe.wait_equal(harness.SHOP)
            time.sleep(5)
            meter, begun = Meter(pipe.process.pid), time.monotonic()
            time.sleep(options.idle_seconds)
            rows.append((f"walrelay {command}", f"{pipe.resident_kb() / 1024:.1f}",
                         f"{meter.cpu_seconds() / (time.monotonic() - begun) * 100:.2f}"))
    table(f"Idle, over {options.idle_seconds} s", ("program", "RSS MB", "CPU % of a core"), rows)


def coldstart(options):
    """Of the capture into Kafka, and of the whole pipeline into the target."""
    rows = []
    for command, where in (("produce", "Kafka"), ("run", "the target")):
        clean, killed, released = [], [], []
        with pipeline("coldstart", lake=command == "run", target=command == "run") as pipe:
            pipe.source.query(NARROW)
            pipe.source.query("INSERT INTO load (n) VALUES (0)")
            pipe.start(command)
            pipe.wait_streaming()
            end = TopicEnd(pipe.topic("load"))
            count = end if command == "produce" else lambda: pipe.target.value("SELECT max(id) FROM public.load")
            wait_until("the snapshot", lambda: end() == 1)
            pipe.wait_equal(["load"])
            for _ in range(max(5, options.runs)):
                assert pipe.stop()[0] == 0
                clean.append(first_event(pipe, command, count))
                begun = time.monotonic()
                pipe.kill()
                connection = pipe.source.connect()
                with connection.cursor() as cursor:
                    while True:
                        cursor.execute("SELECT active FROM pg_replication_slots WHERE slot_name = %s", [pipe.slot])
                        if not cursor.fetchone()[0]:
                            break
                        time.sleep(0.001)
                connection.close()
                released.append(time.monotonic() - begun)
                killed.append(first_event(pipe, command, count))
        rows += [(f"`{command}` to {where}, after a clean stop", *median_and_worst(clean)),
                 (f"`{command}` to {where}, after kill -9, once the server had released the slot", *median_and_worst(killed)),
                 ("(the server's release)", *median_and_worst(released))]
    table("From the start of the process to the first event (existing slot, warm broker), s", ("", "median", "worst"), rows)


def median_and_worst(values):
    return f"{statistics.median(values):.3f}", f"{max(values):.3f}"


def first_event(pipe, command, count):
    """Seconds from the start of the process until a row that was written before it is there."""
    before = count()
    pipe.source.query("INSERT INTO load (n) VALUES (1)")
    begun = time.monotonic()
    pipe.start(command)
    while count() == before:
        pipe.check_alive()
        time.sleep(0.002)
    taken = time.monotonic() - begun
    pipe.wait_streaming()
    return taken


SUITES = {"latency": latency, "capture": capture, "delivery": lambda options: bench_delivery.delivery(options, LOADS[:2]), "endtoend": endtoend, "idle": idle, "coldstart": coldstart, "apply": bench_apply.apply}


def machine():
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text(encoding="ascii"))
    memory = int(re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text(encoding="ascii"))[1]) / 2**20
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True, check=False).stdout.strip()
    version = harness.Database("source").value("SHOW server_version")
    return f"{os.cpu_count()} × {model[1] if model else 'CPU'}, {memory:.0f} GB; PostgreSQL {version}; commit {commit}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--debezium", action="store_true")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=30, help="how long latency is measured")
    parser.add_argument("--scale", type=float, default=1, help="of the loads of apply; below 1 for a try")
    parser.add_argument("--idle-seconds", type=int, default=60)
    parser.add_argument("suite", nargs="+", choices=[*SUITES, "all"])
    options = parser.parse_args()
    print(machine())
    for name, suite in SUITES.items():
        if name in options.suite or "all" in options.suite:
            suite(options)


if __name__ == "__main__":
    main()
