"""A thousand publishers killed at random moments, on disk and on S3: what is current is always whole."""

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from models.locations import S3Options
from models.store import open_store
from tests.stores import Place, Publishers, publishers
from tests.torture.counts import Counted
from tests.torture.killed_publishes import kill_publishes

KINDS = {"folder": "a local folder", "s3_server": "S3 (moto)", "rgw_server": "S3 (Ceph)"}
KILLS = {"folder": 1_000, "s3_server": 500, "rgw_server": 500}


@pytest.fixture
def forked(aws_environment: pytest.MonkeyPatch) -> Iterator[Publishers]:
    with publishers() as running:
        yield running


def empty_store(kind: str, request: pytest.FixtureRequest, folder: Path) -> Place:
    if kind == "folder":
        uri = str(folder / "store")
        return Place(uri, S3Options(), open_store(uri))
    server: Any = request.getfixturevalue(kind)
    uri = server.new_bucket("bundles")
    return Place(uri, server.options, open_store(uri, server.options))


@pytest.mark.parametrize("kind", ["folder", "s3_server"])
def test_some_kills_at_random_moments_leave_a_whole_bundle_current(
    kind: str, forked: Publishers, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    kills, place = 4, empty_store(kind, request, tmp_path)
    came = kill_publishes(forked, place, tmp_path, kills, random.Random(5))
    assert (came.kills, came.whole, came.next_went_through) == (kills, kills, kills)


@pytest.mark.torture
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("kind", list(KINDS))
def test_kills_at_random_moments_leave_a_whole_bundle_current(
    kind: str, forked: Publishers, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    kills, place, started = KILLS[kind], empty_store(kind, request, tmp_path), time.perf_counter()
    came = kill_publishes(forked, place, tmp_path, kills, random.Random(7))
    assert (came.kills, came.whole, came.next_went_through) == (kills, kills, kills)
    assert sum(came.found.values()) == kills
    assert len(came.found) >= 3, came.found
    Counted(
        f"20-killed-publishes-{kind}",
        f"publisher killed (kill -9) at a random moment, into {KINDS[kind]}",
        kills,
        came.outcomes(),
        time.perf_counter() - started,
    ).save()
