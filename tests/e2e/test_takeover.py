"""Taking over from the Python consumer: whatever it was doing when it ended, each raw event is there once, the mirrors equal
the source, and its tables stay as they were made."""
import collections
import json
import signal
import subprocess
import sys

import pytest

from harness import KAFKA, ROOT, SHOP, end_offsets, new_consumer, read_topics, topics, wait_until
from test_stops import last_line, run_until_it_ends

HERE = ROOT / "tests" / "e2e"


class PythonConsumer:
    """A process of the consumer on a pipeline's topics and databases."""

    def __init__(self, pipeline, *ending):
        self.pipeline = pipeline
        with open(pipeline.folder / "consumer.log", "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, HERE / "python_consumer.py", KAFKA, group(pipeline), rf"^{pipeline.prefix}\..*",
                 pipeline.lake.dsn, pipeline.target.dsn, *ending], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def wait_until_it_dies(self):
        assert self.process.wait(90) == -signal.SIGKILL, (self.pipeline.folder / "consumer.log").read_text()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0


def group(pipeline):
    return f"python-{pipeline.name}"


@pytest.fixture
def taken(shop):
    """A pipeline with sample rows and more in Kafka, and lake and target as the consumer's set-up made them."""
    shop.pipeline_options["takeover.group.id"] = group(shop)
    shop.source_options["decimal.handling.mode"] = "string"
    shop.lake.run_file(HERE / "python_consumer_lake.sql")
    shop.target.run_file(HERE / "python_consumer_target.sql")
    shop.start("produce")
    shop.wait_streaming()
    change(shop, 1)
    wait_until("the changes in Kafka", lambda: shop.check_alive() or in_kafka(shop) >= events_of(shop, 1))
    assert shop.stop()[0] == 0
    return shop


def change(pipeline, round_):
    """Inserts, updates of the same rows, deletes (with tombstones)."""
    first = 1000 * round_
    pipeline.source.query("INSERT INTO customers (id, first_name, last_name, email) SELECT n, 'A', 'B', n || '@x' "
                          "FROM generate_series(%s, %s) n", [first, first + 9])
    for seen in range(4):
        pipeline.source.query("UPDATE customers SET last_name = %s WHERE id BETWEEN %s AND %s", [f"B{seen}", first, first + 9])
    pipeline.source.query("INSERT INTO products (id, name, price) SELECT n, 'P', n / 100.0 FROM generate_series(%s, %s) n",
                          [first, first + 9])
    pipeline.source.query("DELETE FROM products WHERE id BETWEEN %s AND %s", [first, first + 4])
    pipeline.source.query("DELETE FROM customers WHERE id = %s", [first])


def events_of(pipeline, rounds):
    """How many events there are: those of the sample rows and of each round."""
    samples = sum(pipeline.source.value(f"SELECT count(*) FROM {table} WHERE id < 1000") for table in SHOP)
    return samples + rounds * (10 + 40 + 10 + 5 + 1)


def in_kafka(pipeline):
    return len(records(pipeline))


def records(pipeline):
    """(topic, partition, offset) of every event."""
    return [(m.topic(), m.partition(), m.offset()) for messages in read_topics(topics(pipeline.prefix + ".")).values()
            for m in messages if m.value() is not None]


def raw_events(pipeline):
    return pipeline.lake.query("SELECT kafka_topic, kafka_partition, kafka_offset FROM cdc_raw.cdc_events")


def committed(pipeline):
    """{(topic, partition): offset} that the consumer's group has committed."""
    from confluent_kafka import TopicPartition
    consumer = new_consumer(**{"group.id": group(pipeline)})
    try:
        asked = [TopicPartition(topic, p) for topic, partitions in topics(pipeline.prefix + ".").items() for p in partitions]
        return {(found.topic, found.partition): found.offset for found in consumer.committed(asked, timeout=20)
                if found.offset >= 0}
    finally:
        consumer.close()


def plan(pipeline):
    """What apply --dry-run says, once the group is without members."""
    def asked():
        shown = pipeline.command("apply", "--dry-run", "--json")
        assert shown.returncode in (0, 63), shown.stderr
        return shown.stdout if shown.returncode == 0 else None
    return json.loads(wait_until("the consumer forgotten", asked, 90, every=0.5))


