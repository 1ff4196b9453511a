"""The real Debezium on the slot and topics of a pipeline, for tests that have both. Skips them where the servers are somebody's own."""
import sys

from harness import ROOT, needs_stack, parts

sys.path.append(str(ROOT / "tests" / "differential"))
needs_stack()  # before its module asks for the variables of a stack
from servers import CACHE, CONNECT_PORT, LOG4J, OFFSETS, Broker, Debezium, Ended, Worker  # noqa: E402  pylint: disable=unused-import

VERSIONS = ("2.5.0.Final", "3.6.1.Final")


def connector_of(pipeline):
    at = parts("source")
    return {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector", "tasks.max": "1", "plugin.name": "pgoutput",
        "database.hostname": at["host"], "database.port": at["port"], "database.user": at["user"], "database.password": at["password"],
        "database.dbname": pipeline.source.name, "topic.prefix": pipeline.prefix, "slot.name": pipeline.slot,
        "publication.name": pipeline.name, "poll.interval.ms": "20"}


def debezium_of(worker, pipeline):
    return Debezium(worker, pipeline.name, connector_of(pipeline))
