"""The load of the crash laboratory: clients that write to the source, and what they know of it.

Each row that is written carries (client, seq), given once, so that each version of a row can be found again in Kafka. A client
notes the numbers of the transactions that the server acknowledged. One whose connection broke is *unknown*: it may have
happened; the truth (truth.py) tells. One number of a client is used by one transaction only.
"""
import io
import random

import psycopg2

ACCOUNTS, LISTS, THINGS = 40, 30, 60
BALANCE = 1000
TABLES = ("accounts", "lists", "entries", "things", "keyless", "wide")
MESSAGES = "message"  # The topic of pg_logical_emit_message, as Debezium names it.

SCHEMA = """
CREATE TABLE accounts (id int PRIMARY KEY, client int, seq bigint, balance bigint NOT NULL);
CREATE TABLE lists (id int PRIMARY KEY, client int, seq bigint, items text NOT NULL);
CREATE TABLE entries (id bigserial PRIMARY KEY, client int DEFAULT 0, seq bigint DEFAULT 0, payload text DEFAULT 'none');
CREATE INDEX ON entries (client, id);
CREATE TABLE things (id bigint PRIMARY KEY, client int, seq bigint, note text, big text);
ALTER TABLE things ALTER big SET STORAGE EXTERNAL;
CREATE TABLE keyless (client int, seq bigint, note text);
CREATE INDEX ON keyless (client);
ALTER TABLE keyless REPLICA IDENTITY FULL;
CREATE TABLE wide (id int PRIMARY KEY, client int, seq bigint);
"""
SEED = f"""
INSERT INTO accounts SELECT n, 0, n, {BALANCE} FROM generate_series(1, {ACCOUNTS}) n;
INSERT INTO lists SELECT n, 0, 1000 + n, '' FROM generate_series(1, {LISTS}) n;
INSERT INTO things SELECT n, 0, 2000 + n, '', repeat(md5(n::text), 100) FROM generate_series(1, {THINGS}) n;
INSERT INTO wide SELECT n, 0, 3000 + n FROM generate_series(1, 20) n;
INSERT INTO entries SELECT n, 0, 10000 + n, 'seed' FROM generate_series(1, 500) n;
"""

# Transactions that PostgreSQL itself refuses, which is not our business.
REFUSED = (psycopg2.errors.DeadlockDetected, psycopg2.errors.UniqueViolation, psycopg2.errors.LockNotAvailable)


class Client:
    """Numbers, and what one client does. Made anew for each load; `number` is never given twice."""

    def __init__(self, number, seed):
        self.number, self.next_seq = number, 0
        self.random = random.Random(seed)
        self.sure = []  # (first, end) of the numbers that are in the source if the transaction is

    def take(self, count=1, sure=False):
        first = self.next_seq
        self.next_seq += count
        if sure:
            self.sure.append((first, first + count))
        return first


def transfer(cursor, client):
    a, b = sorted(client.random.sample(range(1, ACCOUNTS + 1), 2))
    amount = client.random.randrange(-50, 50)
    for account, change in ((a, -amount), (b, amount)):
        cursor.execute("UPDATE accounts SET client = %s, seq = %s, balance = balance + %s WHERE id = %s",
                       [client.number, client.take(sure=True), change, account])


def append(cursor, client):
    """Several changes of one key, one after the other: their order must stay."""
    row = client.random.randrange(1, LISTS + 1)
    for _ in range(client.random.randrange(1, 4)):
        seq = client.take(sure=True)
        cursor.execute("UPDATE lists SET client = %s, seq = %s, items = right(items || %s, 200) WHERE id = %s",
                       [client.number, seq, f" {client.number}.{seq}", row])


def insert(cursor, client, count=None):
    count = count or client.random.choice((1, 1, 1, 2, 10, 100))
    first = client.take(count, sure=True)
    cursor.execute("INSERT INTO entries SELECT %s::bigint * 1000000000 + n, %s, n, repeat('x', (n %% 40)::int) FROM generate_series(%s, %s) n",
                   [client.number, client.number, first, first + count - 1])


def large(cursor, client):
    insert(cursor, client, client.random.choice((3000, 10000)))


def copy(cursor, client):
    count = client.random.randrange(2, 200)
    first = client.take(count, sure=True)
    text = "".join(f"{client.number * 10**9 + n}\t{client.number}\t{n}\tcopied \\\\ {n}\n" for n in range(first, first + count))
    cursor.copy_expert("COPY entries FROM STDIN", io.StringIO(text))


def change_key(cursor, client):
    """The row moves to a new key; the big value is not sent, so that it must come along from the old row."""
    thing = client.random.randrange(1, THINGS + 1)
    cursor.execute("UPDATE things SET id = id + %s, client = %s, seq = %s WHERE id = (SELECT id FROM things WHERE id %% 1000 = %s FOR UPDATE)",
                   [1000 * client.random.randrange(1, 9), client.number, client.take(), thing])


