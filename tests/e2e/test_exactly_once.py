"""delivery = "exactly-once": through kill -9 each event stands in Kafka once and in order, as an independent reader has it."""
import collections
import io
import json
import os
import random
import re
import signal
import time

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic
from harness import KAFKA, Load, admin_client, delete_topics, end_offsets, envelope, read_topics, topics, wait_until
from test_start_table import position
from truth import Truth, check_once_and_in_order

KILLS = int(os.environ.get("WALRELAY_TEST_KILLS", "20"))


@pytest.fixture
def stream(events):
    """Tables of several kinds, three partitions a topic, and a truth that sees everything."""
    events.source_options.update({"topic.creation.default.partitions": 3, "snapshot.mode": "never"})
    events.source.query("CREATE TABLE keyless (n bigint, payload text); ALTER TABLE keyless REPLICA IDENTITY FULL")
    truth = Truth(events)
    events.truth = truth
    yield events
    events.kill()
    truth.drop()


def mixed_work(connection, writer):
    """One transaction of one kind among many; each writer has its own rows."""
    choose = writer.random.random()
    first = writer.next_seq = getattr(writer, "next_seq", 0) + 1000
    me = {"me": writer.number, "first": first, "text": "é\n\\ \"x\" " * writer.random.randrange(1, 20)}
    with connection.cursor() as cursor:
        def run(sql, **more):
            cursor.execute(sql, {**me, **more})
        if choose < 0.4:
            run("INSERT INTO events VALUES (%(me)s, %(first)s, %(text)s)")
        elif choose < 0.5:
            run("INSERT INTO events SELECT %(me)s, %(first)s + n, %(text)s FROM generate_series(1, %(rows)s) n",
                rows=writer.random.choice((10, 300)))
        elif choose < 0.6:
            run("UPDATE events SET payload = %(text)s WHERE client = %(me)s AND seq > %(first)s - 5000 AND seq %% 7 = 0")
        elif choose < 0.68:
            run("UPDATE events SET seq = -seq WHERE client = %(me)s AND seq > %(first)s - 3000 AND seq %% 11 = 0")
        elif choose < 0.76:
            run("DELETE FROM events WHERE client = %(me)s AND seq > %(first)s - 3000 AND seq %% 13 = 0")
        elif choose < 0.86:
            run("INSERT INTO keyless SELECT %(first)s, %(text)s FROM generate_series(1, 3)")
        elif choose < 0.9:
            run("SELECT pg_logical_emit_message(false, 'note', %(text)s)")
        elif choose < 0.94:
            run("BEGIN; SELECT pg_logical_emit_message(true, 'note', %(text)s);"
                "INSERT INTO events VALUES (%(me)s, %(first)s, ''); COMMIT")
        else:
            run("BEGIN; INSERT INTO events VALUES (%(me)s, %(first)s, ''); SAVEPOINT s;"
                "INSERT INTO events VALUES (%(me)s, %(first)s + 1, ''); ROLLBACK TO s;"
                "INSERT INTO events VALUES (%(me)s, %(first)s + 2, ''); COMMIT")
    writer.acknowledged.append((writer.number, first))


def counter(pipeline, name):
    """The value of a counter of the running process; None where it does not answer yet."""
    answer = pipeline.http("/metrics")
    found = answer and re.search(rf"^{name}(?:{{.*}})? (\d+)", answer[1], re.M)
    return int(found.group(1)) if found else None


def wait_caught_up(pipeline, seconds=90):
    """Until the slot is confirmed up to what has been written by now."""
    end = pipeline.source.value("SELECT pg_current_wal_lsn()")

    def confirmed():
        pipeline.check_alive()
        return pipeline.source.query("SELECT 1 FROM pg_replication_slots WHERE slot_name = %s AND confirmed_flush_lsn >= %s",
                                     [pipeline.slot, end])
    wait_until("the slot confirmed", confirmed, seconds)


def confirmed_flush(pipeline):
    return pipeline.source.value("SELECT (confirmed_flush_lsn - '0/0')::bigint FROM pg_replication_slots WHERE slot_name = %s",
                                 [pipeline.slot])


def start_stream(pipeline, crash_at=None):
    pipeline.start("produce", crash_at)
    pipeline.wait_streaming()
    return confirmed_flush(pipeline)


