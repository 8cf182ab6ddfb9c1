"""Lets the current bundle answer the photos that a new one was measured on."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from batch.evaluation import Answered, measure_kinds
from batch.gate import Verdict, compare
from batch.learning import Learned
from batch.projected import Projected, embed_photos
from batch.settings import BuildSettings
from batch.splitting import unseen
from models.identifier import Identifier
from models.store import Pointer, Store


@dataclass(frozen=True)
class Comparison:
    """Outcome of the gate.

    Attributes:
        verdict: whether the new bundle may be published.
        current: figures of the current bundle on the photos that are new to both, by kind; None when there
            are none.
    """

    verdict: Verdict
    current: Mapping[str, Mapping[str, Any]] | None


def compare_with_current(
    store: Store, current: Pointer, photos: Projected, learned: Learned, settings: BuildSettings
) -> Comparison:
    """Answer with the current bundle too, and judge.

    Photos of which the current bundle knows a near twin are left out: it would only have to remember them.
    Those that it was measured on itself are asked as they were then.
    """
    with tempfile.TemporaryDirectory(prefix="fruits-current-") as cache:
        identifier = Identifier.load(store.fetch(current.version, Path(cache))).without_kept_apart()
    fresh = photos.apart & unseen(photos.groups, photos.photos.sources.images, identifier.images)
    if learned.answered is None or not fresh.any():
        nothing = np.zeros(0, bool)
        return Comparison(compare(nothing, nothing), None)
    answered = _answer(identifier, photos, np.flatnonzero(fresh).tolist(), settings)
    new = learned.answered.select(np.flatnonzero(fresh[photos.apart]).tolist())
    fruits = new.is_fruit
    return Comparison(compare(new.right[fruits], answered.right[fruits]), measure_kinds(answered))


def _answer(identifier: Identifier, photos: Projected, rows: list[int], settings: BuildSettings) -> Answered:
    network, tensor = identifier.network_file
    embedded = embed_photos(
        photos.photos.spark, photos.photos.sources.select(rows), network, tensor, settings
    )
    gate = identifier.decision.gate
    scores = None if gate is None else gate.score_projected(embedded.project(gate.projection))
    judgement = identifier.judge_vectors(scores, embedded.project(identifier.projection))[0]
    families = identifier.catalogue.families
    return Answered.of(
        identifier.decision, judgement, families, embedded.sources.images, embedded.labels, embedded.kinds
    )
