"""Makes index and decision from projected photos, and answers those that were kept apart."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from batch import calibration, decision_fit
from batch.decision_fit import Part
from batch.evaluation import Answered
from batch.index_build import BuiltIndex, build_index, without_twins
from batch.projected import Projected, Vectors
from models.decision import Decision
from models.errors import BundleError
from models.identifier import SEARCHED_NEIGHBOURS, Identifier
from models.pretrained import DEFAULT_BUNDLE
from models.rejection import Gate
from models.rows import Rows

INHERITED = "The corpora hold too few not_fruit photos: fruit or not is decided as the default bundle does."
NO_GATE = (
    "The corpora hold too few not_fruit photos and the network is not the default one: "
    "this bundle takes every photo for a fruit."
)
NOTHING_APART = "No photo could be kept apart: nothing was measured or calibrated."


@dataclass(frozen=True)
class Learned:
    """What a bundle knows.

    Attributes:
        index: of the indexed photos, those kept apart among them.
        rows: what they show.
        indexed: int64, their rows among the projected photos.
        decision: calibrated.
        calibration: for the manifest.
        answered: the photos kept apart; None when there are none.
        warnings: what the build wants its reader to know.
    """

    index: BuiltIndex
    rows: Rows
    indexed: npt.NDArray[np.int64]
    decision: Decision
    calibration: dict[str, Any]
    answered: Answered | None
    warnings: tuple[str, ...]


def learn(
    photos: Projected, families: Mapping[str, tuple[str, ...]], network_sha256: str, neighbours: int | None
) -> Learned:
    """Fit everything that an answer needs.

    The index holds all fruits in the end. Those kept apart are asked, and all is fitted, before they join.

    Args:
        photos: negatives among them.
        families: look-alike groups of the catalogue.
        network_sha256: to know whether the default bundle's gate can be inherited.
        neighbours: number that decides alone; None for the blend.

    Raises:
        CorpusError: fewer than two fruits.
    """
    indexed, index, rows = _index(photos)
    everything = _part(photos)
    training = everything.rows(~photos.apart)
    decision = decision_fit.fit_heads(training, neighbours)
    gate, warnings = _gate(training, photos, network_sha256)
    decision = replace(decision, gate=gate)
    if not photos.apart.any():
        return Learned(
            index,
            rows,
            indexed,
            decision,
            {"method": "none: no photo was kept apart"},
            None,
            (*warnings, NOTHING_APART),
        )
    before = index.neighbours.without(np.array(rows.kept_apart, bool))
    similarities, found = before.search(photos.vectors[photos.apart], SEARCHED_NEIGHBOURS)
    apart = replace(
        everything.rows(photos.apart),
        similarities=similarities,
        neighbour_fruits=rows.positions(decision.fruits)[found],
    )
    scores = None if gate is None else gate_scores(gate, photos)[photos.apart]
    own_scores = scores if gate is not None and gate.projection is photos.projection else None
    decision, note = calibration.calibrate(decision, apart, own_scores, search_blend=neighbours is None)
    judgement = decision.judge(scores, apart.vectors, apart.similarities, apart.neighbour_fruits)
    decision = replace(decision, thresholds=calibration.choose_thresholds(decision, judgement, apart))
    positions = np.flatnonzero(photos.apart).tolist()
    kinds = photos.photos.kinds
    answered = Answered.of(
        decision,
        judgement,
        families,
        photos.images(positions),
        apart.labels,
        [kinds[row] for row in positions],
    )
    return Learned(index, rows, indexed, decision, note, answered, warnings)


def gate_scores(gate: Gate, photos: Projected) -> Vectors:
    """The gate's linear score of every photo: float32 (n,)."""
    own = gate.projection is photos.projection
    vectors = photos.vectors if own else photos.photos.project(gate.projection)
    return gate.score_projected(vectors)


def _part(photos: Projected) -> Part:
    labels = photos.photos.labels
    nothing = np.empty((len(labels), 0))
    weights = decision_fit.balanced_weights(labels, photos.photos.kinds)
    return Part(labels, weights, photos.vectors, nothing.astype(np.float32), nothing.astype(np.int64))


def _gate(training: Part, photos: Projected, network_sha256: str) -> tuple[Gate | None, tuple[str, ...]]:
    """The corpus' own gate, or that of the default bundle, or none."""
    own = decision_fit.fit_gate(training, photos.projection)
    if own is not None:
        return own, ()
    try:
        default = Identifier.load(DEFAULT_BUNDLE)
    except BundleError:
        return None, (NO_GATE,)
    if default.manifest.network["sha256"] != network_sha256 or default.decision.gate is None:
        return None, (NO_GATE,)
    return default.decision.gate.inherited(), (INHERITED,)


def _index(photos: Projected) -> tuple[npt.NDArray[np.int64], BuiltIndex, Rows]:
    """Index the fruits, near twins once."""
    labels, sources = photos.photos.labels, photos.photos.sources
    fruits = np.flatnonzero(np.array([label.is_fruit for label in labels], bool))
    fresh = without_twins(photos.vectors[fruits], [labels[row] for row in fruits], photos.groups[fruits])
    chosen = fruits[fresh]
    rows = Rows(
        [labels[row] for row in chosen],
        [sources.images[row] for row in chosen],
        [sources.photos[row].path for row in chosen],
        [sources.credits[row] for row in chosen],
        photos.apart[chosen].tolist(),
    )
    return chosen, build_index(photos.vectors[chosen]), rows