def insert_again(cursor, client):
    """One key, deleted and inserted again in one transaction."""
    thing = client.random.randrange(1, THINGS + 1)
    cursor.execute("DELETE FROM things WHERE id = (SELECT id FROM things WHERE id %% 1000 = %s FOR UPDATE) RETURNING id", [thing])
    for (identity,) in cursor.fetchall():
        cursor.execute("INSERT INTO things VALUES (%s, %s, %s, 'again', repeat(md5(%s::text), 90))",
                       [identity, client.number, seq := client.take(), seq])


def touch(cursor, client):
    """An update that does not send the big value."""
    cursor.execute("UPDATE things SET client = %s, seq = %s, note = %s WHERE id = (SELECT id FROM things WHERE id %% 1000 = %s FOR UPDATE)",
                   [client.number, client.take(), f"note {client.random.random()}", client.random.randrange(1, THINGS + 1)])


def grow(cursor, client):
    cursor.execute("UPDATE things SET client = %s, seq = %s, big = repeat(md5(%s), %s) WHERE id = (SELECT id FROM things WHERE id %% 1000 = %s FOR UPDATE)",
                   [client.number, client.take(), str(client.random.random()), client.random.randrange(70, 130),
                    client.random.randrange(1, THINGS + 1)])


def remove(cursor, client):
    cursor.execute("DELETE FROM entries WHERE id IN (SELECT id FROM entries WHERE client = %s ORDER BY id LIMIT %s)",
                   [client.number, client.random.choice((1, 5, 50))])


def keyless(cursor, client):
    kind = client.random.random()
    if kind < 0.6:
        for _ in range(client.random.randrange(1, 4)):
            cursor.execute("INSERT INTO keyless VALUES (%s, %s, %s)", [client.number, client.take(), "n" * client.random.randrange(5)])
    elif kind < 0.8:
        cursor.execute("UPDATE keyless SET seq = %s WHERE ctid = (SELECT ctid FROM keyless WHERE client = %s LIMIT 1)",
                       [client.take(), client.number])
    else:
        cursor.execute("DELETE FROM keyless WHERE ctid = (SELECT ctid FROM keyless WHERE client = %s LIMIT 1)", [client.number])


def savepoints(cursor, client):
    insert(cursor, client, 3)
    for _ in range(client.random.randrange(1, 6)):
        cursor.execute("SAVEPOINT s")
        append(cursor, client)
        insert(cursor, client, 2)
        cursor.execute(client.random.choice(("ROLLBACK TO SAVEPOINT s", "RELEASE SAVEPOINT s")))


def widen(cursor, client):
    cursor.execute("UPDATE wide SET client = %s, seq = %s WHERE id = %s", [client.number, client.take(), client.random.randrange(1, 21)])


def add_column(cursor, client):
    """A new column, and a row that has it: DDL is not in the stream, rows are."""
    cursor.execute("SELECT count(*) FROM pg_attribute WHERE attrelid = 'wide'::regclass AND attnum > 0")
    count = cursor.fetchone()[0]
    if count < 40:
        cursor.execute("SET LOCAL lock_timeout = '1s'")
        cursor.execute(f"ALTER TABLE wide ADD COLUMN IF NOT EXISTS extra_{count} text")
        cursor.execute(f"UPDATE wide SET client = %s, seq = %s, extra_{count} = 'new' WHERE id = %s",
                       [client.number, client.take(), client.random.randrange(1, 21)])


def note(cursor, client):
    """Messages in the transaction and beside it: these come at once, also where it is rolled back."""
    for _ in range(client.random.randrange(1, 3)):
        cursor.execute("SELECT pg_logical_emit_message(%s, 'note', %s)",
                       [client.random.random() < 0.4, f"{client.number} {client.take()}"])


STEPS = {transfer: 20, append: 20, insert: 20, large: 0.15, copy: 3, change_key: 4, insert_again: 4, touch: 8, grow: 4, remove: 6,
         keyless: 8, savepoints: 4, widen: 3, add_column: 0.1, note: 8}


class Work:
    """One transaction after the other, as tests/e2e/harness.py's Load asks for them."""

    def __init__(self, first_number, seed):
        self.first_number, self.seed = first_number, seed
        self.clients, self.steps, self.rolled_back, self.refused = {}, {}, 0, 0

    def __call__(self, connection, writer):
        client = self.clients.get(writer.number)
        if client is None:
            number = self.first_number + writer.number
            client = self.clients[writer.number] = Client(number, self.seed * 1000 + number)
        connection.autocommit = False
        names = client.random.choices(list(STEPS), list(STEPS.values()), k=client.random.choice((1, 1, 2)))
        client.sure.clear()
        try:
            with connection.cursor() as cursor:
                for step in names:
                    step(cursor, client)
            if client.random.random() < 0.07:
                connection.rollback()
                self.rolled_back += 1
                return
            connection.commit()
        except REFUSED:
            connection.rollback()
            self.refused += 1
            return
        if "savepoints" not in (step.__name__ for step in names):  # some of its numbers were rolled back
            writer.acknowledged.extend((client.number, *numbers) for numbers in client.sure)
        for step in names:
            self.steps[step.__name__] = self.steps.get(step.__name__, 0) + 1
