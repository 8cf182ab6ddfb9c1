"""Unusable bundles offered to a running API: each is refused by the name of its file, the old one serves."""

import random
import time
from pathlib import Path
from typing import Any

import pytest

from models.locations import S3Options
from models.store import open_store
from tests.stores import Place
from tests.torture.counts import Counted
from tests.torture.damaged_bundles import damaged_bundles
from tests.torture.refused_bundles import Refusals, following_api

FLIPS, CUTS = 20, 5
SHORT = {"flipped", "lying manifest", "decodes to giants"}
MAX_WORKER_MB = 400
KINDS = {"folder": "a local folder", "s3_server": "S3 (moto)"}


def offer(place: Place, folder: Path, flips: int, cuts: int, every: int = 1) -> Refusals:
    """Offer damaged bundles to a running API, or every n-th of them."""
    came, chance = Refusals(), random.Random(11)
    with following_api(place, folder) as api:
        damaged = damaged_bundles(
            api.spare.folder, api.serving.folder, folder / "damaged", chance, flips, cuts
        )
        for number, bundle in enumerate(damaged):
            if number % every == 0:
                api.offer(bundle, came)
    total = came.offered.total()
    assert (came.named, came.told, came.answered) == (total, total, total)
    assert came.peak_mb < MAX_WORKER_MB
    return came


def test_some_damaged_bundles_are_refused_by_name_while_the_old_one_serves(tmp_path: Path) -> None:
    uri = str(tmp_path / "store")
    came = offer(Place(uri, S3Options(), open_store(uri)), tmp_path, flips=1, cuts=0, every=6)
    assert set(came.offered) >= SHORT


@pytest.mark.torture
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("kind", list(KINDS))
def test_damaged_bundles_are_refused_by_name_while_the_old_one_serves(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    uri, options, started = str(tmp_path / "store"), S3Options(), time.perf_counter()
    if kind != "folder":
        server: Any = request.getfixturevalue(kind)
        uri, options = server.new_bucket("bundles"), server.options
    came = offer(Place(uri, options, open_store(uri, options)), tmp_path, FLIPS, CUTS)
    Counted(
        f"30-damaged-bundles-{kind}",
        f"unusable bundle made current in {KINDS[kind]} that a running API follows",
        came.offered.total(),
        came.outcomes(),
        time.perf_counter() - started,
    ).save()
