"""What a sink does when somebody else touches its topics or its progress."""
import json

import harness
from harness import wait_until
from test_start_table import expire
from test_stops import ends, last_line


def run_into_the_target(events, rows=1):
    events.source.query("INSERT INTO events SELECT 1, n, 'x' FROM generate_series(1, %s) n", [rows])
    events.start("run")
    events.wait_streaming()
    events.wait_equal(["events"])


def test_progress_moved_by_somebody_else(events):
    """Nothing is applied twice or skipped: the sink stops with the code of a conflict."""
    run_into_the_target(events)
    events.target.query("UPDATE walrelay.progress SET next_offset = next_offset + 1")
    events.source.query("INSERT INTO events VALUES (1, 2, 'x')")
    assert ends(events) == 61
    assert "somebody else" in events.log()
    assert events.target.value("SELECT count(*) FROM public.events") == 1


def test_topic_deleted_while_it_is_read(events):
    run_into_the_target(events)
    assert events.stop()[0] == 0
    events.start("apply")
    topic = events.topic("events")
    wait_until("reading", lambda: f"{topic}[0] from offset 0" in events.log().split("=== start 2")[-1])
    harness.delete_topics([topic])
    assert ends(events, 60) == 43
    assert topic in last_line(events) and "does not exist" in events.log()


def test_topic_made_anew_while_it_was_away(events):
    """Other records under the offsets that were applied are seen, not skipped."""
    run_into_the_target(events)
    assert events.stop()[0] == 0
    topic = events.topic("events")
    harness.delete_topics([topic])
    wait_until("the topic gone", lambda: topic not in harness.topics(topic))
    producer = harness.Producer({"bootstrap.servers": harness.KAFKA})
    for n in range(3):
        producer.produce(topic, key=b"{}", value=b"other record %d" % n, partition=0)
    assert producer.flush(30) == 0
    assert harness.end_offsets({topic: [0]})[topic, 0] == 3
    events.start("apply")
    assert ends(events, 60) == 43
    assert "made anew" in events.log()


def test_topic_that_ends_before_what_was_applied(events):
    """By a single record, as a broker that has lost its end: the next offset is where the topic ends, and nothing would look wrong."""
    run_into_the_target(events)
    assert events.stop()[0] == 0
    events.target.query("UPDATE walrelay.progress SET next_offset = next_offset + 1")
    events.start("apply")
    assert ends(events) == 43
    assert f"records from offset 1 to 1 of partition 0 of topic {events.topic('events')} are gone" in last_line(events)
    assert "--sink target" in last_line(events)


def test_records_that_expired_before_they_were_read(events):
    """Retention took what the sinks had not read yet: they stop, and say which offsets are gone."""
    harness.needs_stack()
    run_into_the_target(events)
    assert events.stop()[0] == 0
    events.start("produce")
    events.source.query("INSERT INTO events SELECT 1, n, 'x' FROM generate_series(2, 10) n")
    wait_until("the rows in Kafka", lambda: len(events.records("events")) == 10)
    assert events.stop()[0] == 0
    topic = events.topic("events")
    expire(topic, 5, events.folder)
    events.start("apply")
    assert ends(events) == 43
    assert f"records from offset 1 to 4 of partition 0 of topic {topic} are gone" in last_line(events)
    assert events.target.query("SELECT seq FROM public.events") == [(1,)]
    for database in (events.lake, events.target):  # As the message says.
        database.query("DELETE FROM walrelay.progress")
    events.start("run")
    wait_until("what is left", lambda: events.target.value("SELECT count(*) FROM public.events") == 6)
    wait_until("also in the lake", lambda: events.lake.value("SELECT count(*) FROM cdc_processed.events") == 6)
    assert events.command("verify").returncode == 70
    assert events.command("verify", "--repair", "--yes").returncode == 0
    assert not events.differences(["events"])
    assert events.stop()[0] == 0


