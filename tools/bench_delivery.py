"""What exactly-once costs: the three modes of delivery beside each other."""
import collections
import statistics
import time

from bench_base import Meter, NARROW, TopicEnd, percentiles, pipeline, prepare_backlog, table, tell_inserts, thousand, watched_inserts


def read_committed(pipe, rows):
    """Rows a second until a consumer that reads what is committed can read the last one, and our CPU."""
    end = TopicEnd(pipe.topic("load"))
    before = end()
    begun = time.monotonic()
    meter = Meter(pipe.start("produce").pid)
    there, changed = 0, begun
    while there < rows or time.monotonic() - changed < 1:  # The ends of transactions have offsets too.
        pipe.check_alive()
        now = time.monotonic()
        if now - begun > 600:
            raise TimeoutError(f"{there} of {rows} rows in ten minutes")
        if (found := end() - before) != there:
            there, changed = found, now
        time.sleep(0.01)
    return rows / (changed - begun), meter.cpu_seconds() / rows * 1e6


def delivery(options, loads):
    """Loads: how many rows each. The modes take turns, so that a slow minute of the machine meets all of them."""
    modes = ("at-least-once", "exactly-once", "transactional")
    rates, waits = collections.defaultdict(list), {}
    for _ in range(options.runs):
        for load in loads:
            for mode in modes:
                with pipeline("delivery", pipeline={"delivery": mode}, lake=False, target=False) as pipe:
                    prepare_backlog(pipe, load)
                    rates[mode, load.title].append(read_committed(pipe, load.rows))
    for mode in modes:
        with pipeline("delivery", pipeline={"delivery": mode}) as pipe:
            pipe.source.query(NARROW)
            pipe.source.query("INSERT INTO load (n) VALUES (0)")
            pipe.start()
            pipe.wait_streaming()
            pipe.wait_equal(["load"])
            tell_inserts(pipe.target, "public.load")
            committed, (kafka, _) = watched_inserts(pipe, 200, options.seconds)
            waits[mode] = percentiles(committed, kafka)
    rows = []
    for mode in modes:
        row = [mode]
        for load in loads:
            rate, cpu = (statistics.median(values) for values in zip(*rates[mode, load.title]))
            ratio = statistics.median(ours[0] / base[0] for ours, base in zip(rates[mode, load.title], rates[modes[0], load.title]))
            row += [thousand(rate), f"{ratio:.2f}", f"{cpu:.1f}"]
        rows.append((*row, *waits[mode]))
    table("What a delivery costs: until the last record can be read (read_committed); ms from commit to Kafka at 200 tx/s",
          ("delivery", *(f"{load.title}, {what}" for load in loads for what in ("rows/s", "ratio", "CPU µs/event")), "p50", "p99", "max"), rows)
