"""The real Debezium 2.5.0.Final on a Connect worker, for tools/bench --debezium. Its jars: bring_debezium in lib.sh."""
import contextlib
import json
import os
import pathlib
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import harness

VERSION, CONNECT = "2.5.0.Final", "3.6.1"
PORT = os.environ.get("STACK_CONNECT_PORT", "8183")
CACHE = pathlib.Path(os.environ.get("STACK_CACHE", pathlib.Path.home() / ".cache" / "walrelay"))
VARIANTS = {
    "default": {},
    "tuned, lz4": {"max.batch.size": "16384", "max.queue.size": "65536", "poll.interval.ms": "10",
                   "producer.override.compression.type": "lz4", "producer.override.batch.size": "524288",
                   "producer.override.linger.ms": "10", "producer.override.buffer.memory": "134217728"},
}
LOG4J = """log4j.rootLogger=WARN, stderr
log4j.appender.stderr=org.apache.log4j.ConsoleAppender
log4j.appender.stderr.Target=System.err
log4j.appender.stderr.layout=org.apache.log4j.PatternLayout
log4j.appender.stderr.layout.ConversionPattern=%d %p %c: %m%n
"""


def slot_name(pipe_slot, variant):
    return f"{pipe_slot}_{''.join(c for c in variant if c.isalnum())}"


class Worker:
    def __init__(self, process, log):
        self.process, self.log, self.name = process, log, None

    def rest(self, method, path, body=None):
        request = urllib.request.Request(f"http://localhost:{PORT}{path}", method=method, data=body and json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.loads(response.read() or "null")

    def check_alive(self):
        assert self.process.poll() is None, f"Connect has ended:\n{self.log.read_text()[-2000:]}"
        if self.name and time.monotonic() > self.next_look:
            self.next_look = time.monotonic() + 5
            for task in self.rest("GET", f"/connectors/{self.name}/status")["tasks"]:
                assert task["state"] != "FAILED", task["trace"][:2000]

    def connector(self, pipe, slot, variant):
        """A function that starts a connector on `slot` and returns the pid of the worker."""
        at = harness.parts("source")
        configuration = {"connector.class": "io.debezium.connector.postgresql.PostgresConnector", "tasks.max": "1",
                         "plugin.name": "pgoutput", "database.hostname": at["host"], "database.port": at["port"],
                         "database.user": at["user"], "database.password": at["password"], "database.dbname": pipe.source.name,
                         "topic.prefix": slot, "slot.name": slot, "publication.name": pipe.name, "snapshot.mode": "never",
                         **VARIANTS[variant]}

        def start():
            self.name, self.next_look = slot, time.monotonic() + 5
            self.rest("PUT", f"/connectors/{slot}/config", configuration)
            return self.process.pid
        return start


@contextlib.contextmanager
def worker():
    """A new Connect worker with topics of its own."""
    with tempfile.TemporaryDirectory() as folder:
        folder, stamp = pathlib.Path(folder), time.time_ns()
        (folder / "log4j.properties").write_text(LOG4J, encoding="ascii")
        (folder / "worker.properties").write_text("".join(f"{key}={value}\n" for key, value in {
            "bootstrap.servers": harness.KAFKA, "group.id": f"bench-{stamp}",
            **{f"{kind}.storage.topic": f"bench_{kind}_{stamp}" for kind in ("config", "offset", "status")},
            **{f"{kind}.storage.replication.factor": 1 for kind in ("config", "offset", "status")},
            "offset.storage.partitions": 1, "plugin.path": CACHE / f"plugins-{VERSION}", "listeners": f"http://localhost:{PORT}",
            "key.converter": "org.apache.kafka.connect.json.JsonConverter",
            "value.converter": "org.apache.kafka.connect.json.JsonConverter"}.items()), encoding="ascii")
        log = folder / "log"
        with open(log, "wb") as output:
            process = subprocess.Popen([os.environ.get("JAVA", "java"), "-Xmx1g", "-cp", f"{folder}:{CACHE}/connect-{CONNECT}/*",
                                        "org.apache.kafka.connect.cli.ConnectDistributed", folder / "worker.properties"],
                                       stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        made = Worker(process, log)
        try:
            def ready():
                made.check_alive()
                with contextlib.suppress(urllib.error.URLError, OSError):
                    return made.rest("GET", "/connectors") is not None
            harness.wait_until("Connect", ready, 120, every=0.5)
            yield made
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()
