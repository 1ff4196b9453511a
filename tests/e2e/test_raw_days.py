"""Raw events in partitions of a day: each record once through kill -9, also where its event lies in another day's partition."""
import signal

from harness import Load, append_event, check_nothing_lost, wait_until

PARTITIONS = ("SELECT relname FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = 'cdc_raw.cdc_events'::regclass"
              " ORDER BY relname")
# In the order of a batch; a large one, one that the server is left at work on, a small one.
POINTS = [("sink-raw-copied:1", 1000), ("sink-before-commit:1", 1000), ("sink-before-commit:1", 15000), ("sink-committed:2", 15000),
          ("sink-small-batch:5", 0), ("sink-committed:5", 0)]


def make_day(lake, days_ago):
    """The partition of a day that is over; its name."""
    lower, upper = lake.query("SELECT day - %s, day - %s + 1 FROM (SELECT (now() AT TIME ZONE 'UTC')::date) AS today (day)",
                              [days_ago, days_ago])[0]
    name = f"cdc_events_{lower:%Y%m%d}"
    lake.query(f"CREATE TABLE cdc_raw.{name} PARTITION OF cdc_raw.cdc_events"
               f" FOR VALUES FROM ('{lower} 00:00+00') TO ('{upper} 00:00+00')")
    return name


def test_killed_again_and_again(events):
    source, lake = events.source, events.lake
    events.with_target = False  # The crash points are the lake's.
    events.lake_options = {"raw.partition": "day", "raw.retention.days": 2}
    events.start()
    events.wait_streaming()
    with Load(source, append_event, writers=2) as load:
        wait_until("raw events", lambda: lake.value("SELECT to_regclass('cdc_raw.cdc_events') IS NOT NULL")
                   and lake.query("SELECT 1 FROM cdc_raw.cdc_events LIMIT 1"))
        assert events.kill() == -signal.SIGKILL
        first, moved = 0, 0
        for point, rows in POINTS:
            source.query("INSERT INTO events SELECT 7, n, 'x' FROM generate_series(%s, %s) n", [first, first + rows - 1])
            first += rows
            events.start(crash_at=point)
            process = events.process
            code = wait_until(point, lambda p=process: p.poll() is not None and [p.returncode], 60)
            assert code == [-signal.SIGKILL] and f"crash point {point.split(':')[0]}" in events.log(), point
            events.process = None
            if not moved:  # As if that had been yesterday.
                yesterday, older = make_day(lake, 1), make_day(lake, 4)
                moved = lake.query("WITH moved AS (UPDATE cdc_raw.cdc_events SET processed_at = processed_at - interval '1 day'"
                                   " RETURNING 1) SELECT count(*) FROM moved")[0][0]
                lake.query("INSERT INTO cdc_raw.cdc_events (source_table, operation, kafka_topic, kafka_partition, kafka_offset,"
                           " processed_at) SELECT 'public.old', 'c', 'old', 0, 0, processed_at - interval '3 days'"
                           " FROM cdc_raw.cdc_events LIMIT 1")
                assert lake.value(f"SELECT count(*) FROM cdc_raw.{older}") == 1
        for _ in range(3):
            events.start()
            events.wait_streaming()
            load.wait_commits(50)
            assert events.kill() == -signal.SIGKILL
        events.start()
        load.wait_commits(50)
    check_nothing_lost(events, load)
    assert lake.value(f"SELECT count(*) FROM cdc_raw.{yesterday}") == moved, "they are within the days that are kept"
    partitions = [name for name, in lake.query(PARTITIONS)]
    assert older not in partitions and yesterday in partitions, partitions
    assert len(partitions) in (5, 6), "yesterday, today and three ahead; one more where today has ended meanwhile"
    assert not lake.query("SELECT 1 FROM cdc_raw.cdc_events WHERE source_table = 'public.old'")
    assert f"dropped cdc_raw.{older}" in events.log()
    assert events.stop()[0] == 0
