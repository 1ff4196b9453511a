"""Faults that need a pipeline of their own, as what they leave behind would disturb the campaign's.

Each runs a small laboratory inside the large one, with databases, slot, topics and truth of its own, and hands over what was
counted and found.
"""
import contextlib
import random
import re
import signal
import threading
import time

import harness
import workload
from campaign import Laboratory
from nemeses import IN_QUIET, points_in_snapshots

RECORDS_DIFFER = (57, 58)  # exit codes: somebody else's records stand between ours
FENCED = 59
STALE_EPOCH = (47, 90)  # Kafka's error codes: invalid producer epoch, producer fenced


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
    points = points_in_snapshots()
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


def quiet(lab):
    """Nothing comes, so that the position follows the server behind WAL that is no commit; it is killed on that way."""
    with trial(lab, "quiet") as inner:
        inner.pipeline.restart_measured()
        inner.large_transaction(100)
        inner.wait_confirmed(inner.server_lsn())
        inner.pipeline.kill()
        for name in IN_QUIET * 2:
            inner.crash_at(name, 1)
        inner.pipeline.restart_measured()
        inner.large_transaction(200)
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
    successor cannot prevent that; it must notice, name every record, and stop. With delivery = transactional Kafka refuses it."""
    with trial(lab, "held") as inner:
        inner.pipeline.restart_measured()
        inner.large_transaction(100)
        inner.wait_confirmed(inner.server_lsn())
        hold(inner, "produce", inner.pipeline.topic("entries"), 50)
        inner.pipeline.kill()
        inner.pipeline.restart_measured()
        inner.large_transaction(200)
        inner.wait_confirmed(inner.server_lsn())
        error = release(inner, "produce")
        for _ in range(50):  # The next records show the gap.
            inner.large_transaction(20)
            with contextlib.suppress(Exception):
                inner.pipeline.process.wait(0.2)
                break
        if lab.options.delivery == "transactional":
            inner.count("held_requests_refused", error != 0)
            if error == 0:
                inner.fault("a held produce request was released, and Kafka has taken it")
            inner.check([])
            return
        code = inner.pipeline.ended_by_itself()
        inner.count("held_requests_noticed", code in RECORDS_DIFFER)
        if code not in RECORDS_DIFFER:
            inner.fault(f"a held produce request was released: walrelay ended with {code}, not one of {RECORDS_DIFFER}")
        check_named(inner)


def held_endtxn(lab):
    """The same with the request that ends a transaction, while its successor's is open."""
    with trial(lab, "held_end") as inner:
        inner.pipeline.restart_measured()
        inner.large_transaction(100)
        inner.wait_confirmed(inner.server_lsn())
        hold(inner, "endtxn", inner.pipeline.slot, 50)
        inner.pipeline.kill()
        inner.pipeline.restart_measured()
        hold(inner, "endtxn", inner.pipeline.slot, 200)
        error = release(inner, "endtxn")
        inner.count("held_commits_refused", error in STALE_EPOCH)
        if error not in STALE_EPOCH:
            inner.fault(f"the held end of a dead process's transaction was released: Kafka answered {error}, not one of {STALE_EPOCH}")
        release(inner, "endtxn")
        inner.check([])


def held_by_now(inner, kind):
    return inner.proxy.stats().get(f"kafka_{kind}_requests_held", 0)


def hold(inner, kind, text, rows):
    """Has the proxy keep a request that so many rows bring about."""
    before = held_by_now(inner, kind)
    inner.proxy("hold", "kafka", kind, text)
    inner.large_transaction(rows)
    inner.wait(f"a request is held ({kind})", lambda: held_by_now(inner, kind) > before)


def release(inner, kind):
    """Lets the oldest one go; returns the error code that Kafka answers."""
    prefix = f"kafka_held_{kind}_error_"

    def answers():
        return {name.removeprefix(prefix): number for name, number in inner.proxy.stats().items() if name.startswith(prefix)}
    before = answers()
    inner.proxy("release", "kafka")
    inner.wait("Kafka answers what was held", lambda: answers() != before)
    return next(int(code) for code, number in answers().items() if number != before.get(code, 0))


