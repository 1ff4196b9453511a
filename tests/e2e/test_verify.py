"""walrelay verify: equal copies are called equal while writes go on, what is not equal is found row by row, and repaired."""
import json

import pytest

from harness import Load, append_event, wait_until
from test_mix import SHOP, shop_transaction

EQUAL, DIFFERENT, NOT_COMPARED = 0, 70, 71

# One column of every kind that is brought to a common form, and values at their edges.
ZOO = """
CREATE TYPE mood AS ENUM ('happy', 'sad');
CREATE TABLE zoo (
  id bigint PRIMARY KEY, small smallint, flag boolean, r real, d double precision, n numeric(10,2), free numeric, m money,
  t text, v varchar(20), c char(8), e mood, b bytea, u uuid, j json, jb jsonb, x xml, day date, at time, at3 time(3),
  tz timetz, ts timestamp, ts3 timestamp(3), tstz timestamptz, i interval, bit1 bit, bits bit(5), vb varbit(9),
  ip inet, net cidr, mac macaddr, p point, r4 int4range, ints int[], nums numeric[], texts text[], days date[], ats time[],
  with_default int DEFAULT 7, with_call timestamptz DEFAULT now(), nm name, poly polygon, twice bigint GENERATED ALWAYS AS (id * 2) STORED);
INSERT INTO zoo VALUES
  (1, 1, true, 1.5, 1e300, 1.50, 1.500, 12.34, 'ä"\\,', 'x', 'pad', 'happy', '\\x00ff', '00000000-0000-0000-0000-000000000001',
   '{"b": 1,  "a": 2}', '{"b": 1, "a": 2}', '<a/>', '2020-02-29', '24:00', '01:02:03.456', '11:51:30+02', '2020-01-02 03:04:05.678901',
   '2020-01-02 03:04:05.678', '2020-01-02 03:04:05.678901+05', '1 year 2 mons 3 days 04:05:06.78', '1', '00101', '00101',
   '10.0.0.1', '10.0.0.0/8', '08:00:2b:01:02:03', '(1,2)', '[1,5)', '{1,NULL,3}', '{1.500,100,NULL}', '{a,"b c",NULL}', '{2020-02-29}',
   '{11:51:30.123456}', 1, now(), 'lost', '((0,0),(1,1))'),
  (2, -1, false, 'NaN', '-Infinity', 'NaN', 'Infinity', -0.01, '', '', '', 'sad', '', NULL, 'null', '[]', NULL, '0044-03-15 BC', '00:00',
   NULL, '23:59:59.999999-15:59', 'infinity', NULL, '-infinity', '-1 mon', '0', '00000', '0', '::1/64', NULL, NULL, NULL, 'empty', '{}',
   '{NaN,1.00}', '{}', '{infinity}', NULL, NULL, NULL, NULL, NULL);
INSERT INTO zoo (id) VALUES (3);
"""


def verify(pipeline, *arguments):
    """Exit code, and what it says of each copy."""
    done = pipeline.command("verify", "--json", *arguments)
    assert done.stdout.startswith("["), done.stdout + done.stderr
    return done.returncode, {(copy["sink"], copy["table"]): copy for copy in json.loads(done.stdout)}


def faults(copy):
    return {(row["key"], row["fault"]): row["columns"] for row in copy["differences"]}


def test_equal_under_load(shop):
    shop.start()
    shop.wait_streaming()
    with Load(shop.source, shop_transaction, writers=2, pause=0.02) as load:
        load.wait_commits(100, 120)
        shop.wait_streaming()
        code, copies = verify(shop, "--chunk-rows", "50")
        load.wait_commits(50, 60)
    assert {(sink, f"public.{table}") for sink in ("lake", "target") for table in SHOP} == set(copies)
    # A row that is written all the time may not settle; nothing may be called different.
    assert code in (EQUAL, NOT_COMPARED), copies
    assert not [copy for copy in copies.values() if copy["differences"]]
    shop.wait_equal(SHOP)
    code, copies = verify(shop)
    assert code == EQUAL and all(copy["verdict"] == "equal" for copy in copies.values()), copies
    assert shop.stop()[0] == 0