def letters(pipeline, *arguments):
    listed = pipeline.command("dlq", "list", "--json", *arguments)
    assert listed.returncode == 0, listed.stderr
    return json.loads(listed.stdout)


def test_rows_that_the_target_refuses(events):
    """They are put aside with their later changes while the others go on, and applied when somebody says so."""
    run_into_the_target(events)
    events.target.query("ALTER TABLE public.events ADD CONSTRAINT small CHECK (payload <> 'secret')")
    events.source.query("INSERT INTO events VALUES (1, 2, 'secret'), (1, 3, 'x')")
    wait_until("its neighbour", lambda: events.target.query("SELECT 1 FROM public.events WHERE seq = 3"))
    events.source.query("UPDATE events SET payload = 'later' WHERE seq = 2")
    events.source.query("INSERT INTO events VALUES (1, 4, 'x')")
    wait_until("the last row", lambda: events.target.query("SELECT 1 FROM public.events WHERE seq = 4"))
    assert events.target.query("SELECT seq FROM public.events ORDER BY seq") == [(1,), (3,), (4,)]
    wait_until("equal lake", lambda: not [line for line in events.differences(["events"]) if "lake" in line])

    found = letters(events)
    assert [(letter["sink"], letter["table"], letter["sqlstate"]) for letter in found] == [
        ("target", "public.events", "23514"), ("target", "public.events", "")]
    assert "secret" not in events.log() and "secret" not in json.dumps(found)
    shown = events.command("dlq", "show", str(found[0]["id"]), "--sink", "target")
    assert shown.returncode == 0 and "secret" in shown.stdout

    refused = events.command("dlq", "drop", "--all")
    assert refused.returncode == 3 and "2 letters of the target" in refused.stderr, "nobody said yes"
    assert "no dead letter 99" in events.command("dlq", "drop", "99", "--sink", "target", "--dry-run").stderr
    preview = events.command("dlq", "retry", str(found[0]["id"]), "--sink", "target", "--dry-run")
    assert f"target: letter {found[0]['id']} and 1 of its row would be applied again" in preview.stderr
    assert events.command("dlq", "retry", str(found[0]["id"])).returncode == 2, "of which sink?"
    assert events.command("dlq", "retry").returncode == 2, "which one?"
    events.target.query("ALTER TABLE public.events DROP CONSTRAINT small")
    assert events.command("dlq", "retry", str(found[0]["id"]), "--sink", "target").returncode == 0
    events.wait_equal(["events"])
    wait_until("no letters", lambda: not letters(events))
    assert events.stop()[0] == 0


def test_table_that_no_longer_fits(events):
    """It waits and says why, the others go on, and it catches up when somebody has repaired it."""
    run_into_the_target(events)
    events.source.query("CREATE TABLE other (id int PRIMARY KEY)")
    events.target.query("ALTER TABLE public.events DROP CONSTRAINT events_pkey")
    events.source.query("UPDATE events SET payload = 'y'")
    events.source.query("INSERT INTO other VALUES (1)")
    wait_until("the other table", lambda: events.target.query("SELECT to_regclass('public.other')")[0][0])
    events.wait_equal(["other"])
    wait_until("the table parked", lambda: "public.events" in events.command("apply", "parked").stdout)
    assert "is parked" in events.http("/health")[1]
    assert events.target.value("SELECT payload FROM public.events") == "x"
    assert events.stop()[0] == 0

    assert events.command("apply", "resume", "public.other").returncode == 2, "it does not wait"
    events.start("run")
    events.source.query("INSERT INTO other VALUES (2)")
    events.wait_equal(["other"])
    assert events.target.value("SELECT payload FROM public.events") == "x"
    events.target.query("ALTER TABLE public.events ADD PRIMARY KEY (client, seq)")
    assert events.command("apply", "resume", "public.events").returncode == 0
    events.wait_equal(["events", "other"])
    assert "no table is parked" in events.command("apply", "parked").stdout
    assert events.stop()[0] == 0
