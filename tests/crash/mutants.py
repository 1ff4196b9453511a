"""Is the laboratory able to find a bug? Runs it with each bug of mutations.cc built in: every run must fail, and the run
without one must pass. Prints the table of README.md. Started by `crash --mutants`."""
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
# Bug -> faults under which it is looked for.
MUTANTS = {"": "kill,none,two-sinks", "drop-event": "none", "double-event": "none", "swap-events": "none", "confirm-early": "kill",
           "skip-by-lsn": "none", "no-cas": "two-sinks"}


def run(mutation, faults, seed, delivery):
    with tempfile.TemporaryDirectory() as folder:
        summary = pathlib.Path(folder) / "summary.json"
        subprocess.run([sys.executable, "-B", HERE / "laboratory.py", "--seed", str(seed), "--minutes", "3", "--rounds", "2",
                        "--faults-a-round", "3", "--only", faults, "--mutation", mutation, "--delivery", delivery, "--summary", summary,
                        "--keep", folder], stdout=subprocess.DEVNULL, check=False)
        return json.loads(summary.read_text())


def main():
    seed, delivery = int(sys.argv[1]), sys.argv[2]
    wrong = 0
    print("| Bug | Faults | Verdict | By |\n|---|---|---|---|")
    for mutation, faults in MUTANTS.items():
        summary = run(mutation, faults, seed, delivery)
        found = {name: n for name, n in summary["checked"].items() if n and name in
                 ("lost", "doubled", "reordered", "invented", "raw_lost", "raw_doubled", "raw_wrong", "snapshot_wrong", "mirrors_wrong")}
        by = [f"{n} {name}" for name, n in found.items()] + [(text[:60] + " … " + text.splitlines()[-1][-140:] if "\n" in text else text[:200]) for text in summary["faults"][:1]]
        wrong += (summary["verdict"] == "failed") != bool(mutation)
        print(f"| {mutation or '(none)'} | {faults} | {summary['verdict']} | {'; '.join(by)} |", flush=True)
    print(f"{wrong} wrong verdicts")
    return wrong != 0


if __name__ == "__main__":
    sys.exit(main())
