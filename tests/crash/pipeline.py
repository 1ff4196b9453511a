"""The pipeline under test: the program of the laboratory, its restarts and what they took."""
import contextlib
import dataclasses
import math
import os
import pathlib
import signal
import subprocess
import time

import harness
import psycopg2

FOLDER = pathlib.Path(os.environ.get("WALRELAY_LABORATORY", harness.ROOT / "build" / "release" / "tests" / "crash"))
PROGRAM = FOLDER / "walrelay_laboratory"  # The program with crash points and mutations linked in.


@dataclasses.dataclass
class Recovery:
    """Moments of a restart, in seconds of the monotonic clock."""
    started: float
    released: float  # The server had let go of the slot.
    caught_up: float  # Everything that was committed so far had been read.
    first_calls: pathlib.Path

    def beyond_release(self):
        """Name -> seconds, counted from when the slot was free: the first record that Kafka has acknowledged, the first
        commit of a sink, and until it had caught up; and how much of the first the server took. What did not happen before the next kill is missing."""
        lines = self.first_calls.read_text(encoding="utf-8").splitlines() if self.first_calls.exists() else []
        first = {name: float(moment) for name, moment in map(str.split, lines)}
        moments = {"to_first_record": first.get("after-acknowledgement"), "to_first_sink_commit": first.get("sink-committed"),
                   "to_caught_up": self.caught_up}
        times = {name: moment - self.released for name, moment in moments.items() if moment}
        # Not where a snapshot came first, nor where it was killed before the stream had given anything.
        if "after-status" in first and first.get("frame-received", math.inf) < first.get("after-acknowledgement", 0):
            # The server reads from restart_lsn on before it sends anything; nothing is left for us to do meanwhile.
            times["server_reading"] = max(0, first["frame-received"] - first["after-status"])
            times["to_first_record_beyond_that"] = times["to_first_record"] - times["server_reading"]
        return times


class Pipeline(harness.Pipeline):
    """harness.Pipeline, led through the chaos proxy, with environment, a second process, and measured restarts."""

    def __init__(self, name, folder, *, delivery, proxy=None, mutation="", **options):
        # So often that a kill falls between Debezium's offset record and the position that names it.
        super().__init__(name, folder, pipeline={"delivery": delivery, "offset.flush.interval.ms": 2000}, **options)
        self.delivery, self.proxy = delivery, proxy
        self.environment = {"WALRELAY_MUTATION": mutation} if mutation else {}
        self.recoveries = []
        self.seen_log = 0

    def sections(self):
        for section, keys in super().sections():
            if self.proxy and section == "source":
                keys = {**keys, "database.port": self.proxy.port("source")}
            elif self.proxy and section == "kafka":
                keys = {**keys, "bootstrap.servers": f"127.0.0.1:{self.proxy.port('kafka')}"}
            elif self.proxy and section in ("lake", "target"):
                keys = {**keys, "connection": psycopg2.extensions.make_dsn(keys["connection"], port=self.proxy.port(section))}
            yield section, keys

    def launch(self, command="run", log="walrelay.log", extra=(), **environment):
        """A process of this pipeline beside the one that start() keeps."""
        path = self.write_configuration()
        with open(self.folder / log, "ab") as output:
            output.write(f"=== {command} {' '.join(extra)} {environment}\n".encode())
            return subprocess.Popen([PROGRAM, command, "--config", path, *extra], stdin=subprocess.DEVNULL, stdout=output,
                                    stderr=subprocess.STDOUT, cwd=self.folder, env={**os.environ, **self.environment, **environment})

    def start(self, command="run", **environment):
        assert self.process is None, "it runs already"
        self.starts += 1
        self.process = self.launch(command, WALRELAY_FIRST_CALLS=str(self.first_calls()), **environment)
        return self.process

    def first_calls(self):
        """Where the running process notes when each crash point was reached first."""
        return self.folder / f"first-calls-{self.starts}"

    def restart_measured(self, limit=90):
        """Starts and waits until it streams; notes how long that took."""
        old = self.walsender_of_slot()
        begun = time.monotonic()
        self.start()
        released = None if old else 0.0
        while time.monotonic() - begun < limit:
            self.check_alive()
            with contextlib.suppress(psycopg2.OperationalError):
                now = self.walsender_of_slot()
                if released is None and now != old:
                    released = time.monotonic() - begun
                if now is not None and now != old and self.walsender() == now:
                    self.recoveries.append(Recovery(begun, begun + (released or 0.0), time.monotonic(), self.first_calls()))
                    return
            time.sleep(0.02)
        raise AssertionError(f"does not stream {limit} s after its start:\n{self.log()[-2000:]}")

    def walsender_of_slot(self):
        rows = self.source.query("SELECT active_pid FROM pg_replication_slots WHERE slot_name = %s", [self.slot])
        return rows[0][0] if rows else None

    def ended_by_itself(self):
        """The exit code of a process that has ended though nobody asked it to."""
        if self.process is None or self.process.poll() is None:
            return None
        code, self.process = self.process.returncode, None
        return code

    def kill_process(self, process):
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()

    def log_lines(self):
        """The log's lines since the last call."""
        if not self.log_path.exists():
            return []
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            log.seek(self.seen_log)
            text = log.read()
            self.seen_log = log.tell()
        return text.splitlines()
