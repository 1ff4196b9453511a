"""Compares what Kafka and the lake hold with the truth, event by event.

The law, per table: leaving out repetitions, the events of each partition are a part of the truth's list in its order; together
they are the whole list; a key has one partition. Without `allow_duplicates` there may be no repetition. The list begins behind
the snapshot, whose records must be the state of the table at that point.
"""
import base64
import collections
import dataclasses
import json
import re


@dataclasses.dataclass
class Counts:
    transactions: int = 0
    events: int = 0       # of the truth, each found in Kafka or lost
    snapshot_rows: int = 0
    tombstones: int = 0
    raw_events: int = 0
    lost: int = 0
    doubled: int = 0
    reordered: int = 0
    invented: int = 0     # in Kafka, but never committed
    tombstones_wrong: int = 0  # not right behind its delete, or alone
    raw_lost: int = 0
    raw_doubled: int = 0
    raw_wrong: int = 0
    acknowledged_lost: int = 0  # told to a client, and not in the truth: the source's own fault
    snapshot_wrong: int = 0
    mirrors_wrong: int = 0

    def faults(self, allow_duplicates):
        names = ["lost", "reordered", "invented", "raw_lost", "raw_doubled", "raw_wrong", "acknowledged_lost", "snapshot_wrong",
                 "mirrors_wrong"] + ([] if allow_duplicates else ["doubled", "tombstones_wrong"])
        return {name: value for name in names if (value := getattr(self, name))}


class Table:
    """The truth of one table: which events are still awaited, which have been seen, and the rows."""

    def __init__(self, keyless):
        self.keyless = keyless
        self.next_index = 0
        self.awaited = collections.defaultdict(collections.deque)  # event -> indexes
        self.seen = [set(), set()]  # of this check and the one before: a repetition is not older
        self.last = {}              # partition -> index of its last event
        self.partition_of = {}      # key -> partition
        self.rows = collections.Counter()  # of a table without a key: (client, seq)
        self.row_of = {}            # key -> (client, seq)

    def apply(self, event):
        """Keeps the rows as the event leaves them; for the snapshot."""
        _, op, key, client, seq = event
        if op == "m":
            return
        if self.keyless:
            self.rows[client, key if op == "u" else seq] -= op != "c"
            self.rows[client, seq] += op != "d"
        elif op == "d":
            self.row_of.pop(key, None)
        else:
            self.row_of[key] = (client, seq)

    def snapshot(self):
        return collections.Counter({(key, *row): 1 for key, row in self.row_of.items()}) + collections.Counter(
            {(None, *row): n for row, n in self.rows.items() if n})

    def await_event(self, event):
        self.awaited[event].append(self.next_index)
        self.next_index += 1

    def age(self):
        self.seen = [set(), self.seen[0]]


PAYLOAD = re.compile(rb'"payload":')


def payload_of(value):
    """The payload of an envelope, without reading its schema."""
    if value.startswith(b'{"schema"'):
        return json.loads(value[PAYLOAD.search(value).end():-1])
    return json.loads(value)


def event_of(payload):
    """The tuple of truth.py, and the LSN."""
    source, op = payload["source"], payload["op"]
    if op == "m":
        client, seq = map(int, base64.b64decode(payload["message"]["content"]).split())
        return (source["txId"], "m", None, client, seq)
    row = payload["after"] or payload["before"]
    key = row.get("id")
    if op == "d" and key is not None:
        return (source["txId"], "d", key, None, None)
    if op == "u" and key is None:
        key = payload["before"]["seq"]
    return (source["txId"], op, key, row["client"], row["seq"])


