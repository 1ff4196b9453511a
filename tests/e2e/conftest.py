"""Fixtures of the end-to-end tests."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import harness  # noqa: E402  ends the run with code 77 where there are no servers


def short_name(request):
    return request.node.name.removeprefix("test_").lower().translate(str.maketrans("[]-.", "____"))[:30]


@pytest.fixture
def shop(tmp_path, request):
    """A pipeline whose source has the four tables and sample rows of sql/source.sql."""
    with harness.Pipeline(short_name(request), tmp_path) as pipeline:
        pipeline.source.run_file(harness.ROOT / "sql" / "source.sql")
        yield pipeline
        pipeline.show_log()


@pytest.fixture
def events(tmp_path, request):
    """A pipeline whose source has the table `events` of the harness, empty."""
    with harness.Pipeline(short_name(request), tmp_path) as pipeline:
        pipeline.source.query(harness.EVENTS)
        yield pipeline
        pipeline.show_log()