NOTES = """
CREATE TABLE notes (id int PRIMARY KEY, n int NOT NULL, body text);
ALTER TABLE notes ALTER COLUMN body SET STORAGE EXTERNAL;
INSERT INTO notes SELECT n, 0, CASE WHEN n % 10 = 0 THEN repeat(md5(n::text), 90) END FROM generate_series(0, 3999) n"""


def write_note(connection, writer):
    """Inserts, deletes, updates that do not send the body again, and keys that change; of rows 1 to 3999 and beyond."""
    note = writer.random.randrange(1, 4000)
    sql = writer.random.choice((
        "UPDATE notes SET n = n + 1 WHERE id = %(note)s", "UPDATE notes SET n = n + 1 WHERE id BETWEEN %(note)s AND %(note)s + 20",
        "DELETE FROM notes WHERE id = %(note)s", "INSERT INTO notes VALUES (%(note)s, 1, repeat('x', 3000)) ON CONFLICT DO NOTHING",
        "UPDATE notes SET id = id + 10000 WHERE id = %(note)s AND NOT EXISTS (SELECT 1 FROM notes WHERE id = %(note)s + 10000)"))
    with connection.cursor() as cursor:
        cursor.execute(sql, {"note": note})


def test_equal_while_writes_go_on(events):
    """Through the whole of each verify: equal with exit code 0, and a row that lacks a value is all that is listed."""
    events.source.query(NOTES)
    events.start()
    events.wait_streaming()
    events.wait_equal(["notes"])
    looked_at_again = 0
    with Load(events.source, write_note, writers=2, pause=0.01) as load:
        load.wait_commits(50)
        for _ in range(4):
            begun = load.commits()
            code, copies = verify(events, "--table", "public.notes", "--chunk-rows", "200")
            assert code == EQUAL and set(copies) == {("lake", "public.notes"), ("target", "public.notes")}, copies
            assert all(copy["verdict"] == "equal" for copy in copies.values()), copies
            assert load.commits() - begun >= 10, "nothing was written meanwhile"
            looked_at_again += sum(copy["chunks_looked_at_again"] for copy in copies.values())
        assert looked_at_again > 0, "no comparison met a change on its way"

        events.target.query("DELETE FROM public.notes WHERE id = 0")  # so that nobody there knows what is not sent again
        events.source.query("UPDATE notes SET n = 7 WHERE id = 0")
        wait_until("the update", lambda: events.target.query("SELECT 1 FROM public.notes WHERE id = 0"))
        code, copies = verify(events, "--table", "public.notes", "--chunk-rows", "200")
        assert code == DIFFERENT and faults(copies["target", "public.notes"]) == {("id=0", "different"): ["body"]}, copies
        assert copies["target", "public.notes"]["incomplete"] == ['{"id": "0"}: incomplete, never sent: body']
        assert copies["lake", "public.notes"]["verdict"] == "equal", copies
    assert verify(events, "--repair", "--yes")[0] == EQUAL
    events.wait_equal(["notes"])
    assert events.stop()[0] == 0


def spoil(events):
    """A row missing, one too many, one changed, in the target."""
    events.target.query("DELETE FROM public.events WHERE seq = 10")
    events.target.query("UPDATE public.events SET payload = 'wrong' WHERE seq = 500")
    events.target.query("INSERT INTO public.events (client, seq, payload) VALUES (1, 5000, 'nobody wrote it')")


SPOILED = {("client=1, seq=10", "missing"): [], ("client=1, seq=500", "different"): ["payload"],
           ("client=1, seq=5000", "extra"): []}


def test_finds_and_repairs_rows(events):
    events.source.query("INSERT INTO events SELECT 1, n, 'secret' FROM generate_series(1, 2000) n")
    events.start()
    events.wait_streaming()
    events.wait_equal(["events"])
    spoil(events)
    with Load(events.source, lambda connection, writer: append_event(connection, writer), writers=1, seed=7) as load:
        for writer in load.writers:
            writer.number = 2
        code, copies = verify(events, "--chunk-rows", "100")
        assert code == DIFFERENT
        assert faults(copies["target", "public.events"]) == SPOILED
        assert copies["lake", "public.events"]["verdict"] == "equal", copies
        shown = events.command("verify", "--table", "public.events", "--sink", "target")
        assert shown.returncode == DIFFERENT and "client=1, seq=500: different in payload" in shown.stdout
        assert "secret" not in shown.stdout and "wrong" not in shown.stdout + shown.stderr

        assert events.command("verify", "--repair").returncode == 3, "nobody said yes"
        code, copies = verify(events, "--repair", "--dry-run")
        assert code == DIFFERENT and faults(copies["target", "public.events"]) == SPOILED, "nothing was written"
        code, copies = verify(events, "--repair", "--yes")
        target = copies["target", "public.events"]
        assert code == EQUAL and faults(target) == SPOILED and all(row["repaired"] for row in target["differences"])
    events.wait_equal(["events"])
    code, copies = verify(events)
    assert code == EQUAL, copies
    assert events.stop()[0] == 0


