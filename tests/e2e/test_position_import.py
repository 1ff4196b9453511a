"""From Debezium Server: its offsets file is imported, and the next start goes on there. The file is written by what Debezium Server
keeps it with, Kafka's FileOffsetBackingStore, around the real connector; Connect's standalone worker is the other program that uses it."""
import contextlib
import os
import signal
import subprocess

import pytest
from debezium import CACHE, CONNECT_PORT, LOG4J, VERSIONS, connector_of
from harness import KAFKA, envelope, wait_until
from test_stops import run_until_it_ends


def properties(path, keys):
    path.write_text("".join(f"{key}={value}\n" for key, value in keys.items()), encoding="ascii")
    return path


@contextlib.contextmanager
def debezium_with_a_file(version, pipeline):
    """Ended with SIGTERM it stores its offset last; else never."""
    folder = pipeline.folder
    log = folder / "debezium.log"
    (folder / "log4j.properties").write_text(LOG4J, encoding="ascii")
    worker = properties(folder / "worker.properties", {
        "bootstrap.servers": KAFKA, "offset.storage.file.filename": folder / "offsets.dat", "offset.flush.interval.ms": 3600000,
        "plugin.path": CACHE / f"plugins-{version}", "listeners": f"http://127.0.0.1:{CONNECT_PORT}",
        **{f"{which}.converter": "org.apache.kafka.connect.json.JsonConverter" for which in ("key", "value")}})
    connector = properties(folder / "connector.properties", {"name": "kafka", **connector_of(pipeline)})  # As the server's engine is called.
    connect = "3.6.1" if version == "2.5.0.Final" else os.environ["STACK_KAFKA_VERSION"]
    with open(log, "ab") as output:
        process = subprocess.Popen(
            [os.environ.get("JAVA", "java"), "-Xmx512m", "-XX:TieredStopAtLevel=1", "-Duser.timezone=UTC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
             "-cp", f"{folder}:{CACHE}/connect-{connect}/*", "org.apache.kafka.connect.cli.ConnectStandalone", worker, connector],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def there(count):
        assert process.poll() is None, log.read_text(errors="replace")[-3000:]
        return len(pipeline.records("events")) >= count
    try:
        yield process, lambda count: wait_until(f"{count} records", lambda: there(count), 120, every=0.2)
    finally:
        process.kill()
        process.wait()


def insert(pipeline, first, last):
    pipeline.source.query("INSERT INTO events SELECT 1, n, 'x' FROM generate_series(%s, %s) n", [first, last])


@pytest.mark.parametrize("ending, version", zip(["stopped", "killed"], VERSIONS))
def test_goes_on(events, ending, version):
    """Killed it has written more than its file says: that is found in the topic."""
    events.pipeline_options["compat"] = version
    events.source.query(f'CREATE PUBLICATION "{events.name}" FOR TABLE events')
    insert(events, 1, 5)
    with debezium_with_a_file(version, events) as (process, wait_records):
        wait_records(5)
        wait_until("Debezium streams", events.walsender, 120)
        insert(events, 6, 10)
        insert(events, 11, 15)
        wait_records(15)
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    if ending == "killed":
        with debezium_with_a_file(version, events) as (process, wait_records):
            wait_until("Debezium streams", events.walsender, 120)
            insert(events, 16, 20)
            insert(events, 21, 25)
            wait_records(25)
            process.kill()
    insert(events, 26, 30)  # While nobody reads.
    wait_until("the slot released", lambda: not events.slot_active())

    assert run_until_it_ends(events) == 56, "nobody knows where it stands"
    file = str(events.folder / "offsets.dat")
    assert events.command("position", "import", file).returncode == 3, "nobody said yes"
    imported = events.command("position", "import", file, "--yes")
    assert imported.returncode == 0, imported.stderr
    events.start("produce")
    events.wait_streaming()
    insert(events, 31, 35)
    wait_until("the last row", lambda: events.check_alive() or any(seq == 35 for seq, _ in found(events)))
    written = [*range(1, 16), *(range(16, 26) if ending == "killed" else ()), *range(26, 36)]
    assert found(events) == [(seq, "r" if seq <= 5 else "c") for seq in written], "each once, and no second snapshot"
    assert "was last read by Debezium" in events.log()
    assert events.stop()[0] == 0


def found(pipeline):
    return [(row["after"]["seq"], row["op"]) for row in map(envelope, pipeline.records("events"))]
