"""Plays a golden case with walrelay and dumps what then stands in Kafka, in the form of tests/goldens.

A case says `source_db`, the topic prefix `cdc` and the slot `debezium_slot`, so it cannot have names of its own: the
database is dropped and made anew, and every topic is deleted. Only for the servers of tools/stack.
"""
import contextlib
import json
import pathlib
import re
import subprocess
import time

from confluent_kafka.admin import NewTopic

import harness
from harness import ROOT, Database, Pipeline, wait_until

GOLDENS = ROOT / "tests" / "goldens"
VERSIONS = ("2.5.0.Final", "3.6.1.Final")
OFFSETS = "connect_offsets"
END_TABLE = "golden_end"  # its rows mark the end of stream.sql and of restart.sql


def cases():
    """(case, version) of every recording that is listed in cases.txt."""
    for line in (GOLDENS / "cases.txt").read_text(encoding="utf-8").splitlines():
        name = line.split("#")[0].strip()
        only = re.search(r"-(\d\.\d)$", name)
        for version in VERSIONS:
            if name and (only is None or version.startswith(only[1])):
                yield name, version


class GoldenPipeline(Pipeline):
    """walrelay in the place of the connector `golden`."""

    def __init__(self, case, version, folder):
        options = {**json.loads((GOLDENS / "base.json").read_text(encoding="utf-8")),
                   **json.loads((case / "connector.json").read_text(encoding="utf-8"))}
        super().__init__("golden", folder, source=options, lake=False, target=False,
                         pipeline={"name": "golden", "compat": version, "offset.storage.topic": OFFSETS})
        self.source = Database("source")
        self.seen_ends = None

    def __enter__(self):
        self.clean()
        return self

    def __exit__(self, *_):
        self.kill()
        self.clean()

    def clean(self):
        self.source.close()
        server = Database("source", "postgres")
        wait_until("slots released", lambda: not server.query("SELECT 1 FROM pg_replication_slots WHERE active AND database = %s",
                                                              [self.source.name]))
        server.query("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = %s", [self.source.name])
        self.source.name = harness.parts("source")["dbname"]
        server.query(f"DROP DATABASE IF EXISTS {self.source.name} WITH (FORCE)")
        server.query(f"CREATE DATABASE {self.source.name}")
        server.close()
        names = [name for name in harness.topics("") if not name.startswith(("__consumer", "__transaction"))]
        harness.delete_topics(names)
        wait_until("topics deleted", lambda: not set(names) & set(harness.topics("")))
        # The recordings were made with offset.storage.partitions=1.
        client = harness.admin_client()
        created = client.create_topics([NewTopic(OFFSETS, 1, 1, config={"cleanup.policy": "compact"})])
        created[OFFSETS].result()

    def data_topics(self):
        return {name: partitions for name, partitions in harness.topics("").items() if not name.startswith(("connect_", "__consumer", "__transaction", "__walrelay"))}

    def records_seen(self, number):
        """True once the rows of the end table up to `number` have arrived and nothing has followed them for a second."""
        self.check_alive()
        ends = {key: end for key, end in harness.end_offsets(self.data_topics()).items() if "heartbeat" not in key[0]}
        if sum(end for (topic, _), end in ends.items() if topic.endswith(END_TABLE)) < number:
            return False
        now = time.monotonic()
        if self.seen_ends is None or self.seen_ends[0] != ends:
            self.seen_ends = ends, now
        return now - self.seen_ends[1] >= 1

    def wait_records(self, number):
        self.seen_ends = None
        wait_until(f"end {number}", lambda: self.records_seen(number), 60, every=0.2)

    def mark_end(self, number):
        self.source.query(f"create table if not exists {END_TABLE} (id int primary key)")
        self.source.query(f"insert into {END_TABLE} values ({number})")
        self.wait_records(number)

    def stop_cleanly(self):
        code, _ = self.stop()
        assert code == 0
        wait_until("slot released", lambda: not self.slot_active())

    @contextlib.contextmanager
    def held(self, seconds=6):
        """Holds the catalog look-up of a new table up for a while."""
        holder = subprocess.Popen(["psql", "-Xq", self.source.dsn, "-c",
                                   f"begin; lock table pg_catalog.pg_description; select pg_sleep({seconds})"],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        wait_until("lock", lambda: self.source.query("SELECT 1 FROM pg_locks WHERE granted AND mode = 'AccessExclusiveLock'"
                                                     " AND relation = 'pg_catalog.pg_description'::regclass"))
        yield
        holder.wait()

    def play(self, case):
        """Runs the SQL of a case from its start up to the last stop; the same steps as those of the recording."""
        self.source.run_file(case / "setup.sql")
        if not self.source.query("SELECT 1 FROM pg_publication"):
            self.source.query("CREATE PUBLICATION debezium_publication FOR ALL TABLES")
        self.start("produce")
        self.wait_streaming()
        end = 0
        if (case / "stream.sql").exists():
            self.source.run_file(case / "stream.sql")
            self.mark_end(end := end + 1)
        else:
            self.wait_records(0)
        if (case / "interrupted.sql").exists():
            with self.held():
                self.source.run_file(case / "interrupted.sql")
                time.sleep(3)  # as the recording did: the stop falls into the look-up
                self.stop_cleanly()
        else:
            self.stop_cleanly()
        if (case / "restart.sql").exists():
            if (case / "kill").exists():
                self.start("produce")
                self.wait_streaming()
                self.kill()
                wait_until("slot released", lambda: not self.slot_active())
            self.source.run_file(case / "restart.sql")
            self.start("produce")
            self.mark_end(end + 1)
            self.stop_cleanly()

    def dump(self, path):
        """Writes one record a line, by topic, partition and offset."""
        names = self.data_topics() | harness.topics(OFFSETS)
        yesterday = (time.time() - 86400) * 1000
        with open(path, "w", encoding="utf-8") as file:
            for (topic, partition), messages in sorted(harness.read_topics(names).items(), key=lambda item: recorded_order(item[0])):
                for message in messages:
                    record = {"topic": topic, "partition": partition, "offset": message.offset(), "key": text(message.key()),
                              "value": text(message.value()),
                              "headers": [[name, text(value)] for name, value in message.headers() or []]}
                    if message.timestamp()[1] < yesterday:  # not the producer's clock: it was set from a column
                        record["timestamp"] = message.timestamp()[1]
                    file.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")


def recorded_order(key):
    """Data topics by name, then Connect's offsets."""
    return key[0] == OFFSETS, *key


def text(raw):
    return None if raw is None else raw.decode()


def server_matches(case):
    """False where the case is for another major version of PostgreSQL than the one that runs."""
    wanted = case / "server"
    return not wanted.exists() or Database("source", "postgres").value("SHOW server_version").startswith(wanted.read_text().strip())


def compare(golden, actual):
    """'' when the dump is the golden but for what no two runs share, else the first difference."""
    result = subprocess.run(["/usr/bin/python3", GOLDENS / "compare.py", golden, actual], capture_output=True, text=True,
                            encoding="utf-8", check=False)
    return result.stdout + result.stderr
