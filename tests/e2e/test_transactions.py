"""Source transactions that are large, deep, long or undone."""
import time

from harness import wait_until
from test_exactly_once import start_stream, stream, wait_caught_up  # noqa: F401  pylint: disable=unused-import
from truth import check_once_and_in_order

ROWS = 400_000


def let_it_spill(pipeline):
    """From its next connection on the walsender holds 64 kB of transactions in memory; the database ends with the test."""
    pipeline.source.query(f'ALTER DATABASE "{pipeline.source.name}" SET logical_decoding_work_mem = \'64kB\'')


def spilled(pipeline):
    """How many transactions the server has put on its disk for the slot."""
    return pipeline.source.value("SELECT spill_txns FROM pg_stat_replication_slots WHERE slot_name = %s", [pipeline.slot])


def test_memory_does_not_follow_the_transaction(stream):  # noqa: F811
    """The server spills to its disk; we hold neither the transaction nor what Kafka has not taken yet."""
    stream.source_options["topic.creation.default.partitions"] = 1
    let_it_spill(stream)
    after = start_stream(stream)
    stream.source.query("INSERT INTO events VALUES (0, 0, 'x')")
    wait_caught_up(stream)
    before = stream.resident_kb()
    stream.source.query(f"INSERT INTO events SELECT 1, n, repeat('x', 200) FROM generate_series(1, {ROWS}) n")
    wait_caught_up(stream, 180)
    assert spilled(stream) == 1
    assert check_once_and_in_order(stream, stream.truth, after) == ROWS + 1
    queue = 64 * 1024  # kB: the producer's default
    assert stream.resident_kb(peak=True) < before + 2 * queue
    assert stream.stop()[0] == 0


def test_ten_thousand_savepoints(stream):  # noqa: F811
    """Half of them rolled back, and transactions that are rolled back as a whole: nothing of those is seen."""
    let_it_spill(stream)
    after = start_stream(stream)
    connection = stream.source.connect()
    connection.autocommit = False
    with connection.cursor() as cursor:
        cursor.execute("""DO $$ BEGIN FOR i IN 1..10000 LOOP
          BEGIN
            INSERT INTO events VALUES (1, i, 'x');
            IF i % 2 = 0 THEN RAISE division_by_zero; END IF;
          EXCEPTION WHEN division_by_zero THEN NULL;
          END;
        END LOOP; END $$""")
        connection.commit()
        cursor.execute("INSERT INTO events SELECT 2, n, repeat('x', 500) FROM generate_series(1, 20000) n")  # More than the server keeps in memory.
        connection.rollback()
        cursor.execute("INSERT INTO events VALUES (3, 1, 'x')")
        connection.commit()
    connection.close()
    wait_caught_up(stream, 120)
    assert check_once_and_in_order(stream, stream.truth, after) == 5001
    assert spilled(stream) > 0
    assert stream.stop()[0] == 0


def test_an_open_transaction_holds_up_the_slot(events):
    """A slot can be made when all transactions of that moment have ended: who waits says for whom."""
    events.source.query("INSERT INTO events VALUES (1, 1, 'x')")
    other = events.source.connect(application_name="holds_up")
    other.autocommit = False
    with other.cursor() as cursor:
        cursor.execute("INSERT INTO events VALUES (1, 2, 'x')")
        events.start()
        wait_until("it says whom it waits for", lambda: events.check_alive() or "holds_up" in events.log(), 60)
        wait_until("/health too", lambda: "open transactions" in (events.http("/health") or (0, ""))[1], 60)
        time.sleep(0.5)
        assert not events.source.value("SELECT count(*) FROM pg_replication_slots WHERE slot_name = %s AND confirmed_flush_lsn IS NOT NULL", [events.slot])
        other.commit()
    other.close()
    events.wait_equal(["events"])
    assert events.stop()[0] == 0
