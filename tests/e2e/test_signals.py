"""SIGTERM and SIGINT stop it cleanly within ten seconds with exit code 0, whatever it is doing."""
import signal

import harness
import pytest
from harness import Load, append_event, check_nothing_lost, needs_stack, stack, wait_until


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT], ids=lambda s: s.name)
def test_signal_under_load(events, by):
    events.start()
    events.wait_streaming()
    with Load(events.source, append_event) as load:
        load.wait_commits(200)
        code, seconds = events.stop(by)
        assert code == 0 and seconds < 10
        assert not events.slot_active()
        load.wait_commits(50)
    events.start()
    check_nothing_lost(events, load)


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT], ids=lambda s: s.name)
def test_signal_when_idle(events, by):
    events.start()
    events.wait_streaming()
    code, seconds = events.stop(by)
    assert code == 0 and seconds < 10


def test_signal_in_a_snapshot(events):
    events.source.query("INSERT INTO events SELECT 1000, n, repeat('x', 50) FROM generate_series(1, 100000) n")
    override = "snapshot.select.statement.overrides"
    events.source_options |= {override: "public.events",  # A row takes a millisecond, and all of them too long.
                              override + ".public.events": "SELECT * FROM events WHERE pg_sleep(0.001) IS NOT NULL"}
    events.start()
    wait_until("the first records", lambda: sum(harness.end_offsets(harness.topics(events.topic("events"))).values()) > 0)
    code, seconds = events.stop()
    assert code == 0 and seconds < 10
    assert "snapshot finished" not in events.log()
    del events.source_options[override], events.source_options[override + ".public.events"]
    events.start()
    events.wait_streaming(120)
    events.wait_equal(["events"])


def test_signal_while_servers_are_away(events):
    """Waiting for a server that does not come back is no reason to hang."""
    needs_stack()
    events.start()
    events.wait_streaming()
    events.source.query("INSERT INTO events VALUES (1, 1, 'x')")
    events.wait_equal(["events"])
    try:
        for name in ("kafka", "target"):
            stack("stop", name)
        events.source.query("INSERT INTO events VALUES (1, 2, 'x')")
        wait_until("it is seen to wait", lambda: events.check_alive() or events.http("/health") is not None)
        code, seconds = events.stop()
        assert code == 0 and seconds < 10
    finally:
        for name in ("kafka", "target"):
            stack("start", name)
    events.start()
    events.wait_equal(["events"])
