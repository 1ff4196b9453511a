"""The two sides of the differential test: brokers, a Connect worker with the real connector, walrelay; and the database."""
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("WALRELAY_BINARY", ROOT / "build" / "release" / "walrelay"))
CACHE = pathlib.Path(os.environ["STACK_CACHE"])
SOURCE_PORT = os.environ["STACK_SOURCE_PORT"]
CONNECT_PORT = os.environ["STACK_CONNECT_PORT"]
OFFSETS = "connect_offsets"
LOG4J = """log4j.rootLogger=WARN, stderr
log4j.appender.stderr=org.apache.log4j.ConsoleAppender
log4j.appender.stderr.Target=System.err
log4j.appender.stderr.layout=org.apache.log4j.PatternLayout
log4j.appender.stderr.layout.ConversionPattern=%d %p %c: %m%n
"""


class Ended(Exception):
    """One of the programs has stopped by itself; the text says why."""


def wait_until(what, test, seconds=240, every=0.03):
    deadline = time.monotonic() + seconds
    while not (result := test()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(every)
    return result


# --- The database ---

def psql(database, script, strict=True):
    """Runs a script with psql; its output. Without `strict`, statements that the server refuses are passed over."""
    command = ["psql", "-h", "127.0.0.1", "-p", SOURCE_PORT, "-U", "source_user", "-d", database, "-XqAt"] + (["-v", "ON_ERROR_STOP=1"] if strict else [])
    environment = dict(os.environ, PGPASSWORD="source_password", PGTZ="UTC", PGCLIENTENCODING="UTF8", PGOPTIONS="-c client_min_messages=warning")
    done = subprocess.run(command, input=script.encode(), env=environment, capture_output=True, timeout=120, check=False)
    if strict and done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace"))
    return done.stdout.decode().strip()


def available_extensions():
    wanted = "'hstore', 'ltree', 'citext', 'isn', 'postgis', 'vector'"
    return psql("postgres", f"SELECT name FROM pg_available_extensions WHERE name IN ({wanted}) ORDER BY 1").split()


# --- A broker ---

class Broker:
    def __init__(self, port):
        self.address = f"127.0.0.1:{port}"
        self.admin = AdminClient({"bootstrap.servers": self.address, "log_level": 2})
        self.watcher = self.consumer()
        self.known = set()

    def consumer(self):
        return Consumer({"bootstrap.servers": self.address, "group.id": "differential", "enable.auto.commit": False, "log_level": 2})

    def topics(self, prefix=""):
        found = self.admin.list_topics(timeout=30).topics
        return {name: sorted(topic.partitions) for name, topic in found.items() if name.startswith(prefix)}

    def create(self, partitions):
        if partitions:
            for created in self.admin.create_topics([NewTopic(name, count, 1) for name, count in partitions.items()]).values():
                created.result()

    def delete(self, names):
        if names:
            for deleted in self.admin.delete_topics(names, operation_timeout=20).values():
                with contextlib.suppress(Exception):
                    deleted.result()

    def end(self, topic, partition=0):
        """The end offset; 0 where there is no such topic."""
        if topic not in self.known:  # The client would believe for a while that there is none.
            self.known.update(self.watcher.list_topics(timeout=30).topics)
        return self.end_by(self.watcher, topic, partition) if topic in self.known else 0

    @staticmethod
    def end_by(consumer, topic, partition):
        found = []

        def asked():
            with contextlib.suppress(KafkaException):  # A topic of this moment: its leader is not known everywhere.
                found.append(consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=20)[1])
            return found
        wait_until(f"the end of {topic}", asked)
        return found[0]

    def read(self, topics):
        """[(topic, partition, messages)], each partition from its start to its present end."""
        consumer = self.consumer()
        try:
            ends = {(t, p): self.end_by(consumer, t, p) for t, parts in topics.items() for p in parts}
            found = {key: [] for key in ends}
            missing = {key for key, end in ends.items() if end}
            consumer.assign([TopicPartition(topic, partition, 0) for topic, partition in missing])
            deadline = time.monotonic() + 60
            while missing:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"not read to the end: {sorted(missing)}")
                for message in consumer.consume(1000, timeout=0.2):
                    key = message.topic(), message.partition()
                    if not message.error() and message.offset() < ends[key]:
                        found[key].append(message)
                        if message.offset() + 1 >= ends[key]:
                            missing.discard(key)
            return [(topic, partition, messages) for (topic, partition), messages in sorted(found.items())]
        finally:
            consumer.close()


# --- The real connector ---