class Checker:
    def __init__(self, tables, allow_duplicates=False):
        self.tables = {table: Table(keyless=table == "keyless") for table in tables}
        self.allow_duplicates = allow_duplicates
        self.counts = Counts()
        self.incarnation = 0    # the snapshot is the state here
        self.committed = set()  # (client, seq) of the truth, as long as a client may still ask for it
        self.waiting = []       # transactions of the truth while no snapshot was seen
        self.findings = []      # the first of each kind
        self.doubled = []       # (topic, partition, offset) of each record that repeats an earlier one

    def find(self, kind, what):
        setattr(self.counts, kind, getattr(self.counts, kind) + 1)
        if getattr(self.counts, kind) <= 10:
            self.findings.append(f"{kind}: {what}")

    def add_truth(self, transactions, incarnation):
        """`incarnation`: the consistent point of the slot, up to which the snapshot has everything."""
        self.incarnation = incarnation
        for transaction in transactions:
            self.counts.transactions += 1
            for table, event in transaction.events:
                if table not in self.tables:
                    continue
                if event[3] is not None:
                    self.committed.add(event[3:])
                if transaction.end_lsn <= incarnation:
                    self.tables[table].apply(event)
                else:
                    self.counts.events += 1
                    self.tables[table].await_event(event)

    def check_acknowledged(self, ranges):
        """(client, first, end) of numbers that the source acknowledged to a client."""
        for client, first, end in ranges:
            missing = [seq for seq in range(first, end) if (client, seq) not in self.committed]
            if missing:
                self.find("acknowledged_lost", f"client {client}: {missing[:5]}")
        self.committed.clear()

    def check_kafka(self, messages, table_of):
        """`messages`: {(topic, partition): [messages in order]} that have come since the last check. Returns
        {(topic, partition, offset): (op, client, seq)} of all that are events of rows, for check_raw()."""
        events, snapshots = {}, {}
        for (topic, partition), list_ in messages.items():
            name = table_of(topic)
            if name is None:
                continue
            table = self.tables[name]
            owed = None  # The key of a delete whose tombstone must come next.
            for message in list_:
                is_tombstone = message.value() is None
                self.check_tombstone(f"{name}[{partition}]@{message.offset()}", message.key() if is_tombstone else None, owed)
                owed = None
                if is_tombstone:
                    continue
                payload = payload_of(message.value())
                if payload["op"] == "d":
                    owed = message.key()
                event = event_of(payload)
                if event[1] != "m":  # No sink reads those.
                    events[topic, partition, message.offset()] = (event[1], event[3], event[4])
                if event[1] == "r":
                    if payload["source"]["lsn"] == self.incarnation:
                        snapshots.setdefault(name, collections.Counter())[event[2:]] += 1
                else:
                    self.check_event(name, table, (topic, partition, message.offset()), event)
            self.check_tombstone(f"{name}[{partition}] at its end", None, owed)
        self.check_snapshots(snapshots)
        self.end_round()
        return events

    def check_tombstone(self, where, key, owed):
        """Each stands right behind the delete of its key."""
        self.counts.tombstones += key is not None
        if key != owed:
            self.find("tombstones_wrong", f"{where}: {key} where {owed} was due")

    def check_event(self, name, table, at, event):
        _, partition, offset = at
        where = f"{name}[{partition}]@{offset} {event}"
        indexes = table.awaited.get(event)
        if not indexes:
            if any(event in seen for seen in table.seen):
                self.find("doubled", where)
                self.doubled.append(at)
            else:
                self.find("invented", where)
            return
        index = indexes.popleft()
        if not indexes:
            del table.awaited[event]
        table.seen[0].add(event)
        if index < table.last.get(partition, -1):
            self.find("reordered", f"{where} is number {index} after {table.last[partition]}")
        table.last[partition] = max(index, table.last.get(partition, -1))
        if table.partition_of.setdefault(event[2], partition) != partition:
            self.find("reordered", f"{where}: its key was in partition {table.partition_of[event[2]]}")

    def check_snapshots(self, snapshots):
        for name, found in snapshots.items():
            want = self.tables[name].snapshot()
            self.counts.snapshot_rows += sum(want.values())
            for row in (want - found) or ():
                self.find("snapshot_wrong", f"{name} {row} is missing")
            for row in (found - want) or ():
                self.find("snapshot_wrong", f"{name} {row} is too much")

    def end_round(self):
        for name, table in self.tables.items():
            for event, indexes in table.awaited.items():
                for _ in indexes:
                    self.find("lost", f"{name} {event}")
            table.awaited.clear()
            table.age()

    def check_raw(self, events, rows):
        """`rows` of cdc_raw.cdc_events since the last check, in their order: (topic, partition, offset, operation,
        client, seq)."""
        seen, last = set(), {}
        for topic, partition, offset, op, client, seq in rows:
            self.counts.raw_events += 1
            at = topic, partition, offset
            if offset < last.get(at[:2], -1):
                self.find("raw_wrong", f"{at} stands behind offset {last[at[:2]]}")
            last[at[:2]] = offset
            if at in seen:
                self.find("raw_doubled", at)
            seen.add(at)
            want = events.pop(at, None)
            if want is None:
                self.find("raw_doubled", f"{at} is not new in Kafka")
            elif want[0] != op or (want[1] is not None and want[1:] != (client, seq)):
                self.find("raw_wrong", f"{at}: {want} became {op, client, seq}")
        for at, event in events.items():
            self.find("raw_lost", f"{at} {event}")
