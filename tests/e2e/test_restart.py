"""Whatever restarts under load, walrelay goes on by itself and nothing is lost."""
import time

import harness
from harness import Load, append_event, check_nothing_lost, needs_stack, stack, wait_until


def wait_next_row(pipeline, load, seconds=60):
    """Waits until a row that is written from now on has reached the target; returns how long that took."""
    load.wait_commits(5, seconds)
    newest = pipeline.source.value("SELECT coalesce(max(seq), 0) FROM events WHERE client = 0")
    begun = time.monotonic()

    def there():
        pipeline.check_alive()
        try:
            return pipeline.target.query("SELECT 1 FROM events WHERE client = 0 AND seq >= %s", [newest])
        except harness.psycopg2.Error:  # the target restarts, or has no table yet
            return None
    wait_until("a new row in the target", there, seconds)
    return time.monotonic() - begun


def test_restart_of_walrelay(events):
    """SIGTERM and a new start, six times."""
    events.start()
    events.wait_streaming()
    with Load(events.source, append_event) as load:
        for _ in range(6):
            wait_next_row(events, load)
            code, seconds = events.stop()
            assert code == 0 and seconds < 10
            load.wait_commits(50)  # while it is away
            events.start()
        wait_next_row(events, load)
    assert events.starts == 7
    check_nothing_lost(events, load)


def restart_source(events, how):
    needs_stack()
    events.start()
    events.wait_streaming()
    with Load(events.source, append_event) as load:
        for _ in range(3):
            wait_next_row(events, load)
            sender = events.walsender()
            assert sender
            stopped = stack("stop", "source", how)
            assert stopped < 10, f"the server's shutdown was held up for {stopped:.1f} s"
            stack("start", "source")
            events.wait_streaming()
            assert events.walsender() != sender
            wait_next_row(events, load)
        assert load.unknown() > 0, "the writers have noticed nothing"
    check_nothing_lost(events, load)
    assert events.starts == 1 and events.stop()[0] == 0


def test_restart_of_the_source(events):
    restart_source(events, "fast")


def test_crash_of_the_source(events):
    restart_source(events, "immediate")


def restart_sink(events, name, how):
    needs_stack()
    events.start()
    events.wait_streaming()
    with Load(events.source, append_event) as load:
        for _ in range(2):
            wait_next_row(events, load)
            stack("stop", name, how)
            load.wait_commits(50)
            stack("start", name)
            wait_next_row(events, load)
    check_nothing_lost(events, load)
    assert events.starts == 1 and events.stop()[0] == 0


def test_crash_of_the_lake(events):
    restart_sink(events, "lake", "immediate")


def test_crash_of_the_target(events):
    restart_sink(events, "target", "immediate")


def restart_kafka(events, how):
    needs_stack()
    events.start()
    events.wait_streaming()
    with Load(events.source, append_event) as load:
        for _ in range(2):
            wait_next_row(events, load)
            stack("stop", "kafka", how)
            load.wait_commits(50)
            stack("start", "kafka")
            wait_next_row(events, load)
    check_nothing_lost(events, load)
    assert events.starts == 1 and events.stop()[0] == 0


def test_restart_of_kafka(events):
    restart_kafka(events, "fast")


def test_crash_of_kafka(events):
    restart_kafka(events, "immediate")


def test_walsender_terminated(events):
    events.start()
    events.wait_streaming()
    with Load(events.source, append_event) as load:
        ended = set()
        for _ in range(5):
            wait_next_row(events, load)
            sender = wait_until("a walsender", events.walsender)
            assert sender not in ended
            assert events.source.value("SELECT pg_terminate_backend(%s)", [sender])
            ended.add(sender)
            wait_until("another walsender", lambda: events.walsender() not in (None, *ended))
        wait_next_row(events, load)
    check_nothing_lost(events, load)
    assert events.starts == 1 and events.stop()[0] == 0


def test_shutdown_of_the_source_while_kafka_is_away(events):
    """A client that stays connected and does not confirm would hold up the server's fast shutdown for ever."""
    needs_stack()
    events.start()
    events.wait_streaming()
    with Load(events.source, append_event) as load:
        wait_next_row(events, load)
        stack("stop", "kafka")
        try:
            load.wait_commits(100)
            # It may stay connected for half a minute, in the hope of Kafka's return; then it must let the server go.
            wait_until("the slot let go", lambda: not events.slot_active(), 45)
            events.check_alive()
            stopped = stack("stop", "source")
            assert stopped < 10, f"the server's shutdown was held up for {stopped:.1f} s"
        finally:
            stack("start", "source")
            stack("start", "kafka")
        wait_next_row(events, load, 90)
    check_nothing_lost(events, load)
    assert events.starts == 1 and events.stop()[0] == 0
