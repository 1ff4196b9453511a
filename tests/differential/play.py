"""Plays a case on both programs at once, on two slots of one database, and compares what they wrote.

The two have brokers of their own, so that prefix, keys and therefore partitions are the same. The comparison, and what it
masks, is that of tests/goldens/compare.py.
"""
import collections
import contextlib
import dataclasses
import itertools
import json
import pathlib
import sys
import time

import generate
from case import MARK_TABLE, WAIT_LINE
from servers import OFFSETS, ROOT, Debezium, Ended, Walrelay, psql, wait_until

sys.path.insert(0, str(ROOT / "tests" / "goldens"))
import compare  # noqa: E402

numbers = itertools.count(1)


@dataclasses.dataclass
class Outcome:
    """What a round has shown. `difference` is '' where both agree."""
    difference: str = ""
    refused: str = ""      # why Debezium's task failed, where walrelay stopped as well or not
    records: int = 0
    both_stopped: bool = False


class Round:
    def __init__(self, case, version, worker, brokers, folder):
        self.case, self.version = case, version
        self.debezium_broker, self.walrelay_broker = brokers
        self.name = f"d{next(numbers):06}"
        self.prefix = f"p{self.name}"
        self.folder = pathlib.Path(folder) / self.name
        self.folder.mkdir()
        at = {"database.hostname": "127.0.0.1", "database.port": psql_port(), "database.user": "source_user", "database.password": "source_password",
              "database.dbname": self.name, "topic.prefix": self.prefix, "plugin.name": "pgoutput", "publication.name": "debezium_publication", **case.options}
        connect = {"connector.class": "io.debezium.connector.postgresql.PostgresConnector", "tasks.max": "1", "poll.interval.ms": "20", "errors.max.retries": "0"}
        self.debezium = Debezium(worker, self.name, {**connect, **at, "slot.name": self.name + "d"})
        self.walrelay = Walrelay(version, self.name, {**at, "slot.name": self.name + "w"}, self.walrelay_broker, self.folder)
        self.programs = (self.debezium, self.walrelay)
        self.marks = 0

    def delimiter(self):
        return self.case.options.get("topic.delimiter", ".")

    # --- Steps ---

    def streaming(self):
        for program in self.programs:
            program.check()
        return psql("postgres", "SELECT count(*) FROM pg_stat_replication r JOIN pg_replication_slots s ON s.active_pid = r.pid"
                                f" WHERE r.state = 'streaming' AND s.database = '{self.name}'") == "2"

    def start(self):
        for program in self.programs:
            program.start()

    def mark(self):
        """Waits until both have written everything that is committed, its END with transaction metadata too."""
        self.marks += 1
        psql(self.name, generate.mark_sql(self.marks, self.case.options))
        # The row that the snapshot reads comes first, and may be on its way still.
        expected = self.marks + (self.case.options.get("snapshot.mode", "initial") not in ("never", "no_data"))
        pending = {self.debezium: self.debezium_broker, self.walrelay: self.walrelay_broker}
        topic = self.delimiter().join((self.prefix, "public", MARK_TABLE))

        def arrived():
            for program, broker in list(pending.items()):
                program.check()
                if broker.end(topic) >= expected:
                    del pending[program]
            return not pending
        wait_until(f"mark {self.marks}", arrived)
        if self.case.options.get("provide.transaction.metadata") == "true":
            transactions = self.delimiter().join((self.prefix, "transaction"))
            with contextlib.suppress(TimeoutError):  # more of one than of the other is a difference, and shows in the end
                wait_until("END", lambda: self.debezium_broker.end(transactions) == self.walrelay_broker.end(transactions) and
                           self.debezium_broker.end(transactions) % 2 == 0, 15)

    def run(self, steps):
        """The steps, those between two waits in one session."""
        chunk = []
        for step in [*(step.sql() for step in steps), None]:
            if step not in (None, WAIT_LINE):
                chunk.append(step)
                continue
            if chunk:
                psql(self.name, "\n".join(chunk) + "\n", strict=False)
                chunk = []
            if step == WAIT_LINE:
                self.mark()

    def stop(self):
        for program in self.programs:
            program.check(at_once=True)
        stored = self.debezium_broker.end(OFFSETS)
        for program in self.programs:
            program.stop()
        # Connect calls a connector stopped before its task has flushed its records and stored its offset.
        with contextlib.suppress(TimeoutError):
            wait_until("Connect's offset", lambda: self.debezium_broker.end(OFFSETS) > stored, 30)
        wait_until("slots released", lambda: psql("postgres", f"SELECT count(*) FROM pg_replication_slots WHERE active AND database = '{self.name}'") == "0")

    def play(self):
        psql("postgres", f"CREATE DATABASE {self.name}")
        psql(self.name, "\n".join(self.case.setup_sql()) + "\n", strict=False)
        partitions = {self.delimiter().join((self.prefix, *table.split("."))): count for table, count in self.case.partitions().items()}
        for broker in (self.debezium_broker, self.walrelay_broker):
            broker.create(partitions)
        self.start()
        wait_until("streaming", self.streaming)
        # What one program's slot saw as its consistent point must not be the LSN of a later row: WAL lies between.
        psql("postgres", "CHECKPOINT")
        self.run(self.case.stream)
        self.mark()
        self.stop()
        if self.case.restart:
            self.run(self.case.restart)
            self.start()
            self.mark()
            self.stop()

    # --- The outcome ---

    def dump(self, broker, path):
        """What stands on a broker, in the form of the goldens; the number of records."""
        topics = {name: parts for name, parts in broker.topics().items() if self.prefix in name}
        lines = []
        for topic, partition, messages in broker.read(topics) + broker.read({OFFSETS: [0]}):
            own = [m for m in messages if topic != OFFSETS or f'"{self.name}"' in (m.key() or b"").decode()]
            for offset, message in enumerate(own):
                lines.append({"topic": topic, "partition": partition, "offset": offset, "key": decoded(message.key()), "value": decoded(message.value()),
                              "headers": [[name, decoded(value)] for name, value in message.headers() or []]})
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)
        return len(lines)

    def outcome(self):
        theirs, ours = self.folder / "debezium.jsonl", self.folder / "walrelay.jsonl"
        self.dump(self.walrelay_broker, ours)
        records = self.dump(self.debezium_broker, theirs)
        difference = compare.difference(compare.load(theirs), compare.load(ours)) or ""
        return Outcome(difference and "\n".join([difference, *counts(theirs, ours)]), records=records)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for program in self.programs:
            program.remove()

        def no_slots():  # A task that is being stopped may open its slot once more.
            psql("postgres", f"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active AND database = '{self.name}'", strict=False)
            return psql("postgres", f"SELECT count(*) FROM pg_replication_slots WHERE database = '{self.name}'") == "0"
        wait_until("slots dropped", no_slots)
        psql("postgres", f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")
        for broker in (self.debezium_broker, self.walrelay_broker):
            broker.delete([topic for topic in broker.topics() if self.name in topic])


def counts(theirs, ours):
    """A line for each partition in which they have different numbers of records."""
    found = [collections.Counter((r["topic"], r["partition"]) for r in map(json.loads, path.open(encoding="utf-8"))) for path in (theirs, ours)]
    for topic, partition in sorted(set(found[0]) | set(found[1])):
        if found[0][topic, partition] != found[1][topic, partition]:
            yield f"  {topic}[{partition}]: Debezium wrote {found[0][topic, partition]} records, walrelay {found[1][topic, partition]}"


def psql_port():
    from servers import SOURCE_PORT
    return SOURCE_PORT


def decoded(raw):
    return None if raw is None else raw.decode(errors="surrogateescape").encode("utf-8", "backslashreplace").decode()


def settled(program, seconds=20):
    """Waits for the program to end by itself; why, or '' where it goes on."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            program.check(at_once=True)
        except Ended as ended:
            return str(ended)
        time.sleep(0.2)
    return ""


def play(case, version, worker, brokers, folder):
    with Round(case, version, worker, brokers, folder) as one:
        try:
            one.play()
            return one.outcome()
        except Ended as ended:
            refused = settled(one.debezium, 15)
            if refused:
                return Outcome(refused=refused, both_stopped=bool(settled(one.walrelay, 5)))
            return Outcome(difference=str(ended))
        except RuntimeError as error:  # Connect takes no such configuration; of the shrinker's, mostly.
            return Outcome(refused=str(error), both_stopped=True)
        except TimeoutError as error:
            refused = settled(one.debezium, 1)
            if refused:
                return Outcome(refused=refused, both_stopped=bool(settled(one.walrelay, 5)))
            return Outcome(difference=f"{error}\n{one.debezium.said()}\n{one.walrelay.log.read_text(errors='replace')[-1500:]}")
