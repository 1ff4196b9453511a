"""Servers that are promoted, come back or were restored: what can go on goes on with nothing lost or doubled, and what cannot
stops with what is at stake."""
import re
import shutil

import pytest

import harness
from clusters import Cluster, Standby, on_clusters
from conftest import short_name
from harness import EVENTS, Load, append_event, check_nothing_lost, needs_stack, rows_in_kafka, wait_until
from test_start_table import position
from test_stops import last_line, run_until_it_ends

RANGE = r"[0-9A-F]+/[0-9A-F]+ to [0-9A-F]+/[0-9A-F]+ \(\d+ bytes of WAL\)"
SNAPSHOT = "source.snapshot.mode=when_needed"


@pytest.fixture
def pipeline(tmp_path, request):
    needs_stack()
    with harness.Pipeline(short_name(request), tmp_path) as made:
        with on_clusters(made):
            yield made


def make_table(cluster, pipeline, **options):
    cluster.database().query(f'CREATE DATABASE "{pipeline.name}"')
    return cluster.capture(pipeline, **options).query(EVENTS)


def insert(pipeline, *numbers):
    for number in numbers:
        pipeline.source.query("INSERT INTO events VALUES (0, %s, 'x')", [number])


def in_kafka(pipeline):
    return sorted(seq for _, seq in rows_in_kafka(pipeline))


def refuses(pipeline, code, *patterns):
    before = rows_in_kafka(pipeline)
    assert run_until_it_ends(pipeline) == code
    for pattern in patterns:
        assert re.search(pattern, last_line(pipeline)), f"no {pattern} in: {last_line(pipeline)}"
    assert rows_in_kafka(pipeline) == before, "nothing is written before that is decided"


def hosts(*clusters):
    """As a Debezium configuration names several: the last one's port is database.port."""
    return {"database.hostname": ",".join([f"127.0.0.1:{c.port}" for c in clusters[:-1]] + ["127.0.0.1"]),
            "database.port": clusters[-1].port}


def test_promotion_with_a_synchronised_slot(pipeline):
    """The primary is killed under load; walrelay, which never stops, goes on with the promoted standby. The old one that
    comes back is recognised."""
    with Cluster("primary", 17) as primary, Standby("standby", 17) as standby:
        primary.start()
        make_table(primary, pipeline, **{"slot.failover": True})
        standby.follow(primary)
        primary.configure(synchronized_standby_slots="standby")
        primary.stop()
        primary.start()
        primary.capture(pipeline, **hosts(standby, primary))
        pipeline.start()
        pipeline.wait_streaming()
        with Load(pipeline.source, append_event) as load:
            load.wait_commits(100)
            standby.wait_slot(pipeline.slot, primary)
            load.wait_commits(200)
            primary.stop("immediate")
        standby.promote()
        # What the old primary had acknowledged but not sent to the standby is not in the new one's history.
        there = {tuple(row) for row in standby.database(pipeline.name).query("SELECT client, seq FROM events")}
        for writer in load.writers:
            writer.acknowledged = [row for row in writer.acknowledged if row in there]
        pipeline.source.close()
        pipeline.source = standby.database(pipeline.name)
        pipeline.check_alive()
        pipeline.wait_streaming()
        more = Load(pipeline.source, append_event)
        for new, old in zip(more.writers, load.writers):
            new.next_seq = old.next_seq
        with more:
            more.wait_commits(200)
        for new, old in zip(more.writers, load.writers):
            new.acknowledged += old.acknowledged
        assert check_nothing_lost(pipeline, more) == 0, "and each once"
        assert pipeline.starts == 1
        assert pipeline.stop()[0] == 0

        primary.start()
        primary.capture(pipeline)
        refuses(pipeline, 54, "on timeline 2, which is no ancestor of this server's timeline 1", SNAPSHOT)


def stream_past_standby(pipeline, primary, standby):
    """Both have the first row and the slot; then the standby is away."""
    primary.start()
    make_table(primary, pipeline, **{"slot.failover": True})
    standby.follow(primary)
    pipeline.start("produce")
    pipeline.wait_streaming()
    insert(pipeline, 1)
    standby.wait_slot(pipeline.slot, primary)
    wait_until("the row on the standby", lambda: standby.database(pipeline.name).query("SELECT 1 FROM events WHERE seq = 1"))
    standby.stop()


def test_promotion_without_the_last_changes(pipeline):
    """Kafka has changes that the promoted standby never got: nothing goes on over them."""
    with Cluster("primary", 17) as primary, Standby("standby", 17) as standby:
        stream_past_standby(pipeline, primary, standby)
        insert(pipeline, 2, 3)
        wait_until("rows of no history", lambda: in_kafka(pipeline) == [1, 2, 3])
        assert pipeline.stop()[0] == 0
        primary.stop("immediate")
        # It must not follow a primary that is away when it starts, or it would ask it for the rest.
        standby.start()
        standby.promote()
        standby.capture(pipeline)
        refuses(pipeline, 54, "this server left timeline 1 at", RANGE, SNAPSHOT)
        pipeline.source_options["snapshot.mode"] = "when_needed"
        pipeline.start("produce")
        insert(pipeline, 4)
        wait_until("the row of the new history", lambda: pipeline.check_alive() or 4 in in_kafka(pipeline))
        assert pipeline.stop()[0] == 0


