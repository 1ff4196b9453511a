"""The consumer that walrelay takes the place of, as the pipeline's document describes it ("Python Consumer").

Poll a message, parse it, store the raw event in the lake, apply the change to the lake's processed tables and to the
target, commit the offset: one message after the other, each database by itself. Killed between two of these steps it does
not know what it has done, and does it again: at-least-once.

usage: python_consumer.py KAFKA GROUP TOPIC_PATTERN LAKE TARGET [STEP:NUMBER [EVENTS_A_COMMIT]]

STEP:NUMBER kills it (SIGKILL) right after that step (raw, processed, target, commit) of the NUMBERth event, "never" does not.
EVENTS_A_COMMIT: offsets are committed once in so many events only, as consumers do that want to be faster.
"""
import dataclasses
import datetime
import json
import os
import signal
import sys

import psycopg2
import psycopg2.extras
from confluent_kafka import Consumer

UTC = datetime.timezone.utc


@dataclasses.dataclass
class CDCEvent:
    operation: str
    before: dict
    after: dict
    source: dict
    key: dict
    types: dict

    @property
    def table(self):
        return self.source["table"]

    @property
    def timestamp(self):
        return datetime.datetime.fromtimestamp(self.source["ts_ms"] / 1000, UTC)


def parse(message):
    value = json.loads(message.value())
    key = json.loads(message.key()) if message.key() else None
    fields = next(f for f in value["schema"]["fields"] if f["field"] == "after")["fields"]
    payload = value["payload"]
    return CDCEvent(payload["op"], payload.get("before"), payload.get("after"), payload["source"], key and key["payload"],
                    {f["field"]: f.get("name") for f in fields})


def to_sql(event, row):
    """A row's values as psycopg2 takes them."""
    def convert(name, value):
        if value is not None and event.types.get(name) == "io.debezium.time.MicroTimestamp":
            return datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=value)
        return value
    return {name: convert(name, value) for name, value in row.items()}


class Databases:
    def __init__(self, lake, target):
        self.lake = psycopg2.connect(lake)
        self.target = psycopg2.connect(target)

    def store_raw(self, event, message):
        def text(value):
            return None if value is None else psycopg2.extras.Json(value)
        with self.lake, self.lake.cursor() as cursor:
            cursor.execute(
                "INSERT INTO cdc_raw.cdc_events (source_table, operation, event_key, before_data, after_data, source_metadata, "
                "kafka_topic, kafka_partition, kafka_offset, event_timestamp) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                (f"{event.source['schema']}.{event.table}", event.operation, text(event.key), text(event.before),
                 text(event.after), text(event.source), message.topic(), message.partition(), message.offset(), event.timestamp))

    @staticmethod
    def apply(connection, table, metadata, event):
        """Insert or update by primary key, or delete."""
        with connection, connection.cursor() as cursor:
            if event.operation == "d":
                cursor.execute(f"DELETE FROM {table} WHERE id = %s", (event.before["id"],))
                return
            row = to_sql(event, event.after) | dict(zip(metadata, (event.operation, event.timestamp, datetime.datetime.now(UTC))))
            updates = ", ".join(f"{name} = EXCLUDED.{name}" for name in row if name != "id")
            cursor.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))}) "
                           f"ON CONFLICT (id) DO UPDATE SET {updates}", list(row.values()))


def main():
    kafka, group, pattern, lake, target = sys.argv[1:6]
    step, _, number = (sys.argv[6] if len(sys.argv) > 6 else "never").partition(":")
    events_a_commit = int(sys.argv[7]) if len(sys.argv) > 7 else 1
    databases = Databases(lake, target)
    # The short session lets the test see soon that a killed one has left its group.
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": group, "auto.offset.reset": "earliest",
                         "enable.auto.commit": False, "session.timeout.ms": 6000, "topic.metadata.refresh.interval.ms": 500})
    consumer.subscribe([pattern])
    stopping = []
    for sent in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sent, lambda *_: stopping.append(True))
    events = 0

    def done(what):
        if what == step and events == int(number):
            os.kill(os.getpid(), signal.SIGKILL)

    while not stopping:
        message = consumer.poll(timeout=1.0)
        if message is None or message.error():
            continue
        if message.value() is not None:
            event = parse(message)
            events += 1
            databases.store_raw(event, message)
            done("raw")
            databases.apply(databases.lake, f"cdc_processed.{event.table}", ("cdc_operation", "cdc_timestamp", "synced_at"), event)
            done("processed")
            databases.apply(databases.target, event.table, ("__cdc_operation", "__cdc_timestamp", "__synced_at"), event)
            done("target")
        if events % events_a_commit == 0:
            consumer.commit(message=message, asynchronous=False)
        done("commit")
    consumer.close()


if __name__ == "__main__":
    main()
