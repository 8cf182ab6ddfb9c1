"""Measures answers against labels: how often right, how honest, what is mistaken for what."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from models.decision import Decision, Judgement
from models.records import Answer, Label, Rank

_BINS = 15
_WORST = 12


@dataclass(frozen=True)
class Answered:
    """Photos with what was said of them; all of length n.

    Attributes:
        paths: which photo.
        labels: what it shows.
        kinds: which corpus or folder of photos it belongs to.
        judgement: scores.
        answers: what would be said.
        fruits, varieties: columns of the judgement.
        broken: photos that could not be read: each counts as a wrong answer.
    """

    paths: Sequence[str]
    labels: Sequence[Label]
    kinds: Sequence[str]
    judgement: Judgement
    answers: Sequence[Answer]
    fruits: Sequence[str]
    varieties: Sequence[str]
    threshold: float
    broken: int = 0

    @classmethod
    def of(
        cls,
        decision: Decision,
        judgement: Judgement,
        families: Mapping[str, Sequence[str]],
        paths: Sequence[str],
        labels: Sequence[Label],
        kinds: Sequence[str],
        broken: int = 0,
    ) -> "Answered":
        """Answer photos that were judged."""
        answers = [decision.answer(judgement, families, photo) for photo in range(len(labels))]
        return cls(
            paths,
            labels,
            kinds,
            judgement,
            answers,
            decision.fruits,
            decision.varieties,
            decision.thresholds.is_fruit,
            broken,
        )

    def of_kind(self, kind: str) -> "Answered":
        """The photos of one kind alone."""
        return self.select([row for row, own in enumerate(self.kinds) if own == kind])

    def select(self, rows: Sequence[int]) -> "Answered":
        """The photos at the given positions alone."""
        judgement = Judgement(
            *(
                scores[list(rows)]
                for scores in (self.judgement.is_fruit, self.judgement.fruits, self.judgement.varieties)
            )
        )
        return Answered(
            [self.paths[row] for row in rows],
            [self.labels[row] for row in rows],
            [self.kinds[row] for row in rows],
            judgement,
            [self.answers[row] for row in rows],
            self.fruits,
            self.varieties,
            self.threshold,
        )

    @property
    def guessed(self) -> list[str]:
        """Fruit with the highest score."""
        return [self.fruits[column] for column in self.judgement.fruits.argmax(1)]

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """Whether the highest score is that of the labelled fruit: bool (n,)."""
        return np.array(
            [guess == label.fruit for guess, label in zip(self.guessed, self.labels, strict=True)], bool
        )

    @property
    def is_fruit(self) -> npt.NDArray[np.bool_]:
        """Whether the label is a fruit: bool (n,)."""
        return np.array([label.is_fruit for label in self.labels], bool)

    @property
    def kept(self) -> npt.NDArray[np.bool_]:
        """Whether the photo was taken for a fruit and got a name of any rank: bool (n,)."""
        named = np.array([answer.rank is not Rank.UNKNOWN for answer in self.answers], bool)
        return named & (self.judgement.is_fruit >= self.threshold)


def measure(answered: Answered) -> dict[str, Any]:
    """Compute every figure that a manifest, a report and `evaluate` give.

    Returns:
        Shares in 0..1; a figure that these photos cannot give is None: photos, negatives, broken, top1, top3,
        top1_variety, kept (fruits named at any rank), right_when_named (right among answers of rank variety
        or fruit), false_fruits (negatives named as a fruit), rejection_auroc, false_fruits_at_95 (negatives
        that score at least as high as 95 % of the fruits do), calibration_error (of the top score of fruits,
        15 bins), ranks, confusions.
    """
    fruit = answered.is_fruit
    total = int(fruit.sum()) + answered.broken
    right = answered.right[fruit]
    return {
        "photos": total,
        "negatives": int((~fruit).sum()),
        "broken": answered.broken,
        "top1": _share(right.sum(), total),
        "top3": _share(_in_top(answered, 3)[fruit].sum(), total),
        "top1_variety": _variety_top1(answered),
        "kept": _share(answered.kept[fruit].sum(), total),
        "right_when_named": _right_when_named(answered),
        "false_fruits": _share(answered.kept[~fruit].sum(), int((~fruit).sum())),
        **_rejection(answered.judgement.is_fruit, fruit),
        "calibration_error": calibration_error(answered.judgement.fruits[fruit].max(1, initial=0.0), right),
        "ranks": dict(
            Counter(
                str(answer.rank) for answer, own in zip(answered.answers, fruit.tolist(), strict=True) if own
            )
        ),
        "confusions": confusions(answered),
    }


def measure_kinds(answered: Answered) -> dict[str, dict[str, Any]]:
    """Figures of all photos together under `all`, and of each kind under its name."""
    kinds = sorted(set(answered.kinds))
    return {"all": measure(answered)} | {kind: measure(answered.of_kind(kind)) for kind in kinds}


def calibration_error(scores: npt.NDArray[np.float32], right: npt.NDArray[np.bool_]) -> float | None:
    """Expected calibration error: mean distance of score and share right over 15 equal bins, weighted by
    photos.

    Naeini et al. 2015, https://doi.org/10.1609/aaai.v29i1.9602.
    """
    if not len(scores):
        return None
    bins = np.minimum((scores * _BINS).astype(int), _BINS - 1)
    gaps = [
        abs(scores[bins == one].mean() - right[bins == one].mean()) * (bins == one).mean()
        for one in np.unique(bins)
    ]
    return round(float(sum(gaps)), 4)


def reliability(
    scores: npt.NDArray[np.float32], right: npt.NDArray[np.bool_], bins: int = 10
) -> list[tuple[float, float, int]]:
    """Mean score, share right and number of photos of each bin that has any."""
    places = np.minimum((scores * bins).astype(int), bins - 1)
    return [
        (float(scores[places == one].mean()), float(right[places == one].mean()), int((places == one).sum()))
        for one in np.unique(places)
    ]


def confusions(answered: Answered) -> list[dict[str, Any]]:
    """The most frequent mistakes: what it was, what was said, how often, out of how many."""
    of_fruit = Counter(label.fruit for label in answered.labels)
    pairs = Counter(
        (label.fruit, guess)
        for label, guess in zip(answered.labels, answered.guessed, strict=True)
        if label.is_fruit and guess != label.fruit
    )
    return [
        {"fruit": fruit, "said": said, "count": count, "of": of_fruit[fruit]}
        for (fruit, said), count in sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))[:_WORST]
    ]


def _share(part: float, whole: int) -> float | None:
    return round(float(part) / whole, 4) if whole else None


def _in_top(answered: Answered, count: int) -> npt.NDArray[np.bool_]:
    best = np.argsort(-answered.judgement.fruits, axis=1, kind="stable")[:, :count]
    return np.array(
        [
            label.fruit in {answered.fruits[column] for column in row}
            for label, row in zip(answered.labels, best, strict=True)
        ],
        bool,
    )


def _variety_top1(answered: Answered) -> float | None:
    rows = [row for row, label in enumerate(answered.labels) if label.variety in answered.varieties]
    if not rows:
        return None
    guessed = answered.judgement.varieties[rows].argmax(1)
    right = [
        answered.varieties[column] == answered.labels[row].variety
        for column, row in zip(guessed.tolist(), rows, strict=True)
    ]
    return _share(sum(right), len(rows))


def _right_when_named(answered: Answered) -> float | None:
    outcomes = [
        _is_right(answer, label)
        for answer, label in zip(answered.answers, answered.labels, strict=True)
        if label.is_fruit and answer.rank in (Rank.VARIETY, Rank.FRUIT)
    ]
    return _share(sum(outcomes), len(outcomes))


def _is_right(answer: Answer, label: Label) -> bool:
    """An answer is right when it contradicts nothing that is known of the photo."""
    fruit = (answer.id or "").split("/")[0]
    return fruit == label.fruit and (answer.rank is Rank.FRUIT or label.variety in (None, answer.id))


def _rejection(scores: npt.NDArray[np.float32], is_fruit: npt.NDArray[np.bool_]) -> dict[str, float | None]:
    if is_fruit.all() or not is_fruit.any():
        return {"rejection_auroc": None, "false_fruits_at_95": None}
    threshold = np.quantile(scores[is_fruit], 0.05)
    return {
        "rejection_auroc": round(float(roc_auc_score(is_fruit, scores)), 4),
        "false_fruits_at_95": _share((scores[~is_fruit] >= threshold).sum(), int((~is_fruit).sum())),
    }
