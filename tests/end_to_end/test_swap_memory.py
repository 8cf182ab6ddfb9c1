"""A worker that swaps bundles again and again does not grow: the former is released, native memory too."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from examples.local_server import local_server
from tests.end_to_end.swap_bundles import (
    ask,
    plain_photo,
    published_pair,
    wait_for_loads,
    workers,
)


def growth(resident: list[int]) -> float:
    """Fit a line through resident memory, in bytes a swap."""
    return float(np.polyfit(np.arange(len(resident)), resident, 1)[0])


def resident_after_swaps(s3_server: Any, folder: Path, swaps: int) -> list[int]:
    """Let one worker follow a store on S3 through swaps, two answers each; give its bytes after each."""
    store, bundles, pointer, settings = published_pair(s3_server, folder)
    settings["FRUITS_WORKERS"] = "1"
    log, photo, resident = folder / "server.log", plain_photo(), []
    with local_server(settings, log) as base:
        (worker,) = workers()
        for swap in range(1, swaps + 1):
            next_one = bundles[(swap + 1) % 2]
            pointer = store.promote(next_one.version, pointer)
            wait_for_loads(log, swap + 1)
            for _ in range(2):
                assert next_one.shown_by(ask(base, photo))
            resident.append(worker.memory_info().rss)
    return resident


@pytest.mark.parametrize(
    ("swaps", "settled", "bound_bytes"),
    [(60, 20, 250_000), pytest.param(200, 40, 50_000, marks=pytest.mark.drill)],
)
@pytest.mark.timeout(1200)
def test_memory_stays_flat_over_swaps(
    s3_server: Any, tmp_path: Path, swaps: int, settled: int, bound_bytes: int
) -> None:
    resident = resident_after_swaps(s3_server, tmp_path, swaps)
    bytes_a_swap = growth(resident[settled:])
    figures = (
        f"{resident[settled] / 1e6:.1f} MB after {settled} swaps, {resident[-1] / 1e6:.1f} MB after {swaps}"
    )
    print(f"{figures}: {bytes_a_swap / 1e3:.1f} kB a swap")
    # The smallest part of these bundles that could be left behind is the index: 256 kB.
    assert bytes_a_swap < bound_bytes, resident
