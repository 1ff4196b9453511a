"""Faults that need a pipeline of their own, as what they leave behind would disturb the campaign's.

Each runs a small laboratory inside the large one, with databases, slot, topics and truth of its own, and hands over what was
counted and found.
"""
import contextlib
import random
import threading
import time

import harness
import workload
from campaign import Laboratory
from nemeses import crash_points

RECORDS_DIFFER = (57, 58)  # exit codes: somebody else's records stand between ours


@contextlib.contextmanager
def trial(lab, name):
    lab.count("trials")
    name = f"_{name}{lab.counts['trials']}"
    folder = lab.folder / name.strip("_")
    folder.mkdir()
    inner = Laboratory(lab.options, folder, lab.proxy, name)
    inner.random = random.Random(lab.random.random())
    with inner.pipeline:
        try:
            inner.query_source(workload.SCHEMA)
            inner.truth.create()
            inner.query_source(workload.SEED)
            inner.watch.start()
            yield inner
            inner.watch.stop()
        finally:
            inner.pipeline.kill()
            inner.truth.drop()
            lab.absorb(inner)


def snapshot(lab):
    """A snapshot that is killed again and again, at its crash points and between rows, while rows are added."""
    points = [name for name in crash_points() if name.startswith("snapshot-") or name == "topic-adopted"]
    with trial(lab, "snapshot") as inner:
        rows = inner.random.choice((5_000, 30_000))
        inner.large_transaction(rows)
        stop = threading.Event()
        writer = threading.Thread(target=add_rows, args=(inner, stop), daemon=True)
        writer.start()
        try:
            for _ in range(inner.random.randrange(3, 7)):
                name = min(points, key=lambda point: (lab.points.get(point, 0) + inner.points.get(point, 0), inner.random.random()))
                inner.crash_at(name, inner.random.randrange(1, rows) if name == "snapshot-row" else 1)
                inner.count("kills_in_snapshot")
            inner.pipeline.restart_measured()
        finally:
            stop.set()
            writer.join()
        inner.check([])


def add_rows(inner, stop):
    number = 10**7
    database = harness.Database("source", inner.pipeline.source.name)
    while not stop.wait(0.02):
        number += 1
        database.query("INSERT INTO entries VALUES (%s, 99, %s, 'meanwhile')", [number, number])
    database.close()


def held_produce(lab):
    """The network keeps a produce request of a process that then dies, and delivers it when its successor writes already. The
    successor cannot prevent that (delivery = transactional can); it must notice, name every record, and stop."""
    with trial(lab, "held") as inner:
        inner.pipeline.restart_measured()
        inner.large_transaction(100)
        inner.wait_confirmed(inner.server_lsn())
        inner.proxy("hold", "kafka", inner.pipeline.topic("entries"))
        inner.large_transaction(50)
        inner.wait("a produce request is held", lambda: inner.proxy.stats().get("kafka_produce_requests_held", 0) > lab.counts.get("requests_held", 0))
        lab.counts["requests_held"] = inner.proxy.stats()["kafka_produce_requests_held"]
        inner.pipeline.kill()
        inner.pipeline.restart_measured()
        inner.large_transaction(200)
        inner.wait_confirmed(inner.server_lsn())
        inner.proxy("release", "kafka")
        time.sleep(0.5)
        for _ in range(50):  # The next records show the gap.
            inner.large_transaction(20)
            with contextlib.suppress(Exception):
                inner.pipeline.process.wait(0.2)
                break
        code = inner.pipeline.ended_by_itself()
        inner.count("held_requests_noticed", code in RECORDS_DIFFER)
        if code not in RECORDS_DIFFER:
            inner.fault(f"a held produce request was released: walrelay ended with {code}, not one of {RECORDS_DIFFER}")
        check_named(inner)


def check_named(inner):
    """Starts it as its message says, and compares: each record that is there twice stands in the log."""
    inner.pipeline.process = inner.pipeline.launch(extra=("--set", "pipeline.topic.mismatch=accept"))
    inner.pipeline.wait_streaming()
    inner.checker.allow_duplicates = True
    inner.check([])
    log = inner.pipeline.log()
    counts = inner.checker.counts
    doubled = [text.split("@")[1].split()[0] for text in inner.checker.findings if text.startswith("doubled: entries")]
    unnamed = [offset for offset in doubled if f"offset {offset} of partition" not in log]
    inner.count("records_doubled_and_named", counts.doubled)
    if unnamed or not doubled:
        inner.fault(f"{counts.doubled} records are there twice; not named in the log: {unnamed}")
    counts.doubled = 0  # They were expected, and compared.
    inner.checker.findings = [text for text in inner.checker.findings if not text.startswith("doubled")]


TRIALS = {"snapshot": (snapshot, 3), "held-produce": (held_produce, 1)}
