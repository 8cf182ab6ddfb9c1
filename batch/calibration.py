"""Calibrates a decision on photos that neither index nor heads have seen."""

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from batch.decision_fit import MIN_NEGATIVES, Part
from models.decision import Decision, Floats, Judgement, Thresholds, softmax
from models.rejection import Gate

MIN_CALIBRATION_PHOTOS = 60
_HEAD_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
_NEIGHBOURS = (10, 30)
_NEIGHBOUR_TEMPERATURES = (0.03, 0.08)
_KEPT_FRUITS = 0.97
_RIGHT_ANSWERS = 0.94


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


def choose_thresholds(decision: Decision, judgement: Judgement, apart: Part) -> Thresholds:
    """Choose the least probability for each statement on photos kept apart.

    A photo counts as a fruit from the probability that keeps 97 % of fruits on. A fruit or a family is named
    from the lowest score above which at least 94 % of the fruits named are right, a variety likewise, though
    never below one half. Photos count by their weights, so that one large corpus does not decide alone.
    """
    defaults = Thresholds()
    known = np.array([label.fruit in decision.fruits for label in apart.labels], bool)
    if known.sum() < MIN_CALIBRATION_PHOTOS:
        return defaults
    named = apart.rows(known)
    gate = defaults.is_fruit
    if decision.gate is not None and (~apart.is_fruit).any():
        lowest = _weighted_quantile(judgement.is_fruit[known], named.weights, 1 - _KEPT_FRUITS)
        gate = round(min(max(lowest, 0.05), 0.9), 4)
    fruits, varieties = judgement.fruits[known], judgement.varieties[known]
    right = np.array(decision.fruits)[fruits.argmax(1)] == np.array([label.fruit for label in named.labels])
    fruit = _lowest_sound(fruits.max(1), right, named.weights, defaults.fruit)
    variety = max(defaults.variety, fruit)
    has = np.array([label.variety in decision.varieties for label in named.labels], bool)
    if has.sum() >= MIN_CALIBRATION_PHOTOS:
        guessed = np.array(decision.varieties)[varieties[has].argmax(1)]
        own = guessed == np.array([label.variety for label in named.rows(has).labels])
        variety = max(0.5, _lowest_sound(varieties[has].max(1), own, named.weights[has], variety))
    return Thresholds(is_fruit=gate, variety=variety, fruit=fruit, family=fruit)


def _weighted_quantile(values: Floats, weights: npt.NDArray[np.float64], share: float) -> float:
    """Value below which photos of this share of the whole weight lie."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][min(int(np.searchsorted(below, share)), len(values) - 1)])


def _lowest_sound(
    scores: Floats, right: npt.NDArray[np.bool_], weights: npt.NDArray[np.float64], default: float
) -> float:
    """Lowest score in 0.25..0.9 from which on at least 94 % of the weight is right."""
    for threshold in np.arange(0.25, 0.9, 0.01):
        above = scores >= threshold
        if above.sum() >= 20 and np.average(right[above], weights=weights[above]) >= _RIGHT_ANSWERS:
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


def _calibrate_gate(gate: Gate, apart: Part, linear: Floats) -> Gate:
    """Fit the gate's two witnesses one by one, and add what they say.

    The plane has seen the kinds of negatives that the corpus holds, so fitted together it would leave the
    distance to the closest fruit without a voice, and the distance is what betrays a thing unlike anything
    seen. Added as if independent (naive Bayes), both must be content.
    """
    plane = _logistic(linear, apart)
    distance = _logistic(apart.similarities[:, 0], apart)
    both = np.array([plane[0], distance[0], plane[1] + distance[1]], np.float32)
    return replace(gate, calibration=both, alone=plane.astype(np.float32))


def _logistic(scores: Floats, apart: Part) -> npt.NDArray[np.float64]:
    """Slope and constant of a fruit's log odds by one score, fruits and negatives weighing the same."""
    model = LogisticRegression(C=1000.0, class_weight="balanced", max_iter=500)
    model.fit(scores[:, None].astype(np.float64), apart.is_fruit, sample_weight=apart.weights)
    return np.array([model.coef_[0, 0], model.intercept_[0]])
