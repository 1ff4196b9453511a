"""Samples the invariant of DESIGN.md §2 all the time, from outside:

    confirmed_flush (slot)  <=  position record  <=  what Kafka holds  >=  progress of each sink, which never goes back

The left side is always read first: what is right of it only grows. Servers that are away are no finding.
"""
import json
import threading
import time

import harness
import psycopg2
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from truth import lsn_number

POSITIONS = "__walrelay_positions"
AWAY = (psycopg2.OperationalError, psycopg2.InterfaceError, KafkaException)


class Watch:
    """A thread that samples until stop(). `position` is the newest position record that it has read."""

    def __init__(self, pipeline, every=0.2):
        self.slot, self.every = pipeline.slot, every
        self.source = harness.Database("source", pipeline.source.name)
        self.sinks = {name: harness.Database(name, database.name)
                      for name, database in (("lake", pipeline.lake), ("target", pipeline.target))}
        self.samples, self.violations = 0, []
        self.away = 0  # samples that a server did not answer
        self.slot_went_back = 0  # times the server forgot what had been confirmed
        self.position, self.confirmed = None, 0
        self.incarnation = 0  # The first with which it streamed: the snapshot's point.
        self._progress = {}
        self._ends, self._consumer, self._read = None, None, 0  # the next offset of the topic of position records
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.run, daemon=True)

    def start(self):
        self._thread.start()

    def stop(self):
        self._stop.set()
        self._thread.join(60)
        for database in (self.source, *self.sinks.values()):
            database.close()

    def run(self):
        while not self._stop.wait(self.every):
            try:
                self.sample()
            except AWAY:
                self.away += 1
            except Exception as error:  # pylint: disable=broad-except
                self.violations.append(f"the watch itself failed: {error!r}")
                return

    def violation(self, text):
        if text not in self.violations:
            self.violations.append(text)

    def sample(self):
        rows = self.source.query("SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = %s", [self.slot])
        confirmed = lsn_number(rows[0][0]) if rows and rows[0][0] else 0
        progress = {name: self.read_progress(database) for name, database in self.sinks.items()}
        self.read_positions()
        self.check_position(confirmed)
        self.check_progress(progress)
        self.samples += 1

    def read_positions(self):
        """Reads the topic of position records to its present end."""
        if self._consumer is None:
            # A broker answers one connection in order: the questions for ends must not wait behind a fetch.
            # Up to the real end: an open Kafka transaction of anybody could hide the newest record.
            self._ends = harness.new_consumer(**{"isolation.level": "read_uncommitted"})
            self._consumer = harness.new_consumer(**{"enable.partition.eof": True, "fetch.wait.max.ms": 50})
            self._consumer.assign([TopicPartition(POSITIONS, 0, 0)])
        end = self.end_offset(POSITIONS, 0)
        deadline = time.monotonic() + 5
        while self._read < end:
            message = self._consumer.poll(0.5)
            if message is None:
                if time.monotonic() > deadline:
                    raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
            elif message.error():
                if message.error().code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(message.error())
                self._read = max(self._read, message.offset())
            else:
                self._read = message.offset() + 1
                if message.key() == self.slot.encode() and message.value():
                    self.take_position(json.loads(message.value()))
                    if self.incarnation == 0 and self.position["phase"] == "streaming":
                        self.incarnation = lsn_number(self.position["epoch"]["incarnation"])

    def take_position(self, record):
        """Those of a process that was thought dead may come late, and do not count (src/kafka/position_reader.h)."""
        if self.position is not None:
            if record["generation"] < self.position["generation"]:
                return
            if record["generation"] == self.position["generation"] and not record["claimed"]:
                return
        self.position = record

    def check_position(self, confirmed):
        if not confirmed or self.position is None or self.position["phase"] != "streaming":
            return
        end = lsn_number(self.position["end_lsn"])
        if confirmed > end:
            self.violation(f"the slot is confirmed up to {confirmed:X}, the position record says {end:X}")
        self.slot_went_back += confirmed < self.confirmed
        self.confirmed = confirmed
        for topic, next_offsets in self.position["topics"].items():
            for partition, next_offset in enumerate(next_offsets):
                if next_offset > 0 and self.samples % 5 == 0:
                    end_offset = self.end_offset(topic, partition)
                    # The markers of one Kafka transaction are not written at once.
                    if next_offset - self.position["transactional"] > end_offset:
                        self.violation(f"the position record says {next_offset} of {topic}[{partition}], which ends at {end_offset}")

    def end_offset(self, topic, partition):
        return self._ends.get_watermark_offsets(TopicPartition(topic, partition), timeout=5)[1]

    @staticmethod
    def read_progress(database):
        try:
            return {(topic, partition): next_offset for topic, partition, next_offset in
                    database.query("SELECT topic, partition, next_offset FROM walrelay.progress")}
        except (psycopg2.errors.UndefinedTable, psycopg2.errors.InvalidSchemaName):
            return {}
        except AWAY:
            return None

    def check_progress(self, progress):
        for name, now in progress.items():
            for at, next_offset in (now or {}).items():
                before = self._progress.get((name, *at), 0)
                if next_offset < before:
                    self.violation(f"the {name}'s progress of {at} went back from {before} to {next_offset}")
                self._progress[(name, *at)] = next_offset
                if self.samples % 5 == 0 and next_offset > (end := self.end_offset(*at)):
                    self.violation(f"the {name}'s progress of {at} is {next_offset}, Kafka ends at {end}")
