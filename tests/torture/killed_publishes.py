"""Publishers killed at random moments, one after the other, into one and the same store."""

import random
import shutil
import signal
import statistics
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from models.bundle import verify
from models.manifest import MANIFEST, Manifest
from models.store import Pointer
from tests.sealed_bundle import write_bundle
from tests.stores import Place, Publishers

SIZES_BYTES = (2_000, 30_000, 300_000)
"""Of each file of a bundle: where the time goes between the writes, and into them."""

_MEASURED_EVERY = 60
_MEASURED_KEPT = 3
_PAST_THE_END = 1.1


@dataclass
class KilledPublishes:
    """What came of publishers that were killed.

    Attributes:
        kills: publishers killed before they were done.
        found: where each kill hit, told by what lay in the store afterwards -> how often.
        survived: publishers that were done before their time came.
        whole: times that the pointer named a whole, verified bundle after a kill.
        next_went_through: times that the same bundle was published at the next attempt.
    """

    kills: int = 0
    found: Counter[str] = field(default_factory=Counter)
    survived: int = 0
    whole: int = 0
    next_went_through: int = 0

    def outcomes(self) -> dict[str, int | float | str]:
        """What came of it, for the table."""
        return {
            **{f"killed {moment}": self.found[moment] for moment in _MOMENTS},
            "pointer names a whole, verified bundle": self.whole,
            "it does not": self.kills - self.whole,
            "next publish went through": self.next_went_through,
            "it did not": self.kills - self.next_went_through,
        }


_MOMENTS = ("before anything was written", "amid the files", "before the pointer moved", "after it moved")


def kill_publishes(
    publishers: Publishers, place: Place, folder: Path, kills: int, chance: random.Random
) -> KilledPublishes:
    """Publish one new bundle after the other, until so many publishers were killed amid it.

    Each is killed at a moment drawn evenly from the time that a publication takes. After each kill the
    pointer must name a whole bundle, the old one or the new one, and the next attempt must succeed.

    Args:
        publishers: starts the processes.
        place: the store.
        folder: room for bundles and downloads.
        kills: how many publishers must die.
        chance: draws the moments.
    """
    came, seeds = KilledPublishes(), count()
    seconds = {size: deque[float](maxlen=_MEASURED_KEPT) for size in SIZES_BYTES}
    current = place.store.publish(_write(folder, next(seeds)), None)
    while came.kills < kills:
        seed = next(seeds)
        built, manifest = _built(folder, seed)
        own = seconds[manifest.files["index.faiss"].bytes]
        if not own or seed % _MEASURED_EVERY < len(SIZES_BYTES):
            started = time.perf_counter()
            current = place.store.publish(built, current)
            own.append(time.perf_counter() - started)
            continue
        delay_s = chance.uniform(0, _PAST_THE_END * statistics.median(own))
        code = publishers.publish(place, built, kill_after_s=delay_s)
        assert code in (0, -signal.SIGKILL), code
        after = _whole(place, folder, (current.version, manifest.version))
        if code == 0:
            came.survived += 1
            assert after.version == manifest.version
            current = after
            continue
        came.kills += 1
        came.whole += 1
        came.found[_moment(place, after, manifest)] += 1
        current = place.store.publish(built, after)
        assert place.store.current() == current
        came.next_went_through += 1
    return came


def _built(folder: Path, seed: int) -> tuple[Path, Manifest]:
    built = _write(folder, seed)
    return built, verify(built)


def _write(folder: Path, seed: int) -> Path:
    """Write the next bundle in the place of the last one."""
    built = folder / "built"
    shutil.rmtree(built, ignore_errors=True)
    write_bundle(built, seed, SIZES_BYTES[seed % len(SIZES_BYTES)])
    return built


def _whole(place: Place, folder: Path, versions: tuple[str, ...]) -> Pointer:
    """Read the pointer as an API does, and prove that the bundle it names is whole and one of these."""
    current = place.store.current()
    assert current is not None
    assert current.version in versions
    with _cache(folder / "cache") as cache:
        assert verify(place.store.fetch(current.version, cache)).version == current.version
    return current


@contextmanager
def _cache(folder: Path) -> Iterator[Path]:
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def _moment(place: Place, after: Pointer, manifest: Manifest) -> str:
    """Tell where a kill hit from what it left."""
    before, amid, unmoved, moved = _MOMENTS
    if after.version == manifest.version:
        return moved
    names = place.names_of(manifest.version)
    if f"{manifest.version}/{MANIFEST}" in names:
        return unmoved
    return amid if names else before
