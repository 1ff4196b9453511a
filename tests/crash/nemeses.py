"""The faults. Each function does one to a laboratory under load and returns when the servers run again; recovery is the
laboratory's business. What it did, it counts."""
import contextlib
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
    """kill -9 while a transaction of 20 000 rows or more is on its way."""
    for _ in range(2):
        end = lab.large_transaction(lab.random.choice((20_000, 40_000)))
        pause(lab, 0, 0.6)
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


def zombie(lab):
    """The first process is frozen until the server has given it up, a second one takes its place; the first one wakes."""
    first = lab.pipeline.process
    first.send_signal(signal.SIGSTOP)
    second = lab.pipeline.launch(log="second.log", extra=("--set", "admin.listen=127.0.0.1:0"))
    time.sleep(lab.sender_timeout + lab.random.uniform(1, 4))
    first.send_signal(signal.SIGCONT)
    pause(lab, 1, 4)
    lab.kill()
    lab.pipeline.kill_process(second)
    lab.count("zombies")
    lab.pipeline.restart_measured()


# --- Servers ---

def server(name, how):
    def fault(lab):
        lab.stop_server(name, how)
        pause(lab, 0, 2)
        lab.start_server(name)
    fault.__name__ = f"{name}_{how}"
    return fault


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


NEMESES = {
    "kill": (kill, 6), "kill-large": (kill_large, 3), "freeze": (freeze, 1), "stop": (stop, 1), "two-processes": (two_processes, 1),
    "zombie": (zombie, 1), "terminate": (terminate, 2), "slot-back": (slot_back, 2),
    "source-crash": (server("source", "immediate"), 2), "source-restart": (server("source", "fast"), 1),
    "lake-crash": (server("lake", "immediate"), 2), "target-crash": (server("target", "immediate"), 2),
    "kafka-crash": (server("kafka", "immediate"), 2), "kafka-restart": (server("kafka", "fast"), 1),
}
