"""The faults. Each function does one to a laboratory under load and returns when the servers run again; recovery is the
laboratory's business. What it did, it counts."""
import contextlib
import pathlib
import re
import signal
import time

import psycopg2


def pause(lab, least, most):
    time.sleep(lab.random.uniform(least, most))


# --- Our process ---

def kill(lab):
    """kill -9 at random moments, some before it streams again."""
    for _ in range(lab.random.randrange(2, 6)):
        pause(lab, *lab.random.choice(((0.02, 0.3), (0.3, 3))))
        lab.kill()
        if lab.random.random() < 0.4:
            lab.pipeline.start()
        else:
            lab.pipeline.restart_measured()


def kill_large(lab):
    """kill -9 again and again while a transaction of 40 000 rows or more is on its way."""
    end = lab.large_transaction(lab.random.choice((40_000, 60_000)))
    for _ in range(lab.random.randrange(3, 8)):
        pause(lab, 0, 0.3)
        if lab.confirmed() < end:
            lab.count("kills_in_large_transaction")
        lab.kill()
        lab.pipeline.restart_measured()


def freeze(lab):
    """SIGSTOP for longer than the server waits for us."""
    lab.pipeline.process.send_signal(signal.SIGSTOP)
    time.sleep(lab.sender_timeout + lab.random.uniform(1, 3))
    lab.pipeline.process.send_signal(signal.SIGCONT)
    lab.count("freezes")


def stop(lab):
    """SIGTERM under load: it ends in time and with 0."""
    code, seconds = lab.pipeline.stop(seconds=15)
    lab.count("stops")
    if code != 0:
        lab.fault(f"SIGTERM ended it with {code} after {seconds:.1f} s")
    lab.pipeline.restart_measured()


def two_processes(lab):
    """A second process on the same slot and sinks; then the first one dies, and the second takes over or says why not."""
    second = lab.pipeline.launch(log="second.log", extra=("--set", "admin.listen=127.0.0.1:0"))
    pause(lab, 1, 3)
    lab.kill()
    pause(lab, 1, 3)
    lab.pipeline.kill_process(second)
    lab.count("second_processes")
    lab.pipeline.restart_measured()


# --- Servers ---

SERVERS = ("source", "lake", "target", "kafka")


def server(name, how):
    def fault(lab):
        lab.stop_server(name, how)
        pause(lab, 0, 2)
        lab.start_server(name)
    fault.__name__ = f"{name}_{how}"
    return fault


def all_crash(lab):
    """The machine that carries everything crashes: all four servers, in any order."""
    for name in lab.random.sample(SERVERS, len(SERVERS)):
        lab.stop_server(name, "immediate")
    pause(lab, 0, 1)
    for name in lab.random.sample(SERVERS, len(SERVERS)):
        lab.start_server(name)


def slot_back(lab):
    """The source crashes before the checkpoint that would have kept what was confirmed: the slot goes back."""
    lab.query_source("CHECKPOINT")
    before = lab.wait_confirmed(lab.server_lsn())
    lab.stop_server("source", "immediate")
    lab.start_server("source")
    after = lab.confirmed()
    lab.count("slots_moved_back", after < before)


