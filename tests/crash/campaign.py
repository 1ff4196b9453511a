"""One campaign: a pipeline under load, faults on it, and the comparison with the truth after each round."""
import collections
import contextlib
import dataclasses
import gc
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import time

import harness
import psycopg2
import workload
from checker import Checker, Counts
from nemeses import IN_QUIET, NEMESES, SERVERS, points_in_snapshots, points_under_load
from pipeline import Pipeline
from proxy import Proxy
from truth import Truth, lsn_number
from watch import Watch
from workload import ACCOUNTS, BALANCE, MESSAGES, TABLES, Work

SENDER_TIMEOUT = 5  # Seconds; the source's wal_sender_timeout while the laboratory runs.


class Laboratory:
    """One pipeline, the truth beside it, and what was found."""

    def __init__(self, options, folder, proxy, name=""):
        self.proxy = proxy
        self.points = {}  # crash point -> hits
        self.options, self.folder = options, folder
        self.random = random.Random(options.seed)
        self.sender_timeout = SENDER_TIMEOUT
        self.pipeline = Pipeline(f"crash{options.seed}{name}", folder, delivery=options.delivery, mutation=options.mutation, proxy=proxy,
                                 source={"topic.creation.default.partitions": options.partitions})
        self.truth = Truth(self.pipeline.source, f"truth{name}_{os.getpid()}")
        self.checker = Checker((*TABLES, MESSAGES), options.allow_duplicates)
        self.watch = Watch(self.pipeline)
        self.counts, self.faults, self.read = {}, [], {}
        self.raw_id, self.next_client, self.marker, self.unknown = 0, 1, 0, 0

    # Counting

    def count(self, what, by=1):
        self.counts[what] = self.counts.get(what, 0) + int(by)

    def fault(self, text):
        self.faults.append(text)

    # Servers

    def query_source(self, sql, arguments=None):
        return self.pipeline.source.query(sql, arguments)

    def server_lsn(self):
        return lsn_number(self.pipeline.source.value("SELECT pg_current_wal_lsn()::text"))

    def confirmed(self):
        return lsn_number(self.pipeline.source.value(
            "SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = %s", [self.pipeline.slot]))

    def wait_confirmed(self, lsn, seconds=120):

        def reached():
            self.check_process()
            with contextlib.suppress(psycopg2.OperationalError):
                return (now := self.confirmed()) >= lsn and now
        return harness.wait_until("the slot is confirmed", reached, seconds, every=0.1)

    def stop_server(self, name, how):
        seconds = harness.stack("stop", name, how)
        self.count(f"{name}_{'crashes' if how == 'immediate' else 'restarts'}")
        if name == "source" and how == "fast" and seconds > 20:
            self.fault(f"the fast shutdown of the source took {seconds:.0f} s")

    @staticmethod
    def start_server(name):
        harness.stack("start", name)

    def wait(self, what, test, seconds=60):
        """Waits while the program must not end."""
        def now():
            self.check_process()
            return test()
        return harness.wait_until(what, now, seconds)

    # The process

    def crash_at(self, point, call):
        """Starts a process that kills itself at the point's n-th call, and waits until it has."""
        self.pipeline.start(WALRELAY_CRASH_AT=f"{point}:{call}")
        try:
            code = self.pipeline.process.wait(40)
        except subprocess.TimeoutExpired:
            self.count("crash_points_not_reached")
            self.points[point] = self.points.get(point, 0) + 0.1  # others first
            self.pipeline.kill()
            return
        self.pipeline.process = None
        if code != -signal.SIGKILL:
            raise AssertionError(f"on the way to crash point {point} walrelay ended with {code}: {self.pipeline.log().strip().splitlines()[-1]}")
        self.points[point] = self.points.get(point, 0) + 1

    def check_process(self):
        """A process that ended by itself is a fault, whatever it says."""
        code = self.pipeline.ended_by_itself()
        if code is not None:
            raise AssertionError(f"walrelay ended by itself with {code}: {self.pipeline.log().strip().splitlines()[-1]}")

    def kill(self):
        self.check_process()
        streaming = False
        with contextlib.suppress(psycopg2.OperationalError):
            streaming = self.pipeline.walsender() is not None
        self.count("kills_while_streaming" if streaming else "kills_before_streaming")
        self.pipeline.kill()

    def large_transaction(self, rows):
        """Commits that many rows at once; returns where the transaction ended."""
        client, self.next_client = self.next_client, self.next_client + 1
        self.query_source("INSERT INTO entries SELECT %s::bigint * 1000000000 + n, %s, n, repeat('y', 50) FROM generate_series(1, %s) n",
                          [client, client, rows])
        return self.server_lsn()

    # Rounds

    def prepare(self):
        source = self.pipeline.source
        source.query(workload.SCHEMA)
        self.truth.create()
        source.query(workload.SEED)
        self.pipeline.restart_measured()
        self.watch.start()

    def points_to_hit(self):
        """Those that --every-point has not had often enough yet."""
        names = [*points_under_load(self.options.delivery), *points_in_snapshots(), *IN_QUIET]
        return [name for name in names if self.points.get(name, 0) < self.options.every_point]

    def chosen(self):
        """What a round does: faults by chance, or each that is named in its turn."""
        names = [name for name in self.options.only.split(",") if name] or list(NEMESES)
        return names if self.options.each else [self.choose(names) for _ in range(self.options.faults_a_round)]

    def choose(self, names):
        if self.options.delivery != "transactional":
            names = [name for name in names if name not in ("endtxn-cut", "held-endtxn")] or names
        return self.random.choices(names, [NEMESES[n][1] for n in names])[0]

    def round(self, number):
        work = Work(self.next_client, self.options.seed + number)
        self.next_client += self.options.writers
        done = []
        with harness.Load(self.pipeline.source, work, writers=self.options.writers, pause=0.005, seed=self.random.randrange(10**6)) as load:
            load.wait_commits(20)
            for name in self.chosen():
                done.append(name)
                self.count(f"nemesis_{name}")
                NEMESES[name][0](self)
                self.proxy.clear()
                load.wait_commits(20, 120)
                begun = time.monotonic()
                self.wait_confirmed(self.server_lsn())
                self.count("recovered")
                done[-1] += f" ({time.monotonic() - begun:.1f} s)"
        self.unknown += load.unknown()
        for key, value in work.steps.items():
            self.count(f"transactions_{key}", value)
        self.count("transactions_rolled_back", work.rolled_back)
        self.check([row for writer in load.writers for row in writer.acknowledged])
        return done

    def quiesce(self):
        """No writer is at work. A last row; then everything before it is confirmed, and read by the sinks."""
        self.marker += 1
        self.query_source("INSERT INTO entries VALUES (%s, 0, %s, 'marker')", [-self.marker, 10**9 + self.marker])
        transactions = self.truth.read()
        self.wait_confirmed(self.truth.last_end)
        names = harness.topics(self.pipeline.prefix + ".")
        ends = harness.end_offsets({name: count for name, count in names.items() if self.table_of(name) != MESSAGES})
        markers = self.options.delivery == "transactional"  # The last offset is one, and no record.

        def applied():
            self.check_process()
            for database in (self.pipeline.lake, self.pipeline.target):
                progress = self.watch.read_progress(database) or {}
                if any(progress.get(at, 0) < end - markers for at, end in ends.items() if end > 0):
                    return False
            return True
        harness.wait_until("the sinks have read everything", applied, 180, every=0.1)
        return transactions, names

    def table_of(self, topic):
        name = topic.removeprefix(self.pipeline.prefix + ".").removeprefix("public.")
        return name if name in self.checker.tables else None

    def check(self, acknowledged):
        transactions, names = self.quiesce()
        self.checker.add_truth(transactions, self.watch.incarnation)
        self.checker.check_acknowledged(acknowledged)
        messages = harness.read_topics(names, self.read)
        for at, list_ in messages.items():
            if list_:
                self.read[at] = list_[-1].offset() + 1
        events = self.checker.check_kafka(messages, self.table_of)
        rows = self.pipeline.lake.query(
            "SELECT id, kafka_topic, kafka_partition, kafka_offset, operation, coalesce(after_data, before_data)->>'client',"
            " coalesce(after_data, before_data)->>'seq' FROM cdc_raw.cdc_events WHERE id > %s ORDER BY id", [self.raw_id])
        self.raw_id = max([self.raw_id, *(row[0] for row in rows)])
        self.checker.check_raw(events, [(*row[1:5], row[5] and int(row[5]), row[6] and int(row[6])) for row in rows])
        self.check_mirrors()
        for text in self.watch.violations:
            self.fault(text)

    def check_mirrors(self):
        # Kafka's repetitions reach the mirrors: a row without a key stands there twice, and the second time a key changes the
        # old row is gone that had the value which is not sent.
        repeated = self.options.allow_duplicates and self.checker.counts.doubled
        for table in TABLES:
            for line in self.pipeline.differences([table]):
                if repeated and table in ("keyless", "things"):
                    self.count(f"mirrors_of_{table}_spoiled_by_repetitions")
                    continue
                self.checker.find("mirrors_wrong", "; ".join([line, *self.pipeline.set_differences(table)]))
        for name, database, table in self.pipeline.copies("accounts"):
            if (total := database.value(f"SELECT sum(balance) FROM {table}")) != ACCOUNTS * BALANCE:
                self.checker.find("mirrors_wrong", f"{name}: the accounts hold {total}")
        letters = sum(database.value("SELECT count(*) FROM walrelay.dead_letters") for database in (self.pipeline.lake, self.pipeline.target))
        if letters:
            self.fault(f"{letters} dead letters")

    def absorb(self, other):
        """Takes over what a trial on a pipeline of its own has counted and found."""
        other.count_log()
        for what, number in other.counts.items():
            self.count(what, number)
        for field in dataclasses.fields(Counts):
            setattr(self.checker.counts, field.name, getattr(self.checker.counts, field.name) + getattr(other.checker.counts, field.name))
        self.checker.findings += other.checker.findings
        self.faults += other.faults
        for point, hits in other.points.items():
            self.points[point] = self.points.get(point, 0) + hits

    def bad(self):
        return self.faults or self.checker.counts.faults(self.options.allow_duplicates)

    def count_log(self):
        """What the program said of itself: the proof that the faults reached it."""
        for line in self.pipeline.log_lines():
            self.count("reconnects", "; next try in" in line)
            self.count("commits_in_doubt", "during COMMIT" in line or "COMMIT is in doubt" in line)
            if match := re.search(r"(\d+) records that the last run had written were recognised", line):
                self.count("records_recognised", match.group(1))

    def describe(self):
        """Keeps beside the logs what the program and the servers say of themselves at a fault, before everything ends."""
        for name in ("health", "metrics"):
            if answer := self.pipeline.http(f"/{name}"):
                (self.folder / name).write_text(answer[1], encoding="utf-8")
        sessions = []
        for database in (self.pipeline.source, self.pipeline.lake, self.pipeline.target):
            with contextlib.suppress(psycopg2.Error):
                sessions += [(database.server, *row) for row in database.query(
                    "SELECT pid, backend_type, application_name, state, wait_event, now() - state_change, left(query, 80) FROM pg_stat_activity")]
        with contextlib.suppress(psycopg2.Error):
            sessions += self.query_source("SELECT slot_name, active_pid, restart_lsn, confirmed_flush_lsn, pg_current_wal_lsn() FROM pg_replication_slots")
        (self.folder / "sessions").write_text("\n".join(" | ".join(map(str, row)) for row in sessions) + "\n", encoding="utf-8")
        if self.pipeline.process and (debugger := shutil.which("gdb")):
            with open(self.folder / "threads", "wb") as output:
                subprocess.run([debugger, "-p", str(self.pipeline.process.pid), "-batch", "-ex", "thread apply all bt 20"],
                               stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.DEVNULL, timeout=120, check=False)

    def summary(self, seconds):
        return {
            "seed": self.options.seed, "delivery": self.options.delivery, "mutation": self.options.mutation, "seconds": round(seconds),
            "verdict": "failed" if self.bad() else "passed", "checked": dataclasses.asdict(self.checker.counts),
            "faults": self.faults, "findings": self.checker.findings[:50], "unknown_outcomes": self.unknown,
            "starts": self.pipeline.starts, "injected": dict(sorted(self.counts.items())), "crash_points": dict(sorted(self.points.items())),
            "samples_of_invariant": self.watch.samples, "samples_without_answer": self.watch.away, "samples_with_slot_moved_back": self.watch.slot_went_back,
            "recovery_seconds": recovery_figures(self.pipeline.recoveries),
        }


