"""A snapshot that is taken while writers run joins the stream with no gap and no overlap."""
import pytest
from harness import Load, acknowledged_rows, append_event, check_nothing_lost, envelope, start_slow_snapshot

ROWS = 200_000


def test_snapshot_while_writing(events):
    # Client 1000's rows were there before; the writers add, change and delete while the snapshot is on.
    events.source.query(f"INSERT INTO events SELECT 1000, n, repeat('x', 50) FROM generate_series(1, {ROWS}) n")

    def work(connection, writer):
        append_event(connection, writer)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE events SET payload = %s WHERE client = 1000 AND seq = %s",
                           [f"changed by {writer.number}", writer.random.randrange(1, ROWS + 1)])

    with Load(events.source, work) as load:
        load.wait_commits(100)
        events.start()
        before = load.commits()
        events.wait_streaming(120)
        during = load.commits() - before
        load.wait_commits(200)
    print(f"{during} commits while the snapshot was taken")
    assert during > 10
    check_nothing_lost(events, load)

    # No overlap: what a 'c' says was not in the snapshot; no gap: every row has exactly one of both.
    first = {}
    for message in events.records("events"):
        payload = envelope(message)
        if payload["op"] in "rc":
            row = payload["after"]["client"], payload["after"]["seq"]
            assert row not in first, f"{row} came twice: {first[row]} and {payload['op']}"
            first[row] = payload["op"]
    assert sum(op == "r" for op in first.values()) >= ROWS
    appended = {first[row] for row in acknowledged_rows(load)}
    assert appended == {"r", "c"}, f"rows were written before and after the snapshot's point: {appended}"
    assert events.stop()[0] == 0


@pytest.mark.parametrize("change", ["ADD COLUMN at timestamptz DEFAULT clock_timestamp()", "ALTER seq TYPE bigint USING seq + 1"],
                         ids=["added", "typed"])
def test_table_rewritten(events, change):
    """Such an ALTER TABLE does not keep to snapshots: one that began before finds the table empty, and the stream has no rows of it."""
    start_slow_snapshot(events)
    events.source.query("ALTER TABLE events " + change)
    events.source.query("UPDATE events SET payload = 'y' WHERE seq = 7")
    events.wait_equal(["a", "events"])
    assert events.stop()[0] == 0
