"""What walrelay writes is, byte for byte, what the real Debezium wrote for the same SQL and options: every case of
tests/goldens, in both versions."""
import golden
import pytest
from harness import needs_stack


@pytest.fixture(scope="session")
def cluster():
    return golden.Cluster()


@pytest.mark.parametrize("name, version", golden.cases())
def test_golden(name, version, tmp_path, cluster):
    needs_stack()
    case = golden.GOLDENS / name
    if not golden.server_matches(case):
        pytest.skip("for another version of PostgreSQL")
    with golden.GoldenPipeline(case, version, tmp_path, cluster) as pipeline:
        pipeline.play(case)
        pipeline.dump(tmp_path / "actual.jsonl")
        pipeline.show_log()
    difference = golden.compare(case / f"{version}.jsonl", tmp_path / "actual.jsonl")
    assert not difference, difference


def test_every_case_was_recorded_in_full():
    found = list(golden.cases())
    assert found
    for name, version in found:
        assert (golden.GOLDENS / name / f"{version}.jsonl").stat().st_size > 0
