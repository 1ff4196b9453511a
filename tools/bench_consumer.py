"""The consumers that walrelay is measured against: Kafka into lake and target in Python, run by tools/bench apply.

    bench_consumer.py seed|tuned BROKERS GROUP TOPIC LAKE TARGET       LAKE and TARGET are connection strings

`seed` is the pipeline's document to the letter: one message is polled, its raw event and both mirrors are written and
committed, its offset is committed. `tuned` is what one would do about its speed and stay in Python: what is there is
taken together, rows collapse to the last one of their key, execute_values writes them, one commit for each database.
"""
import collections
import json
import sys

import psycopg2
from confluent_kafka import Consumer
from psycopg2.extras import execute_values

CDCEvent = collections.namedtuple("CDCEvent", "table operation key before after source topic partition offset")
RAW = ("INSERT INTO cdc_raw.cdc_events (source_table, operation, event_key, before_data, after_data, source_metadata, kafka_topic,"
       " kafka_partition, kafka_offset, event_timestamp) VALUES ")
RAW_ROW = "(%s, %s, %s, %s, %s, %s, %s, %s, %s, to_timestamp(%s / 1000.0))"
MIRRORS = (("lake", "cdc_processed", ("cdc_operation", "cdc_timestamp", "synced_at")),
           ("target", "public", ("__cdc_operation", "__cdc_timestamp", "__synced_at")))
META_ROW = "%s, to_timestamp(%s / 1000.0), now()"


def read(message):
    """None for a tombstone."""
    if message.value() is None:
        return None
    value, key = json.loads(message.value()), json.loads(message.key())
    value, key = value.get("payload", value), key.get("payload", key)
    source = value["source"]
    return CDCEvent(f"{source['schema']}.{source['table']}", value["op"], key, value["before"], value["after"], source, message.topic(),
                    message.partition(), message.offset())


def raw_values(event):
    before, after = (row and json.dumps(row) for row in (event.before, event.after))
    return (event.table, event.operation, json.dumps(event.key), before, after, json.dumps(event.source), event.topic, event.partition,
            event.offset, event.source["ts_ms"])


def upsert(table, columns, meta, values):
    names = ", ".join((*columns, *meta))
    return f"INSERT INTO {table} ({names}) VALUES {values} ON CONFLICT (id) DO UPDATE SET " \
           + ", ".join(f"{name} = EXCLUDED.{name}" for name in (*columns[1:], *meta))


def seed(consumer, connections):
    lake = connections["lake"]
    while True:
        message = consumer.poll(1.0)
        if message is None or message.error():
            continue
        event = read(message)
        if event is not None:
            with lake.cursor() as cursor:
                cursor.execute(RAW + RAW_ROW, raw_values(event))
            lake.commit()
            for database, schema, meta in MIRRORS:
                table = f"{schema}.{event.source['table']}"
                with connections[database].cursor() as cursor:
                    if event.operation == "d":
                        cursor.execute(f"DELETE FROM {table} WHERE id = %s", [event.before["id"]])
                    else:
                        columns = list(event.after)
                        cursor.execute(upsert(table, columns, meta, f"({', '.join(['%s'] * len(columns))}, {META_ROW})"),
                                       [*event.after.values(), event.operation, event.source["ts_ms"]])
                connections[database].commit()
        consumer.commit(message, asynchronous=False)


def tuned(consumer, connections):
    while True:
        messages = [m for m in consumer.consume(5000, timeout=0.02) if not m.error()]
        if not messages:
            continue
        events = [event for event in map(read, messages) if event is not None]
        last = {}
        for event in events:
            last[event.key["id"]] = event
        deletes = [[key] for key, event in last.items() if event.operation == "d"]
        rows = [[*event.after.values(), event.operation, event.source["ts_ms"]] for event in last.values() if event.operation != "d"]
        if events:
            with connections["lake"].cursor() as cursor:
                execute_values(cursor, RAW + "%s", map(raw_values, events), RAW_ROW, page_size=1000)
        for database, schema, meta in MIRRORS if events else ():
            table = f"{schema}.{events[0].source['table']}"
            with connections[database].cursor() as cursor:
                if deletes:
                    execute_values(cursor, f"DELETE FROM {table} t USING (VALUES %s) AS v (id) WHERE t.id = v.id", deletes, page_size=1000)
                if rows:
                    columns = next(list(event.after) for event in last.values() if event.operation != "d")
                    # The values of a VALUES list have no column's type: it is that of the table, by INSERT.
                    execute_values(cursor, upsert(table, columns, meta, "%s"), rows, f"({', '.join(['%s'] * len(columns))}, {META_ROW})",
                                   page_size=1000)
            connections[database].commit()
        consumer.commit(asynchronous=False)


def main():
    mode, brokers, group, topic, lake, target = sys.argv[1:]
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    connections = {"lake": psycopg2.connect(lake), "target": psycopg2.connect(target)}
    {"seed": seed, "tuned": tuned}[mode](consumer, connections)


if __name__ == "__main__":
    main()
