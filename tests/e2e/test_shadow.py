"""A pipeline and its shadow: a walrelay on a copied slot with another topic prefix writes what the first one writes, record by
record, be that one the real Debezium or a walrelay that is killed again and again."""
import os
import random
import signal
import subprocess

import harness
import pytest
from debezium import VERSIONS, Broker, Worker, debezium_of
from harness import EVENTS, KAFKA, ROOT, UNWRAP, Load, Pipeline, delete_topics, topics, wait_until
from test_exactly_once import mixed_work, wait_caught_up

MORE = "CREATE TABLE keyless (n bigint, payload text); ALTER TABLE keyless REPLICA IDENTITY FULL; CREATE TABLE emptied (n int PRIMARY KEY)"
KINDS = {
    "everything": {"provide.transaction.metadata": True, "skipped.operations": "none"},
    "unwrapped": UNWRAP | {"transforms.unwrap.drop.tombstones": False, "transforms.unwrap.delete.handling.mode": "rewrite"},
}


class Shadow(Pipeline):
    """The same source, another slot, other topics, no sinks. Its databases are the other one's business."""

    def __init__(self, of, folder, **options):
        folder.mkdir()
        super().__init__(f"shadow_{of.name.removeprefix('e2e_')}", folder, lake=False, target=False,
                         source={**of.source_options, "publication.name": of.name, "snapshot.mode": "never"}, **options)
        self.of, self.source = of, of.source

    def __enter__(self):
        copied = self.of.command("slot", "copy", self.slot)
        assert copied.returncode == 0, copied.stderr
        return self

    def __exit__(self, *_):
        self.kill()
        self.drop_slot()
        delete_topics(topics(self.prefix + "."))
        self.show_log()


def compare(first, shadow, *options):
    """Exit code and output of tools/compare-topics."""
    done = subprocess.run([ROOT / "tools" / "compare-topics", "--bootstrap-servers", KAFKA, *options, first, shadow],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


def work_with_truncate(connection, writer):
    """mixed_work, and now and then a table is filled and truncated."""
    if writer.random.random() > 0.03:
        mixed_work(connection, writer)
        return
    with connection.cursor() as cursor:
        cursor.execute("BEGIN; LOCK emptied IN ACCESS EXCLUSIVE MODE; INSERT INTO emptied SELECT generate_series(1, 3); TRUNCATE emptied; COMMIT")


@pytest.mark.parametrize("kind", KINDS)
def test_kills_leave_no_trace(tmp_path, kind):
    """Tombstones, null keys, truncates, messages, transaction events, records without an LSN: each is found again after kill -9."""
    with Pipeline(f"killed_{kind}", tmp_path, lake=False, target=False,
                  source={"topic.creation.default.partitions": 3, "snapshot.mode": "never", **KINDS[kind]}) as killed:
        killed.source.query(EVENTS + ";" + MORE)
        killed.start("produce")
        killed.wait_streaming()
        assert killed.stop()[0] == 0
        with Shadow(killed, tmp_path / "shadow") as shadow:
            killed.start("produce")
            with Load(killed.source, work_with_truncate, pause=0.02) as load:
                moments = random.Random(load.seed)
                for _ in range(8):
                    killed.wait_streaming()
                    load.wait_commits(moments.choice((10, 50, 100)))
                    assert killed.kill() == -signal.SIGKILL
                    killed.start("produce")
                load.wait_commits(20)
            wait_caught_up(killed)
            shadow.start("produce")
            wait_caught_up(shadow)
            code, text = compare(shadow.prefix, killed.prefix, "--complete")
            print(text)
            assert code == 0
            assert killed.log().count("records that the last run had written were recognised") >= 1
            for topic in ("public.events", "public.keyless", "message") + (("public.emptied", "transaction") if kind == "everything" else ()):
                assert f"{topic}: " in text
            assert killed.stop()[0] == 0


# --- Beside the real Debezium ---

@pytest.mark.parametrize("version", VERSIONS)
def test_beside_debezium(tmp_path, version):
    with Worker(version, Broker(os.environ["STACK_KAFKA_PORT"]), tmp_path) as worker, \
         Pipeline(f"beside{version[0]}", tmp_path, pipeline={"compat": version}, lake=False, target=False) as pipeline:
        pipeline.source.query(EVENTS + ";" + MORE)
        pipeline.source.query(f"CREATE PUBLICATION {pipeline.name} FOR ALL TABLES")
        debezium = debezium_of(worker, pipeline)
        try:
            with Load(pipeline.source, mixed_work, writers=2, pause=0.05) as load:  # No more than Debezium can take.
                load.wait_commits(100)
                debezium.start()
                wait_until("Debezium streams", lambda: debezium.check() or pipeline.walsender(), 120, every=0.2)
                with Shadow(pipeline, tmp_path / "shadow", pipeline={"compat": version}) as shadow:
                    shadow.start("produce")
                    shadow.wait_streaming()
                    load.wait_commits(300)
                    code, text = compare(pipeline.prefix, shadow.prefix)
                    assert code in (0, 3), text
                    load.stop()
                    wait_caught_up(shadow)

                    wait_same(pipeline, shadow, debezium)
                    changed(pipeline, shadow)
        finally:
            debezium.remove()


def wait_same(pipeline, shadow, debezium):
    """Debezium has written the rest too, and nothing else."""
    last = []

    def same():
        debezium.check()
        last[:] = compare(pipeline.prefix, shadow.prefix, "--complete")
        return last[0] == 0
    try:
        wait_until("Debezium and its shadow are the same", same, 180, every=1)
    except TimeoutError:
        raise AssertionError(last[1]) from None


def changed(pipeline, shadow):
    """A record that one side alone has is a difference, and is named: of a key that nobody has, and of one that both have."""
    last = next(m for m in reversed(shadow.records("events")) if m.value())
    for where, key, value in ((pipeline, b"another key", last.value()), (shadow, last.key(), last.value().replace(b'"op":"', b'"op":"x'))):
        code, before = compare(pipeline.prefix, shadow.prefix, "--complete")
        producer = harness.Producer({"bootstrap.servers": KAFKA, "log_level": 2})
        producer.produce(where.topic("events"), key=key, value=value, partition=last.partition())
        assert producer.flush(20) == 0
        code, text = compare(pipeline.prefix, shadow.prefix, "--complete")
        assert code == 1 and differences(text) == differences(before) + 1, text
        assert "public.events: 1 records are not in the" in text.splitlines()[-2], text


def differences(text):
    return int(text.splitlines()[-1].rsplit(",", 1)[1].split()[0])