def takes_over(pipeline, doubled=()):
    """walrelay goes on, also with more changes: every raw event is there once, but for those that were doubled before."""
    plan(pipeline)
    pipeline.start("run")
    pipeline.wait_streaming()
    change(pipeline, 2)
    pipeline.wait_equal(SHOP)
    wait_until("all raw events", lambda: pipeline.check_alive() or len(raw_events(pipeline)) >= events_of(pipeline, 2))
    assert pipeline.stop()[0] == 0
    assert sorted(raw_events(pipeline)) == sorted(records(pipeline) + list(doubled))
    assert pipeline.lake.query("SELECT conname FROM pg_constraint WHERE conrelid = 'cdc_raw.cdc_events'::regclass "
                               "AND contype <> 'n'") == [("cdc_events_pkey",)], "its table is as it was"
    assert pipeline.command("dlq", "list").stdout == "no dead letters\n"
    # Again: there is nothing to take over any more.
    assert {line["because_of"] for line in plan(pipeline)} == {"our own progress"}


@pytest.mark.parametrize("step", ["raw", "target", "commit"])
def test_killed_after(taken, step):
    with PythonConsumer(taken, f"{step}:40") as consumer:
        consumer.wait_until_it_dies()
    done = raw_events(taken)
    assert len(done) == 40
    behind = [key for key in done if key[2] >= committed(taken).get(key[:2], 0)]
    assert len(behind) == (0 if step == "commit" else 1)
    planned = plan(taken)
    assert taken.lake.value("SELECT to_regnamespace('walrelay') IS NULL"), "a dry run makes nothing"
    assert sum(line["raw_events_there"] for line in planned if line["sink"] == "lake") == len(behind)
    takes_over(taken)
    if step != "commit":
        assert "the raw events of 1 records from there on are there" in taken.log()


def test_killed_twice_with_rare_commits(taken):
    """It doubles by itself when it starts again; that stays, and is not made worse."""
    def doubled():
        return [key for key, times in collections.Counter(raw_events(taken)).items() if times > 1]
    with PythonConsumer(taken, "raw:40", "30") as consumer:
        consumer.wait_until_it_dies()
    assert len(raw_events(taken)) == 40 and not doubled()
    # It waits for the session of its former self to end, and may read other topics first.
    with PythonConsumer(taken, "never", "30"):
        wait_until("it does some again", doubled, 90)
    takes_over(taken, doubled())


def test_stopped_cleanly_and_back_again(taken):
    """It ran since: what it has done meanwhile is taken over as well."""
    with PythonConsumer(taken) as consumer:
        wait_until("all events", lambda: len(raw_events(taken)) == events_of(taken, 1))
        assert run_until_it_ends(taken, "apply") == 63
        assert "python" in last_line(taken) and "still has members" in last_line(taken) and "stop them" in last_line(taken)
        assert taken.command("apply", "--dry-run").returncode == 63
        consumer.stop()
    assert len(raw_events(taken)) == events_of(taken, 1), "nothing was written by us"
    takes_over(taken)


def test_its_group_is_forgotten(taken):
    """Kafka drops the offsets of a group that is away for a week: the raw events tell what was done."""
    with PythonConsumer(taken, "raw:40") as consumer:
        consumer.wait_until_it_dies()
    taken.pipeline_options["takeover.group.id"] = "a-group-that-nobody-knows"
    assert {line["because_of"] for line in plan(taken) if line["sink"] == "lake" and line["raw_events_there"]} == {
        "raw events that are there"}
    takes_over(taken)


def test_a_table_of_another_topic(taken):
    """Raw events beyond the end of the topic are of one that was deleted since: nobody can tell what was done."""
    with PythonConsumer(taken, "commit:40") as consumer:
        consumer.wait_until_it_dies()
    end = max(end_offsets(topics(taken.topic("customers"))).values())
    taken.lake.query("UPDATE cdc_raw.cdc_events SET kafka_offset = %s WHERE id = (SELECT max(id) FROM cdc_raw.cdc_events "
                     "WHERE source_table = 'public.customers')", [end])
    taken.pipeline_options["takeover.group.id"] = "a-group-that-nobody-knows"
    assert run_until_it_ends(taken, "apply") == 43
    assert taken.topic("customers") in last_line(taken) and "made anew" in last_line(taken)
