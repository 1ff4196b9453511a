"""Plays a golden case with walrelay and dumps what then stands in Kafka, in the form of tests/goldens.

walrelay is given the case as a user would give it: the body that is POSTed to Connect, with --connector, and beside it
only what a Connect worker knows (brokers, offsets topic). A case says `source_db`, the topic prefix `cdc` and the slot
`debezium_slot`, so it cannot have names of its own: the database is dropped and made anew, and every topic is deleted.
Only for the servers of tools/stack.
"""
import contextlib
import json
import pathlib
import re
import subprocess
import time

from confluent_kafka.admin import NewTopic

import harness
from harness import BINARY, KAFKA, ROOT, Database, Pipeline, end_offset, wait_until

GOLDENS = ROOT / "tests" / "goldens"
VERSIONS = ("2.5.0.Final", "3.6.1.Final")
OFFSETS = "connect_offsets"
END_TABLE = "golden_end"  # its rows mark the end of stream.sql and of restart.sql


def folders():
    """The cases: every folder that says what a connector was given."""
    return sorted(path.parent.name for path in GOLDENS.glob("*/connector.json"))


def cases():
    """(case, version) of everything that was recorded."""
    for name in folders():
        only = re.search(r"-(\d\.\d)$", name)
        for version in VERSIONS:
            if only is None or version.startswith(only[1]):
                yield name, version


class Cluster:
    """Kafka as the runner sees it. One set of clients for all cases: to make one takes longer than to ask it."""

    def __init__(self):
        self.admin = harness.admin_client()
        self.consumer = harness.new_consumer()

    def topics(self):
        """{topic: partitions} of all but Kafka's own."""
        found = self.admin.list_topics(timeout=20).topics
        return {name: sorted(topic.partitions) for name, topic in found.items()
                if not name.startswith(("__consumer", "__transaction"))}

    def ends(self, names):
        return {(topic, partition): end_offset(self.consumer, topic, partition) for topic, partitions in names.items() for partition in partitions}

    def start_over(self):
        """Deletes every topic, and makes the one that a Connect cluster has."""
        if names := list(self.topics()):
            for deleted in self.admin.delete_topics(names, operation_timeout=20).values():
                with contextlib.suppress(Exception):
                    deleted.result()
        wait_until("topics deleted", lambda: not set(names) & set(self.topics()))
        # The recordings were made with offset.storage.partitions=1.
        created = self.admin.create_topics([NewTopic(OFFSETS, 1, 1, config={"cleanup.policy": "compact"})])
        created[OFFSETS].result()


