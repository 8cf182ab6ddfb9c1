"""How much better several photos of a fruit are answered together than one alone."""

import random
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from batch.evaluate import answer_photos
from batch.evaluation import Answered
from models.decision import Judgement
from models.identifier import Identifier
from models.records import Label, Rank
from tests.bench.conftest import Measured
from tests.bench.corpora import copy, kept_apart, kind_of, listed
from tests.bench.photos import KINDS, development_photos
from tests.bench.settings import BenchSettings
from tests.bench.table import show

pytestmark = [pytest.mark.bench, pytest.mark.timeout(5400)]

ASKED_KINDS = {"phone": "phone", "web40": "web", "more": "more"}
COUNTS = (1, 2, 3, 5)
ROUNDS = 20


def test_top1_by_number_of_photos(asked: BenchSettings, measured: Measured, bench_folder: Path) -> None:
    source = development_photos(asked)
    if source is None:
        pytest.skip("needs the development photographs in ../shared")
    identifier = Identifier.load(measured.folder).without_kept_apart()
    photos = dict(listed([source / kind for kind in KINDS]))
    groups, known = kept_apart(photos), identifier.images
    chosen = [image for image in groups if kind_of(image) in ASKED_KINDS and image not in known]
    folder = copy(photos, chosen, bench_folder / "several")
    answered = answer_photos(identifier, [str(folder / kind) for kind in ASKED_KINDS])
    shutil.rmtree(folder)
    rows, notes = [], []
    for kind, name in ASKED_KINDS.items():
        draws = list(drawn(answered, kind, groups))
        fruits = {answered.labels[draw[0]].fruit for draw in draws}
        notes.append(f"{name}: {len(draws):,} draws of {max(COUNTS)} photos, {len(fruits)} fruits")
        for count in COUNTS:
            figures = np.mean([said(identifier, answered, draw[:count]) for draw in draws], axis=0)
            rows.append([name, str(count), *(f"{100 * figure:.1f}" for figure in figures)])
    show(
        "Photos of one fruit answered together, in % of the draws",
        ["photos", "together", "top-1 by fruit", "named right", "named wrong", "not named"],
        rows,
        packages=("ai-edge-litert", "faiss-cpu", "pillow"),
        notes=[
            *notes,
            "Of one label and kind, kept apart, in no index, no two of a draw alike; of different pieces.",
            f"Drawn {ROUNDS} times over; 1, 2 and 3 photos are the first of the same draws. {measured.name}.",
        ],
    )


def drawn(answered: Answered, kind: str, groups: Mapping[str, int]) -> Iterator[Sequence[int]]:
    """Deal the photos of each label of a kind into hands, no two of a hand from one near-duplicate group."""
    by_label: dict[Label, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row, (image, label) in enumerate(zip(answered.paths, answered.labels, strict=True)):
        if kind_of(image) == kind:
            by_label[label][groups[image]].append(row)
    shuffled = random.Random(11)
    for label in sorted(by_label, key=str):
        for _ in range(ROUNDS):
            one_each = [shuffled.choice(rows) for _, rows in sorted(by_label[label].items())]
            shuffled.shuffle(one_each)
            for first in range(0, len(one_each) - max(COUNTS) + 1, max(COUNTS)):
                yield one_each[first : first + max(COUNTS)]


def said(identifier: Identifier, answered: Answered, rows: Sequence[int]) -> tuple[bool, bool, bool, bool]:
    """Say of photos answered together whether the highest score is right, and what the answer is.

    Returns:
        Highest score right; variety or fruit named and right; named and wrong; no fruit named.
    """
    scores = answered.judgement
    judgement = Judgement(*(part[list(rows)] for part in (scores.is_fruit, scores.fruits, scores.varieties)))
    if len(rows) > 1:
        judgement = identifier.decision.combine(judgement)
    fruit = answered.labels[rows[0]].fruit
    answer = identifier.decision.answer(judgement, identifier.catalogue.families)
    named = answer.rank in (Rank.VARIETY, Rank.FRUIT)
    right = named and str(answer.id).split("/")[0] == fruit
    best = answered.fruits[int(judgement.fruits[0].argmax())]
    return best == fruit, right, named and not right, not named
