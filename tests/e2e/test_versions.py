"""Every version of PostgreSQL that we say to work with: snapshot, all kinds of changes, a crash, and copies that are equal."""
import pytest

import harness
from clusters import Cluster, on_clusters
from harness import EVENTS, Load, append_event, check_nothing_lost, needs_stack, wait_until


@pytest.mark.parametrize("version", [14, 16, 17, 18])
def test_version(tmp_path, version):
    needs_stack()
    with Cluster("source", version) as server, harness.Pipeline(f"version_{version}", tmp_path) as made, \
            on_clusters(made) as pipeline:
        server.start()
        server.database().query(f'CREATE DATABASE "{pipeline.name}"')
        source = server.capture(pipeline)
        source.query(EVENTS)
        source.query("INSERT INTO events SELECT 9, n, 'x' FROM generate_series(1, 100) n")
        source.run_file(harness.ROOT / "sql" / "source.sql")
        pipeline.start()
        pipeline.wait_streaming()
        with Load(source, append_event) as load:
            load.wait_commits(50)
            pipeline.kill()
            load.wait_commits(50)
            pipeline.start()
            load.wait_commits(50)
        source.query("SELECT pg_logical_emit_message(true, 'p', 'm')")
        source.query("UPDATE customers SET email = id || '@' || email")
        source.query("UPDATE products SET id = id + 1000 WHERE id NOT IN (SELECT product_id FROM order_items)")
        source.query("DELETE FROM order_items WHERE id % 2 = 0")
        pipeline.wait_equal(harness.SHOP)
        assert check_nothing_lost(pipeline, load) == 0
        wait_until("streaming", pipeline.wait_streaming)
        assert pipeline.stop()[0] == 0
