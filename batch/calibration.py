"""Calibrates a decision on photos that neither index nor heads have seen."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from batch.decision_fit import MIN_NEGATIVES, Part
from models.decision import Decision, Floats, Judgement, Thresholds, softmax
from models.records import Label
from models.rejection import Gate

MIN_CALIBRATION_PHOTOS = 60
_HEAD_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
_NEIGHBOURS = (10, 30)
_NEIGHBOUR_TEMPERATURES = (0.03, 0.08)
_KEPT_FRUITS = 0.975
_RIGHT_ANSWERS = 0.93


def calibrate(
    decision: Decision, kept_apart: Part, embeddings_score: Floats | None, *, search_blend: bool
) -> tuple[Decision, dict[str, Any]]:
    """Fit blend, temperature, smoothing, gate and thresholds on photos that were kept apart.

    Args:
        decision: from `fit_heads`, its gate (if any) not calibrated yet.
        kept_apart: photos that neither index nor heads have seen.
        embeddings_score: float32 (n,), the gate's linear score of each; None without a gate or with an
            inherited one.
        search_blend: whether to choose head share and voters too.

    Returns:
        The decision, and what to write in the manifest under `calibration`.
    """
    named = np.array([label.fruit in decision.fruits for label in kept_apart.labels], bool)
    fruits = kept_apart.rows(named)
    note: dict[str, Any] = {
        "photos": int(named.sum()),
        "negatives": int((~kept_apart.is_fruit).sum()),
        "method": "temperature and smoothing",
    }
    if named.sum() < MIN_CALIBRATION_PHOTOS:
        return decision, note | {"method": "none: too few photos were kept apart"}
    truth = np.array([decision.fruits.index(label.fruit) for label in fruits.labels])
    candidates = _candidates(decision) if search_blend else [decision]
    fitted = [_fit_temperature(candidate, fruits, truth) for candidate in candidates]
    decision = min(fitted, key=lambda pair: pair[1])[0]
    decision = _fit_variety_temperature(decision, fruits)
    if embeddings_score is not None and decision.gate is not None and note["negatives"] >= MIN_NEGATIVES:
        decision = replace(decision, gate=_calibrate_gate(decision.gate, kept_apart, embeddings_score))
    return decision, note | {
        "head_share": decision.head_share,
        "neighbours": decision.neighbours,
        "neighbour_temperature": decision.neighbour_temperature,
        "temperature": round(decision.temperature, 4),
        "smoothing": round(decision.smoothing, 4),
        "variety_temperature": round(decision.variety_temperature, 4),
    }


def choose_thresholds(decision: Decision, judgement: Judgement, labels: Sequence[Label]) -> Thresholds:
    """Choose the least probability for each statement on photos kept apart.

    A photo counts as a fruit from the probability that keeps 97.5 % of fruits on; a fruit, a family or a
    variety is named from the
    lowest score above which at least 93 % of those answers are right.
    """
    defaults = Thresholds()
    is_fruit = np.array([label.is_fruit for label in labels], bool)
    named = np.array([label.fruit in decision.fruits for label in labels], bool)
    if named.sum() < MIN_CALIBRATION_PHOTOS:
        return defaults
    gate = defaults.is_fruit
    if decision.gate is not None and (~is_fruit).any():
        gate = round(float(np.clip(np.quantile(judgement.is_fruit[named], 1 - _KEPT_FRUITS), 0.05, 0.6)), 4)
    best = judgement.fruits[named].argmax(1)
    truth = [label for label, keep in zip(labels, named.tolist(), strict=True) if keep]
    right = np.array(
        [decision.fruits[column] == label.fruit for column, label in zip(best.tolist(), truth, strict=True)]
    )
    fruit = _lowest_sound(judgement.fruits[named].max(1), right, defaults.fruit)
    variety = _variety_threshold(decision, judgement, named, truth, max(defaults.variety, fruit))
    return Thresholds(is_fruit=gate, variety=variety, fruit=fruit, family=fruit)


def _variety_threshold(
    decision: Decision,
    judgement: Judgement,
    named: npt.NDArray[np.bool_],
    truth: Sequence[Label],
    default: float,
) -> float:
    has = np.array([label.variety in decision.varieties for label in truth], bool)
    if has.sum() < MIN_CALIBRATION_PHOTOS:
        return default
    scores = judgement.varieties[named][has]
    guessed = scores.argmax(1)
    wanted = [label.variety for label, keep in zip(truth, has.tolist(), strict=True) if keep]
    right = np.array(
        [
            decision.varieties[column] == variety
            for column, variety in zip(guessed.tolist(), wanted, strict=True)
        ]
    )
    return _lowest_sound(scores.max(1), right, default)


def _lowest_sound(scores: Floats, right: npt.NDArray[np.bool_], default: float) -> float:
    """Lowest score in 0.25..0.9 from which on at least 93 % are right."""
    for threshold in np.arange(0.25, 0.9, 0.01):
        above = scores >= threshold
        if above.sum() >= 20 and right[above].mean() >= _RIGHT_ANSWERS:
            return round(float(threshold), 2)
    return max(default, 0.9)


def _candidates(decision: Decision) -> list[Decision]:
    return [
        replace(decision, head_share=share, neighbours=count, neighbour_temperature=temperature)
        for share, count, temperature in itertools.product(_HEAD_SHARES, _NEIGHBOURS, _NEIGHBOUR_TEMPERATURES)
        if share < 1.0 or (count, temperature) == (_NEIGHBOURS[0], _NEIGHBOUR_TEMPERATURES[0])
    ]


def _fit_temperature(
    decision: Decision, fruits: Part, truth: npt.NDArray[np.int64]
) -> tuple[Decision, float]:
    """Minimise the negative log likelihood over temperature and smoothing."""
    blended = decision.blend(fruits.vectors, fruits.similarities, fruits.neighbour_fruits)
    logarithms = np.log(np.maximum(blended, 1e-9)).astype(np.float64)
    rows = np.arange(len(truth))

    def loss(parameters: npt.NDArray[np.float64]) -> float:
        temperature, smoothing = _within_bounds(parameters)
        own = (1 - smoothing) * softmax(logarithms / temperature)[rows, truth] + smoothing / len(
            decision.fruits
        )
        return float(-(fruits.weights * np.log(np.maximum(own, 1e-12))).sum() / fruits.weights.sum())

    found = minimize(
        loss,
        np.array([0.0, -3.0]),
        method="Nelder-Mead",
        options={"xatol": 1e-3, "fatol": 1e-5, "maxiter": 200},
    )
    temperature, smoothing = _within_bounds(found.x)
    return replace(decision, temperature=temperature, smoothing=smoothing), float(found.fun)


def _within_bounds(parameters: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Temperature in 0.05..20 and smoothing in 0..0.5 from two numbers without bounds."""
    return float(np.exp(np.clip(parameters[0], -3, 3))), float(0.5 * expit(parameters[1]))


