"""What a database does to a sink that will pass: it is waited for, visibly, and no row goes to the dead letters."""
import contextlib
import dataclasses
import os
import re
import shutil
import subprocess
import tempfile
import time

import psycopg2
import pytest
from harness import Database, Load, append_event, check_nothing_lost, wait_until

LETTERS = "SELECT count(*) FROM walrelay.dead_letters"
END_OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
WAITS = ("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
         " AND application_name LIKE 'walrelay%'")


@dataclasses.dataclass
class Sink:
    """The one that meets the fault; `other` does not."""
    name: str
    database: Database
    options: dict
    mirror: str
    largest: str  # Its table that grows most.

    def number(self, pipeline, metric):
        """None where it is not known."""
        answer = pipeline.http("/metrics")
        lines = [line for line in (answer[1] if answer else "").splitlines() if line.startswith(f'{metric}{{stage="{self.name}"}}')]
        return float(lines[0].split()[-1]) if lines else None

    def retries(self, pipeline):
        return self.number(pipeline, "walrelay_apply_retries_total") or 0


def both(events):
    return {"lake": Sink("lake", events.lake, events.lake_options, "cdc_processed.events", "cdc_raw.cdc_events"),
            "target": Sink("target", events.target, events.target_options, "public.events", "public.events")}


@pytest.fixture(params=["target", "lake"])
def sink(request, events):
    return both(events)[request.param]


def is_healthy(pipeline):
    answer = pipeline.http("/health")
    return answer and answer[0] == 200 and "waiting" not in answer[1]


@contextlib.contextmanager
def loaded(events):
    """A load, which afterwards is in both sinks; the process is still the same, and it has put nothing aside."""
    events.start()
    events.wait_streaming()
    with Load(events.source, append_event) as load:
        load.wait_commits(20)
        for one in both(events).values():
            wait_until("its table", lambda s=one: s.database.query("SELECT to_regclass(%s)", [s.mirror])[0][0])
        yield load
        load.wait_commits(20)
    check_nothing_lost(events, load)
    for one in both(events).values():
        wait_until("no lag", lambda s=one: s.number(events, "walrelay_lag_records") == 0 and s.number(events, "walrelay_lag_seconds") == 0, 30)
        assert one.database.value(LETTERS) == 0
    wait_until("healthy", lambda: is_healthy(events), 10)
    assert "does not end" not in events.log(), "a client of Kafka was left behind"
    assert events.starts == 1 and events.stop()[0] == 0


def wait_refused(events, sink, load, reason):
    """Until it has refused twice more; /health says why, also while it tries again; the other sink goes on, this one does not."""
    before = sink.retries(events)
    wait_until("refused", lambda: events.check_alive() or sink.retries(events) >= before + 2, 60)
    wait_until(f"'{reason}' in the status", lambda: reason in events.http("/health")[1], 60)
    load.wait_commits(20)
    newest = events.source.value("SELECT max(seq) FROM events WHERE client = 0")
    mine = "SELECT 1 FROM {} WHERE client = 0 AND seq >= %s"
    for one in both(events).values():
        if one.name == sink.name:
            assert not one.database.query(mine.format(one.mirror), [newest])
        else:
            wait_until("the other goes on", lambda o=one: o.database.query(mine.format(o.mirror), [newest]))
    assert reason in events.http("/health")[1]


