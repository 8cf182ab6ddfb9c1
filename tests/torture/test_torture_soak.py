"""Hours in small: steady load, a new bundle every minute, and nothing that grows meanwhile."""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.store import Pointer, Store
from tests.end_to_end.swap_bundles import Coloured, published_pair, wait_for_loads
from tests.torture.counts import Counted
from tests.torture.open_loop import Target, post_photo
from tests.torture.outcomes import Outcomes, phone_photo, sort_out
from tests.torture.process_samples import Sample, growth_of_least, growth_of_memory, sampled
from tests.torture.running_server import RunningServer, running_server

SOAK_S = "TORTURE_SOAK_S"
DEFAULT_SOAK_S = 1800.0
WORKERS = 2
LOAD = 0.7
SWAP_EVERY_S = 60.0
FEW_CLIENTS = 4
# As many clients at once as all threads of all workers: pools and buffers grow before memory is watched.
CROWD, CROWD_S = 40, 10.0
# The share of the run after which memory is watched: allocators and caches have found their size.
WARM_UP = 0.25
MOST_GROWTH = 0.01
# Connections to the store come and go.
MOST_MORE_DESCRIPTORS = MOST_MORE_THREADS = 2 * WORKERS


@dataclass(frozen=True)
class Soak:
    """How a soak is run.

    Attributes:
        seconds: it lasts.
        swap_every_s: seconds between two new bundles.
        sample_every_s: seconds between two looks at the workers.
        measure_s: seconds in which the capacity is measured.
    """

    seconds: float
    swap_every_s: float
    sample_every_s: float
    measure_s: float


@dataclass(frozen=True)
class Soaked:
    """What a soak showed.

    Attributes:
        rate: requests offered a second.
        outcomes: what became of them, without the bodies of the answers.
        versions: how often each bundle answered.
        swaps: bundles that all workers took over.
        samples: of the workers, from the end of the warm-up on.
    """

    rate: float
    outcomes: Outcomes
    versions: Mapping[str, int]
    swaps: int
    samples: list[Sample]


class Publisher:
    """Makes one of two bundles current after the other, and waits until all workers serve it."""

    def __init__(self, store: Store, bundles: list[Coloured], pointer: Pointer | None, log: Path) -> None:
        self._store, self._bundles, self._pointer, self._log = store, bundles, pointer, log
        self.swaps = 0

    def swap(self) -> None:
        """Make the other bundle current."""
        next_one = self._bundles[self.swaps % 2]
        self._pointer = self._store.promote(next_one.version, self._pointer)
        self.swaps += 1
        wait_for_loads(self._log, WORKERS * (self.swaps + 1))


async def soak(server: RunningServer, publisher: Publisher, bundles: list[Coloured], how: Soak) -> Soaked:
    """Offer a part of the capacity for a time, with a new bundle now and then."""
    photos, versions = Target(server.base, post_photo(phone_photo())), Counter[str]()

    def right(answer: dict[str, Any]) -> bool:
        shown = [bundle.version for bundle in bundles if bundle.shown_by(answer)]
        versions.update(shown)
        return len(shown) == 1

    started = time.monotonic()
    measured = sort_out(await photos.keep_asking(FEW_CLIENTS, how.measure_s), right)
    rate = LOAD * len(measured.right) / (time.monotonic() - started)
    await photos.keep_asking(CROWD, min(CROWD_S, how.measure_s))
    versions.clear()
    stopped = asyncio.Event()
    sampling = asyncio.create_task(sampled(server.workers(), how.sample_every_s, stopped))
    outcomes = Outcomes([], [], [], [])
    for _ in range(max(1, round(how.seconds / how.swap_every_s))):
        # The swap comes amid the requests of its minute.
        sending = asyncio.create_task(photos.offer(rate, how.swap_every_s))
        await asyncio.sleep(how.swap_every_s / 2)
        await asyncio.to_thread(publisher.swap)
        outcomes.add(sort_out(await sending, right))
    stopped.set()
    samples = await sampling
    return Soaked(rate, outcomes, versions, publisher.swaps, samples[int(WARM_UP * len(samples)) :])


