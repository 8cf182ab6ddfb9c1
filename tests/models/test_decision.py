"""Scores are probabilities, and the answer says no more than they support."""

from dataclasses import replace

import numpy as np
import pytest

from models.decision import Decision, Judgement, Thresholds, softmax, vote
from models.errors import BundleCorrupt
from models.projection import Projection, read_npz, write_npz
from models.records import Answer, Rank
from models.rejection import Gate

FRUITS = ("apple", "lemon", "lime", "pear")
FAMILIES = {"citrus": ("lemon", "lime", "orange"), "pome-fruit": ("apple", "pear")}


def decision(**changes: object) -> Decision:
    chance = np.random.default_rng(1)
    projection = Projection(
        np.zeros(6, np.float32), np.eye(6, dtype=np.float32)[:4], np.ones(4, np.float32) / 4
    )
    gate = Gate(
        projection,
        chance.normal(size=4).astype(np.float32),
        0.1,
        np.array([2, 1, -0.5], np.float32),
        np.array([3, 0.2], np.float32),
    )
    base = Decision(
        fruits=FRUITS,
        head_weights=chance.normal(size=(4, 4)).astype(np.float32) * 4,
        head_bias=np.zeros(4, np.float32),
        head_share=0.6,
        neighbours=3,
        neighbour_temperature=0.05,
        vote_weights=np.array([1, 2, 1, 0.5], np.float32),
        temperature=0.8,
        smoothing=0.05,
        varieties=("apple/green", "apple/red"),
        variety_weights=chance.normal(size=(2, 4)).astype(np.float32),
        variety_bias=np.zeros(2, np.float32),
        variety_temperature=1.0,
        gate=gate,
        thresholds=Thresholds(is_fruit=0.5, variety=0.6, fruit=0.5, family=0.5),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def inputs(count: int, seed: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    chance = np.random.default_rng(seed)
    vectors = chance.normal(size=(count, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    similarities = -np.sort(-chance.uniform(-1, 1, (count, 6)).astype(np.float32), axis=1)
    return (
        chance.normal(size=count).astype(np.float32),
        vectors,
        similarities,
        chance.integers(0, 4, (count, 6)),
    )


def judged(is_fruit: float, fruits: list[float], varieties: tuple[float, float] = (0.0, 0.0)) -> Judgement:
    return Judgement(
        np.array([is_fruit], np.float32), np.array([fruits], np.float32), np.array([varieties], np.float32)
    )


def test_votes_are_pinned() -> None:
    similarities = np.array([[0.9, 0.85, 0.8, 0.1]], np.float32)
    votes = vote(similarities, np.array([[2, 0, 2, 1]]), np.ones(4, np.float32), 3, 0.05)

    whole = 1 + np.exp(-1) + np.exp(-2)
    np.testing.assert_allclose(votes[0], [np.exp(-1) / whole, 0, (1 + np.exp(-2)) / whole, 0], atol=1e-6)


def test_one_neighbour_decides_alone() -> None:
    votes = vote(np.array([[0.3, 0.2]], np.float32), np.array([[1, 0]]), np.ones(3, np.float32), 1, 0.05)

    assert votes.tolist() == [[0.0, 1.0, 0.0]]


def test_a_vote_for_a_rare_fruit_counts_for_more() -> None:
    votes = vote(
        np.array([[0.9, 0.9]], np.float32), np.array([[0, 1]]), np.array([1, 3], np.float32), 2, 0.05
    )

    np.testing.assert_allclose(votes, [[0.25, 0.75]], atol=1e-6)


def test_a_decision_from_before_votes_had_weights_lets_all_count_alike() -> None:
    arrays = read_npz(decision().to_npz(), "decision.npz")
    old = Decision.from_npz(write_npz({name: arrays[name] for name in arrays if name != "vote_weights"}))

    assert old.vote_weights.tolist() == [1, 1, 1, 1]


def test_vote_weights_of_another_number_of_fruits_are_refused() -> None:
    with pytest.raises(BundleCorrupt, match="the votes' weights do not match the fruits"):
        Decision.from_npz(decision(vote_weights=np.ones(3, np.float32)).to_npz())


def test_softmax_survives_large_numbers() -> None:
    np.testing.assert_allclose(softmax(np.array([[1000.0, 1000.0 - np.log(3)]])), [[0.75, 0.25]], atol=1e-6)


def test_scores_sum_to_the_probability_of_a_fruit_and_varieties_to_their_fruits() -> None:
    judgement = decision().judge(*inputs(200))

    np.testing.assert_allclose(judgement.fruits.sum(1), judgement.is_fruit, atol=1e-5)
    assert (judgement.fruits.sum(1) <= 1 + 1e-6).all()
    np.testing.assert_allclose(judgement.varieties.sum(1), judgement.fruits[:, 0], atol=1e-6)


def test_each_fruits_varieties_share_it_among_themselves() -> None:
    names = ("apple/green", "apple/red", "cherry/sour", "lemon/a", "lemon-x/a", "lemon-x/b", "lemon-x/c")
    chance = np.random.default_rng(5)
    own = decision(
        fruits=("apple", "cherry", "lemon", "lemon-x"),
        varieties=names,
        variety_weights=chance.normal(size=(7, 4)).astype(np.float32),
        variety_bias=chance.normal(size=7).astype(np.float32),
        variety_temperature=0.7,
    )
    vectors = inputs(5)[1]
    within = own.within_fruit(vectors)

    logits = (vectors @ own.variety_weights.T + own.variety_bias) / 0.7
    for columns in ([0, 1], [2], [3], [4, 5, 6]):
        np.testing.assert_allclose(within[:, columns], softmax(logits[:, columns]), rtol=1e-5)
    assert own.varieties_of == {"apple": (0, 1), "cherry": (2,), "lemon": (3,), "lemon-x": (4, 5, 6)}


@pytest.mark.parametrize(
    ("stray", "said"), [("pear/sour", "do not stand side by side"), ("quince/sour", "none of the fruits")]
)
def test_varieties_out_of_their_place_are_refused(stray: str, said: str) -> None:
    chance = np.random.default_rng(5)
    wrong = decision(
        varieties=("apple/red", stray, "apple/green"),
        variety_weights=chance.normal(size=(3, 4)).astype(np.float32),
        variety_bias=np.zeros(3, np.float32),
    )
    with pytest.raises(BundleCorrupt, match=said):
        Decision.from_npz(wrong.to_npz())


def test_without_a_gate_everything_is_a_fruit() -> None:
    _, vectors, similarities, rows = inputs(5)
    judgement = decision(gate=None).judge(None, vectors, similarities, rows)

    assert judgement.is_fruit.tolist() == [1.0] * 5


def test_the_gate_is_a_logistic_function_of_score_and_closeness() -> None:
    gate = decision().gate
    assert gate is not None
    probability = gate.probability(np.array([0.3], np.float32), np.array([0.7], np.float32))

    assert probability[0] == pytest.approx(1 / (1 + np.exp(-(2 * 0.3 + 1 * 0.7 - 0.5))))


def test_an_inherited_gate_does_not_look_at_the_other_index() -> None:
    gate = decision().gate
    assert gate is not None
    near, far = (
        gate.inherited().probability(np.array([0.3], np.float32), np.array([close], np.float32))[0]
        for close in (0.9, 0.1)
    )

    assert near == far == pytest.approx(1 / (1 + np.exp(-(3 * 0.3 + 0.2))))


@pytest.mark.parametrize(
    ("judgement", "answer"),
    [
        (judged(0.9, [0.8, 0.05, 0.03, 0.02], (0.7, 0.1)), Answer(Rank.VARIETY, "apple/green", 0.7)),
        (judged(0.9, [0.8, 0.05, 0.03, 0.02], (0.5, 0.3)), Answer(Rank.FRUIT, "apple", 0.8)),
        (judged(0.9, [0.1, 0.42, 0.36, 0.02]), Answer(Rank.FAMILY, "citrus", 0.78)),
        (judged(0.9, [0.23, 0.23, 0.22, 0.22]), Answer(Rank.UNKNOWN, None, 0.0)),
        (judged(0.4, [0.35, 0.02, 0.02, 0.01], (0.3, 0.05)), Answer(Rank.UNKNOWN, None, 0.0)),
    ],
    ids=["variety", "fruit", "family", "unsure", "no fruit"],
)
def test_the_answer_backs_off(judgement: Judgement, answer: Answer) -> None:
    given = decision(thresholds=Thresholds(0.5, 0.6, 0.5, 0.5)).answer(judgement, FAMILIES)

    assert (given.rank, given.id) == (answer.rank, answer.id)
    assert given.score == pytest.approx(answer.score)


def test_several_photos_of_one_fruit_agree_on_what_each_half_says() -> None:
    one = judged(0.9, [0.45, 0.35, 0.05, 0.05])
    other = judged(0.9, [0.45, 0.05, 0.35, 0.05])
    both = Judgement(
        *(
            np.concatenate([getattr(one, name), getattr(other, name)])
            for name in ("is_fruit", "fruits", "varieties")
        )
    )
    combined = decision().combine(both)

    assert combined.is_fruit[0] == pytest.approx(0.9)
    assert combined.fruits[0].argmax() == 0
    assert combined.fruits[0, 0] > 0.45
    assert combined.fruits[0].sum() == pytest.approx(0.9, abs=1e-5)


def test_combining_one_photo_changes_nothing() -> None:
    judgement = decision().judge(*inputs(1))
    combined = decision().combine(judgement)

    for name in ("is_fruit", "fruits", "varieties"):
        np.testing.assert_allclose(getattr(combined, name), getattr(judgement, name), atol=1e-4)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"gate": None},
        {
            "varieties": (),
            "variety_weights": np.zeros((0, 4), np.float32),
            "variety_bias": np.zeros(0, np.float32),
        },
    ],
)
def test_a_file_reads_back_the_same_and_writes_the_same_bytes(changes: dict[str, object]) -> None:
    data = decision(**changes).to_npz()
    back = Decision.from_npz(data)

    assert back.to_npz() == data
    gate_scores, *rest = inputs(3)
    given = None if back.gate is None else gate_scores
    assert (back.judge(given, *rest).fruits == decision(**changes).judge(given, *rest).fruits).all()


@pytest.mark.parametrize(
    "data",
    [
        b"garbage",
        write_npz({"fruits": np.array(["apple"])}),
        decision(head_weights=np.zeros((3, 4), np.float32)).to_npz(),
    ],
    ids=["garbage", "incomplete", "shapes"],
)
def test_a_damaged_file_is_refused(data: bytes) -> None:
    with pytest.raises(BundleCorrupt, match=r"decision\.npz"):
        Decision.from_npz(data)