def test_read_only(events, sink):
    """As after a failover, while the connection still leads to the old server."""
    with loaded(events) as load:
        name = sink.database.name
        sink.database.query(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        sink.database.query(END_OTHERS)
        wait_refused(events, sink, load, "read-only")
        connection = sink.database.connect(options="-c default_transaction_read_only=off")
        connection.cursor().execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        connection.cursor().execute(END_OTHERS)
        connection.close()


def test_too_many_connections(events, sink):
    role, database = events.name, sink.database
    database.query(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'; ALTER DATABASE {database.name} OWNER TO {role}")
    sink.options["connection"] = psycopg2.extensions.make_dsn(database.dsn, user=role, password="secret")
    try:
        with loaded(events) as load:
            database.query(f"ALTER ROLE {role} CONNECTION LIMIT 0")
            database.query(END_OTHERS)
            wait_refused(events, sink, load, "too many connections")
            database.query(f"ALTER ROLE {role} CONNECTION LIMIT -1")
    finally:
        events.kill()
        database.query(f"REASSIGN OWNED BY {role} TO CURRENT_USER; DROP OWNED BY {role}; DROP ROLE {role}")


@contextlib.contextmanager
def one_row(events, sink):
    """A row of the load's table, that the sink has; then the means to have it written again."""
    events.source.query("INSERT INTO events VALUES (7, 1, 'x')")
    wait_until("the row", lambda: sink.database.query(f"SELECT 1 FROM {sink.mirror} WHERE client = 7"))
    other = sink.database.connect(options="-c deadlock_timeout=1min -c lock_timeout=5s")
    other.autocommit = False
    with contextlib.closing(other):
        yield other, lambda: events.source.query("UPDATE events SET payload = payload || 'x' WHERE client = 7")


def lock(connection, sink):
    connection.cursor().execute(f"UPDATE {sink.mirror} SET payload = payload WHERE client = 7")


def wait_for_lock(sink):
    return wait_until("the sink waits", lambda: sink.database.query(WAITS), 60, every=0.01)[0][0]


def test_deadlock(events, sink):
    """Somebody has a row that the sink's transaction wants, and wants the progress that it has."""
    with loaded(events), one_row(events, sink) as (other, write):
        def deadlocked():
            """The server ends one that has waited for a second; it must find the circle closed by then."""
            with contextlib.suppress(psycopg2.errors.LockNotAvailable), other.cursor() as cursor:
                lock(other, sink)
                write()
                wait_for_lock(sink)
                cursor.execute("SELECT count(*) FROM (SELECT 1 FROM walrelay.progress FOR UPDATE) AS locked")
            other.rollback()
            return "40P01" in events.log()
        wait_until("a deadlock", deadlocked, 120)


def test_serialization_failure(events, sink):
    """Where transactions are isolated, somebody changes a row that the sink's transaction wants to change."""
    database = sink.database
    with loaded(events), one_row(events, sink) as (other, write):
        database.query(f"ALTER DATABASE {database.name} SET default_transaction_isolation = 'repeatable read'")
        database.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'walrelay%'"
                       " AND datname = current_database()")

        def refused():
            lock(other, sink)
            write()
            wait_for_lock(sink)
            other.commit()
            return "40001" in events.log()
        wait_until("a failure", refused, 120)


def test_statement_too_slow(events, sink):
    """As when statement_timeout ends them again and again: /health says so, since when, and each may take longer than the last."""
    with loaded(events), one_row(events, sink) as (other, write):
        lock(other, sink)
        write()
        begun, waited = None, f"{sink.name} is waiting: [^;]*57014[^;]*"
        for _ in range(3):
            pid, before = wait_for_lock(sink), sink.retries(events)
            sink.database.query("SELECT pg_cancel_backend(%s)", [pid])
            wait_until("the next try", lambda b=before: sink.retries(events) > b, 60)
            begun = begun or time.monotonic()
            wait_for_lock(sink)
            assert re.search(waited, events.http("/health")[1]), "also while it tries again"
        since = int(re.search(waited + r"\(for (\d+) s\)", events.http("/health")[1])[1])
        assert since >= int(time.monotonic() - begun) - 1
        assert f"{sink.name}: a statement may take 480 s from now on" in events.log()
        other.rollback()


def test_disk_full(events, sink):
    """A disk of 24 MB holds the sink's largest table, until somebody makes it larger."""
    if os.getuid() != 0:
        pytest.skip("only root can mount a small disk")
    folder = tempfile.mkdtemp(prefix="walrelay-disk.", dir="/var/tmp")
    os.chmod(folder, 0o755)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], check=False).returncode != 0:
        os.rmdir(folder)
        pytest.skip("this machine does not let us mount a small disk")
    place = f"{events.name}_disk"
    try:
        shutil.chown(folder, "postgres")
        sink.database.query(f"CREATE TABLESPACE {place} LOCATION '{folder}'")
        with loaded(events) as load:
            sink.database.query(f"ALTER TABLE {sink.largest} SET TABLESPACE {place}")
            events.source.query("INSERT INTO events SELECT 7, n, repeat('x', 1000) FROM generate_series(1, 40000) n")
            wait_refused(events, sink, load, "No space left on device")
            subprocess.run(["mount", "-o", "remount,size=200m", folder], check=True)
    finally:
        events.kill()
        with contextlib.suppress(psycopg2.Error):
            sink.database.query(f"DROP TABLE IF EXISTS {sink.largest} CASCADE")
            sink.database.query(f"DROP TABLESPACE IF EXISTS {place}")
        subprocess.run(["umount", folder], check=True)
        os.rmdir(folder)
