"""The decision learns from vectors, and is calibrated on photos kept apart."""

from dataclasses import replace

import numpy as np
import pytest

from batch.calibration import MIN_CALIBRATION_PHOTOS, calibrate, choose_thresholds
from batch.decision_fit import Part, balanced_weights, fit_gate, fit_heads, rarity
from batch.evaluation import calibration_error
from models.decision import Decision
from models.errors import CorpusError
from models.projection import Projection
from models.records import NOT_FRUIT, Label

LABELS = [
    Label("apple", "apple/green"),
    Label("apple", "apple/red"),
    Label("lemon"),
    Label("pear"),
    Label(NOT_FRUIT),
]
CENTRES = np.random.default_rng(0).normal(size=(5, 12)) * np.array([1, 1, 1, 1, 1.2])[:, None]
INDEX_SEED, APART_SEED = 1, 2


def part(count: int, seed: int, spread: float = 1.1) -> Part:
    chance = np.random.default_rng(seed)
    chosen = chance.integers(0, 5, count)
    vectors = (CENTRES[chosen] + chance.normal(size=(count, 12)) * spread).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = [LABELS[one] for one in chosen]
    nothing = np.empty((count, 0))
    return Part(
        labels,
        balanced_weights(labels, ["all"] * count),
        vectors,
        nothing.astype(np.float32),
        nothing.astype(np.int64),
    )


def with_neighbours(asked: Part, training: Part, fruits: tuple[str, ...]) -> Part:
    indexed = training.rows(training.is_fruit)
    similarities = asked.vectors @ indexed.vectors.T
    order = np.argsort(-similarities, axis=1)[:, :48]
    positions = np.array([fruits.index(label.fruit) for label in indexed.labels])
    return replace(
        asked, similarities=np.take_along_axis(similarities, order, 1), neighbour_fruits=positions[order]
    )


@pytest.fixture(scope="module")
def training() -> Part:
    return part(1500, INDEX_SEED)


def test_head_and_neighbours_beat_chance_by_far(training: Part) -> None:
    decision = fit_heads(training, None)
    apart = with_neighbours(part(600, APART_SEED), training, decision.fruits)
    fruits = apart.rows(apart.is_fruit)
    guessed = decision.blend(fruits.vectors, fruits.similarities, fruits.neighbour_fruits).argmax(1)

    right = np.mean(
        [decision.fruits[one] == label.fruit for one, label in zip(guessed, fruits.labels, strict=True)]
    )
    assert decision.fruits == ("apple", "lemon", "pear")
    assert right > 0.75


def test_varieties_are_told_apart(training: Part) -> None:
    decision = fit_heads(training, None)
    asked = part(600, APART_SEED)
    own = asked.rows(np.array([label.variety is not None for label in asked.labels]))
    guessed = decision.within_fruit(own.vectors).argmax(1)

    assert decision.varieties == ("apple/green", "apple/red")
    assert (
        np.mean(
            [decision.varieties[one] == label.variety for one, label in zip(guessed, own.labels, strict=True)]
        )
        > 0.7
    )


def test_calibration_lowers_the_calibration_error(training: Part) -> None:
    raw = replace(fit_heads(training, None), temperature=0.3, smoothing=0.0)
    apart = with_neighbours(part(900, APART_SEED), training, raw.fruits)
    fitted, note = calibrate(raw, apart, None, search_blend=True)
    fruits = with_neighbours(part(900, 3), training, raw.fruits)
    fruits = fruits.rows(fruits.is_fruit)
    truth = [fitted.fruits.index(label.fruit) for label in fruits.labels]

    def error(decision: object) -> float:
        scores = decision.sharpen(
            decision.blend(fruits.vectors, fruits.similarities, fruits.neighbour_fruits)
        )  # type: ignore[attr-defined]
        return calibration_error(scores.max(1), scores.argmax(1) == truth) or 0.0

    assert error(fitted) < 0.06 < error(raw)
    assert note["photos"] == int(apart.is_fruit.sum())


def test_the_gate_tells_fruits_from_the_rest(training: Part) -> None:
    projection = Projection(
        np.zeros(12, np.float32), np.eye(12, dtype=np.float32), np.ones(12, np.float32) / 12
    )
    gate = fit_gate(training, projection)
    assert gate is not None
    asked = part(600, APART_SEED)
    scores = asked.vectors @ gate.weights + gate.bias

    assert ((scores > 0) == asked.is_fruit).mean() > 0.85


