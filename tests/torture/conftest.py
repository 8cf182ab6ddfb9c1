"""What every drill of `make torture` shares: their counts end in one table."""

import time

import pytest

from tests.marked_blocks import replace_block
from tests.torture import counts

_started = pytest.StashKey[float]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_started] = time.time()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Print what this run counted; write everything counted so far to docs/resilience.md."""
    if new := counts.saved(session.config.stash.get(_started, time.time())):
        print(f"\n\n{counts.as_markdown(new)}")
        replace_block(counts.page(), "counts", counts.as_markdown(counts.saved()))