class GoldenPipeline(Pipeline):
    """walrelay in the place of the connector `golden`."""

    def __init__(self, case, version, folder, cluster):
        at = harness.parts("source")
        self.options = {**json.loads((GOLDENS / "base.json").read_text(encoding="utf-8")),
                        **json.loads((case / "connector.json").read_text(encoding="utf-8")),
                        "database.hostname": at["host"], "database.port": at.get("port", "5432"),
                        "database.user": at["user"], "database.password": at["password"],
                        "database.dbname": at["dbname"]}
        super().__init__("golden", folder, source=self.options, lake=False, target=False)
        self.version = version
        self.cluster = cluster
        self.source = Database("source")

    def __enter__(self):
        self.clean()
        return self

    def __exit__(self, *_):
        self.kill()
        self.drop_slot()
        self.source.close()

    def clean(self):
        server = Database("source", "postgres")
        wait_until("slots released", lambda: not server.query("SELECT 1 FROM pg_replication_slots WHERE active AND database = %s",
                                                              [self.source.name]))
        server.query("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = %s", [self.source.name])
        server.query(f"DROP DATABASE IF EXISTS {self.source.name} WITH (FORCE)")
        server.query(f"CREATE DATABASE {self.source.name}")
        server.close()
        self.cluster.start_over()

    def start(self, command="produce"):
        """As a user who comes from Connect does, with what is not in a connector's configuration beside it."""
        body = self.folder / "connector.json"
        body.touch(mode=0o600)
        body.write_text(json.dumps({"name": "golden", "config": self.options}, ensure_ascii=False), encoding="utf-8")
        beside = {"kafka.bootstrap.servers": KAFKA, "pipeline.compat": self.version, "pipeline.offset.storage.topic": OFFSETS,
                  "admin.listen": f"127.0.0.1:{self.port}"}
        self.launch(command, "--connector", body, *(word for key, value in beside.items() for word in ("--set", f"{key}={value}")))

    def launch(self, *arguments):
        assert self.process is None, "it runs already"
        self.starts += 1
        with open(self.log_path, "ab") as log:
            log.write(f"=== start {self.starts}: {arguments[0]}\n".encode())
            self.process = subprocess.Popen([BINARY, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                            cwd=self.folder)

    def data_topics(self):
        return {name: partitions for name, partitions in self.cluster.topics().items()
                if not name.startswith(("connect_", "__walrelay"))}

    def received(self):
        """The end of the WAL that walrelay has processed."""
        self.check_alive()
        answer = self.http("/metrics")
        found = re.search(r"^walrelay_received_lsn (\S+)$", answer[1], re.MULTILINE) if answer else None
        return float(found[1]) if found else 0

    def wait_received(self, lsn):
        """Waits until everything below it has been processed: a record that is in Kafka does not say so of its commit. The
        server may have written WAL of its own meanwhile, which does not reach walrelay: a second without progress will do."""
        seen, since = None, 0
        def settled():
            nonlocal seen, since
            if (now := self.received()) != seen:
                seen, since = now, time.monotonic()
            return seen >= lsn or time.monotonic() - since >= 1.2
        wait_until("the commit", settled, every=0.05)

    def mark_end(self, number):
        """Adds row `number` to the end table, and waits until its record is in Kafka and its transaction has been processed."""
        self.source.query(f"create table if not exists {END_TABLE} (id int primary key)")
        self.source.query(f"insert into {END_TABLE} values ({number})")
        end = int(self.source.value("select pg_current_wal_insert_lsn() - '0/0'"))
        def arrived():
            self.check_alive()
            ends = self.cluster.ends({name: parts for name, parts in self.data_topics().items() if name.endswith(END_TABLE)})
            return sum(ends.values()) >= number
        wait_until(f"end {number}", arrived, every=0.05)
        self.wait_received(end)
        if int(self.options.get("heartbeat.interval.ms", 0)):
            # In the recording one came behind the last commit, and took the offset there.
            before = self.records()
            wait_until("a heartbeat", lambda: self.records() > before, every=0.05)

    def records(self):
        self.check_alive()
        return sum(self.cluster.ends(self.data_topics()).values())

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
        self.start()
        self.wait_streaming()
        end = 0
        if (case / "stream.sql").exists():
            self.source.run_file(case / "stream.sql")
            self.mark_end(end := end + 1)
        if (case / "interrupted.sql").exists():
            with self.held():
                self.source.run_file(case / "interrupted.sql")
                time.sleep(3)  # as the recording did: the stop falls into the look-up
                self.stop_cleanly()
        else:
            self.stop_cleanly()
        if (case / "restart.sql").exists():
            if (case / "kill").exists():
                self.start()
                self.wait_streaming()
                self.kill()
                wait_until("slot released", lambda: not self.slot_active())
            self.source.run_file(case / "restart.sql")
            self.start()
            self.mark_end(end + 1)
            self.stop_cleanly()

    def dump(self, path):
        """Writes one record a line, by topic, partition and offset."""
        names = self.data_topics() | {OFFSETS: [0]}
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
    running = Database("source", "postgres").value("SHOW server_version")
    return running.startswith(wanted.read_text().strip() if wanted.exists() else "15")


def compare(golden, actual):
    """'' when the dump is the golden but for what no two runs share, else the first difference."""
    result = subprocess.run(["/usr/bin/python3", GOLDENS / "compare.py", golden, actual], capture_output=True, text=True,
                            encoding="utf-8", check=False)
    return result.stdout + result.stderr
