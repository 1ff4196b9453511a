"""Random cases, walrelay beside the real Debezium: tools/differential, some minutes for each version, always the same cases."""
import os
import subprocess

from harness import BINARY, ROOT, needs_stack

SEED, MINUTES, LIMIT_SECONDS = 1, 2, 840


def test_random_cases_are_byte_for_byte_what_debezium_writes():
    needs_stack()  # it starts servers of its own, but brings jars and packages, as tools/test may
    command = [ROOT / "tools" / "differential", "--seed", str(SEED), "--minutes", str(MINUTES)]
    with subprocess.Popen(command, env=dict(os.environ, WALRELAY_BINARY=str(BINARY)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as process:
        try:
            said, _ = process.communicate(timeout=LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            process.terminate()  # it stops its servers
            said, _ = process.communicate(timeout=50)
            said += f"\nnot done within {LIMIT_SECONDS} s"
    print(said)
    assert process.returncode == 0, "\n".join(said.splitlines()[-40:])