def test_without_negatives_there_is_no_gate(training: Part) -> None:
    projection = Projection(
        np.zeros(12, np.float32), np.eye(12, dtype=np.float32), np.ones(12, np.float32) / 12
    )

    assert fit_gate(training.rows(training.is_fruit), projection) is None


def test_one_fruit_cannot_be_told_apart() -> None:
    alone = part(200, 5)
    alone = alone.rows(np.array([label.fruit in ("apple", NOT_FRUIT) for label in alone.labels]))

    with pytest.raises(CorpusError, match="at least two fruits to tell apart, but the corpus holds apple"):
        fit_heads(alone, None)


def test_two_fruits_are_enough() -> None:
    two = part(400, 6)
    two = two.rows(np.array([label.fruit in ("apple", "pear") for label in two.labels]))
    decision = fit_heads(two, None)
    guessed = (two.vectors @ decision.head_weights.T + decision.head_bias).argmax(1)

    assert (
        np.mean([decision.fruits[one] == label.fruit for one, label in zip(guessed, two.labels, strict=True)])
        > 0.8
    )


def test_neighbours_alone_have_no_head_and_vote_alike(training: Part) -> None:
    decision = fit_heads(training, 1)

    assert (decision.head_share, decision.neighbours) == (0.0, 1)
    assert not decision.head_weights.any()
    assert decision.vote_weights.tolist() == [1, 1, 1]


def test_a_fruit_with_few_photos_is_not_outvoted(training: Part) -> None:
    pears = np.array([label.fruit == "pear" for label in training.labels])
    few = training.rows(~pears | (np.cumsum(pears) <= 10))
    lifted = fit_heads(few, None)
    plain = replace(lifted, head_bias=few_bias(lifted, few), vote_weights=np.ones(3, np.float32))
    apart = with_neighbours(part(600, APART_SEED), few, lifted.fruits)
    fruits = apart.rows(apart.is_fruit)
    truth = np.array([lifted.fruits.index(label.fruit) for label in fruits.labels])

    def named(decision: Decision) -> tuple[float, float]:
        blended = decision.blend(fruits.vectors, fruits.similarities, fruits.neighbour_fruits)
        right = blended.argmax(1) == truth
        return right[truth == 2].mean(), right.mean()

    assert lifted.vote_weights[2] > 3 > 1 == lifted.vote_weights[:2].max()
    assert named(lifted)[0] > named(plain)[0] + 0.2
    assert named(lifted)[1] > named(plain)[1]


def few_bias(lifted: Decision, few: Part) -> np.ndarray:
    """The head's bias as it was fitted, before rare fruits were lifted."""
    own = [lifted.fruits.index(label.fruit) for label in few.labels if label.is_fruit]
    return lifted.head_bias + 0.5 * np.log(rarity(np.bincount(own, few.rows(few.is_fruit).weights)))


def test_with_too_few_photos_nothing_is_calibrated(training: Part) -> None:
    decision = fit_heads(training, None)
    few = with_neighbours(part(MIN_CALIBRATION_PHOTOS // 2, 7), training, decision.fruits)

    same, note = calibrate(decision, few, None, search_blend=True)
    assert same == decision
    assert "too few" in note["method"]


def test_thresholds_keep_fruits_and_promise_what_they_hold(training: Part) -> None:
    decision = fit_heads(training, None)
    apart = with_neighbours(part(900, APART_SEED), training, decision.fruits)
    decision, _ = calibrate(decision, apart, None, search_blend=True)
    judgement = decision.judge(None, apart.vectors, apart.similarities, apart.neighbour_fruits)
    thresholds = choose_thresholds(decision, judgement, apart)

    fruits = apart.is_fruit
    named = judgement.fruits[fruits].max(1) >= thresholds.fruit
    truth = [label.fruit for label in apart.labels if label.is_fruit]
    right = np.array([decision.fruits[one] for one in judgement.fruits[fruits].argmax(1)]) == truth
    assert right[named].mean() >= 0.93
    assert thresholds.variety >= 0.25


def test_weights_let_rare_corpora_and_rare_fruits_count() -> None:
    labels = [Label("apple")] * 90 + [Label("pear")] * 10 + [Label("apple")] * 10
    weights = balanced_weights(labels, ["web"] * 100 + ["phone"] * 10)

    assert weights.mean() == pytest.approx(1.0)
    assert weights[100] > weights[95] > weights[0]
