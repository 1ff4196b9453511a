"""What a database does to a sink that will pass: it is waited for, visibly, and no row goes to the dead letters."""
import contextlib
import os
import shutil
import subprocess
import tempfile

import psycopg2
import pytest
from harness import Load, append_event, check_nothing_lost, wait_until

LETTERS = "SELECT count(*) FROM walrelay.dead_letters"
END_OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


def of_target(pipeline, name):
    """A number of the target's sink; None where it is not known."""
    answer = pipeline.http("/metrics")
    lines = [line for line in (answer[1] if answer else "").splitlines() if line.startswith(f'{name}{{stage="target"}}')]
    return float(lines[0].split()[-1]) if lines else None


@contextlib.contextmanager
def loaded(events):
    """A load, which afterwards is in both sinks; the process is still the same, and it has put nothing aside."""
    events.start()
    events.wait_streaming()
    with Load(events.source, append_event) as load:
        load.wait_commits(20)
        wait_until("the first rows", lambda: events.target.query("SELECT to_regclass('public.events')")[0][0])
        yield load
        load.wait_commits(20)
    check_nothing_lost(events, load)
    wait_until("no lag", lambda: of_target(events, "walrelay_lag_records") == 0 and of_target(events, "walrelay_lag_seconds") == 0, 30)
    assert "does not end" not in events.log(), "a client of Kafka was left behind"
    for database in (events.lake, events.target):
        assert database.value(LETTERS) == 0
    assert events.starts == 1 and events.stop()[0] == 0


def wait_refused(events, load, reason):
    """Until the target has refused twice more and /health says why; the lake goes on meanwhile, the target does not."""
    before = of_target(events, "walrelay_apply_retries_total") or 0
    wait_until("refused", lambda: events.check_alive() or (of_target(events, "walrelay_apply_retries_total") or 0) >= before + 2, 60)
    wait_until(f"'{reason}' in the status", lambda: reason in events.http("/health")[1], 60)
    load.wait_commits(20)
    newest = events.source.value("SELECT max(seq) FROM events WHERE client = 0")
    mine = "SELECT 1 FROM {} WHERE client = 0 AND seq >= %s"
    wait_until("the lake goes on", lambda: events.lake.query(mine.format("cdc_processed.events"), [newest]))
    assert not events.target.query(mine.format("public.events"), [newest])


def test_read_only(events):
    """As after a failover, while the connection still leads to the old server."""
    with loaded(events) as load:
        name = events.target.name
        events.target.query(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        events.target.query(END_OTHERS)
        wait_refused(events, load, "read-only")
        connection = events.target.connect(options="-c default_transaction_read_only=off")
        connection.cursor().execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        connection.cursor().execute(END_OTHERS)
        connection.close()


def test_too_many_connections(events):
    role = events.name
    events.target.query(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'; ALTER DATABASE {events.target.name} OWNER TO {role}")
    events.target_options["connection"] = psycopg2.extensions.make_dsn(events.target.dsn, user=role, password="secret")
    try:
        with loaded(events) as load:
            events.target.query(f"ALTER ROLE {role} CONNECTION LIMIT 0")
            events.target.query(END_OTHERS)
            wait_refused(events, load, "too many connections")
            events.target.query(f"ALTER ROLE {role} CONNECTION LIMIT -1")
    finally:
        events.kill()
        events.target.query(f"REASSIGN OWNED BY {role} TO CURRENT_USER; DROP OWNED BY {role}; DROP ROLE {role}")


def test_deadlock(events):
    """Somebody has a row that the sink's transaction wants, and wants the progress that it has."""
    with loaded(events):
        events.source.query("INSERT INTO events VALUES (7, 1, 'x')")
        wait_until("the row", lambda: events.target.query("SELECT 1 FROM public.events WHERE client = 7"))
        waits = ("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
                 " AND application_name LIKE 'walrelay%'")
        other = events.target.connect(options="-c deadlock_timeout=1min -c lock_timeout=5s")
        other.autocommit = False
        events.target.query("SELECT pg_stat_reset()")

        def deadlocked():
            """The server ends one that has waited for a second; it must find the circle closed by then."""
            with contextlib.suppress(psycopg2.errors.LockNotAvailable), other.cursor() as cursor:
                cursor.execute("SELECT 1 FROM public.events WHERE client = 7 FOR UPDATE")
                events.source.query("UPDATE events SET payload = payload || 'x' WHERE client = 7")
                wait_until("the sink waits", lambda: events.target.query(waits), 60, every=0.01)
                cursor.execute("SELECT count(*) FROM (SELECT 1 FROM walrelay.progress FOR UPDATE) AS locked")
            other.rollback()
            return events.target.value("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        wait_until("a deadlock", deadlocked, 120)
        other.close()
        assert "40P01" in events.log()


def test_disk_full(events):
    """A disk of 24 MB holds the target's table, until somebody makes it larger."""
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
        events.target.query(f"CREATE TABLESPACE {place} LOCATION '{folder}'")
        with loaded(events) as load:
            events.target.query(f"ALTER TABLE public.events SET TABLESPACE {place}")
            events.source.query("INSERT INTO events SELECT 7, n, repeat('x', 1000) FROM generate_series(1, 40000) n")
            wait_refused(events, load, "No space left on device")
            subprocess.run(["mount", "-o", "remount,size=200m", folder], check=True)
    finally:
        events.kill()
        with contextlib.suppress(psycopg2.Error):
            events.target.query("DROP TABLE IF EXISTS public.events")
            events.target.query(f"DROP TABLESPACE IF EXISTS {place}")
        subprocess.run(["umount", folder], check=True)
        os.rmdir(folder)