def test_killed_under_load(stream):
    after = start_stream(stream)
    replayed, skipped, streamed = 0, 0, 0
    with Load(stream.source, mixed_work) as load:
        moments = random.Random(load.seed)
        for number in range(KILLS):
            if number % 2:  # The others may come before it streams again.
                stream.wait_streaming()
            wait_until("commits", lambda limit=load.commits() + moments.choice((5, 50, 200)): load.commits() >= limit)
            stream.check_alive()
            streamed += stream.walsender() is not None
            replayed += counter(stream, "walrelay_replayed_records_total") or 0
            skipped += counter(stream, "walrelay_skipped_records_total") or 0
            assert stream.kill() == -signal.SIGKILL
            stream.start("produce")
        load.wait_commits(50)
    wait_caught_up(stream)
    checked = check_once_and_in_order(stream, stream.truth, after)
    print(f"{KILLS} kills, {streamed} while streaming; {checked} events, {replayed} records replayed and {skipped} skipped, "
          "as far as the metrics were published before the next kill")
    assert streamed >= KILLS // 4
    # How many starts get so far before the next kill is the machine's; the last one does, whose metrics are not in that sum.
    assert "records that the last run had written were recognised" in stream.log()
    assert stream.stop()[0] == 0


def test_killed_with_a_message_as_the_last_of_the_position(stream):
    """A message outside of a transaction is where it ends, other than a transaction, which is where its commit begins: it is not new
    at the position's end. The slot lies before it."""
    after = start_stream(stream)
    emit = "SELECT pg_logical_emit_message(false, 'note', %s)::text"
    row = "INSERT INTO events VALUES (1, %s, '')"  # Its commit also writes a message's WAL out.
    stream.source.value(emit, ["the topic is known from here on"])
    stream.source.query(row, [1])
    wait_caught_up(stream)
    stream.kill()
    stream.start("produce", crash_at="after-position-record:2")  # The first one claims.
    stream.wait_streaming()
    message = stream.source.value(emit, ["the last one of the position"])
    stream.wait_killed()
    assert position(stream)["end_lsn"] == message
    assert stream.source.query("SELECT 1 FROM pg_replication_slots WHERE slot_name = %s AND confirmed_flush_lsn < %s",
                               [stream.slot, message])
    stream.source.value(emit, ["the next one"])
    stream.source.query(row, [2])
    stream.start("produce")
    wait_caught_up(stream)
    assert check_once_and_in_order(stream, stream.truth, after) == 5
    assert stream.stop()[0] == 0


def test_killed_inside_a_large_transaction(stream):
    """A transaction of four hundred thousand rows, killed again and again on its way."""
    stream.kafka_options["queue.buffering.max.kbytes"] = 8192  # Bounds what stands in Kafka beyond that at each kill.
    point = "after-acknowledgement:25000"
    after = start_stream(stream, point)
    stream.source.query("INSERT INTO events SELECT 7, n, repeat('x', 100) FROM generate_series(1, 400000) n")
    for kill in range(1, 7):
        stream.wait_killed()
        held = sum(end_offsets(topics(stream.topic("events"))).values())
        assert kill * 25000 <= held < 400000, "the transaction was over before the kill"
        stream.start("produce", crash_at=point if kill < 6 else None)
    wait_caught_up(stream, 180)
    assert check_once_and_in_order(stream, stream.truth, after) == 400000
    assert "records that the last run had written were recognised" in stream.log()
    assert stream.stop()[0] == 0


