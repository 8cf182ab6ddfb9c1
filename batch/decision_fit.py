"""Fits the linear heads of a decision on the projected vectors of the indexed corpus."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from models.decision import Decision, Floats, Integers
from models.errors import CorpusError
from models.projection import Projection
from models.records import Label
from models.rejection import Gate

MIN_NEGATIVES = 20
_MAX_FIT_ROWS = 120_000
_HEAD_C, _VARIETY_C, _GATE_C = 30.0, 10.0, 3.0
_MIN_VARIETY_ROWS = 4
_RARITY_BALANCE = 0.5


@dataclass(frozen=True)
class Part:
    """Photos with everything that a decision is fitted on or measured with; all arrays have n rows.

    Attributes:
        labels: what each photo shows.
        weights: float64 (n,), how much each photo counts, mean 1.
        vectors: float32 (n, d_pca).
        similarities, neighbour_fruits: float32 and int64 (n, k), of their neighbours in the index.
    """

    labels: Sequence[Label]
    weights: npt.NDArray[np.float64]
    vectors: Floats
    similarities: Floats
    neighbour_fruits: Integers

    def rows(self, chosen: npt.NDArray[np.bool_]) -> "Part":
        """The chosen photos alone."""
        labels = [label for label, keep in zip(self.labels, chosen.tolist(), strict=True) if keep]
        return Part(
            labels,
            self.weights[chosen],
            self.vectors[chosen],
            self.similarities[chosen],
            self.neighbour_fruits[chosen],
        )

    @property
    def is_fruit(self) -> npt.NDArray[np.bool_]:
        """Which photos show a fruit."""
        return np.array([label.is_fruit for label in self.labels], bool)


def balanced_weights(labels: Sequence[Label], corpora: Sequence[str]) -> npt.NDArray[np.float64]:
    """Weight photos so that every corpus and every fruit of it counts: (photos of corpus x photos of fruit in
    it) ** -0.5, mean 1.
    """
    keys = [(corpus, label.fruit) for corpus, label in zip(corpora, labels, strict=True)]
    of_corpus: dict[str, int] = {}
    of_both: dict[tuple[str, str], int] = {}
    for key in keys:
        of_corpus[key[0]] = of_corpus.get(key[0], 0) + 1
        of_both[key] = of_both.get(key, 0) + 1
    weights = np.array([(of_corpus[corpus] * of_both[corpus, fruit]) ** -0.5 for corpus, fruit in keys])
    return weights / weights.mean() if len(weights) else weights


def rarity(amounts: npt.NDArray[np.floating] | Integers) -> Floats:
    """Compare what there is of each fruit with the middle one: float32 (fruits,), 1 for as much or more.

    Heads and votes are divided by its square root: a fruit that just came with thirty photos would lose
    against hundreds of each other fruit, however close it is (logit adjustment: Menon et al. 2021,
    https://arxiv.org/abs/2007.07314).
    """
    return np.minimum(1.0, amounts / np.median(amounts)).astype(np.float32)


def check_two_fruits(fruits: Sequence[str]) -> None:
    """Refuse fruit ids that leave nothing to tell apart.

    Raises:
        CorpusError: fewer than two.
    """
    if len(fruits) < 2:
        raise CorpusError(
            "Expected photos of at least two fruits to tell apart, but the corpus holds "
            f"{', '.join(fruits) or 'none'}. Each fruit wants a folder of its own, named after it."
        )


def fit_heads(training: Part, neighbours: int | None) -> Decision:
    """Fit the linear heads; nothing is calibrated yet.

    Args:
        training: photos of the index's corpus, negatives among them; neighbours are not looked at.
        neighbours: None for the blend; a number for that many neighbours alone, without a head.

    Raises:
        CorpusError: fewer than two fruits to tell apart.
    """
    fruits = training.rows(training.is_fruit)
    names = tuple(sorted({label.fruit for label in fruits.labels}))
    check_two_fruits(names)
    own = np.array([names.index(label.fruit) for label in fruits.labels])
    d_pca = fruits.vectors.shape[1]
    if neighbours is None:
        weights, bias = _linear(fruits.vectors, own, fruits.weights, len(names), _HEAD_C)
        bias -= _RARITY_BALANCE * np.log(rarity(np.bincount(own, fruits.weights)))
        vote_weights = rarity(np.bincount(own)) ** -_RARITY_BALANCE
    else:
        weights, bias = np.zeros((len(names), d_pca), np.float32), np.zeros(len(names), np.float32)
        vote_weights = np.ones(len(names), np.float32)
    varieties, variety_weights, variety_bias = _fit_varieties(fruits, names)
    return Decision(
        fruits=names,
        head_weights=weights,
        head_bias=bias,
        head_share=0.0 if neighbours else 0.5,
        neighbours=neighbours or 10,
        neighbour_temperature=0.05,
        vote_weights=vote_weights,
        temperature=1.0,
        smoothing=0.02,
        varieties=varieties,
        variety_weights=variety_weights,
        variety_bias=variety_bias,
        variety_temperature=1.0,
        gate=None,
    )


def fit_gate(training: Part, projection: Projection) -> Gate | None:
    """Fit the plane between fruits and negatives; None when there are too few negatives."""
    is_fruit = training.is_fruit
    if (~is_fruit).sum() < MIN_NEGATIVES:
        return None
    model = LogisticRegression(C=_GATE_C, class_weight="balanced", max_iter=500)
    model.fit(training.vectors.astype(np.float64), is_fruit, sample_weight=training.weights)
    plain = np.array([1.0, 0.0, 0.0], np.float32)
    return Gate(
        projection, model.coef_[0].astype(np.float32), float(model.intercept_[0]), plain, plain[[0, 2]]
    )


def _linear(
    vectors: Floats,
    classes: npt.NDArray[np.int64],
    weights: npt.NDArray[np.float64],
    count: int,
    strength: float,
) -> tuple[Floats, Floats]:
    """Multinomial logistic regression: float32 (count, d_pca) and (count,), also for two classes."""
    if len(vectors) > _MAX_FIT_ROWS:
        chosen = np.sort(np.random.default_rng(0).choice(len(vectors), _MAX_FIT_ROWS, replace=False))
        vectors, classes, weights = vectors[chosen], classes[chosen], weights[chosen]
    model = LogisticRegression(C=strength, max_iter=300)
    model.fit(vectors.astype(np.float64), classes, sample_weight=weights)
    coefficients, intercept = model.coef_, model.intercept_
    if count == 2:
        coefficients, intercept = (
            np.vstack([-coefficients, coefficients]) / 2,
            np.concatenate([-intercept, intercept]) / 2,
        )
    return coefficients.astype(np.float32), intercept.astype(np.float32)


def _fit_varieties(fruits: Part, names: Sequence[str]) -> tuple[tuple[str, ...], Floats, Floats]:
    """One small head a fruit that has two varieties or more."""
    counts: dict[str, int] = {}
    for label in fruits.labels:
        if label.variety:
            counts[label.variety] = counts.get(label.variety, 0) + 1
    varieties: list[str] = []
    weights, bias = [np.empty((0, fruits.vectors.shape[1]), np.float32)], [np.empty(0, np.float32)]
    for name in names:
        own = sorted(
            variety
            for variety, count in counts.items()
            if variety.startswith(f"{name}/") and count >= _MIN_VARIETY_ROWS
        )
        if len(own) < 2:
            continue
        part = fruits.rows(np.array([label.variety in own for label in fruits.labels], bool))
        classes = np.array([own.index(label.variety or "") for label in part.labels])
        fitted = _linear(part.vectors, classes, part.weights, len(own), _VARIETY_C)
        varieties += own
        weights.append(fitted[0])
        bias.append(fitted[1])
    return tuple(varieties), np.concatenate(weights), np.concatenate(bias)
