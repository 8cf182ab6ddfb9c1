"""How often fruitnet and the classic recipe name the right fruit, on photos that none of them has seen."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from batch.evaluate import answer_photos
from batch.evaluation import Answered, measure
from batch.terminal import metrics_table
from models.identifier import Identifier
from tests.bench.classic import COMPONENTS, NEIGHBOURS, ClassicRecipe
from tests.bench.conftest import Measured
from tests.bench.corpora import copy, kind_of, listed, load
from tests.bench.photos import KINDS, development_photos
from tests.bench.settings import BenchSettings
from tests.bench.table import show

pytestmark = [pytest.mark.bench, pytest.mark.timeout(5400)]

NETWORK = "mobilenet_v2_imagenet_int8.tflite"
NEGATIVES = "not_fruit"
STUDIO = "fruits360"
COLUMNS = {"phone": "phone", "web40": "web", STUDIO: "studio", "more": "more"}
FRUITNET, CLASSIC, CLASSIC_STUDIO = "fruitnet", "classic", "classic, studio photographs"
PACKAGES = ("ai-edge-litert", "faiss-cpu", "pyspark", "scikit-learn", "pillow")


def test_top1_by_fruit_of_fruitnet_against_the_classic_recipe(
    asked: BenchSettings, shared_data: Path, measured: Measured, bench_folder: Path
) -> None:
    source = development_photos(asked)
    assert source
    clock = Clock()
    recipe = ClassicRecipe(shared_data / NETWORK, bench_folder)
    store = recipe.store("classic", [source / kind for kind in KINDS])
    classic = load(store, bench_folder).without_kept_apart()
    clock.lap("build the classic bundle")
    folders = [str(source / kind) for kind in KINDS]
    answered = {CLASSIC: answer_photos(classic, folders, only_kept_apart=True)}
    clock.lap("answer with it, and find the photos kept apart")
    apart = set(answered[CLASSIC].paths)
    photos = dict(listed([source / kind for kind in KINDS]))
    studio = copy(
        photos, [i for i in photos if kind_of(i) == STUDIO and i not in apart], bench_folder / "studio"
    )
    validation = copy(photos, sorted(apart), bench_folder / "validation")
    only_studio = load(recipe.store("classic-studio", [studio / STUDIO]), bench_folder)
    clock.lap("build the classic bundle from studio photographs")
    fruitnet = Identifier.load(measured.folder).without_kept_apart()
    identifiers = {CLASSIC_STUDIO: only_studio, FRUITNET: fruitnet}
    for name, identifier in identifiers.items():
        answered[name] = answer_photos(identifier, [str(validation / kind) for kind in KINDS])
        clock.lap(f"answer with {name}")
    unseen, seen = left_out({CLASSIC: classic, **identifiers}, answered)
    # A photo changes sides when a further corpus joins its near-duplicate group to another.
    assert seen <= 0.001 * len(apart) or asked.store, "the default bundle holds photos that are kept apart"
    report_by_fruit(unseen, measured, seen, clock)
    report_by_kind(unseen)


class Clock:
    """Wall time of each step."""

    def __init__(self) -> None:
        self.laps: list[str] = []
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """End a step."""
        now = time.perf_counter()
        self.laps.append(f"{name} {now - self._last:,.0f} s")
        self._last = now


def left_out(
    identifiers: Mapping[str, Identifier], answered: Mapping[str, Answered]
) -> tuple[dict[str, Answered], int]:
    """Leave out photos that one of the indexes holds; all bundles must have answered the same photos."""
    known = {image for identifier in identifiers.values() for image in identifier.images}
    asked = {name: dict(zip(one.paths, one.labels, strict=True)) for name, one in answered.items()}
    assert all(labels == asked[CLASSIC] for labels in asked.values())
    fair = {}
    for name, one in answered.items():
        order = sorted(range(len(one.paths)), key=one.paths.__getitem__)
        fair[name] = one.select([row for row in order if one.paths[row] not in known])
    assert len({tuple(one.paths) for one in fair.values()}) == 1
    return fair, len(asked[CLASSIC]) - len(fair[CLASSIC].paths)


def report_by_fruit(answered: Mapping[str, Answered], measured: Measured, seen: int, clock: Clock) -> None:
    ways = (CLASSIC, FRUITNET)
    fruits = sorted({label.fruit for label in answered[CLASSIC].labels if label.is_fruit})
    rows = [[fruit, *by_kind(answered, ways, [fruit])] for fruit in fruits]
    rows.append(["all fruits", *by_kind(answered, ways, fruits)])
    fruits_apart = int(answered[CLASSIC].is_fruit.sum())
    others = len(answered[CLASSIC].labels) - fruits_apart
    notes = [
        f"Kept apart by near-duplicate group: {fruits_apart:,} photos of fruits, {others:,} that show none.",
        f"fruitnet: {measured.name}.",
        f"classic: ImageNet's MobileNetV2 (int8), {COMPONENTS} components, {NEIGHBOURS} nearest neighbour.",
        "No index or network saw these photos, but builds fit blend, calibration and thresholds on them.",
        f"Wall time: {'; '.join(clock.laps)}.",
    ]
    if seen:
        notes.append(
            f"Left out: {seen:,} photos that lie in an index. That bundle was built from another selection: "
            "its network may have learned from photos that are asked here."
        )
    headings = ["fruit", *(heading for _ in COLUMNS for heading in ("photos", *ways))]
    groups = ["", *(cell for name in COLUMNS.values() for cell in ("", "", name))]
    show(
        "Top-1 by fruit, in %: the classic recipe and fruitnet on the same photos",
        headings,
        rows,
        packages=PACKAGES,
        groups=groups,
        notes=notes,
    )


def by_kind(answered: Mapping[str, Answered], ways: Sequence[str], fruits: Sequence[str]) -> list[str]:
    """Give, for each kind, the number of photos of some fruits and the share that each way has right."""
    cells = []
    for kind in COLUMNS:
        some = [one.of_kind(kind) for one in (answered[way] for way in ways)]
        rows = [row for row, label in enumerate(some[0].labels) if label.fruit in fruits]
        cells += [f"{len(rows):,}" if rows else ""]
        cells += [f"{100 * one.right[rows].mean():.1f}" if rows else "" for one in some]
    return cells


def report_by_kind(answered: Mapping[str, Answered]) -> None:
    """Give the other figures, of each kind with all photos that show no fruit."""
    figures = {}
    for kind, column in {**COLUMNS, "": "all"}.items():
        for way in (FRUITNET, CLASSIC, CLASSIC_STUDIO):
            one = answered[way]
            rows = [row for row, own in enumerate(one.kinds) if own in (kind or own, NEGATIVES)]
            figures[f"{column}: {way}"] = measure(one.select(rows))
    print("\nBy kind of photo; false fruits and AUROC against all photos that show none")
    print(metrics_table(figures))