def _fit_variety_temperature(decision: Decision, fruits: Part) -> Decision:
    """Minimise the varieties' negative log likelihood over one temperature."""
    has = np.array([label.variety in decision.varieties for label in fruits.labels], bool)
    if has.sum() < MIN_CALIBRATION_PHOTOS // 2:
        return decision
    part = fruits.rows(has)
    truth = np.array([decision.varieties.index(label.variety or "") for label in part.labels])
    best, lowest = decision, np.inf
    for temperature in np.exp(np.linspace(-1.5, 2.0, 36)):
        candidate = replace(decision, variety_temperature=float(temperature))
        own = candidate.within_fruit(part.vectors)[np.arange(len(truth)), truth]
        loss = float(-np.log(np.maximum(own, 1e-9)).mean())
        if loss < lowest:
            best, lowest = candidate, loss
    return best


def _calibrate_gate(gate: Gate, kept_apart: Part, linear: Floats) -> Gate:
    """Logistic regression on the linear score and the similarity to the closest fruit, both sides counting
    the same.
    """

    def fit(*features: Floats) -> Floats:
        model = LogisticRegression(C=1.0, class_weight="balanced", max_iter=500)
        model.fit(np.column_stack(features).astype(np.float64), kept_apart.is_fruit)
        return np.array([*model.coef_[0], model.intercept_[0]], np.float32)

    return replace(gate, calibration=fit(linear, kept_apart.similarities[:, 0]), alone=fit(linear))
