"""A commit whose answer does not come: it has happened or not, and nobody says which. The chaos proxy (tests/crash) ends the
connection at that very request, before it is passed on or behind it; then the program finds out, or is killed and its successor does."""
import os
import sys

import psycopg2.extensions
import pytest
from harness import LABORATORY, ROOT, end_offsets, needs_stack, rows_in_raw, topics, wait_until
from test_exactly_once import start_stream
from test_sink_faults import LETTERS
from test_transactional import stream, wait_caught_up  # noqa: F401  pylint: disable=unused-import
from truth import check_once_and_in_order

needs_stack()
os.environ.setdefault("WALRELAY_LABORATORY", str(LABORATORY.parent))
sys.path.append(str(ROOT / "tests" / "crash"))
from proxy import Proxy  # noqa: E402

ROWS = 1000
CUTS = [(cut, then) for cut in ("before", "after") for then in ("alive", "killed")]


@pytest.fixture(name="proxy", scope="module")
def proxy_of():
    with Proxy() as proxy:
        yield proxy
    del os.environ["STACK_KAFKA_PROXIED"]


def cut_at(pipeline, proxy, link, commit, cut, then, seq):
    """Arms the proxy, writes ROWS rows in one transaction, and returns when their commit was cut."""
    counter = f"{link}_{commit}s_cut_{cut}"
    before = proxy.stats().get(counter, 0)
    proxy(commit, link, cut)
    pipeline.source.query("INSERT INTO events SELECT %s, n, 'x' FROM generate_series(1, %s) n", [seq, ROWS])
    wait_until("the cut", lambda: pipeline.check_alive() or proxy.stats().get(counter, 0) == before + 1, every=0.005)
    if then == "killed":
        pipeline.kill()


def test_of_a_kafka_transaction(stream, proxy):  # noqa: F811
    stream.kafka_options["bootstrap.servers"] = f"127.0.0.1:{proxy.port('kafka')}"
    after = start_stream(stream)
    for number, (cut, then) in enumerate(CUTS):
        cut_at(stream, proxy, "kafka", "endtxn", cut, then, number)
        if then == "killed":
            stream.start("produce")
        wait_caught_up(stream)
        assert check_once_and_in_order(stream, stream.truth, after) == ROWS * (number + 1), f"cut {cut}, {then}"
    assert stream.starts == 1 + sum(then == "killed" for _, then in CUTS)
    assert stream.stop()[0] == 0


INVALID_PRODUCER_EPOCH, PRODUCER_FENCED = 47, 90  # error codes of Kafka


def test_of_a_dead_process_whose_request_arrives_late(stream, proxy):  # noqa: F811
    """The network keeps its EndTxn and delivers it when the successor's transaction is open: refused, and neither transaction is ended by it."""
    stream.kafka_options["bootstrap.servers"] = f"127.0.0.1:{proxy.port('kafka')}"
    after = start_stream(stream)

    def write(seq):
        stream.source.query("INSERT INTO events SELECT %s, n, 'x' FROM generate_series(1, %s) n", [seq, ROWS])

    def held_endtxn():
        """Has the next transaction end with a request that is kept."""
        before = count("endtxn_requests_held")
        proxy("hold", "kafka", "endtxn", stream.slot)
        write(before)
        wait_until("an EndTxn held", lambda: stream.check_alive() or count("endtxn_requests_held") == before + 1)

    def count(name):
        return proxy.stats().get(f"kafka_{name}", 0)

    def refused():
        return sum(count(f"held_endtxn_error_{code}") for code in (INVALID_PRODUCER_EPOCH, PRODUCER_FENCED))

    def visible():
        return sum(end_offsets(topics(stream.topic("events"))).values())
    write(-1)
    wait_caught_up(stream)
    held_endtxn()
    stream.kill()
    stream.start("produce")
    stream.wait_streaming()
    held_endtxn()  # Its own: it stays open.
    before = visible()
    proxy("release", "kafka")
    wait_until("the broker's answer to the dead process", lambda: refused() or count("held_endtxn_error_0"))
    assert (refused(), count("held_endtxn_error_0")) == (1, 0)
    assert visible() == before
    proxy("release", "kafka")
    wait_caught_up(stream)
    assert count("held_endtxn_error_0") == 1
    assert check_once_and_in_order(stream, stream.truth, after) == 3 * ROWS
    assert stream.starts == 2 and stream.stop()[0] == 0


@pytest.mark.parametrize("sink", ["lake", "target"])
def test_of_a_sinks_transaction(events, proxy, sink):
    database, options = {"lake": (events.lake, events.lake_options), "target": (events.target, events.target_options)}[sink]
    options["connection"] = psycopg2.extensions.make_dsn(database.dsn, port=proxy.port(sink))
    events.start("run")
    events.wait_streaming()
    events.source.query("INSERT INTO events VALUES (99, 1, 'x')")  # Its table is made.
    events.wait_equal(["events"])
    for number, (cut, then) in enumerate(CUTS):
        cut_at(events, proxy, sink, "commit", cut, then, number)
        if then == "killed":
            events.start("run")
        events.wait_equal(["events"])
        wait_until("raw events", lambda: len(rows_in_raw(events)) == 1 + ROWS * (number + 1))  # pylint: disable=cell-var-from-loop
        assert rows_in_raw(events) == {tuple(row) for row in events.source.query("SELECT client, seq FROM events")}, f"cut {cut}, {then}"
    assert database.value(LETTERS) == 0
    assert events.starts == 1 + sum(then == "killed" for _, then in CUTS)
    assert events.stop()[0] == 0