def soaked(s3_server: Any, folder: Path, how: Soak) -> Soaked:
    """Run a soak on a server and a store of its own, and check what came of it."""
    store, bundles, pointer, settings = published_pair(s3_server, folder)
    settings |= {"FRUITS_WORKERS": str(WORKERS), "FRUITS_STORE_POLL_S": f"{min(1.0, how.swap_every_s / 10)}"}
    log = folder / "server.log"
    with running_server(settings, log) as server:
        wait_for_loads(log, WORKERS)
        before = {worker.pid for worker in server.workers()}
        seen = asyncio.run(soak(server, Publisher(store, bundles, pointer, log), bundles, how))
        assert {worker.pid for worker in server.workers()} == before
    assert (seen.outcomes.wrong, seen.outcomes.lost) == ([], [])
    assert set(seen.versions) == {bundle.version for bundle in bundles}
    assert len(seen.outcomes.right) > len(seen.outcomes.refused)
    return seen


def test_bundles_change_under_steady_load_and_every_answer_is_of_one(s3_server: Any, tmp_path: Path) -> None:
    how = Soak(seconds=2, swap_every_s=1, sample_every_s=0.1, measure_s=1)
    seen = soaked(s3_server, tmp_path, how)
    assert seen.swaps == 2
    assert len(seen.samples) > 3


@pytest.mark.torture
@pytest.mark.timeout(0)
def test_nothing_grows_under_steady_load_with_a_new_bundle_every_minute(
    s3_server: Any, tmp_path: Path
) -> None:
    seconds = float(os.environ.get(SOAK_S, DEFAULT_SOAK_S))
    # A shorter soak has shorter minutes: as many swaps as the long one, at least 6 seconds apart.
    swap_every_s = max(6.0, min(SWAP_EVERY_S, seconds * SWAP_EVERY_S / DEFAULT_SOAK_S))
    how = Soak(seconds, swap_every_s, sample_every_s=min(5.0, swap_every_s / 12), measure_s=10)
    started = time.monotonic()
    seen = soaked(s3_server, tmp_path, how)
    memory = growth_of_memory(seen.samples)
    descriptors = growth_of_least([sample.descriptors for sample in seen.samples])
    threads = growth_of_least([sample.threads for sample in seen.samples])
    resident = [sample.resident_bytes / 1e6 for sample in seen.samples]
    counts = {
        **seen.outcomes.as_counts(),
        "swaps by every worker": seen.swaps,
        "answers by the bundles": " and ".join(f"{count:,}" for count in seen.versions.values()),
        "resident memory of the workers": f"{min(resident):.0f} to {max(resident):.0f} MB",
        "its medians, MB, a fifth of the run each": " ".join(
            f"{np.median(part):.0f}" for part in np.array_split(resident, 5)
        ),
        "its line over the run": f"{memory:+.2%}",
        "more descriptors at the end": descriptors,
        "more threads at the end": threads,
    }
    what = f"soak: {LOAD:.0%} load ({seen.rate:.0f} photos a second) for {seconds / 60:.0f} minutes"
    total = len(seen.outcomes.all)
    print(counts)
    assert memory <= MOST_GROWTH, counts
    assert descriptors <= MOST_MORE_DESCRIPTORS, counts
    assert threads <= MOST_MORE_THREADS, counts
    Counted("50-soak", what, total, counts, time.monotonic() - started).save()


def test_a_leak_shows() -> None:
    """The soak could not fail if this did not hold."""
    flat = [Sample(float(second), 300_000_000 + 500_000 * (second % 3), 40, 50) for second in range(100)]
    leaking = [Sample(one.at_s, one.resident_bytes + int(one.at_s * 60_000), 40, 50) for one in flat]
    assert abs(growth_of_memory(flat)) < MOST_GROWTH < growth_of_memory(leaking)
    busy = [40 + second % 7 for second in range(100)]
    assert growth_of_least(busy) == 0
    assert (
        growth_of_least([count + second // 10 for second, count in enumerate(busy)]) > MOST_MORE_DESCRIPTORS
    )
