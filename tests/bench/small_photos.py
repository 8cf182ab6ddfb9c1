"""Corpora of photos of 100 px, as Fruits-360 has them: one fruit on white, a folder a fruit."""

import os
import random
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, product
from pathlib import Path

from PIL import Image

from batch.synthetic import FRUIT_IDS, render_corpus
from tests.bench.photos import development_photos
from tests.bench.settings import BenchSettings

SIDE_PX = 100
_QUALITY = 90
_THREADS = 2
_TURNS = (None, *Image.Transpose)
"""Each photo as it is before any comes again, mirrored or turned."""


def small_photos(asked: BenchSettings, count: int, folder: Path) -> str:
    """Put so many photos under `folder/<fruit>/`, and say what they are.

    Raises:
        ValueError: more photos are wanted than can be made of those that are here.
    """
    source = development_photos(asked)
    if source is None:
        rendered = folder.parent / f"{folder.name}-rendered"
        render_corpus(rendered, photos_per_fruit=-(-count // len(FRUIT_IDS)), negatives=0, seed=5)
        found, what = _images(rendered), f"rendered photos of {SIDE_PX} px (the real ones are not here)"
    else:
        found = _images(source / "fruits360")
        what = f"photos of Fruits-360 ({SIDE_PX} px), mirrored and turned ones among them"
    random.Random(5).shuffle(found)  # few photos are of many fruits too
    made = list(islice(product(_TURNS, found), count))
    if len(made) < count:
        raise ValueError(f"Expected at most {len(made):,} photos of {SIDE_PX} px, got {count:,}.")
    with ThreadPoolExecutor(_THREADS) as threads:
        list(threads.map(lambda pair: _place(pair[1], pair[0], folder), made))
    return f"{count:,} {what}"


def every(folder: Path) -> list[Path]:
    """List the photos of a corpus, sorted."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def link(photos: Sequence[Path], source: Path, target: Path) -> Path:
    """Give some photos of a corpus a corpus of their own."""
    for path in photos:
        place = target / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        os.link(path, place)
    return target


def spread_over(photos: Sequence[Path], count: int) -> list[Path]:
    """Take so many photos, evenly spread over all."""
    return [photos[place * len(photos) // count] for place in range(min(count, len(photos)))]


def _images(folder: Path) -> list[Path]:
    return [path for path in every(folder) if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp")]


def _place(path: Path, turn: Image.Transpose | None, folder: Path) -> None:
    said = "as-it-is" if turn is None else turn.name.lower()  # the first of the turns is 0, which is falsy
    target = folder / path.parent.name / f"{path.stem}-{said}.jpg"
    target.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(path) as photo:
        if turn is None and photo.format == "JPEG" and photo.size == (SIDE_PX, SIDE_PX):
            shutil.copyfile(path, target)
            return
        small = photo.convert("RGB").resize((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS)
    (small if turn is None else small.transpose(turn)).save(target, "JPEG", quality=_QUALITY)