SAME_ROWS = {  # But for a column that has a default, or is left out, or is null. A row begins with its key.
    "serial": ("id serial PRIMARY KEY, note text", {}, lambda n: (n, "same")),
    "excluded": ("id int PRIMARY KEY, note text", {"column.exclude.list": "public.same.id"}, lambda n: (n, "same")),
    "nulls": ("a int, b int", {"message.key.columns": "public.same:a,b"}, lambda n: (n // 2, n if n % 2 else None))}


@pytest.mark.parametrize("acknowledged", [700, 1700, 2700])
@pytest.mark.parametrize("kind", SAME_ROWS)
def test_killed_in_a_copy(stream, kind, acknowledged):
    """Rows of one page share an LSN."""
    columns, options, row = SAME_ROWS[kind]
    rows = [row(n) for n in range(4000)]
    stream.source_options |= options
    stream.source.query(f"CREATE TABLE same ({columns}); ALTER TABLE same REPLICA IDENTITY FULL")
    after = start_stream(stream, f"after-acknowledgement:{acknowledged}")
    with stream.source.connect() as connection, connection.cursor() as cursor:
        cursor.copy_from(io.StringIO("".join("\t".join("\\N" if v is None else str(v) for v in r) + "\n" for r in rows)), "same")
        connection.commit()
    stream.wait_killed()
    stream.start("produce")
    wait_caught_up(stream)
    keys = [tuple(json.loads(m.key())["payload"].values()) for messages in read_topics(topics(stream.topic("same"))).values() for m in messages]
    assert collections.Counter(keys) == collections.Counter(row[:len(keys[0])] for row in rows)
    check_once_and_in_order(stream, stream.truth, after)
    assert stream.stop()[0] == 0


def test_killed_at_a_new_topic(stream):
    """Its records are there, and no position covers one of them: the last one says where its partitions ended before."""
    after = start_stream(stream)
    points = {"topic-adopted:1": None, "after-produce:1": None, "after-acknowledgement:1": True, "topic-adopted:2": None,
              "after-acknowledgement:1500": True, "after-acknowledgement:2000": True}
    for number, (point, leaves_records) in enumerate(points.items()):
        stream.kill()
        stream.start("produce", crash_at=point)
        stream.wait_streaming()
        names = [f"new_{number}_{which}" for which in "ab"]
        stream.source.query("".join(f"CREATE TABLE {name} (n int PRIMARY KEY);" for name in names)
                            + "".join(f"INSERT INTO {name} SELECT generate_series(1, 1000);" for name in names))
        assert stream.process.wait(60) == -signal.SIGKILL, point
        stream.process = None
        covered = {topic: next_ for topic, next_ in position(stream)["topics"].items() if f".new_{number}_" in topic}
        assert all(next_ == [0, 0, 0] for next_ in covered.values()), f"{point}: {covered}"
        held = sum(end for (topic, _), end in end_offsets(topics(f"{stream.prefix}.public.new_{number}_")).items() if topic in covered)
        assert leaves_records in (None, held > 0), f"{point}: {held} records"
        stream.start("produce")
        wait_caught_up(stream)
        if leaves_records:
            assert "records that the last run had written were recognised" in stream.log().rsplit("=== start", 1)[1]
    assert check_once_and_in_order(stream, stream.truth, after) == 2000 * len(points)
    assert stream.stop()[0] == 0


def test_first_touch_of_a_topic_that_holds_records(stream):
    """Of a former connector: a table is captured while the program streams, and its topic is there. What stands there stays, ours
    follow, and the next start takes only those for ours."""
    topic = stream.topic("old")
    client = admin_client()  # It must outlive its futures.
    client.create_topics([NewTopic(topic, 3, 1)])[topic].result()
    former = Producer({"bootstrap.servers": KAFKA, "log_level": 2})
    for partition in range(3):
        for value in (b'{"payload":{"before":null,"after":{"n":1},"source":{"lsn":1,"txId":1},"op":"r"}}', b"no JSON", None)[:1 + partition]:
            former.produce(topic, key=b'{"payload":{"n":1}}', value=value, partition=partition)
    assert former.flush(20) == 0
    before = end_offsets(topics(topic))
    stream.start("produce", crash_at="after-acknowledgement:1000")
    stream.wait_streaming()
    after = confirmed_flush(stream)
    stream.source.query("CREATE TABLE old (n int PRIMARY KEY); INSERT INTO old SELECT generate_series(1, 1000)")
    assert stream.process.wait(60) == -signal.SIGKILL
    stream.process = None
    assert position(stream)["topics"][topic] == [before[topic, p] for p in range(3)] == [1, 2, 3]
    stream.start("produce")
    stream.source.query("INSERT INTO old VALUES (0)")
    wait_caught_up(stream)
    records = [m for messages in read_topics(topics(topic)).values() for m in messages]
    ours = [m for m in records if m.offset() >= before[topic, m.partition()]]
    assert len(records) - len(ours) == 6, "what was there before"
    assert sorted(envelope(m)["after"]["n"] for m in ours) == list(range(1001)), "ours, each once"
    assert all(envelope(m)["source"]["lsn"] > after for m in ours)
    assert stream.stop()[0] == 0


def test_a_message_outside_of_transactions_comes_once(stream):
    """Its LSN is where it ends: a restart there does not give it again."""
    after = start_stream(stream)
    for _ in range(3):
        stream.source.query("SELECT pg_logical_emit_message(false, 'note', 'x')")
        stream.source.query("CHECKPOINT")  # Nothing else would flush it, and what is not flushed is not decoded.
        wait_until("the message", lambda: stream.records("message") or topics(stream.prefix + ".message"))
        wait_until("its position", lambda: counter(stream, "walrelay_positions_written_total"))
        assert stream.stop()[0] == 0
        stream.start("produce")
        stream.wait_streaming()
    wait_caught_up(stream)
    assert check_once_and_in_order(stream, stream.truth, after) == 3
    stream.kill()


@pytest.mark.parametrize("regex, replacement", [("__debezium(.*)", "other$1"), (".*", "all_of_{name}")], ids=["apart", "among"])
def test_routed_heartbeats(stream, regex, replacement):
    """They come by the clock: a restart does not wait for those that it finds, and rows around them come once."""
    stream.source_options |= {"heartbeat.interval.ms": 20, "transforms": "route",
                              "transforms.route.type": "org.apache.kafka.connect.transforms.RegexRouter",
                              "transforms.route.regex": regex, "transforms.route.replacement": replacement.format(name=stream.name)}
    for number in range(4):
        stream.start("produce", crash_at="after-acknowledgement:30")
        if number == 0:  # Later it may have died before.
            stream.wait_streaming()
        for n in range(10 * number, 10 * number + 10):  # The other records are heartbeats.
            stream.source.query("INSERT INTO events VALUES (1, %s, 'x')", [n])
        stream.wait_killed()
    stream.start("produce")
    stream.wait_streaming()  # The slot may have been confirmed as far as that before.
    wait_caught_up(stream)
    assert stream.stop()[0] == 0
    names = {name: partitions for name, partitions in topics("").items() if stream.name in name}
    messages = [m for found in read_topics(names).values() for m in found]
    rows = [row["after"]["seq"] for row in map(envelope, messages) if "after" in row]
    assert sorted(rows) == list(range(40))
    assert any(set(beat) == {"ts_ms"} for beat in map(envelope, messages))
    delete_topics(names)


def test_heartbeats_among_rows_wait_for_the_replay(stream):
    """One is due between any two of the transactions that the last run had written, and is sent now and then between two reads."""
    where = f"all_of_{stream.name}"
    stream.source_options |= {"heartbeat.interval.ms": 1, "value.converter.schemas.enable": False,
                              "key.converter.schemas.enable": False, "transforms": "route",
                              "transforms.route.type": "org.apache.kafka.connect.transforms.RegexRouter",
                              "transforms.route.regex": ".*", "transforms.route.replacement": where}
    start_stream(stream)
    assert stream.stop()[0] == 0
    stream.source.query("DO $$ BEGIN FOR n IN 1..100000 LOOP INSERT INTO events VALUES (1, n, 'x'); COMMIT; END LOOP; END $$")
    for _ in range(7):
        stream.start("produce", crash_at="before-position-record:3")  # Much is written behind the second.
        stream.wait_killed()
    stream.start("produce")
    stream.wait_streaming()
    wait_caught_up(stream)
    assert stream.stop()[0] == 0
    names = topics(where)
    messages = [m for found in read_topics(names).values() for m in found]
    rows = [row["after"]["seq"] for row in map(envelope, messages) if "after" in row]
    assert sorted(rows) == list(range(1, 100001))
    delete_topics(names)


def test_killed_behind_an_aborted_transaction(stream):
    """Its records take offsets, behind which stand the first that are written without transactions."""
    stream.source_options["provide.transaction.metadata"] = True
    stream.pipeline_options["delivery"] = "transactional"
    start_stream(stream)
    stream.source.query("INSERT INTO events VALUES (1, 0, 'x')")
    wait_caught_up(stream)
    assert stream.stop()[0] == 0
    stream.source.query("INSERT INTO events SELECT 1, n, 'x' FROM generate_series(1, 5) n")
    for delivery in ("transactional", "exactly-once"):
        stream.pipeline_options["delivery"] = delivery
        stream.start("produce", crash_at="after-acknowledgement:6")
        stream.wait_killed()
    stream.start("produce")
    wait_caught_up(stream)
    assert stream.stop()[0] == 0
    assert sorted(envelope(m)["after"]["seq"] for m in stream.records("events")) == list(range(6))
    metadata = [envelope(m) for messages in read_topics(topics(stream.prefix + ".transaction")).values() for m in messages]
    assert collections.Counter(event["status"] for event in metadata) == {"BEGIN": 2, "END": 2}


def test_recovery_time(stream):
    """From the start of the process to the first new record in Kafka, beyond the server's release of the slot."""
    times = []
    with Load(stream.source, mixed_work, writers=1):
        for _ in range(5):
            stream.kill()
            stream.start("produce", crash_at="after-acknowledgement:30")  # No position covers that one yet.
            stream.wait_killed()
            wait_until("the slot released", lambda: not stream.slot_active(), every=0.005)
            begun = time.monotonic()
            stream.start("produce")
            wait_until("replayed", lambda: stream.log().rsplit("=== start", 1)[1].count("were recognised"), every=0.002)
            times.append(time.monotonic() - begun)
    print("recovered after", sorted(f"{seconds:.3f} s" for seconds in times))
    assert min(times) < 5
    assert stream.stop()[0] == 0
