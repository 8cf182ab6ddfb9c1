"""How many hopeless photos are told so, how many good ones are refused, and what the check costs."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from batch.evaluate import answer_photos
from models import near_duplicates, photo, photo_quality
from models.identifier import Identifier
from models.records import Rank
from tests.bench.conftest import Measured
from tests.bench.corpora import kind_of, listed, path_of
from tests.bench.phone_photos import large_photo, small_photo
from tests.bench.photos import KINDS, development_photos
from tests.bench.settings import BenchSettings
from tests.bench.spoiled_photos import WAYS, file_of
from tests.bench.table import middle, show

pytestmark = [pytest.mark.bench, pytest.mark.timeout(5400)]

AT_MOST = {"phone": 120, "fruits360": 120, "more": 160, "web40": 250}
HALVES = ("chosen on", "reported")
HOPELESS_TOP1, GOOD_TOP1 = 0.20, 0.73
WITHOUT_FRUIT = "beside"
TWICE = "changed: blurred"
"""It is a degree of another way."""
_BATCH = 64
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Asked:
    """Photos kept apart: pictures, their fruits, and which half of the groups each belongs to."""

    images: Sequence[Image.Image]
    fruits: Sequence[str]
    halves: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Found:
    """What became of the photos after one change, bool (n,) each.

    Attributes:
        right: the best fruit is theirs.
        named: the network names a fruit or variety.
        flagged, hopeless: they get advice; they would whatever the network says.
        told: they get advice, or are said to show no fruit.
    """

    right: Flags
    named: Flags
    flagged: Flags
    hopeless: Flags
    told: Flags


def test_advice_on_photos_spoiled_step_by_step(asked: BenchSettings, measured: Measured) -> None:
    source = development_photos(asked)
    if source is None:
        pytest.skip("needs the development photographs in ../shared")
    identifier = Identifier.load(measured.folder).without_kept_apart()
    photos = kept_apart(identifier, source)
    found = {}
    for name, way in WAYS.items():
        if name == TWICE:
            continue
        for degree in way.degrees:
            spoiled = [way.spoil(image, degree) for image in photos.images]
            found[name, degree] = judge(identifier, photos, spoiled)
    rows = [[name, f"{degree:.3g}", *shares(one)] for (name, degree), one in found.items()]
    counts = [f"{(photos.halves == half).sum()} {name}" for half, name in enumerate(HALVES)]
    show(
        "Photos kept apart and spoiled: top-1 by fruit, and how many get advice, in %",
        [
            *("change", "degree", "top-1", "advice", "hopeless", "advice or no fruit"),
            *("right names refused", "wrong names", "wrong names left"),
        ],
        rows,
        notes=[f"Photos: {', '.join(counts)}. {measured.name}.", *sums(photos, found)],
    )


def test_cost_of_the_check() -> None:
    rows = []
    for label, data in (("348 px", small_photo(1)), ("12 MP", large_photo(1))):
        decoded = photo.decode(data)
        rows.append([label, cpu_time(partial(photo.decode, data)), cpu_time(partial(check, decoded))])
    show("CPU time of the check beside decoding, ms a photo", ["photo", "decode", "check"], rows)


def cpu_time(work: Callable[[], object]) -> str:
    """Measure CPU time of this thread, in ms."""
    times = []
    for _ in range(50):
        start = time.thread_time()
        work()
        times.append(1000 * (time.thread_time() - start))
    return middle(times, 2)


def kept_apart(identifier: Identifier, source: Path) -> Asked:
    """Take a seeded sample of the photos kept apart, and halve it by near-duplicate group."""
    folders = [source / kind for kind in KINDS]
    apart = answer_photos(identifier, [str(folder) for folder in folders], only_kept_apart=True)
    files = dict(listed(folders))
    fruit_of = dict(zip(apart.paths, (label.fruit for label in apart.labels), strict=True))
    chosen: list[str] = []
    for kind, most in AT_MOST.items():
        own = sorted(image for image in apart.paths if kind_of(image) == kind)
        chosen += random.Random(7).sample(own, min(most, len(own)))
    pixels = [photo.decode(path_of(files[image]).read_bytes()).pixels for image in chosen]
    groups = near_duplicates.group([near_duplicates.signature(one) for one in pixels])
    return Asked(
        [Image.fromarray(one) for one in pixels],
        [fruit_of[image] for image in chosen],
        np.array([random.Random(int(group)).randrange(2) for group in groups]),
    )


def judge(identifier: Identifier, photos: Asked, images: Sequence[Image.Image]) -> Found:
    """Send the photos through JPEG, decoder, network and check, as an identification does."""
    decision, families = identifier.decision, identifier.catalogue.families
    decoded = [photo.decode(file_of(image)) for image in images]
    framed = [photo.fit(one.pixels, identifier.input_size) for one in decoded]
    batches = range(0, len(framed), _BATCH)
    judgement, *_ = identifier.judge(
        np.concatenate([identifier.embed(np.stack(framed[start : start + _BATCH])) for start in batches])
    )
    ranks = [decision.answer(judgement, families, row).rank for row in range(len(images))]
    named = np.array([rank in (Rank.FRUIT, Rank.VARIETY) for rank in ranks])
    best = [decision.fruits[column] for column in judgement.fruits.argmax(1)]
    measures = [check(one) for one in decoded]
    codes = [photo_quality.advice(one, named=own) for one, own in zip(measures, named.tolist(), strict=True)]
    flagged = np.array([bool(code) for code in codes])
    return Found(
        np.array(best) == np.array(photos.fruits),
        named,
        flagged,
        np.array([photo_quality.HOPELESS.broken_by(one) is not None for one in measures]),
        flagged | (judgement.is_fruit < decision.thresholds.is_fruit),
    )


def check(decoded: photo.Photo) -> photo_quality.Measures:
    """Measure one photo."""
    framed = photo.fit(decoded.pixels, photo_quality.SIDE_PX)
    return photo_quality.measure(framed, decoded.width, decoded.height)


def shares(one: Found) -> list[str]:
    """Give one line of the table, over all photos."""
    rightly = one.named & one.right
    wrongly = one.named & ~one.right
    refused = (rightly & one.flagged).sum() / max(1, rightly.sum())
    left = wrongly & ~one.flagged
    of_all = (one.right, one.flagged, one.hopeless, one.told)
    shown = [*(flags.mean() for flags in of_all), refused, wrongly.mean(), left.mean()]
    return [f"{100 * share:.1f}" for share in shown]


def sums(photos: Asked, found: Mapping[tuple[str, float], Found]) -> list[str]:
    """Add up, for each half, hopeless copies that were caught and good ones that were refused."""
    hopeless = [step for step, one in found.items() if one.right.mean() < HOPELESS_TOP1]
    good = [step for step, one in found.items() if one.right.mean() >= GOOD_TOP1 and step[0] != WITHOUT_FRUIT]
    lines = []
    for half, name in enumerate(HALVES):
        own = photos.halves == half
        caught = {
            way: np.mean([found[step].flagged[own].mean() for step in hopeless if step[0] == way])
            for way in dict.fromkeys(way for way, _ in hopeless)
        }
        every = np.concatenate([found[step].flagged[own] for step in hopeless])
        rightly = [found[step].named & found[step].right & own for step in good]
        refused = sum((found[step].flagged & some).sum() for step, some in zip(good, rightly, strict=True))
        of = sum(some.sum() for some in rightly)
        each = ", ".join(f"{way} {100 * share:.1f}" for way, share in caught.items())
        lines.append(
            f"{name}: of {len(every):,} hopeless copies (top-1 below {HOPELESS_TOP1:.0%}) "
            f"{100 * every.mean():.1f} % get advice ({each}); of {of:,} good ones (named rightly, "
            f"top-1 of the change at least {GOOD_TOP1:.0%}) {100 * refused / of:.1f} % are refused."
        )
    return lines
