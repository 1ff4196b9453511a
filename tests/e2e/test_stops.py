"""What cannot go on stops with its exit code and one line that says what to do; nothing is re-created or skipped in silence."""
import re

import harness
from confluent_kafka.admin import ConfigResource
from harness import wait_until


def last_line(pipeline):
    return [line for line in pipeline.log().splitlines() if line.strip()][-1]


def ends(pipeline, seconds=30):
    """Waits until the program ends by itself; returns its exit code."""
    process = pipeline.process
    code = wait_until("its end", lambda: process.poll() is not None and [process.returncode], seconds)[0]
    pipeline.process = None
    return code


def run_until_it_ends(pipeline, command="produce"):
    pipeline.start(command)
    return ends(pipeline)


def after_a_first_run(events):
    events.source.query("INSERT INTO events VALUES (1, 1, 'x')")
    events.start("produce")
    events.wait_streaming()
    wait_until("the row in Kafka", lambda: len(events.records("events")) == 1)
    assert events.stop()[0] == 0


def test_slot_dropped_while_it_streams(events):
    events.start("produce")
    sender = events.wait_streaming()
    server = harness.Database("source", "postgres")
    # The slot is free for a moment after its walsender has been ended.
    server.query("SELECT pg_terminate_backend(%s)", [sender])

    def dropped():
        try:
            server.query("SELECT pg_drop_replication_slot(%s)", [events.slot])
            return True
        except harness.psycopg2.errors.ObjectInUse:
            if sender := events.walsender():
                server.query("SELECT pg_terminate_backend(%s)", [sender])
            return False
    wait_until("the slot dropped", dropped, every=0.001)
    assert ends(events) == 20


def test_publication_that_is_newer_than_the_changes(events):
    events.start("produce")
    events.wait_streaming()
    assert events.stop()[0] == 0
    events.source.query(f'DROP PUBLICATION "{events.name}"')
    events.source.query("INSERT INTO events VALUES (1, 1, 'x')")
    for _ in range(2):  # The start makes a new one, which does not help.
        assert run_until_it_ends(events) == 30
        assert "is newer than the changes to be read" in events.log().splitlines()[-1]
    assert events.command("slot", "drop", "--yes").returncode == 0
    events.source_options["snapshot.mode"] = "when_needed"
    events.start("produce")
    wait_until("the row", lambda: events.check_alive() or len(events.records("events")) == 1)
    assert events.stop()[0] == 0


def test_wrong_password(events):
    events.source_options["database.password"] = "not-the-password"
    assert run_until_it_ends(events) == 11
    assert "not-the-password" not in events.log()


def test_unknown_key(events):
    events.source_options["slot.nmae"] = "x"
    assert run_until_it_ends(events) == 2
    assert "slot.nmae" in events.log() and "slot.name" in events.log()
    assert re.search(r"walrelay\.toml:\d+", events.log()), "file and line"


def test_unknown_delivery(events):
    events.pipeline_options["delivery"] = "exactly-twice"
    assert run_until_it_ends(events) == 2


def test_replica_identity(events):
    """A publication of all tables would make the application's own UPDATE on a table without a key fail."""
    events.source.query("CREATE TABLE keyless (a int)")
    assert run_until_it_ends(events) == 32
    assert "keyless" in events.log()
    assert not events.source.query("SELECT 1 FROM pg_publication")


def test_large_record(events):
    """A row that is larger than Kafka takes stops the capture by the table's name, without a loop and without its values."""
    after_a_first_run(events)
    events.source.query("INSERT INTO events VALUES (1, 2, repeat('secret', 400000))")
    assert run_until_it_ends(events) == 42
    assert "public.events" in last_line(events) and "secret" not in events.log()


def test_record_that_the_broker_finds_too_large(events):
    """The limit of the topic, which walrelay does not know, names the table and its key columns as well."""
    after_a_first_run(events)
    resource = ConfigResource(ConfigResource.Type.TOPIC, events.topic("events"), set_config={"max.message.bytes": "5000"})
    client = harness.admin_client()  # It must outlive its futures.
    client.alter_configs([resource])[resource].result()
    events.source.query("INSERT INTO events SELECT 1, 2, string_agg(md5(n::text), 'secret') FROM generate_series(1, 2000) n")
    assert run_until_it_ends(events) == 42
    assert "public.events" in last_line(events) and "client, seq" in last_line(events) and "secret" not in events.log()
