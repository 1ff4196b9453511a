"""An independent reader: a second slot, decoded by PostgreSQL's own test_decoding, says what Kafka must hold, record by record.

An event is (LSN, transaction, operation). Of each there must be as many records as the truth has, each partition holds them
in the order of the truth, and each deletion is followed by its tombstone.
"""
import collections
import re

from harness import read_topics, topics, envelope


class Truth:
    """Open it before the pipeline's slot is made: it sees at least what the pipeline sees."""

    def __init__(self, pipeline):
        self.database = pipeline.source
        self.slot = f"{pipeline.name}_truth"[:63]
        self.database.query("SELECT pg_create_logical_replication_slot(%s, 'test_decoding')", [self.slot])

    def drop(self):
        self.database.query("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s", [self.slot])

    def events(self, after):
        """[(lsn, xid, op)] of what committed after `after`, in the order of delivery; a key change is a deletion and an insert."""
        found = []
        xid, began = None, []
        for lsn, transaction, data in self.database.query(
                "SELECT (lsn - '0/0')::bigint, xid::text, data FROM pg_logical_slot_peek_changes(%s, NULL, NULL)", [self.slot]):
            if data.startswith("BEGIN"):
                xid, began = transaction, []
            elif data.startswith("COMMIT"):
                if lsn >= after:
                    found += began
                xid = None
            elif data.startswith("message:"):
                one = (lsn, xid if "transactional: 1" in data else None, "m")
                if xid:
                    began.append(one)
                elif lsn >= after:
                    found.append(one)
            else:
                kind = re.search(r": (INSERT|UPDATE|DELETE|TRUNCATE):", data).group(1)
                # REPLICA IDENTITY FULL shows the old row of each update.
                key_changed = kind == "UPDATE" and "old-key:" in data and "public.keyless" not in data
                for op in {"INSERT": "c", "UPDATE": "dc" if key_changed else "u", "DELETE": "d", "TRUNCATE": "t"}[kind]:
                    began.append((lsn, xid, op))
        return found


def stream_records(pipeline):
    """{(topic, partition): [(lsn, xid, op, key)]} without the snapshot; op "" is a tombstone."""
    found = {}
    for place, messages in read_topics(topics(pipeline.prefix + ".")).items():
        records = found[place] = []
        for message in messages:
            payload = envelope(message)
            if payload is None:
                records.append((None, None, "", message.key()))
            elif payload.get("op") != "r" and "source" in payload:
                source = payload["source"]
                records.append((source["lsn"], str(source["txId"]) if source["txId"] is not None else None, payload["op"], message.key()))
    return found


def check_once_and_in_order(pipeline, truth, after=0):
    """Kafka holds each event of the truth once, in order. Returns how many."""
    want = truth.events(after)
    place_of = {}
    for number, event in enumerate(want):
        place_of.setdefault(event, number)
    got = collections.Counter()
    for place, records in stream_records(pipeline).items():
        last = -1
        for index, (lsn, xid, op, key) in enumerate(records):
            if op == "":
                before = records[index - 1] if index else None
                assert before and before[2] == "d" and before[3] == key, f"{place}: a tombstone without its deletion at {index}"
                continue
            if op == "d" and key is not None:
                assert index + 1 < len(records) and records[index + 1][2:] == ("", key), f"{place}: no tombstone after {index}"
            event = (lsn, xid, op)
            assert event in place_of, f"{place}: {event} was never committed"
            assert place_of[event] >= last, f"{place}: {event} at {index} comes after a later one"
            last = place_of[event]
            got[event] += 1
    expected = collections.Counter(want)
    lost, doubled = expected - got, got - expected
    assert not lost, f"{sum(lost.values())} events lost: {list(lost)[:5]}"
    assert not doubled, f"{sum(doubled.values())} records doubled: {list(doubled)[:5]}"
    return len(want)
