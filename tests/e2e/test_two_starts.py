"""Two processes of one pipeline that are started in the same instant: one goes on, the other one waits for as long. They do not
take turns, also while a snapshot is read, and nothing is lost or doubled, whichever comes first."""
import signal
from contextlib import closing

import pytest
from harness import Load, envelope, wait_until
from test_exactly_once import confirmed_flush, mixed_work, stream  # noqa: F401  pylint: disable=unused-import
from test_transactional import start_another, wait_caught_up
from truth import check_once_and_in_order

ROWS = 3000


class Two:
    """Two processes, each with a log of its own."""

    def __init__(self, pipeline, number):
        self.logs = [pipeline.folder / f"{number}-{which}.log" for which in "ab"]
        self.processes = [start_another(pipeline, log.name) for log in self.logs]

    def streamed(self):
        """How often each of them has begun to stream."""
        return [log.read_text(encoding="utf-8").count("streaming slot") for log in self.logs]

    def said(self):
        return "\n".join(log.read_text(encoding="utf-8") for log in self.logs)

    def check(self):
        """One has begun to stream, once; the other one waits. Returns them in this order."""
        assert [process.poll() for process in self.processes] == [None, None], self.said()
        assert sorted(self.streamed()) == [0, 1], self.said()
        first = self.streamed().index(1)
        return self.processes[first], self.processes[1 - first]


@pytest.mark.parametrize("delivery", ["exactly-once", "transactional"])
def test_two_starts(stream, delivery):  # noqa: F811
    """The first pair finds neither slot nor position, the next ones find both."""
    stream.pipeline_options["delivery"] = delivery
    stream.source_options["snapshot.mode"] = "initial"
    stream.source.query("INSERT INTO events SELECT 9, n, 'x' FROM generate_series(1, %s) n", [ROWS])
    stream.others = []
    try:
        pair = Two(stream, 0)
        wait_until("one that streams", lambda: sum(pair.streamed()) > 0, 120)
        after = confirmed_flush(stream)
        with Load(stream.source, mixed_work) as load:
            for number in range(1, 4):
                load.wait_commits(200, 120)
                first, second = pair.check()
                first.send_signal(signal.SIGTERM)
                assert first.wait(30) == 0
                wait_until("the other one takes over", lambda now=pair: min(now.streamed()) > 0, 120)
                assert pair.streamed() == [1, 1], pair.said()
                second.send_signal(signal.SIGTERM)
                assert second.wait(30) == 0
                pair = Two(stream, number)
                wait_until("one that streams", lambda now=pair: sum(now.streamed()) > 0, 120)
    finally:
        for process in stream.others:
            process.kill()
            process.wait()
    stream.start("produce")
    wait_caught_up(stream, 120)
    assert check_once_and_in_order(stream, stream.truth, after) > 100
    assert sum(envelope(m)["op"] == "r" for m in stream.records("events") if m.value()) == ROWS
    assert stream.stop()[0] == 0


def test_second_start_while_the_slot_is_created(stream):  # noqa: F811
    """Creating a slot takes it, for as long as any transaction is open, and then lets it go for the snapshot. Who starts
    meanwhile sees a slot in use and the intent of a snapshot, and must not take them for what a killed process left."""
    stream.source_options["snapshot.mode"] = "initial"
    stream.source_options["snapshot.delay.ms"] = 2000  # The second one stands still between its decision and the deed.
    stream.source_options["streaming.delay.ms"] = 5000  # The first one holds no slot at that moment.
    stream.source.query("INSERT INTO events SELECT 9, n, 'x' FROM generate_series(1, %s) n", [ROWS])
    stream.others = []
    with closing(stream.source.connect()) as blocker:
        blocker.autocommit = False
        blocker.cursor().execute("INSERT INTO events VALUES (9, 0, 'open')")
        try:
            first = start_another(stream, "first.log")
            wait_until("a slot that is being created", stream.slot_active)
            second = start_another(stream, "second.log")
            said = (stream.folder / "second.log").read_text
            wait_until("the second one's decision", lambda: "waited for" in said() or "starts over" in said(), 30)
            blocker.commit()
            wait_until("one that streams", lambda: "streaming slot" in (stream.folder / "first.log").read_text(), 60)
            assert "snapshot of" not in said(), said()
            first.terminate()
            assert first.wait(30) == 0
            wait_until("the other one takes over", lambda: "streaming slot" in said(), 60)
            second.terminate()
            assert second.wait(30) == 0
        finally:
            for process in stream.others:
                process.kill()
                process.wait()
    assert sum(envelope(m)["op"] == "r" for m in stream.records("events") if m.value()) == ROWS + 1