def test_promotion_without_the_last_idle_wal(pipeline):
    """The position had followed a primary that wrote nothing for us, further than the standby: changes of the new history take
    the same LSNs, and none is passed over."""
    with Cluster("primary", 17) as primary, Standby("standby", 17) as standby:
        stream_past_standby(pipeline, primary, standby)
        primary.database().query("SELECT pg_switch_wal()")
        end = primary.database().value("SELECT pg_current_wal_lsn()")
        wait_until("the slot follows", lambda: primary.database().value(
            "SELECT confirmed_flush_lsn >= %s::pg_lsn FROM pg_replication_slots WHERE slot_name = %s", [end, pipeline.slot]), 60)
        assert pipeline.stop()[0] == 0
        primary.stop("immediate")
        standby.start()
        standby.promote()
        standby.capture(pipeline)
        insert(pipeline, 2, 3)
        assert pipeline.source.value("SELECT pg_current_wal_lsn() < %s", [end])
        pipeline.start("produce")
        wait_until("the rows of the new history", lambda: pipeline.check_alive() or in_kafka(pipeline) == [1, 2, 3])
        assert pipeline.stop()[0] == 0


def test_promotion_without_the_slot(pipeline):
    """Before 17 a standby has none of its own."""
    with Cluster("primary", 15) as primary, Standby("standby", 15) as standby:
        primary.start()
        make_table(primary, pipeline)
        primary.database().query("SELECT pg_create_physical_replication_slot('standby', true)")
        primary.stop()
        primary.copy_to(standby.folder)
        primary.start()
        standby.configure(primary_slot_name="standby", primary_conninfo=f"host=127.0.0.1 port={primary.port} user=source_user")
        standby.signal_file("standby.signal")
        standby.start()
        pipeline.start("produce")
        pipeline.wait_streaming()
        insert(pipeline, 1, 2)
        wait_until("both rows", lambda: in_kafka(pipeline) == [1, 2])
        assert pipeline.stop()[0] == 0
        primary.stop()  # It waits until the standby has everything.
        standby.promote()
        standby.capture(pipeline)
        insert(pipeline, 3)
        refuses(pipeline, 20, RANGE, "may be lost", SNAPSHOT)


@pytest.mark.parametrize("how", ["copied", "copied_and_written", "recovered"])
def test_source_restored(pipeline, how):
    """As a copy of its disk, which may go on beyond the position, or by recovery from a backup, which begins a new timeline."""
    with Cluster("restored", 15) as server:
        server.start()
        make_table(server, pipeline)
        pipeline.start("produce")
        pipeline.wait_streaming()
        insert(pipeline, 1)
        wait_until("the row", lambda: in_kafka(pipeline) == [1])
        assert pipeline.stop()[0] == 0
        server.stop()
        backup = server.folder.with_suffix(".backup")
        try:
            server.copy_to(backup)
            server.start()
            pipeline.start("produce")
            pipeline.wait_streaming()
            insert(pipeline, 2, 3)
            wait_until("rows after the backup", lambda: in_kafka(pipeline) == [1, 2, 3])
            assert pipeline.stop()[0] == 0
            server.stop()
            shutil.rmtree(server.folder)
            backup.rename(server.folder)
        finally:
            shutil.rmtree(backup, ignore_errors=True)
        if how == "recovered":
            server.configure(restore_command="false", recovery_target_action="promote")
            server.signal_file("recovery.signal")
        server.start()
        server.capture(pipeline)
        wait_until("the restored server", lambda: not server.database().value("SELECT pg_is_in_recovery()"))
        if how == "recovered":
            refuses(pipeline, 54, "this server left timeline 1 at", RANGE, SNAPSHOT)
        elif how == "copied":
            refuses(pipeline, 55, "restored from a backup", SNAPSHOT)
        else:
            end = position(pipeline)["end_lsn"]
            for number in range(10, 60):
                insert(pipeline, number)
            assert pipeline.source.value("SELECT pg_current_wal_lsn() > %s", [end])
            for _ in range(2):  # Looking does not move the slot.
                refuses(pipeline, 55, "another history than Kafka", RANGE, "slot drop", SNAPSHOT)
            assert pipeline.command("slot", "drop", "--yes").returncode == 0
        pipeline.source_options["snapshot.mode"] = "when_needed"
        pipeline.start()
        insert(pipeline, 4)
        wait_until("the row that came after", lambda: pipeline.check_alive() or 4 in in_kafka(pipeline))
        assert pipeline.stop()[0] == 0