def zombie(lab):
    """A process is frozen until the server has given it up; a second one takes its place; the first one wakes and sends what it
    still had. Again the second one must notice and name what came between, or nothing did."""
    with trial(lab, "zombie") as inner:
        inner.pipeline.restart_measured()
        inner.large_transaction(40_000)
        time.sleep(inner.random.uniform(0, 0.5))  # It is on its way.
        inner.pipeline.process.send_signal(signal.SIGSTOP)
        second = inner.pipeline.launch(log="second.log", extra=("--set", "admin.listen=127.0.0.1:0"))
        time.sleep(inner.sender_timeout + inner.random.uniform(1, 4))
        inner.large_transaction(200)
        inner.pipeline.process.send_signal(signal.SIGCONT)
        for _ in range(10):
            time.sleep(0.3)
            inner.large_transaction(20)
        if lab.options.delivery == "transactional":
            check_fenced(inner, second)
            return
        ended = [process.poll() for process in (inner.pipeline.process, second)]
        for process in (inner.pipeline.process, second):
            inner.pipeline.kill_process(process)
        inner.pipeline.process = None
        for code in ended:
            if code not in (None, *RECORDS_DIFFER):
                inner.fault(f"zombie: a process ended with {code}, not one of {RECORDS_DIFFER}")
        inner.count("zombies")
        if any(code is not None for code in ended) or not starts_well(inner):
            inner.count("zombies_noticed")
            check_named(inner)
        else:
            inner.check([])


def check_fenced(inner, second):
    """Of the two one ends with 59, the other one goes on, and nothing is there twice."""
    processes = (inner.pipeline.process, second)
    try:
        harness.wait_until("one of the two is fenced", lambda: any(process.poll() is not None for process in processes), 60)
    except TimeoutError as error:
        inner.fault(str(error))
    codes = sorted(process.poll() or 0 for process in processes)
    inner.count("zombies")
    inner.count("zombies_fenced", codes == [0, FENCED])
    if codes != [0, FENCED]:
        inner.fault(f"zombie: the processes ended with {codes} (0: not ended), not one of them with {FENCED}")
    inner.pipeline.process = next((process for process in processes if process.poll() is None), None)
    inner.check([])


def starts_well(inner):
    """False where a new process finds records of somebody else, and ends."""
    inner.pipeline.start()
    try:
        inner.pipeline.wait_streaming()
        inner.large_transaction(20)
        inner.wait_confirmed(inner.server_lsn())
        return True
    except AssertionError:
        code = inner.pipeline.ended_by_itself()
        if code is not None and code not in RECORDS_DIFFER:
            inner.fault(f"after a zombie the next process ended with {code}")
        inner.pipeline.kill()
        return False


NAMED = re.compile(r"offset (\d+) of partition (\d+) of topic ([^\s:]+)")  # Kafka has no colon in a topic.
NAMED_AS_RANGE = re.compile(r"stand between ours in partition (\d+) of topic (\S+), among offsets (\d+) to (\d+) ")
NAMED_ONE_BY_ONE = 10_000  # Of a range.


def unnamed(doubled, log):
    """Those of the records (topic, partition, offset) that the log does not name, each with its topic and partition; where more than
    10 000 stand together, the range is what names the rest."""
    named = {(topic, int(partition), int(offset)) for offset, partition, topic in NAMED.findall(log)}
    ranges = [(topic, int(partition), int(first) + NAMED_ONE_BY_ONE, int(last))
              for partition, topic, first, last in NAMED_AS_RANGE.findall(log)]
    return [(topic, partition, offset) for topic, partition, offset in doubled if (topic, partition, offset) not in named
            and not any(range_[:2] == (topic, partition) and range_[2] <= offset <= range_[3] for range_ in ranges)]


def check_named(inner):
    """Starts it as its message says, and compares: each record that is there twice stands in a log."""
    inner.pipeline.kill()
    inner.pipeline.process = inner.pipeline.launch(extra=("--set", "pipeline.topic.mismatch=accept"))
    inner.pipeline.wait_streaming()
    inner.checker.allow_duplicates = True
    inner.check([])
    log = inner.pipeline.log() + (second.read_text() if (second := inner.folder / "second.log").exists() else "")
    counts, doubled = inner.checker.counts, inner.checker.doubled
    missing = unnamed(doubled, log)
    inner.count("records_doubled_and_named", len(doubled) - len(missing))
    if missing or not doubled:
        inner.fault(f"{len(doubled)} records are there twice; {len(missing)} not named in the log: {missing[:20]}")
    counts.doubled = 0  # They were expected, and compared.
    inner.checker.findings = [text for text in inner.checker.findings if not text.startswith("doubled")]


TRIALS = {"snapshot": (snapshot, 3), "quiet": (quiet, 1), "held-produce": (held_produce, 1),
          "held-endtxn": (held_endtxn, 1), "zombie": (zombie, 1)}
