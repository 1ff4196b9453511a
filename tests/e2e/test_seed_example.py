"""The example of the pipeline's document, step by step: Alice Wonder on her way through every hop, then the document's
quick reference: connector status, useful queries."""
import json
import time

import harness
from harness import SHOP, envelope, wait_until

ALICE = ("INSERT INTO customers (first_name, last_name, email) VALUES ('Alice', 'Wonder', 'alice@example.com') RETURNING id")


def alice_events(pipeline, identity):
    """Key and payload of every record of one customer, in order."""
    return [(json.loads(m.key()), envelope(m)) for m in pipeline.records("customers")
            if json.loads(m.key()).get("payload", json.loads(m.key()))["id"] == identity]


def test_seed_example(shop):
    shop.start()
    shop.wait_streaming()
    shop.wait_equal(SHOP)
    snapshot = [envelope(m) for m in shop.records("customers")]
    assert [(p["op"], p["before"], p["after"]["id"]) for p in snapshot] == [("r", None, n) for n in range(1, 6)]

    # 1. The application writes.
    alice = shop.source.value(ALICE)
    assert alice == 6
    wait_until("Alice in the target", lambda: shop.target.query("SELECT 1 FROM customers WHERE id = %s", [alice]), 60)
    wait_until("Alice in the lake", lambda: shop.lake.query("SELECT 1 FROM cdc_processed.customers WHERE id = %s", [alice]), 60)

    # 3, 4. The envelope, and its key.
    (key, event), = alice_events(shop, alice)
    assert key["payload"] == {"id": 6}
    assert event["op"] == "c" and event["before"] is None
    assert event["after"]["first_name"] == "Alice" and event["after"]["email"] == "alice@example.com"
    micros = shop.source.value("SELECT (extract(epoch FROM created_at) * 1000000)::bigint FROM customers WHERE id = 6")
    assert event["after"]["created_at"] == micros
    source = event["source"]
    assert (source["version"], source["connector"], source["name"]) == ("2.5.0.Final", "postgresql", shop.prefix)
    assert (source["db"], source["schema"], source["table"]) == (shop.source.name, "public", "customers")
    assert source["snapshot"] == "false" and source["lsn"] > 0 and source["txId"] > 0
    assert abs(source["ts_ms"] / 1000 - time.time()) < 60 and event["ts_ms"] >= source["ts_ms"] - 1

    # 5 d. The raw event.
    raw = shop.lake.query("SELECT source_table, operation, event_key, before_data, after_data, source_metadata, kafka_topic,"
                          " kafka_partition, event_timestamp, processed_at, kafka_offset FROM cdc_raw.cdc_events"
                          " WHERE (event_key->>'id')::int = 6 AND source_table = 'public.customers'")
    assert len(raw) == 1
    table, operation, event_key, before, after, metadata, topic, partition, event_time, processed, offset = raw[0]
    assert (table, operation, event_key, before) == ("public.customers", "c", {"id": 6}, None)
    assert after["last_name"] == "Wonder" and metadata["txId"] == source["txId"] and metadata["lsn"] == source["lsn"]
    assert (topic, partition, offset) == (shop.topic("customers"), 0, 5)
    assert event_time is not None and processed is not None

    # 5 e, f. The mirrors with their metadata.
    lake = shop.lake.query("SELECT last_name, cdc_operation, cdc_timestamp IS NOT NULL, synced_at IS NOT NULL"
                           " FROM cdc_processed.customers WHERE id = 6")
    target = shop.target.query("SELECT last_name, __cdc_operation, __cdc_timestamp IS NOT NULL, __synced_at IS NOT NULL"
                               " FROM customers WHERE id = 6")
    assert lake == target == [("Wonder", "c", True, True)]

    # An update and a delete go the same way.
    shop.source.query("UPDATE customers SET last_name = 'Wonderland', updated_at = now() WHERE id = 6")
    wait_until("the update", lambda: shop.target.query("SELECT 1 FROM customers WHERE id = 6 AND last_name = 'Wonderland'"
                                                       " AND __cdc_operation = 'u'"), 60)
    shop.source.query("DELETE FROM customers WHERE id = 6")
    wait_until("the delete", lambda: not shop.target.query("SELECT 1 FROM customers WHERE id = 6"), 60)
    shop.wait_equal(SHOP)
    events = alice_events(shop, alice)
    assert [event and event["op"] for _, event in events] == ["c", "u", "d", None]  # a tombstone follows the delete
    assert events[2][1]["after"] is None and events[2][1]["before"]["id"] == 6
    wait_until("raw events", lambda: shop.lake.query("SELECT array_agg(operation ORDER BY kafka_offset) FROM cdc_raw.cdc_events"
                                                     " WHERE (event_key->>'id')::int = 6 AND source_table = 'public.customers'")
               == [(["c", "u", "d"],)], 60)

    check_status(shop)
    check_views(shop)
    assert shop.stop()[0] == 0


def check_status(shop):
    """curl -s http://localhost:8083/connectors/postgres-source-connector/status | jq"""
    code, body = shop.http(f"/connectors/{shop.name}/status")
    status = json.loads(body)
    assert code == 200 and status["name"] == shop.name and status["type"] == "source"
    assert status["connector"]["state"] == "RUNNING"
    assert [(task["id"], task["state"]) for task in status["tasks"]] == [(0, "RUNNING")]
    assert json.loads(shop.http("/connectors")[1]) == [shop.name]
    topics = json.loads(shop.http(f"/connectors/{shop.name}/topics")[1])[shop.name]["topics"]
    assert {shop.topic(table) for table in SHOP} <= set(topics)
    assert shop.http("/connectors/nobody/status")[0] == 404
    assert shop.http("/health")[0] == 200
    metrics = shop.http("/metrics")[1]
    assert "walrelay_" in metrics
    password = harness.parts("source")["password"]
    for path in (f"/connectors/{shop.name}", f"/connectors/{shop.name}/config", "/metrics", "/health"):
        assert password not in shop.http(path)[1], f"{path} shows the password"
    assert password not in shop.log()


def check_views(shop):
    """The document's useful queries answer, and count what has happened."""
    def rows(database, view):
        connection = database.connect()
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {view}")
            names = [column.name for column in cursor.description]
            found = [dict(zip(names, row)) for row in cursor.fetchall()]
        connection.close()
        return found

    statistics = rows(shop.lake, "cdc_raw.cdc_statistics")
    assert any("customers" in str(row.values()) for row in statistics), statistics
    counted = [value for row in statistics if "customers" in str(row.get("source_table")) for value in row.values()
               if isinstance(value, int) and not isinstance(value, bool)]
    assert 5 in counted, f"five customers were snapshotted: {statistics}"
    for database, view in ((shop.lake, "cdc_processed.analytics_summary"), (shop.target, "sync_summary")):
        summary = rows(database, view)
        for table in SHOP:
            assert any(table in [str(value).split(".")[-1] for value in row.values()] for row in summary), (view, table, summary)
