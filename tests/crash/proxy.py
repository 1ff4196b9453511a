"""The chaos proxy (chaos_proxy.cc) before all four servers, or before PostgreSQL servers that are named, and its commands.

Kafka tells its clients where to come back: the broker gets a second listener that names the proxy's port. Everybody else uses
the servers directly.
"""
import json
import os
import subprocess
import threading

import harness
from pipeline import FOLDER


class Proxy:
    """A context manager; `ports` are those that the program is to use. `servers`: {name: port} of those of PostgreSQL, without Kafka."""

    def __init__(self, servers=None):
        self._lock = threading.Lock()
        self._servers = servers
        self.ports = {name: harness.free_port() for name in servers or ("source", "lake", "target", "kafka")}
        self._process = None

    def port(self, name):
        return self.ports[name]

    def __enter__(self):
        if self._servers:
            return self._start(f"{name}:postgres:{self.ports[name]}:{port}" for name, port in self._servers.items())
        behind = harness.free_port()
        os.environ["STACK_KAFKA_PROXIED"] = f"{behind}:{self.ports['kafka']}"
        harness.stack("stop", "kafka")
        harness.stack("start", "kafka")
        links = [f"{name}:postgres:{self.ports[name]}:{harness.parts(name)['port']}" for name in ("source", "lake", "target")]
        return self._start([*links, f"kafka:kafka:{self.ports['kafka']}:{behind}"])

    def _start(self, links):
        self._process = subprocess.Popen([FOLDER / "chaos_proxy", *links], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.stats()
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait(10)

    def command(self, *words):
        with self._lock:
            self._process.stdin.write(" ".join(str(word) for word in words) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline().strip()
        assert answer, "the chaos proxy has ended"
        return answer

    def __call__(self, *words):
        answer = self.command(*words)
        assert answer == "ok", answer

    def stats(self):
        return json.loads(self.command("stats"))

    def clear(self):
        for name in self.ports:
            self("clear", name)
