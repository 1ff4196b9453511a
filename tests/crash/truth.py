"""What really happened on the source, by an independent reader: a slot of its own with PostgreSQL's test_decoding.

Each event of a row becomes the same tuple as the checker makes of a Kafka record:
    (xid, op, key, client, seq)     op: c u d; key: the column id; without a key None, or the old seq of an update
A message (pg_logical_emit_message) has the op m and no key; one that stands in no transaction has no xid, and is one of its own.
A change of the key is a delete and a create, as Debezium writes it. Where the old row is not known but for its key, client and
seq are None. test_decoding writes the columns in the order of the table: our tables begin with id, client, seq.
"""
import dataclasses
import re

from workload import MESSAGES

LINE = re.compile(r"table public\.(\w+): (INSERT|UPDATE|DELETE): (.*)", re.DOTALL)
KEY = re.compile(r"id\[\w+\]:(-?\d+)")
ROW = re.compile(r"(?:id\[\w+\]:(-?\d+) )?client\[\w+\]:(\d+) seq\[\w+\]:(\d+)")
KEYED_ROW = re.compile(r"id\[\w+\]:(-?\d+) client\[\w+\]:(\d+) seq\[\w+\]:(\d+)")

MESSAGE = re.compile(r"message: transactional: ([01]) prefix: note, sz: \d+ content:(\d+) (\d+)")


def lsn_number(text):
    high, low = text.split("/")
    return int(high, 16) << 32 | int(low, 16)


@dataclasses.dataclass
class Transaction:
    xid: int | None
    end_lsn: int = 0
    events: list = dataclasses.field(default_factory=list)  # (table, event)


def row(text):
    key, client, seq = ROW.match(text).groups()
    return (key and int(key), int(client), int(seq))


def events_of(xid, table, kind, text):
    if kind == "INSERT":
        return [(table, (xid, "c", *row(text)))]
    if kind == "DELETE":
        if table == "keyless":
            return [(table, (xid, "d", *row(text)))]
        return [(table, (xid, "d", int(KEY.match(text).group(1)), None, None))]
    if not text.startswith("old-key: "):
        return [(table, (xid, "u", *row(text)))]
    old, new = text[len("old-key: "):].split(" new-tuple: ", 1)
    if table == "keyless":
        return [(table, (xid, "u", row(old)[2], *row(new)[1:]))]
    return [(table, (xid, "d", int(KEY.match(old).group(1)), None, None)), (table, (xid, "c", *row(new)))]


def message(xid, match):
    return (MESSAGES, (xid, "m", None, int(match.group(2)), int(match.group(3))))


class Truth:
    """Reads the slot forward. A server that crashed may give a transaction again: its end tells."""

    def __init__(self, database, slot):
        self.database, self.slot = database, slot
        self.last_end = 0

    def create(self):
        self.database.query("SELECT pg_create_logical_replication_slot(%s, 'test_decoding')", [self.slot])

    def drop(self):
        self.database.query("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s", [self.slot])

    def add(self, found, transaction):
        if transaction.events and transaction.end_lsn > self.last_end:
            self.last_end = transaction.end_lsn
            found.append(transaction)

    def read(self):
        """The transactions since the last call, in the order of their commits."""
        found = []
        while lines := self.database.query("SELECT lsn::text, xid::text::bigint, data FROM pg_logical_slot_get_changes"
                                           "(%s, NULL, 20000)", [self.slot]):
            for lsn, xid, data in lines:
                if data.startswith("BEGIN"):
                    transaction = Transaction(xid)
                elif data.startswith("COMMIT"):
                    transaction.end_lsn = lsn_number(lsn)
                    self.add(found, transaction)
                elif match := MESSAGE.match(data):
                    if match.group(1) == "0":
                        self.add(found, Transaction(None, lsn_number(lsn), [message(None, match)]))
                    else:
                        transaction.events.append(message(xid, match))
                elif match := LINE.match(data):
                    transaction.events.extend(events_of(xid, *match.groups()))
        return found
