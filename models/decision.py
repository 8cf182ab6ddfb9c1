"""From a vector and its neighbours to calibrated scores, and from scores to the most specific answer that
they support.

    P(fruit)            a logistic gate on the embedding, told apart from `not_fruit` photos
    P(apple | fruit)    a blend of a linear head on the projected vector and of the neighbours' votes,
    sharpened by a temperature
    P(variety | apple)  a linear head among the varieties of that fruit

Temperature, smoothing and blend are fitted on photos that were kept apart (Guo et al. 2017,
https://arxiv.org/abs/1706.04599), so that a score of 0.8 is right eight times in ten.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import numpy.typing as npt

from models.errors import BundleCorrupt
from models.projection import Projection, read_npz, write_npz
from models.records import Answer, Rank
from models.rejection import Gate

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Thresholds:
    """Least probability for each statement, all in 0..1."""

    is_fruit: float = 0.5
    variety: float = 0.6
    fruit: float = 0.5
    family: float = 0.5

    def as_dict(self) -> dict[str, float]:
        """By name, for a manifest."""
        return {item.name: round(float(getattr(self, item.name)), 6) for item in fields(self)}


@dataclass(frozen=True)
class Judgement:
    """Scores of n photos.

    Attributes:
        is_fruit: float32 (n,).
        fruits: float32 (n, fruits), P(fruit and this one): a row sums to is_fruit at most.
        varieties: float32 (n, varieties), joint too: the varieties of a fruit sum to its score at most.
    """

    is_fruit: Floats
    fruits: Floats
    varieties: Floats


@dataclass(frozen=True)
class Decision:
    """Everything that turns a vector and its neighbours into scores.

    Attributes:
        fruits: fruit ids, sorted; columns of `Judgement.fruits`.
        head_weights, head_bias: float32 (fruits, d_pca) and (fruits,).
        head_share: how much of the blend the head has; the neighbours have the rest.
        neighbours: how many vote.
        neighbour_temperature: similarity difference at which a neighbour's vote falls to 1/e.
        vote_weights: float32 (fruits,), by which a vote for each fruit counts; more for one with few photos.
        temperature: the blend is raised to the power 1/temperature and normalised again.
        smoothing: share of the probability that is spread over all fruits.
        varieties: variety ids, those of a fruit side by side; columns of `Judgement.varieties`.
        variety_weights, variety_bias: float32 (varieties, d_pca) and (varieties,).
        variety_temperature: divides the varieties' logits.
        gate: fruit or not; None when no negatives were ever seen: then everything counts as a fruit.
        thresholds: for `answer`.
    """

    fruits: tuple[str, ...]
    head_weights: Floats
    head_bias: Floats
    head_share: float
    neighbours: int
    neighbour_temperature: float
    vote_weights: Floats
    temperature: float
    smoothing: float
    varieties: tuple[str, ...]
    variety_weights: Floats
    variety_bias: Floats
    variety_temperature: float
    gate: Gate | None
    thresholds: Thresholds = Thresholds()

    def judge(
        self, gate_scores: Floats | None, vectors: Floats, similarities: Floats, neighbour_fruits: Integers
    ) -> Judgement:
        """Score photos.

        Args:
            gate_scores: float32 (n,), `Gate.linear_score` of their embeddings; None without a gate.
            vectors: float32 (n, d_pca), their projections.
            similarities: float32 (n, k), best first.
            neighbour_fruits: int64 (n, k), each neighbour's position in `fruits`.
        """
        if self.gate is None or gate_scores is None:
            is_fruit = np.ones(len(vectors), np.float32)
        else:
            is_fruit = self.gate.probability(gate_scores, similarities[:, 0])
        conditional = self.sharpen(self.blend(vectors, similarities, neighbour_fruits))
        fruits = conditional * is_fruit[:, None]
        return Judgement(is_fruit, fruits, fruits[:, self._owners] * self.within_fruit(vectors))

    def blend(self, vectors: Floats, similarities: Floats, neighbour_fruits: Integers) -> Floats:
        """Mix the head's opinion with the neighbours' votes, before any calibration: float32 (n, fruits)."""
        head = softmax(vectors @ self.head_weights.T + self.head_bias)
        votes = vote(
            similarities, neighbour_fruits, self.vote_weights, self.neighbours, self.neighbour_temperature
        )
        return (self.head_share * head + (1 - self.head_share) * votes).astype(np.float32)

    def sharpen(self, blended: Floats) -> Floats:
        """Calibrate: temperature, then smoothing; rows sum to 1."""
        powered = softmax(np.log(np.maximum(blended, 1e-9)) / self.temperature)
        return ((1 - self.smoothing) * powered + self.smoothing / len(self.fruits)).astype(np.float32)

    def combine(self, judgement: Judgement) -> Judgement:
        """Make one judgement of several photos of one fruit: the normalised geometric mean of all."""
        is_fruit = 1.0 / (1.0 + np.exp(-_logit(judgement.is_fruit).mean(keepdims=True)))
        conditional = judgement.fruits / np.maximum(judgement.is_fruit[:, None], 1e-9)
        fruits = softmax(np.log(np.maximum(conditional, 1e-9)).mean(0, keepdims=True)) * is_fruit[:, None]
        within = judgement.varieties / np.maximum(judgement.fruits[:, self._owners], 1e-9)
        varieties = fruits[:, self._owners] * within.mean(0)
        return Judgement(*(value.astype(np.float32) for value in (is_fruit, fruits, varieties)))

    def answer(self, judgement: Judgement, families: Mapping[str, Sequence[str]], photo: int = 0) -> Answer:
        """Say the most specific thing that is sure enough: variety, fruit, family or unknown.

        Args:
            judgement: from `judge` or `combine`.
            families: family id -> fruit ids.
            photo: row of the judgement.
        """
        if judgement.is_fruit[photo] < self.thresholds.is_fruit:
            return Answer(Rank.UNKNOWN, None, 0.0)
        scores = judgement.fruits[photo]
        best = int(scores.argmax())
        own = self.varieties_of.get(self.fruits[best], ())
        if own and scores[best] >= self.thresholds.fruit:
            variety = max(own, key=lambda column: float(judgement.varieties[photo, column]))
            score = float(judgement.varieties[photo, variety])
            if score >= self.thresholds.variety:
                return Answer(Rank.VARIETY, self.varieties[variety], score)
        if scores[best] >= self.thresholds.fruit:
            return Answer(Rank.FRUIT, self.fruits[best], float(scores[best]))
        sums = {
            name: sum(float(scores[self.fruits.index(fruit)]) for fruit in members if fruit in self.fruits)
            for name, members in families.items()
        }
        family = max(sums, key=lambda name: sums[name], default=None)
        if family is not None and sums[family] >= self.thresholds.family:
            return Answer(Rank.FAMILY, family, min(1.0, sums[family]))
        return Answer(Rank.UNKNOWN, None, 0.0)

    @cached_property
    def _owners(self) -> npt.NDArray[np.int64]:
        """Column of the fruit of each variety: int64 (varieties,)."""
        return np.array([self.fruits.index(variety.split("/")[0]) for variety in self.varieties], np.int64)

    @cached_property
    def varieties_of(self) -> Mapping[str, tuple[int, ...]]:
        """Columns of the varieties of each fruit that has any."""
        starts, counts = self._runs
        return {
            self.fruits[self._owners[start]]: tuple(range(start, start + count))
            for start, count in zip(starts.tolist(), counts.tolist(), strict=True)
        }

    @cached_property
    def _runs(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Where the varieties of each fruit start, and how many there are."""
        starts = np.flatnonzero(np.diff(self._owners, prepend=-1))
        return starts, np.diff(starts, append=len(self._owners))

    def within_fruit(self, vectors: Floats) -> Floats:
        """P(variety | its fruit): float32 (n, varieties)."""
        logits = (vectors @ self.variety_weights.T + self.variety_bias) / self.variety_temperature
        if not self.varieties:
            return logits.astype(np.float32)
        starts, counts = self._runs
        largest = np.maximum.reduceat(logits, starts, axis=1).repeat(counts, axis=1)
        powers = np.exp(logits - largest)
        sums = np.add.reduceat(powers, starts, axis=1).repeat(counts, axis=1)
        return (powers / sums).astype(np.float32)

    def to_npz(self) -> bytes:
        """Serialise without pickle; the same decision gives the same bytes."""
        arrays: dict[str, npt.NDArray[np.generic]] = {
            item.name: np.array(getattr(self, item.name))
            for item in fields(self)
            if item.name not in ("gate", "thresholds")
        }
        arrays["thresholds"] = np.array(
            [getattr(self.thresholds, item.name) for item in fields(Thresholds)], np.float64
        )
        if self.gate is not None:
            arrays |= {
                f"gate_{item.name}": np.array(getattr(self.gate.projection, item.name))
                for item in fields(Projection)
            }
            arrays |= {
                f"gate_{name}": np.array(getattr(self.gate, name))
                for name in ("weights", "bias", "calibration", "alone")
            }
        return write_npz(arrays)

    @classmethod
    def from_npz(cls, data: bytes) -> "Decision":
        """Read what `to_npz` wrote.

        Raises:
            BundleCorrupt: an array is missing or of the wrong shape.
        """
        arrays = read_npz(data, "decision.npz")
        try:
            decision = _from_arrays(arrays)
        except (KeyError, ValueError, TypeError) as error:
            raise BundleCorrupt(f"decision.npz is incomplete: {error}") from error
        d_pca = decision.head_weights.shape[-1]
        if decision.head_weights.shape != (len(decision.fruits), d_pca) or decision.head_bias.shape != (
            len(decision.fruits),
        ):
            raise BundleCorrupt("decision.npz: the head's shape does not match the fruits.")
        if decision.vote_weights.shape != (len(decision.fruits),):
            raise BundleCorrupt("decision.npz: the votes' weights do not match the fruits.")
        if not {variety.split("/")[0] for variety in decision.varieties} <= set(decision.fruits):
            raise BundleCorrupt("decision.npz: a variety is of none of the fruits.")
        if len(decision._runs[0]) != len(np.unique(decision._owners)):
            raise BundleCorrupt("decision.npz: the varieties of a fruit do not stand side by side.")
        if decision.variety_weights.shape != (len(decision.varieties), d_pca):
            raise BundleCorrupt("decision.npz: the varieties' shape does not match their names.")
        return decision