def recovery_figures(recoveries):
    """How long restarts took, beyond the server's release of the slot."""
    figures = collections.defaultdict(list)
    for recovery in recoveries:
        figures["server_release"].append(recovery.released - recovery.started)
        for name, seconds in recovery.beyond_release().items():
            figures[name].append(seconds)
    return {name: {"count": len(values), "p50": round(statistics.median(values), 3), "max": round(max(values), 3)}
            for name, values in figures.items()}


def run(options, folder):
    source = harness.Database("source")
    source.query(f"ALTER SYSTEM SET wal_sender_timeout = '{SENDER_TIMEOUT}s'")
    source.query("SELECT pg_reload_conf()")
    proxy = Proxy()
    lab = Laboratory(options, folder, proxy)
    begun = time.monotonic()
    try:
        with proxy, lab.pipeline:
            try:
                lab.prepare()
                rounds(lab, begun)
            except Exception as error:  # pylint: disable=broad-except
                lab.faults += lab.watch.violations
                lab.fault(f"{type(error).__name__}: {error}")
                lab.describe()
            finally:
                lab.watch.stop()
                lab.count_log()
                for what, number in proxy.stats().items():
                    lab.count(f"proxy_{what}", number)
                lab.pipeline.kill()
                for name in SERVERS:
                    harness.stack("start", name)
                lab.truth.drop()
                summary = lab.summary(time.monotonic() - begun)
    finally:
        source.query("ALTER SYSTEM RESET wal_sender_timeout")
        source.query("SELECT pg_reload_conf()")
    return summary


def rounds(lab, begun):
    number = 0
    while not lab.bad() and time.monotonic() - begun < lab.options.minutes * 60 and number != (lab.options.rounds or -1):
        number += 1
        done = lab.round(number)
        gc.collect()
        counts = lab.checker.counts
        print(f"round {number}: {', '.join(done)}; {counts.events} events, {counts.lost} lost, {counts.doubled} doubled,"
              f" {counts.reordered} reordered; {(time.monotonic() - begun) / 60:.1f} min", flush=True)
        if lab.options.every_point and not lab.points_to_hit():
            return
    for name in lab.points_to_hit():
        lab.fault(f"crash point {name} was hit {int(lab.points.get(name, 0))} times, not {lab.options.every_point}")
