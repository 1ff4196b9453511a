"""The crash laboratory: load, faults, comparison, verdict. README.md says what it proves and how."""
import argparse
import gc
import json
import pathlib
import shutil
import sys
import tempfile
import time

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parents[1] / "e2e")]
import nemeses  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(prog="crash", description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100000)
    parser.add_argument("--minutes", type=float, default=5, help="how long faults go on; the last check comes on top")
    parser.add_argument("--rounds", type=int, default=0, help="end after as many rounds, if that is earlier")
    parser.add_argument("--only", default="", help="names of nemeses, with commas")
    parser.add_argument("--each", action="store_true", help="each of them once a round, in this order, instead of some by chance")
    parser.add_argument("--points", default="", help="only these crash points, with commas")
    parser.add_argument("--every-point", type=int, default=0, metavar="N",
                        help="only crash points, until each was hit N times; one that was not when the minutes are over is a fault")
    parser.add_argument("--list", action="store_true", help="print the nemeses and crash points, and end")
    parser.add_argument("--delivery", default="exactly-once")
    parser.add_argument("--allow-duplicates", action="store_true",
                        help="records repeated in Kafka are counted, not faults (delivery = at-least-once promises no more)")
    parser.add_argument("--mutation", default="", help="run with this bug built in; the laboratory must find it")
    parser.add_argument("--faults-a-round", type=int, default=3)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--partitions", type=int, default=3, help="of each topic")
    parser.add_argument("--summary", type=pathlib.Path, default=None, help="where the machine-readable summary goes")
    parser.add_argument("--keep", type=pathlib.Path, default=pathlib.Path("crash-logs"), help="where the logs of a failed run go")
    return parser.parse_args()


def main():
    options = arguments()
    if options.list:
        print("nemeses:", *nemeses.NEMESES, "snapshot quiet held-produce held-endtxn zombie")
        print("crash points:", *nemeses.crash_points())
        return 0
    if options.every_point:
        options.only = options.only or "crash-point,snapshot,quiet"
    import campaign  # ends the process with 77 where there are no servers
    import trials
    nemeses.NEMESES.update(trials.TRIALS)
    print(f"seed {options.seed}", flush=True)
    gc.disable()  # Millions of events, none in a cycle: to look through them again and again takes longer than to compare them.
    folder = pathlib.Path(tempfile.mkdtemp(prefix="walrelay-crash-", dir="/var/tmp"))
    summary = campaign.run(options, folder)
    for reason in summary["faults"] + summary["findings"]:  # Before the figures, where a shortened log still has it.
        print(f"fault: {str(reason)[:600]}")
    text = json.dumps(summary, indent=1)
    print(text)
    if options.summary:
        options.summary.write_text(text + "\n", encoding="utf-8")
    if summary["verdict"] == "failed":
        kept = options.keep / f"seed-{options.seed}"
        shutil.copytree(folder, kept, dirs_exist_ok=True)
        (kept / "summary.json").write_text(text + "\n", encoding="utf-8")
        print(f"logs and summary: {kept}")
    shutil.rmtree(folder, ignore_errors=True)
    print(f"crash laboratory: {summary['verdict']}, seed {options.seed}")
    return summary["verdict"] != "passed"


if __name__ == "__main__":
    sys.exit(main())
