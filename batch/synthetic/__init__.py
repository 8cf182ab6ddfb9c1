"""Renders a corpus of fruit photographs from a seed, so that a fresh machine has something to learn from.

They are drawings with light, shadow and camera noise: enough to drive the whole path from corpus to answer,
and no measure of how well real photographs are recognised.
"""

import io
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np

from batch.synthetic import berries, fruits
from batch.synthetic.canvas import Canvas
from batch.synthetic.objects import THINGS
from batch.synthetic.scenes import STYLES, photograph
from models.errors import SettingsError
from models.records import NOT_FRUIT

FRUITS: dict[str, Callable[[Canvas], None]] = {
    "apple": fruits.apple,
    "banana": fruits.banana,
    "blueberry": berries.blueberry,
    "eggplant": berries.eggplant,
    "grape": berries.grape,
    "kiwi": fruits.kiwi,
    "lemon": fruits.lemon,
    "lime": fruits.lime,
    "orange": fruits.orange,
    "pear": fruits.pear,
    "pineapple": berries.pineapple,
    "strawberry": berries.strawberry,
    "tomato": berries.tomato,
    "watermelon": berries.watermelon,
}
KINDS = tuple(STYLES)
FRUIT_IDS = tuple(FRUITS)
_BARE = "nothing"


@dataclass(frozen=True, slots=True)
class _Order:
    """One photo to render; everything random about it follows from these values."""

    folder: str
    subject: str
    number: int
    seed: int
    kind: str


def render_corpus(
    folder: Path,
    *,
    photos_per_fruit: int = 40,
    negatives: int = 80,
    seed: int = 1,
    kind: str = "corpus",
    on_progress: Callable[[int, int], None] | None = None,
) -> int:
    """Render `<fruit>/<nnnn>.jpg` for every fruit, and `not_fruit/<nnnn>.jpg`, under `folder`.

    The same arguments give the same bytes; another seed, kind or number another photo.

    Args:
        folder: made if need be; files of the same names are overwritten, others stay.
        photos_per_fruit: photos of each of `FRUIT_IDS`.
        negatives: photos of other things and of bare grounds.
        kind: `corpus`, or `asked` for other backgrounds, light, poses, scale and camera.
        on_progress: called with (photos done, photos in all), from this process.

    Returns:
        The number of photos written.

    Raises:
        SettingsError: an unknown kind, or a negative number.
    """
    if kind not in KINDS:
        raise SettingsError(f"Expected a kind out of {', '.join(KINDS)}, got {kind!r}.")
    if photos_per_fruit < 0 or negatives < 0 or seed < 0:
        raise SettingsError("The seed and the numbers of photos must not be negative.")
    orders = list(_orders(photos_per_fruit, negatives, seed, kind))
    for name in {order.folder for order in orders}:
        (folder / name).mkdir(parents=True, exist_ok=True)
    done = 0
    for count in _work_off([(folder, orders[start : start + 16]) for start in range(0, len(orders), 16)]):
        done += count
        if on_progress is not None:
            on_progress(done, len(orders))
    return done


def render(subject: str, number: int, *, seed: int = 1, kind: str = "corpus") -> bytes:
    """Render one photo of a fruit id, of a thing or of `nothing` as the bytes of a JPEG."""
    rng = np.random.default_rng([seed, crc32(kind.encode()), crc32(subject.encode()), number])
    style = STYLES[kind]
    painter: Callable[[Canvas], None] | None = None if subject == _BARE else {**FRUITS, **THINGS}[subject]
    image = photograph(painter, style, rng)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=int(rng.integers(style.quality[0], style.quality[1] + 1)))
    return out.getvalue()


def _orders(photos_per_fruit: int, negatives: int, seed: int, kind: str) -> Iterator[_Order]:
    for fruit in FRUITS:
        for number in range(photos_per_fruit):
            yield _Order(fruit, fruit, number, seed, kind)
    subjects = (*THINGS, _BARE)
    for number in range(negatives):
        yield _Order(NOT_FRUIT, subjects[number % len(subjects)], number, seed, kind)


def _work_off(jobs: list[tuple[Path, list[_Order]]]) -> Iterator[int]:
    """Render a few jobs here, many in as many processes as there are cores."""
    processes = min(os.cpu_count() or 1, 4, len(jobs) // 2)
    if processes < 2:
        yield from map(_render_some, jobs)
        return
    # Spawned, not forked: the caller may hold threads (Spark's, a network's) that do not survive a fork.
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as workers:
        yield from workers.map(_render_some, jobs)


def _render_some(job: tuple[Path, list[_Order]]) -> int:
    folder, orders = job
    for order in orders:
        photo = render(order.subject, order.number, seed=order.seed, kind=order.kind)
        (folder / order.folder / f"{order.number:04d}.jpg").write_bytes(photo)
    return len(orders)
