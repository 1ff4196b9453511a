"""tour.py PID ADMIN_PORT: writes to the source of a running pipeline and shows what arrives where, and when.

Part of tools/demo, which starts the servers (STACK_ variables) and walrelay (PID). Exit code 0 when every change was seen
at every hop and all copies agree in the end."""
import base64
import contextlib
import decimal
import json
import os
import sys
import threading
import time
import urllib.request

import psycopg2
from confluent_kafka import Consumer, TopicPartition

PREFIX = "cdc"
TABLES = ("customers", "products", "orders", "order_items")
KAFKA = f"127.0.0.1:{os.environ['STACK_KAFKA_PORT']}"
HOPS = ("Kafka", "lake raw", "lake mirror", "target")
PATIENCE = 60  # seconds


def connect(server, database, user, password):
    connection = psycopg2.connect(host="127.0.0.1", port=os.environ[f"STACK_{server}_PORT"], dbname=database, user=user, password=password)
    connection.autocommit = True
    return connection


def source():
    return connect("SOURCE", "source_db", "source_user", "source_password")


def lake():
    return connect("LAKE", "datalake_db", "datalake_user", "datalake_password")


def target():
    return connect("TARGET", "target_db", "target_user", "target_password")


def query(connection, sql, arguments=None):
    with connection.cursor() as cursor:
        cursor.execute(sql, arguments)
        return cursor.fetchall() if cursor.description else None


def until(what, test, every=0.001):
    deadline = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(psycopg2.errors.UndefinedTable, psycopg2.errors.InvalidSchemaName):
            if test():
                return time.monotonic()
        if not os.path.exists(f"/proc/{sys.argv[1]}") or open(f"/proc/{sys.argv[1]}/stat", encoding="ascii").read().split()[2] == "Z":
            sys.exit(f"walrelay has ended; see its log ({what})")
        if time.monotonic() > deadline:
            sys.exit(f"{what}: not within {PATIENCE} s")
        time.sleep(every)


def new_consumer():
    return Consumer({"bootstrap.servers": KAFKA, "group.id": "tour", "enable.auto.commit": False, "log_level": 2})


# --- One change on its way ---

class Change:
    """A statement on the source, and how each hop shows that it has arrived."""

    def __init__(self, title, sql, table, row, operation, mirrored):
        self.title, self.sql, self.table, self.row, self.operation, self.mirrored = title, sql, table, row, operation, mirrored

    def in_kafka(self, consumer):
        message = consumer.poll(0.2)
        if message is None or message.error() or message.value() is None:
            return False
        payload = json.loads(message.value())["payload"]
        return payload["op"] == self.operation and (payload["after"] or payload["before"])["id"] == self.row

    def in_raw(self, connection, after):
        return query(connection, "SELECT 1 FROM cdc_raw.cdc_events WHERE id > %s AND source_table = %s AND operation = %s"
                                 " AND (event_key->>'id')::int = %s", [after, f"public.{self.table}", self.operation, self.row])

    def in_mirror(self, connection, schema):
        found = query(connection, f"SELECT 1 FROM {schema}.{self.table} WHERE id = %s {self.mirrored or ''}", [self.row])
        return bool(found) != (self.mirrored is None)  # None: the row must be gone


def watch(change, database):
    """Performs the change and returns {hop: milliseconds after the commit}."""
    lake_raw, lake_mirror, target_mirror = lake(), lake(), target()
    consumer = new_consumer()
    topic = f"{PREFIX}.public.{change.table}"
    end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)[1]
    consumer.assign([TopicPartition(topic, 0, end)])
    consumer.poll(0.2)  # the fetch is under way before the change is
    last_raw = query(lake_raw, "SELECT coalesce(max(id), 0) FROM cdc_raw.cdc_events")[0][0]
    tests = {"Kafka": lambda: change.in_kafka(consumer), "lake raw": lambda: change.in_raw(lake_raw, last_raw),
             "lake mirror": lambda: change.in_mirror(lake_mirror, "cdc_processed"),
             "target": lambda: change.in_mirror(target_mirror, "public")}
    arrived = {}

    def wait(hop):
        arrived[hop] = until(f"{change.title} in {hop}", tests[hop])

    threads = [threading.Thread(target=wait, args=(hop,), daemon=True) for hop in HOPS]
    for thread in threads:
        thread.start()
    query(database, change.sql)
    committed = time.monotonic()
    for thread in threads:
        thread.join(PATIENCE + 5)
    consumer.close()
    if len(arrived) < len(HOPS):
        sys.exit(f"{change.title}: did not arrive in {', '.join(hop for hop in HOPS if hop not in arrived)}")
    return {hop: max(0.0, (arrived[hop] - committed) * 1000) for hop in HOPS}


