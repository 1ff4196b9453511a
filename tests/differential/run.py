"""The command line of tools/differential; see its head."""
import argparse
import dataclasses
import json
import os
import pathlib
import random
import sys
import time

import generate
import play
import servers
import shrink
from case import Folder

VERSIONS = ("2.5.0.Final", "3.6.1.Final")


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--version", choices=(*VERSIONS, "both"), default="both")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--case", type=pathlib.Path, action="append", default=[])
    parser.add_argument("--keep-going", action="store_true")
    parser.add_argument("--no-shrink", action="store_true")
    parser.add_argument("--out", type=pathlib.Path, default=servers.ROOT / "build" / "differential")
    return parser.parse_args()


@dataclasses.dataclass
class Totals:
    """What was found in one version. `once`: differences that the same case did not show again."""
    cases: int = 0
    records: int = 0
    refused: int = 0
    differences: int = 0
    once: int = 0

    def __str__(self):
        return (f"{self.records} records of {self.cases} cases compared, {self.differences} cases differ"
                + (f", {self.once} did once and not again" if self.once else "") + f"; Debezium's task failed in {self.refused}")


class Comparison:
    """One version: a worker, and what is done with the outcome of a case."""

    def __init__(self, version, options, worker, brokers, folder):
        self.version, self.options, self.totals = version, options, Totals()
        self.play = lambda case: play.play(case, version, worker, brokers, folder)

    def compare(self, name, case):
        begun = time.monotonic()
        outcome = self.play(case)
        totals, label = self.totals, f"{self.version} {name}:"
        totals.cases += 1
        totals.records += outcome.records
        took = f"({time.monotonic() - begun:.1f} s)"
        if outcome.refused:
            totals.refused += 1
            print(label, f"Debezium's task failed{'' if outcome.both_stopped else ', walrelay went on'} {took}: {outcome.refused.splitlines()[-1][:300]}", flush=True)
            case.write(self.options.out / f"refused-{self.version}-{name}", outcome.refused)
        elif not outcome.difference:
            print(label, f"{outcome.records} records equal {took}", flush=True)
        elif self.play(case).difference:
            totals.differences += 1
            print(label, f"DIFFERENCE {took}\n{outcome.difference}", flush=True)
            self.keep(name, case, outcome.difference)
        else:
            totals.once += 1
            print(label, f"differed, and did not when it was repeated {took}\n{outcome.difference}", flush=True)
            case.write(self.options.out / f"once-{self.version}-{name}", outcome.difference)

    def keep(self, name, case, difference):
        kept = self.options.out / f"{self.version}-{name}"
        case.write(kept / "whole", difference)
        if not self.options.no_shrink and not isinstance(case, Folder):
            small, found = shrink.smallest(case, difference, self.play)
            small.write(kept / "smallest", found)
            shown(small, found, kept / "smallest")


def one_version(version, options, brokers, folder):
    extensions = servers.available_extensions()
    with servers.Worker(version, brokers[0], folder) as worker:
        deadline = time.monotonic() + options.minutes * 60
        comparison = Comparison(version, options, worker, brokers, folder)
        totals = comparison.totals
        for path in options.case:
            comparison.compare(path.name, Folder(path))
        seed = options.seed
        while not options.case and time.monotonic() < deadline and (not options.rounds or totals.cases < options.rounds):
            comparison.compare(f"seed-{seed}", generate.Generator(random.Random(f"{version} {seed}"), version, extensions).make())
            if totals.differences and not options.keep_going:
                break
            seed += 1
    return totals


def shown(case, difference, folder):
    print(f"the smallest case that differs, in {folder}:")
    print("\n".join(text[:1000] for text in case.setup_sql()))
    for name, steps in (("stream", case.stream), ("restart", case.restart)):
        print(f"-- {name}")
        print("\n".join(step.sql()[:1000] for step in steps))
    print("-- options", json.dumps(case.options, ensure_ascii=False))
    print(difference, flush=True)


def main():
    options = parse()
    brokers = [servers.Broker(port) for port in os.environ["STACK_KAFKA_PORTS"].split()]
    brokers[1].create({servers.OFFSETS: 1})  # as offset.storage.partitions of the worker
    print(f"seed {options.seed}; extensions: {', '.join(servers.available_extensions())}", flush=True)
    results = {}
    with servers.scratch() as folder:
        for version in VERSIONS if options.version == "both" else (options.version,):
            results[version] = one_version(version, options, brokers, folder)
    for version, totals in results.items():
        print(f"{version}: {totals}", flush=True)
    sys.stdout.flush()
    # Not sys.exit(): each list_topics() of Debian's confluent-kafka (1.7.0) takes references of None that are not its own, and
    # after many of them Python aborts while it takes itself down.
    os._exit(any(totals.differences or not totals.records for totals in results.values()))


if __name__ == "__main__":
    main()