def terminate(lab):
    """The server ends our sessions: the walsender, and those in the sinks."""
    for _ in range(lab.random.randrange(1, 4)):
        name = lab.random.choice(("source", "lake", "target"))
        database = {"source": lab.pipeline.source, "lake": lab.pipeline.lake, "target": lab.pipeline.target}[name]
        mine = ("backend_type = 'walsender' AND application_name !~ 'truth'" if name == "source"
                else "application_name LIKE 'walrelay %%'")
        with contextlib.suppress(psycopg2.OperationalError):
            ended = database.query(f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND {mine}")
            lab.count(f"sessions_terminated_{name}", ended[0][0])
        pause(lab, 0.2, 2)


# --- Crash points ---

def crash_points():
    """The names in the program's source."""
    source = pathlib.Path(__file__).parents[2] / "src"
    return sorted({name for path in source.rglob("*.cc") for name in re.findall(r'CrashPoint\("([a-z-]+)"\)', path.read_text())})


IN_SNAPSHOTS = "topic-adopted"  # And those that begin with "snapshot-": trials.snapshot.
IN_QUIET = ("idle-position",)  # trials.quiet
ELSEWHERE = ("sink-truncated",)  # e2e_truncate: nothing is truncated here.


def points_in_snapshots():
    return [name for name in crash_points() if name.startswith("snapshot-") or name == IN_SNAPSHOTS]


def points_under_load(delivery):
    others = {*points_in_snapshots(), *IN_QUIET, *ELSEWHERE}
    return [name for name in crash_points()
            if name not in others and (delivery == "transactional" or not name.endswith("-kafka-commit"))]


# Where a point is passed rarely, it is the first or second call that must do.
OFTEN = {"after-produce": 3000, "after-acknowledgement": 3000, "transaction-end": 300, "sink-committed": 20, "sink-small-batch": 20}


def crash_point(lab):
    """The program kills itself at a named line; the points that were hit least come first."""
    points = [name for name in lab.options.points.split(",") if name] or points_under_load(lab.options.delivery)
    for _ in range(2):
        name = min(points, key=lambda point: (lab.points.get(point, 0), lab.random.random()))
        lab.kill()
        lab.crash_at(name, lab.random.randrange(1, OFTEN.get(name, 3) + 1))
        lab.pipeline.restart_measured()


def two_sinks(lab):
    """A second process applies to the same sinks without asking for their locks: compare-and-set lets one of them go on."""
    second = lab.pipeline.launch("apply", log="second.log", extra=("--set", "admin.listen=127.0.0.1:0"),
                                 WALRELAY_MUTATION=lab.options.mutation or "no-lock")
    pause(lab, 4, 6)
    for process in (second, lab.pipeline.process):
        if process.poll() is not None:
            lab.count("sink_conflicts", process.returncode == SINK_CONFLICT)
            if process.returncode != SINK_CONFLICT:
                lab.fault(f"two sinks: one ended with {process.returncode}, not {SINK_CONFLICT}")
    lab.pipeline.kill_process(second)
    lab.pipeline.kill()
    lab.count("second_sinks")
    lab.pipeline.restart_measured()


# --- The network ---

def link_of(lab):
    return lab.random.choice(("source", "lake", "target", "kafka"))


def reset(lab):
    """Connections end with RST, again and again."""
    for _ in range(lab.random.randrange(2, 6)):
        lab.proxy("reset", link_of(lab))
        pause(lab, 0.1, 1.5)


def half_close(lab):
    lab.proxy("halfclose", link_of(lab))
    pause(lab, 0.5, 2)


def slow(lab):
    """A bad line: delay with jitter, or little bandwidth."""
    name = link_of(lab)
    if lab.random.random() < 0.5:
        lab.proxy("delay", name, 100, 200)
    else:
        lab.proxy("rate", name, 125_000)
    lab.count(f"slow_{name}")
    pause(lab, 4, 8)
    lab.proxy("delay", name, 0, 0)
    lab.proxy("rate", name, 0)


def hole(lab):
    """Nothing comes through, and nobody is told; longer than the server waits for its walsender's client."""
    name = link_of(lab)
    lab.proxy("hole", name, "on")
    lab.count(f"black_holes_{name}")
    pause(lab, 1, lab.sender_timeout * 2)
    lab.proxy("hole", name, "off")


def refuse(lab):
    name = link_of(lab)
    lab.proxy("refuse", name, "on")
    lab.proxy("reset", name)
    pause(lab, 1, 4)
    lab.proxy("refuse", name, "off")


def cut(lab):
    """A connection ends at some byte, in the middle of a message."""
    for _ in range(lab.random.randrange(2, 5)):
        lab.proxy("cut", link_of(lab), lab.random.choice(("up", "down")), lab.random.randrange(1, 200_000))
        pause(lab, 0.3, 1.5)


def commit_cut(lab):
    """The connection of a sink ends at its COMMIT: half of them happened. Some of the processes die with it."""
    for _ in range(lab.random.randrange(2, 5)):
        name = lab.random.choice(("lake", "target"))
        before = sum(n for key, n in lab.proxy.stats().items() if "commits_cut" in key)
        lab.proxy("commit", name, lab.random.choice(("before", "after")))
        lab.wait("a commit is cut", lambda: sum(n for key, n in lab.proxy.stats().items() if "commits_cut" in key) > before, 30)
        if lab.random.random() < 0.3:
            lab.kill()
            lab.pipeline.restart_measured()


def endtxn_cut(lab):
    """The connection ends at Kafka's EndTxn; only where the producer is transactional."""
    for _ in range(2):
        before = sum(n for key, n in lab.proxy.stats().items() if "endtxns_cut" in key)
        lab.proxy("endtxn", "kafka", lab.random.choice(("before", "after")))
        lab.wait("an EndTxn is cut", lambda: sum(n for key, n in lab.proxy.stats().items() if "endtxns_cut" in key) > before, 30)


def none(_lab):
    """Nothing happens: without a fault nothing may be repeated, whatever the delivery."""
    time.sleep(3)


SINK_CONFLICT = 61

NEMESES = {
    "kill": (kill, 6), "kill-large": (kill_large, 3), "freeze": (freeze, 1), "stop": (stop, 1), "two-processes": (two_processes, 1),
    "terminate": (terminate, 2), "slot-back": (slot_back, 2),
    "source-crash": (server("source", "immediate"), 2), "source-restart": (server("source", "fast"), 1),
    "lake-crash": (server("lake", "immediate"), 2), "target-crash": (server("target", "immediate"), 2),
    "kafka-crash": (server("kafka", "immediate"), 2), "kafka-restart": (server("kafka", "fast"), 1), "all-crash": (all_crash, 1),
    "crash-point": (crash_point, 5), "two-sinks": (two_sinks, 1), "net-reset": (reset, 2), "net-half-close": (half_close, 1),
    "net-slow": (slow, 1), "net-hole": (hole, 1), "net-refuse": (refuse, 1), "net-cut": (cut, 2), "commit-cut": (commit_cut, 3),
    "endtxn-cut": (endtxn_cut, 2), "none": (none, 0.5),
}