def test_repair_never_puts_an_older_row_over_a_newer_one(events):
    """Rows are spoiled and repaired while they are written: in the end the copy is the source."""
    events.source.query("INSERT INTO events SELECT 1, n, '0' FROM generate_series(1, 20) n")
    events.start()
    events.wait_streaming()
    events.wait_equal(["events"])

    def update(connection, writer):
        with connection.cursor() as cursor:
            cursor.execute("UPDATE events SET payload = payload::int + 1 WHERE seq = %s", [writer.random.randint(1, 10)])

    with Load(events.source, update, writers=2, pause=0.05) as load:
        for _ in range(2):
            events.target.query("UPDATE public.events SET payload = 'wrong' WHERE seq > 10")
            events.target.query("DELETE FROM public.events WHERE seq IN (3, 15)")
            verify(events, "--repair", "--yes", "--sink", "target")
        load.wait_commits(20)
    events.wait_equal(["events"])
    assert verify(events)[0] == EQUAL
    assert events.stop()[0] == 0


def test_not_compared_without_a_pipeline(events):
    """What is equal is equal whether somebody captures or not; what differs may just not have come yet."""
    events.source.query("INSERT INTO events VALUES (1, 1, 'x')")
    events.start()
    events.wait_streaming()
    events.wait_equal(["events"])
    assert events.stop()[0] == 0
    assert verify(events)[0] == EQUAL
    events.source.query("INSERT INTO events VALUES (1, 2, 'x')")
    code, copies = verify(events, "--wait", "1")
    assert code == NOT_COMPARED
    assert "nobody captures" in copies["lake", "public.events"]["verdict"], copies
    assert events.command("verify", "--table", "public.nothing").returncode == 2

    events.start()
    events.wait_streaming()
    events.wait_equal(["events"])
    events.target.query("DROP TABLE public.events")
    code, copies = verify(events)
    assert code == DIFFERENT and "2 rows at the source, 0 here" in copies["target", "public.events"]["verdict"], copies
    assert copies["lake", "public.events"]["equal"]


def test_parked_letters_stop_a_repair(events):
    events.source.query("INSERT INTO events VALUES (1, 1, 'x')")
    events.start()
    events.wait_streaming()
    events.wait_equal(["events"])
    events.target.query("ALTER TABLE public.events ADD CONSTRAINT small CHECK (payload <> 'refused')")
    events.source.query("UPDATE events SET payload = 'refused'")
    wait_until("a letter", lambda: events.target.value("SELECT count(*) FROM walrelay.dead_letters"))
    code, copies = verify(events, "--sink", "target")
    assert code == DIFFERENT and faults(copies["target", "public.events"]) == {("client=1, seq=1", "different"): ["payload"]}
    refused = events.command("verify", "--sink", "target", "--repair", "--yes")
    assert refused.returncode != 0 and "dlq" in refused.stderr, refused.stderr
    assert events.target.value("SELECT payload FROM public.events") == "x"
    assert events.stop()[0] == 0


