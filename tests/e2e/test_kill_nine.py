"""kill -9 of walrelay under load, twenty times at random moments: every acknowledged row arrives."""
import os
import random
import signal

from harness import Load, append_event, check_nothing_lost, end_offsets, topics, wait_until

KILLS = int(os.environ.get("WALRELAY_TEST_KILLS", "20"))


def test_kill_nine(events):
    events.start()
    events.wait_streaming()
    in_flight, streamed = 0, 0
    with Load(events.source, append_event) as load:
        moments = random.Random(load.seed)
        for kill in range(KILLS):
            # Half of the kills come while it streams, the others early, before it does or soon after.
            if kill % 2:
                wait_until("it streams", lambda: events.walsender() is not None)
            wait_until("commits and time", lambda limit=load.commits() + moments.choice((5, 50, 200, 600)): load.commits() >= limit)
            events.check_alive()
            streamed += events.walsender() is not None
            assert events.kill() == -signal.SIGKILL
            confirmed, written = events.source.query(
                "SELECT confirmed_flush_lsn, pg_current_wal_lsn() FROM pg_replication_slots WHERE slot_name = %s", [events.slot])[0]
            in_flight += confirmed != written
            events.start()
        load.wait_commits(50)
    assert events.starts == KILLS + 1
    assert streamed >= KILLS // 4, f"only {streamed} of {KILLS} kills came while it streamed"
    assert in_flight >= KILLS // 2, f"only {in_flight} of {KILLS} kills came while something was unconfirmed"
    print(f"{KILLS} kills, {streamed} while streaming, {in_flight} with unconfirmed WAL")
    check_nothing_lost(events, load)
    assert events.stop()[0] == 0


def test_kill_nine_in_a_snapshot(events):
    """A snapshot that is cut off starts over; what was written meanwhile is there as well."""
    events.source.query("INSERT INTO events SELECT 1000, n, repeat('x', 50) FROM generate_series(1, 100000) n")
    events.kafka_options["queue.buffering.max.kbytes"] = 8192  # Less than the rows before the kill.
    with Load(events.source, append_event, writers=2) as load:
        for _ in range(3):
            events.start(crash_at="snapshot-row:30000")
            events.wait_killed()
            assert some_records(events)
        events.start()
        events.wait_streaming(120)
        load.wait_commits(50)
    check_nothing_lost(events, load)
    assert events.stop()[0] == 0


def some_records(pipeline):
    """True once more records stand in the topic than at the last call that said so."""
    end = sum(end_offsets(topics(pipeline.topic("events"))).values())
    before, pipeline.seen = getattr(pipeline, "seen", 0), end
    return end > before