class Worker:
    """A Connect worker with one version of Debezium, on a broker."""

    def __init__(self, version, broker, folder):
        self.version, self.broker = version, broker
        self.folder = pathlib.Path(folder)
        self.log = self.folder / f"connect-{version}.log"
        self.process = None

    def __enter__(self):
        connect = "3.6.1" if self.version == "2.5.0.Final" else os.environ["STACK_KAFKA_VERSION"]
        (self.folder / "log4j.properties").write_text(LOG4J, encoding="ascii")
        suffix = self.version.replace(".", "")
        settings = self.folder / f"worker-{self.version}.properties"
        settings.write_text("".join(f"{key}={value}\n" for key, value in {
            "bootstrap.servers": self.broker.address, "group.id": f"connect-{suffix}",
            "config.storage.topic": f"connect_configs{suffix}", "offset.storage.topic": OFFSETS, "status.storage.topic": f"connect_statuses{suffix}",
            **{f"{kind}.storage.replication.factor": 1 for kind in ("config", "offset", "status")},
            "offset.storage.partitions": 1, "plugin.path": CACHE / f"plugins-{self.version}", "listeners": f"http://127.0.0.1:{CONNECT_PORT}",
            "offset.flush.interval.ms": 3600000, "offset.flush.timeout.ms": 60000, "task.shutdown.graceful.timeout.ms": 60000,
            "scheduled.rebalance.max.delay.ms": 0,
            "key.converter": "org.apache.kafka.connect.json.JsonConverter",
            "value.converter": "org.apache.kafka.connect.json.JsonConverter"}.items()), encoding="ascii")
        with open(self.log, "ab") as output:
            self.process = subprocess.Popen(
                [os.environ.get("JAVA", "java"), "-Xmx1g", "-XX:TieredStopAtLevel=1", "-Duser.timezone=UTC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                 "-cp", f"{self.folder}:{CACHE}/connect-{connect}/*", "org.apache.kafka.connect.cli.ConnectDistributed", settings],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=dict(os.environ, TZ="UTC"))

        def ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"Connect has ended:\n{self.log.read_text(errors='replace')[-3000:]}")
            with contextlib.suppress(OSError):
                return self.rest("GET", "/connectors") is not None
        wait_until("Connect", ready, 240, every=0.3)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        self.process.kill()
        self.process.wait()

    def rest(self, method, path, body=None):
        """The answer, or None where there is no such connector. Repeats while the worker rebalances."""
        request = urllib.request.Request(f"http://127.0.0.1:{CONNECT_PORT}{path}", method=method, data=body and json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        for _ in range(300):
            try:
                with urllib.request.urlopen(request, timeout=90) as response:
                    return json.loads(response.read() or "null")
            except urllib.error.HTTPError as error:
                if error.code == 404:
                    return None
                if error.code not in (409, 500, 503):
                    raise RuntimeError(error.read().decode(errors="replace")) from error
                time.sleep(0.2)
        raise TimeoutError(path)


class Debezium:
    """A connector on the worker."""

    def __init__(self, worker, name, options):
        self.worker, self.name, self.options = worker, name, options
        self.next_look = 0
        self.log_start = worker.log.stat().st_size

    def said(self):
        """What the worker has logged since this connector was made, shortened."""
        with open(self.worker.log, "rb") as log:
            log.seek(self.log_start)
            lines = [line for line in log.read().decode(errors="replace").splitlines() if not line.startswith("\t")]
        return "\n".join(line[:400] for line in lines[-12:])

    def start(self):
        path = f"/connectors/{self.name}"
        if self.worker.rest("GET", path) is None:
            self.worker.rest("PUT", path + "/config", self.options)
        else:
            self.worker.rest("PUT", path + "/resume")

    def check(self, at_once=False):
        """Raises Ended where the task has failed; asks twice a second at most."""
        if not at_once and time.monotonic() < self.next_look:
            return
        self.next_look = time.monotonic() + 0.5
        for task in (self.worker.rest("GET", f"/connectors/{self.name}/status") or {"tasks": []})["tasks"]:
            if task["state"] == "FAILED":
                raise Ended("\n".join(line for line in task["trace"].splitlines() if not line.startswith("\t"))[:2000])

    def stop(self):
        self.worker.rest("PUT", f"/connectors/{self.name}/stop")
        wait_until("connector stopped", lambda: (self.worker.rest("GET", f"/connectors/{self.name}/status") or {}).get("tasks") == [])

    def remove(self):
        self.worker.rest("DELETE", f"/connectors/{self.name}")


# --- walrelay ---

def toml(text):
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


class Walrelay:
    """The program with a connector's options, in a folder of its own."""

    def __init__(self, version, name, options, broker, folder):
        self.folder = folder
        own = {"name": name, "compat": version, "offset.storage.topic": OFFSETS, "offset.flush.interval.ms": None}
        sections = {"pipeline": {key: value for key, value in own.items() if value}, "source": options,
                    "kafka": {"bootstrap.servers": broker.address}, "admin": {"listen": "127.0.0.1:0"}}
        self.config = folder / "walrelay.toml"
        self.config.write_text("\n".join(f"[{section}]\n" + "".join(f"{toml(key)} = {toml(value)}\n" for key, value in keys.items())
                                         for section, keys in sections.items()), encoding="utf-8")
        self.log = folder / "walrelay.log"
        self.process = None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([BINARY, "produce", "--config", self.config], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=self.folder)

    def check(self, at_once=False):  # pylint: disable=unused-argument
        if self.process is not None and self.process.poll() is not None:
            raise Ended(f"walrelay has ended with {self.process.returncode}:\n" + "\n".join(self.log.read_text(errors="replace").splitlines()[-4:]))

    def stop(self):
        self.check()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        self.process = None
        if code:
            raise Ended(f"walrelay was asked to stop and ended with {code}:\n" + self.log.read_text(errors="replace")[-1500:])

    def remove(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def scratch():
    return tempfile.TemporaryDirectory(prefix="walrelay-differential.")
