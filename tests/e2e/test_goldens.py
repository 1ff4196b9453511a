"""What walrelay writes is, byte for byte, what the real Debezium wrote for the same SQL and options: tests/goldens, for
the cases named in its cases.txt."""
import golden
import pytest
from harness import needs_stack


@pytest.mark.parametrize("name, version", golden.cases())
def test_golden(name, version, tmp_path):
    needs_stack()
    case = golden.GOLDENS / name
    if not golden.server_matches(case):
        pytest.skip("for another version of PostgreSQL")
    with golden.GoldenPipeline(case, version, tmp_path) as pipeline:
        pipeline.play(case)
        pipeline.dump(tmp_path / "actual.jsonl")
        pipeline.show_log()
    difference = golden.compare(case / f"{version}.jsonl", tmp_path / "actual.jsonl")
    assert not difference, difference


def test_cases_exist():
    found = list(golden.cases())
    assert found
    for name, version in found:
        assert (golden.GOLDENS / name / f"{version}.jsonl").stat().st_size > 0