def softmax(logits: npt.NDArray[np.floating]) -> Floats:
    """Normalised exponentials of each row: float32, rows sum to 1."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


def vote(
    similarities: Floats, neighbour_fruits: Integers, weights: Floats, count: int, temperature: float
) -> Floats:
    """Let the closest neighbours vote for their fruit, the closer the louder.

    Args:
        similarities: float32 (n, k), best first.
        neighbour_fruits: int64 (n, k), columns of the result; -1 has no vote.
        weights: float32 (fruits,), how much a vote for each fruit counts.
        count: neighbours that vote, at most k.
        temperature: similarity difference at which a vote falls to 1/e.

    Returns:
        float32 (n, fruits), rows sum to 1.
    """
    similarities, neighbour_fruits = similarities[:, :count], neighbour_fruits[:, :count]
    own = np.maximum(neighbour_fruits, 0)
    loudness = (
        np.exp((similarities - similarities[:, :1]) / temperature) * weights[own] * (neighbour_fruits >= 0)
    )
    votes = np.zeros((len(similarities), len(weights)), np.float32)
    rows = np.repeat(np.arange(len(similarities)), neighbour_fruits.shape[1])
    np.add.at(votes, (rows, own.ravel()), loudness.ravel())
    return votes / np.maximum(votes.sum(axis=1, keepdims=True), 1e-9)


def _logit(probability: Floats) -> npt.NDArray[np.float64]:
    clipped = np.clip(probability.astype(np.float64), 1e-6, 1 - 1e-6)
    return np.log(clipped / (1 - clipped))


def _from_arrays(arrays: Mapping[str, npt.NDArray[np.generic]]) -> Decision:
    def number(name: str) -> float:
        return float(arrays[name].item())

    def floats(name: str) -> Floats:
        return arrays[name].astype(np.float32)

    gate = None
    if "gate_weights" in arrays:
        projection = Projection(**{item.name: floats(f"gate_{item.name}") for item in fields(Projection)})
        gate = Gate(
            projection,
            floats("gate_weights"),
            number("gate_bias"),
            floats("gate_calibration"),
            floats("gate_alone"),
        )
    fruits = tuple(str(fruit) for fruit in arrays["fruits"])
    plain = np.ones(len(fruits), np.float32)
    return Decision(
        fruits=fruits,
        head_weights=floats("head_weights"),
        head_bias=floats("head_bias"),
        head_share=number("head_share"),
        neighbours=int(number("neighbours")),
        neighbour_temperature=number("neighbour_temperature"),
        vote_weights=floats("vote_weights") if "vote_weights" in arrays else plain,
        temperature=number("temperature"),
        smoothing=number("smoothing"),
        varieties=tuple(str(variety) for variety in arrays["varieties"]),
        variety_weights=floats("variety_weights"),
        variety_bias=floats("variety_bias"),
        variety_temperature=number("variety_temperature"),
        gate=gate,
        thresholds=Thresholds(*arrays["thresholds"].astype(np.float64).tolist()),
    )
