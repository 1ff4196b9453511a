"""A bit that changes on its way between us and Kafka, or us and a database under TLS: the chaos proxy (tests/crash) does it. It is
noticed, and what it was in comes again; nothing is lost, doubled, or taken for data."""
import os
import subprocess
import sys

import psycopg2.extensions
import pytest
from clusters import Cluster, as_postgres, on_clusters
from harness import EVENTS, LABORATORY, ROOT, needs_stack, rows_in_raw, stack, wait_until
from test_exactly_once import start_stream, stream, wait_caught_up  # noqa: F401  pylint: disable=unused-import
from test_kafka_faults import broker
from truth import check_once_and_in_order

needs_stack()
os.environ.setdefault("WALRELAY_LABORATORY", str(LABORATORY.parent))
sys.path.append(str(ROOT / "tests" / "crash"))
from proxy import Proxy  # noqa: E402

ROWS = 10
# The first key of a batch: its magic number stands so far before it, and what the checksum covers begins behind that.
KEY, MAGIC = '{"schema"', -52


@pytest.fixture(name="proxy", scope="module")
def proxy_of():
    with Proxy() as proxy:
        yield proxy
    del os.environ["STACK_KAFKA_PROXIED"]


def through(pipeline, proxy):
    pipeline.kafka_options.update({"bootstrap.servers": f"127.0.0.1:{proxy.port('kafka')}", "compression.type": "none"})


class Flip:
    """Armed where it is made: a bit of the byte that stands `at` bytes behind the begin of `text`, where that passes next."""

    def __init__(self, proxy, direction, text, at):
        self.proxy = proxy
        self.before = self.count()
        proxy("flip-text", "kafka", direction, text, at)

    def count(self):
        return self.proxy.stats().get("kafka_bytes_flipped", 0)

    def wait(self, pipeline):
        wait_until("a bit is changed", lambda: pipeline.check_alive() or self.count() == self.before + 1)


def insert(pipeline, number):
    pipeline.source.query("INSERT INTO events SELECT %s, n, %s FROM generate_series(1, %s) n", [number, f"text-{number}", ROWS])


@pytest.mark.parametrize("text, at, said", [("text-1", 5, "failed CRC32C check"), (KEY, MAGIC, "MagicByte 3")], ids=["data", "magic"])
def test_a_sink_reads_it_again(events, proxy, text, at, said):
    """librdkafka passes over such a batch, or over its first record."""
    through(events, proxy)
    events.start("run")
    events.wait_streaming()
    insert(events, 0)
    events.wait_equal(["events"])
    flip = Flip(proxy, "down", text, at)
    insert(events, 1)
    insert(events, 2)
    flip.wait(events)
    events.wait_equal(["events"])
    wait_until("raw events", lambda: len(rows_in_raw(events)) == 3 * ROWS)
    assert said in events.log()
    assert events.stop()[0] == 0


def test_kafkas_own_copy_is_damaged(events):
    """It stays so: nothing of the batch is applied, the log says why, and when it is repaired it is applied."""
    events.kafka_options["compression.type"] = "none"
    events.start("produce")
    events.wait_streaming()
    insert(events, 0)
    wait_caught_up(events)
    assert events.stop()[0] == 0
    replace_in_segment(events, b"text-0", b"test-0")
    events.start("apply")
    said = f"records of {events.topic('events')} have arrived damaged: MessageSet at offset 0"
    wait_until("several tries", lambda: events.check_alive() or events.log().count(said) > 6)
    assert rows_in_raw(events) == set()
    replace_in_segment(events, b"test-0", b"text-0")
    events.wait_equal(["events"])
    assert len(rows_in_raw(events)) == ROWS
    assert events.stop()[0] == 0


def replace_in_segment(pipeline, old, new):
    stack("stop", "kafka")
    try:
        (segment,) = (broker() / "data" / (pipeline.topic("events") + "-0")).glob("*.log")
        segment.write_bytes(segment.read_bytes().replace(old, new, 1))
    finally:
        stack("start", "kafka")


@pytest.mark.parametrize("text, at", [('"end_lsn"', 1), ("text-1", 5)], ids=["position", "tail"])
def test_a_start_reads_it_again(stream, proxy, text, at):  # noqa: F811
    """The position, and what was written behind it."""
    through(stream, proxy)
    after = start_stream(stream)
    insert(stream, 0)
    wait_caught_up(stream)
    stream.kill()
    stream.start("produce", crash_at="after-acknowledgement:5")
    insert(stream, 1)
    stream.process.wait(60)
    stream.process = None
    flip = Flip(proxy, "down", text, at)
    stream.start("produce")
    flip.wait(stream)
    insert(stream, 2)
    wait_caught_up(stream)
    assert check_once_and_in_order(stream, stream.truth, after) == 3 * ROWS
    assert "have arrived damaged" in stream.log()
    assert stream.stop()[0] == 0


@pytest.mark.parametrize("delivery", ["exactly-once", "transactional"])
@pytest.mark.parametrize("text, at", [("text-1", 5), (KEY, MAGIC)], ids=["data", "magic"])
def test_the_broker_refuses_it(stream, proxy, delivery, text, at):  # noqa: F811
    """A record on its way to Kafka: it comes again."""
    through(stream, proxy)
    stream.pipeline_options["delivery"] = delivery
    after = start_stream(stream)
    insert(stream, 0)
    wait_caught_up(stream)
    flip = Flip(proxy, "up", text, at)
    insert(stream, 1)
    insert(stream, 2)
    flip.wait(stream)
    wait_caught_up(stream)
    assert check_once_and_in_order(stream, stream.truth, after) == 3 * ROWS
    assert stream.stop()[0] == 0


FIRST_RECORD = 8  # A byte behind the head of the TLS record that comes next.


@pytest.fixture(name="server", scope="module")
def server_of():
    """PostgreSQL with a certificate."""
    with Cluster("tls", 15) as server:
        names = ["-keyout", server.folder / "server.key", "-out", server.folder / "server.crt"]
        as_postgres("openssl", "req", "-new", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", "2", "-subj", "/CN=localhost", *names,
                    check=True, stderr=subprocess.DEVNULL)
        server.configure(ssl="on")
        yield server.start()


@pytest.mark.parametrize("name", ["source", "target"])
def test_tls_notices(events, server, name):
    """The connection ends with an error of TLS, and another one goes on where the sink or the slot is."""
    with on_clusters(events), Proxy({name: server.port}) as proxy:
        server.database().query(f'CREATE DATABASE "{events.name}"')
        if name == "source":
            server.capture(events, **{"database.port": proxy.port(name), "database.sslmode": "require"}).query(EVENTS)
        else:
            events.target = server.database(events.name)
            events.target_options["connection"] = psycopg2.extensions.make_dsn(events.target.dsn, port=proxy.port(name), sslmode="require")
        events.start("run")
        events.wait_streaming()
        insert(events, 0)
        events.wait_equal(["events"])
        for number, direction in enumerate(("up", "down", "up", "down"), 1):
            events.wait_streaming()
            before, said = proxy.stats().get(f"{name}_bytes_flipped", 0), events.log().count("; next try in")
            proxy("flip", name, direction, FIRST_RECORD)
            insert(events, number)
            wait_until("a bit is changed", lambda limit=before: proxy.stats().get(f"{name}_bytes_flipped", 0) > limit)
            wait_until("it begins again", lambda limit=said: events.check_alive() or events.log().count("; next try in") > limit)
            events.wait_equal(["events"])
        wait_until("raw events", lambda: len(rows_in_raw(events)) == 5 * ROWS)
        assert events.stop()[0] == 0
