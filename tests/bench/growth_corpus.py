"""Corpora that grow: photographs as they are, then turned and mirrored ones, until there are enough."""

import os
import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from PIL import Image

from batch.synthetic import FRUIT_IDS, render_corpus
from tests.bench.photos import KINDS, development_photos
from tests.bench.settings import BenchSettings

_TURNS = (
    Image.Transpose.FLIP_LEFT_RIGHT,
    Image.Transpose.ROTATE_180,
    Image.Transpose.FLIP_TOP_BOTTOM,
    Image.Transpose.ROTATE_90,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSPOSE,
    Image.Transpose.TRANSVERSE,
)
_QUALITY = 88
_THREADS = 2
_NEGATIVE_SHARE = 0.05


def grow(asked: BenchSettings, count: int, folder: Path) -> list[Path]:
    """Put so many photos under `folder/<kind>`; a smaller corpus is a part of a larger one.

    Each photo comes once as it is before any comes again, mirrored or turned and encoded anew.

    Returns:
        the folders to build from, one a kind.

    Raises:
        ValueError: more photos are wanted than can be made of those that are here.
    """
    source = development_photos(asked)
    if source is None:
        return _rendered(count, folder)
    found = sorted(
        path for kind in KINDS for path in (source / kind).rglob("*") if path.suffix not in ("", ".csv")
    )
    if count > len(found) * (1 + len(_TURNS)):
        raise ValueError(f"Expected at most {len(found) * (1 + len(_TURNS)):,} photos, got {count:,}.")
    random.Random(5).shuffle(found)
    with ThreadPoolExecutor(_THREADS) as threads:
        list(threads.map(partial(_place, found, source, folder), range(count)))
    for kind in KINDS:
        if (source / kind / "credits.csv").is_file():
            shutil.copyfile(source / kind / "credits.csv", folder / kind / "credits.csv")
    return [folder / kind for kind in KINDS if (folder / kind).is_dir()]


def _place(found: list[Path], source: Path, folder: Path, number: int) -> None:
    path = found[number % len(found)]
    turn = number // len(found)
    target = folder / path.relative_to(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    if turn == 0:
        _link(path, target)
        return
    with Image.open(path) as photo:
        turned = photo.convert("RGB").transpose(_TURNS[turn - 1])
    turned.save(target.with_name(f"{path.stem}-turned-{turn}.jpg"), "JPEG", quality=_QUALITY)


def _link(path: Path, target: Path) -> None:
    try:
        os.link(path, target)
    except OSError:  # another file system
        shutil.copy2(path, target)


def _rendered(count: int, folder: Path) -> list[Path]:
    negatives = round(count * _NEGATIVE_SHARE)
    each = (count - negatives) // len(FRUIT_IDS)
    render_corpus(folder / "rendered", photos_per_fruit=each, negatives=count - each * len(FRUIT_IDS), seed=5)
    return [folder / "rendered"]
