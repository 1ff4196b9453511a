"""Records lie where Java's producer would have put them: topics of 1, 3 and 6 partitions, keys with and without schema, of
one column and of two. Records without a key lie in one partition of their topic, in order, also after a restart."""
import harness
import pytest
from harness import ROOT, wait_until

COUNTS = (1, 3, 6)
ROWS = ([(1, "x"), (1, "y"), (2, "x"), (2, "ä"), (3, ""), (4, 'a"b')], list(range(1, 13)) + [-1, 2147483647])


def recorded():
    """{key: {partition count: partition}} of the table that the real producer wrote."""
    lines = (ROOT / "tests" / "kafka" / "java_placement.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    return {row[3]: dict(zip(COUNTS, map(int, row[:3]))) for row in rows}


def options(schemas):
    """Topics have as many partitions as their name ends in. The recorded keys say `cdc.public`."""
    groups = {f"topic.creation.n{n}.{key}": value for n in COUNTS
              for key, value in (("include", rf"cdc\.(public|keyless)\.\w+_{n}"), ("partitions", n))}
    return {"topic.prefix": "cdc", "publication.autocreate.mode": "disabled", "key.converter": "org.apache.kafka.connect.json.JsonConverter",
            "key.converter.schemas.enable": schemas, "topic.creation.groups": "n1,n3,n6",
            "topic.creation.default.partitions": 1, "topic.creation.default.replication.factor": 1, **groups}


def make_tables(source):
    source.query("CREATE SCHEMA keyless")
    for n in COUNTS:
        source.query(f"CREATE TABLE single_{n} (id int PRIMARY KEY); CREATE TABLE pair_{n} (a int, b text, PRIMARY KEY (a, b));"
                     f" CREATE TABLE keyless.rows_{n} (n int)")


def fill(source, rows):
    pairs, ids = rows
    for n in COUNTS:
        for a, b in pairs:
            source.query(f"INSERT INTO pair_{n} VALUES (%s, %s)", [a, b])
        for number in ids:
            source.query(f"INSERT INTO single_{n} VALUES (%s)", [number])
            source.query(f"INSERT INTO keyless.rows_{n} VALUES (%s)", [number])


def records_of(topics):
    return {topic: messages for topic, messages in harness.read_topics(topics).items() if messages}


def delete_topics():
    harness.delete_topics(harness.topics("cdc."))
    wait_until("topics deleted", lambda: not harness.topics("cdc."))


@pytest.mark.parametrize("schemas", [True, False])
def test_placement(schemas, tmp_path):
    delete_topics()
    with harness.Pipeline(f"placement_{schemas}".lower(), tmp_path, source=options(schemas), lake=False, target=False) as pipeline:
        make_tables(pipeline.source)
        pipeline.source.query(f"CREATE PUBLICATION {pipeline.name} FOR ALL TABLES")
        fill(pipeline.source, ROWS)  # the snapshot's
        pipeline.start("produce")
        pipeline.wait_streaming()
        pipeline.stop()
        wait_until("slot released", lambda: not pipeline.slot_active())
        pipeline.source.query("DELETE FROM pair_1; DELETE FROM pair_3; DELETE FROM pair_6; DELETE FROM single_1; DELETE FROM"
                              " single_3; DELETE FROM single_6")
        fill(pipeline.source, ROWS)
        pipeline.start("produce")
        expected = sum(len(rows) for rows in ROWS) * 4 + len(ROWS[1]) * 2  # c, r, d and tombstone; c and r without key

        def arrived():
            pipeline.check_alive()
            return sum(harness.end_offsets(harness.topics("cdc.")).values()) >= 3 * expected
        wait_until("records", arrived)
        pipeline.stop()
        check_placement()
    delete_topics()


def check_placement():
    table = recorded()
    topics = harness.topics("cdc.")
    checked = 0
    for name, partitions in topics.items():
        count = int(name.rsplit("_", 1)[1])
        assert len(partitions) == count, name
        found = records_of({name: partitions})
        if ".keyless." in name:
            assert len(found) == 1, f"{name}: records without a key lie in {sorted(found)}"
            (messages,) = found.values()
            assert [harness.envelope(m)["after"]["n"] for m in messages] == ROWS[1] * 2
            continue
        for (_, partition), messages in found.items():
            for message in messages:
                key = message.key().decode()
                assert table[key][count] == partition, f"{name}: {key}"
                checked += 1
    assert checked == 3 * 4 * sum(len(rows) for rows in ROWS)
