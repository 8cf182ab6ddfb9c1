"""A publisher may be killed at any moment: what was current stays so until the new bundle is there, whole."""

import os
import signal
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, Literal

import pytest

from models.bundle import verify
from models.locations import S3Options
from models.store import Pointer, open_store
from tests.flaky_server import WRITES
from tests.stores import Place, Publishers, publishers, version_of, write_uneven_bundle

Moment = Literal["before", "after"]
LARGE_BYTES = 9_000_000


@pytest.fixture
def forked(aws_environment: pytest.MonkeyPatch) -> Iterator[Publishers]:
    with publishers() as running:
        yield running


def assert_whole(place: Place, old: Pointer, new: str, cache: Path) -> bool:
    """Prove that what is current is whole, and is the old bundle or the new one; tell which: True for new."""
    current = place.store.current()
    assert current == old or (current is not None and current.version == new)
    verify(place.store.fetch(current.version, cache))
    assert set(place.store.versions()) <= {old.version, new}
    return current != old


def test_killed_at_any_write_to_a_folder_leaves_a_whole_bundle_current(
    forked: Publishers, built: list[Path], tmp_path: Path
) -> None:
    new, outcomes = version_of(built[1]), []
    for moment in count(1):
        uri = str(tmp_path / f"store-{moment}")
        place = Place(uri, S3Options(), open_store(uri))
        old = place.store.publish(built[0], None)
        code = forked.publish(place, built[1], moment)
        outcomes.append(assert_whole(place, old, new, tmp_path))
        if code == 0:
            break
        assert code == -signal.SIGKILL
        place.store.publish(built[1], place.store.current())  # nothing is in the way of the next attempt
        assert assert_whole(place, old, new, tmp_path)
    assert len(outcomes) > 10
    assert outcomes == sorted(outcomes)
    assert outcomes[-1]


def killed_at_each_write(
    server: Any, forked: Publishers, moment: Moment, folders: list[Path], tmp_path: Path, step: int = 1
) -> list[bool]:
    """Kill one publisher after the other, each at a later write; tell of each whether its bundle is current.

    Args:
        server: the S3 server; the publishers reach it through another one, which kills them.
        forked: starts the publishers.
        moment: before the server is asked, or once it has done what it was asked and not said so yet.
        folders: the bundle that is current, and the one that is published.
        tmp_path: room for downloads.
        step: kills at every n-th write alone.
    """
    new, outcomes = version_of(folders[1]), []
    with server.flaky() as (flaky, through):
        for doomed in count(1, step):
            uri = server.new_bucket("bundles")
            place = Place(uri, server.options, open_store(uri, server.options))
            old = place.store.publish(folders[0], None)
            writes = count(1)

            def kill(method: str, path: str, writes: Any = writes, doomed: int = doomed) -> bool:
                if method not in WRITES or next(writes) != doomed:
                    return False
                os.kill(forked.victim.get(timeout=60), signal.SIGKILL)
                return True

            setattr(flaky, moment, kill)
            code = forked.publish(Place(uri, through, place.store), folders[1])
            outcomes.append(assert_whole(place, old, new, tmp_path / str(doomed)))
            if code == 0:
                return outcomes
            assert code == -signal.SIGKILL
            place.store.publish(folders[1], place.store.current())
            assert assert_whole(place, old, new, tmp_path / str(doomed))
    raise AssertionError("unreachable")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_some_writes_to_s3_leaves_a_whole_bundle_current(
    s3_server: Any, forked: Publishers, built: list[Path], tmp_path: Path, moment: Moment
) -> None:
    outcomes = killed_at_each_write(s3_server, forked, moment, built, tmp_path, step=4)
    assert outcomes == sorted(outcomes)
    assert outcomes[-1]


@pytest.mark.drill
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("kind", ["s3_server", "rgw_server"])
def test_killed_at_any_write_to_s3_leaves_a_whole_bundle_current(
    request: pytest.FixtureRequest,
    forked: Publishers,
    built: list[Path],
    tmp_path: Path,
    kind: str,
    moment: Moment,
) -> None:
    """A file of two parts is among them: each part, and the words before and after them, is a write."""
    write_uneven_bundle(built[1], 1, LARGE_BYTES)
    outcomes = killed_at_each_write(request.getfixturevalue(kind), forked, moment, built, tmp_path)
    assert len(outcomes) > 15
    assert outcomes == sorted(outcomes)
    assert outcomes[-1]
    assert outcomes.count(True) == (1 if moment == "before" else 2)