def test_rows_that_lack_values(events):
    """A value that was never sent: the row is named as incomplete, and counts as a difference until it is repaired."""
    events.source.query("CREATE TABLE notes (id int PRIMARY KEY, n int, body text)")
    events.source.query("INSERT INTO notes SELECT 1, 1, string_agg(md5(n::text), '') FROM generate_series(1, 90) n")
    events.start()
    events.wait_streaming()
    events.wait_equal(["notes"])
    events.target.query("DELETE FROM public.notes")  # so that nobody here knows what is not sent again
    events.source.query("UPDATE notes SET n = 2")
    wait_until("the update", lambda: events.target.query("SELECT 1 FROM public.notes WHERE n = 2"))
    code, copies = verify(events, "--table", "public.notes")
    target = copies["target", "public.notes"]
    assert code == DIFFERENT and faults(target) == {("id=1", "different"): ["body"]}
    assert target["incomplete"] == ['{"id": "1"}: incomplete, never sent: body'] and "1 incomplete" in target["verdict"]
    assert copies["lake", "public.notes"]["equal"] and copies["lake", "public.notes"]["incomplete"] == []
    assert "never sent: body" in events.command("verify", "--table", "public.notes").stdout
    # What is equal by chance is not known to be complete.
    body = events.source.value("SELECT body FROM notes")
    events.target.query("UPDATE public.notes SET body = %s", [body])
    code, copies = verify(events, "--table", "public.notes", "--sink", "target")
    assert code == DIFFERENT and copies["target", "public.notes"]["verdict"] == "different: 1 incomplete"
    events.target.query("UPDATE public.notes SET body = NULL")
    code, copies = verify(events, "--table", "public.notes", "--repair", "--yes")
    assert code == EQUAL and copies["target", "public.notes"]["incomplete"] == [], copies
    assert verify(events, "--table", "public.notes")[0] == EQUAL
    assert events.stop()[0] == 0


def test_tables_without_a_key(events):
    events.source.query("CREATE TABLE log (line text); ALTER TABLE log REPLICA IDENTITY FULL;"
                        "INSERT INTO log SELECT 'line ' || n % 3 FROM generate_series(1, 10) n")
    events.start()
    events.wait_streaming()
    events.wait_equal(["log"])
    code, copies = verify(events, "--table", "public.log")
    assert code == EQUAL and "no key" in copies["lake", "public.log"]["verdict"]
    events.target.query("DELETE FROM public.log WHERE ctid = (SELECT min(ctid) FROM public.log)")
    code, copies = verify(events, "--table", "public.log")
    assert code == DIFFERENT and copies["lake", "public.log"]["equal"]
    assert "10 rows at the source, 9 here" in copies["target", "public.log"]["verdict"]
    assert events.stop()[0] == 0


@pytest.mark.parametrize("version", ("2.5.0.Final", "3.6.1.Final"))
def test_zoo(events, version):
    """Columns that the format cannot carry are named and left out, others compared as far as it tells."""
    events.pipeline_options["compat"] = version
    events.source.query(ZOO)
    events.start()
    events.wait_streaming()
    # The same once more by the stream.
    events.source.query("UPDATE zoo SET id = id + 10")
    wait_until("streamed", lambda: events.target.query("SELECT 1 FROM pg_tables WHERE tablename = 'zoo'")
               and events.target.value("SELECT count(*) FROM public.zoo WHERE id > 10") == 3)
    events.source.query("INSERT INTO zoo (id, t, ints) SELECT n, 't' || n, ARRAY[n] FROM generate_series(100, 400) n")
    code, copies = verify(events, "--table", "public.zoo", "--chunk-rows", "100")
    copy = copies["target", "public.zoo"]
    assert code == EQUAL, copies
    assert {column["column"] for column in copy["left_out"]} == {"nm", "poly", "twice"}
    assert {"n", "free", "m", "vb", "tz", "i", "day", "with_default"} <= set(copy["lossy_columns"])
    columns = [row[0] for row in events.source.query(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'zoo'::regclass AND attnum > 1 AND NOT attisdropped")]
    compared = [name for name in columns if name not in ("nm", "poly", "twice")]

    # A change of any single column is seen, by its name.
    for name in compared:
        events.target.query(f'UPDATE public.zoo SET "{name}" = NULL WHERE id = 11')
    code, copies = verify(events, "--table", "public.zoo", "--sink", "target")
    assert code == DIFFERENT
    seen = faults(copies["target", "public.zoo"])["id=11", "different"]
    assert set(compared) - set(seen) <= {"with_default"}, set(compared) - set(seen)
    code, copies = verify(events, "--table", "public.zoo", "--repair", "--yes")
    assert code == EQUAL, copies
    assert verify(events, "--table", "public.zoo")[0] == EQUAL
    assert events.stop()[0] == 0