def changes(database):
    """The example of the pipeline's document, and an order in one transaction."""
    alice = query(database, "SELECT nextval('customers_id_seq')::int")[0][0]
    order = query(database, "SELECT nextval('orders_id_seq')::int")[0][0]
    item = query(database, "SELECT nextval('order_items_id_seq')::int")[0][0]
    return [
        Change("INSERT Alice Wonder", "INSERT INTO customers (id, first_name, last_name, email)"
               f" VALUES ({alice}, 'Alice', 'Wonder', 'alice{alice}@example.com')", "customers", alice, "c", "AND last_name = 'Wonder'"),
        Change("UPDATE her name", f"UPDATE customers SET last_name = 'Wonderland', updated_at = now() WHERE id = {alice}",
               "customers", alice, "u", "AND last_name = 'Wonderland'"),
        Change("an order, one transaction", f"BEGIN; INSERT INTO orders (id, customer_id, total_amount) VALUES ({order}, {alice}, 425.49);"
               f" INSERT INTO order_items (id, order_id, product_id, quantity, unit_price) VALUES ({item}, {order}, 4, 1, 399.99);"
               " UPDATE products SET stock_quantity = stock_quantity - 1 WHERE id = 4; COMMIT", "order_items", item, "c",
               "AND unit_price = 399.99"),
        Change("DELETE the order", f"BEGIN; DELETE FROM order_items WHERE id = {item}; DELETE FROM orders WHERE id = {order}; COMMIT",
               "order_items", item, "d", None),
        Change("DELETE Alice", f"DELETE FROM customers WHERE id = {alice}", "customers", alice, "d", None),
    ]


# --- Do all copies agree? ---

def database_rows(connection, table, columns):
    """The rows as Kafka would show them: timestamps in microseconds, decimals as text."""
    shown = {"timestamp without time zone": '(extract(epoch FROM "{0}") * 1000000)::bigint', "numeric": '"{0}"::text'}
    return set(query(connection, "SELECT " + ", ".join(shown.get(kind, '"{0}"').format(name) for name, kind in columns)
                                 + f" FROM {table}"))


def decoded(value, field):
    """A value of an envelope; decimals come as base64 of their unscaled bytes."""
    if value is None or field.get("name") != "org.apache.kafka.connect.data.Decimal":
        return value
    unscaled = int.from_bytes(base64.b64decode(value), "big", signed=True)
    return str(decimal.Decimal(unscaled).scaleb(-int(field["parameters"]["scale"])))


def kafka_rows(table):
    """The rows that remain when every record of the topic is applied, in order."""
    consumer = new_consumer()
    topic = TopicPartition(f"{PREFIX}.public.{table}", 0, 0)
    end = consumer.get_watermark_offsets(topic, timeout=10)[1]
    consumer.assign([topic])
    rows, offset = {}, 0
    while offset < end:
        message = consumer.poll(10)
        if message is None or message.error():
            sys.exit(f"{topic.topic} could not be read")
        offset = message.offset() + 1
        if message.value() is None:
            continue
        envelope = json.loads(message.value())
        payload = envelope["payload"]
        if payload["after"] is None:
            rows.pop(payload["before"]["id"], None)
        else:
            fields = next(f for f in envelope["schema"]["fields"] if f["field"] == "after")["fields"]
            rows[payload["after"]["id"]] = tuple(decoded(payload["after"][f["field"]], f) for f in fields)
    consumer.close()
    return set(rows.values())


def compare_copies(database):
    """Prints the copies of every table side by side; True when they are equal, value by value."""
    print(f"\n{'table':12} {'source':>8} {'Kafka':>8} {'lake':>8} {'target':>8}")
    in_lake, in_target, agree = lake(), target(), True
    for table in TABLES:
        columns = query(database, "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'"
                                  " AND table_name = %s ORDER BY ordinal_position", [table])
        copies = [database_rows(database, f"public.{table}", columns), kafka_rows(table),
                  database_rows(in_lake, f"cdc_processed.{table}", columns), database_rows(in_target, f"public.{table}", columns)]
        equal = all(copy == copies[0] for copy in copies)
        agree &= equal
        print(f"{table:12} " + " ".join(f"{len(copy):8}" for copy in copies) + ("   equal" if equal else "   NOT EQUAL"))
    return agree


def main():
    database = source()
    begun = time.monotonic()
    until("walrelay streams", lambda: query(database, "SELECT 1 FROM pg_stat_replication r JOIN pg_replication_slots s"
                                                      " ON s.active_pid = r.pid WHERE r.state = 'streaming'"), 0.01)
    rows = sum(query(database, f"SELECT count(*) FROM {table}")[0][0] for table in TABLES)
    until("the sample rows in the target", lambda: sum(query(target(), f"SELECT count(*) FROM {t}")[0][0] for t in TABLES) == rows, 0.05)
    until("the sample rows in the lake",
          lambda: sum(query(lake(), f"SELECT count(*) FROM cdc_processed.{t}")[0][0] for t in TABLES) == rows, 0.05)
    print(f"\nThe {rows} rows of the source are in Kafka, lake and target, {time.monotonic() - begun:.1f} s after the start."
          "\nNow changes; milliseconds from the commit until each is there:\n")
    print(f"{'':28}" + "".join(f"{hop:>13}" for hop in HOPS))
    for change in changes(database):
        latency = watch(change, database)
        print(f"{change.title:28}" + "".join(f"{latency[hop]:>10.1f} ms" for hop in HOPS), flush=True)
    agree = compare_copies(database)
    with urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[2]}/connectors/postgres-source-connector/status", timeout=5) as answer:
        status = json.load(answer)
    print(f"\nconnector {status['connector']['state']}, task {status['tasks'][0]['state']}")
    print("All copies agree." if agree else "The copies do NOT agree.")
    return 0 if agree and status["connector"]["state"] == "RUNNING" else 1


if __name__ == "__main__":
    sys.exit(main())
