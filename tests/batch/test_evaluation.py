"""Figures are what they say: pinned on photos small enough to count by hand."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from batch.evaluation import Answered, calibration_error, measure, measure_kinds, reliability
from models.decision import Judgement
from models.records import NOT_FRUIT, Answer, Label, Rank

UNKNOWN = Answer(Rank.UNKNOWN, None, 0.0)


def answered() -> Answered:
    """Five fruits and three negatives; columns: apple, lemon, lime, pear."""
    rows: list[tuple[str, Label, float, list[float], tuple[float, float], Answer]] = [
        (
            "phone",
            Label("apple", "apple/red"),
            0.9,
            [0.8, 0.05, 0.05, 0.0],
            (0.7, 0.1),
            Answer(Rank.VARIETY, "apple/red", 0.7),
        ),
        (
            "phone",
            Label("apple", "apple/red"),
            0.9,
            [0.8, 0.05, 0.05, 0.0],
            (0.2, 0.6),
            Answer(Rank.VARIETY, "apple/green", 0.6),
        ),
        (
            "phone",
            Label("lemon"),
            0.8,
            [0.1, 0.3, 0.4, 0.0],
            (0.05, 0.05),
            Answer(Rank.FAMILY, "citrus", 0.7),
        ),
        ("web", Label("pear"), 0.9, [0.5, 0.2, 0.15, 0.05], (0.3, 0.2), Answer(Rank.FRUIT, "apple", 0.5)),
        ("web", Label("lime"), 0.3, [0.0, 0.1, 0.2, 0.0], (0.0, 0.0), UNKNOWN),
        ("web", Label(NOT_FRUIT), 0.2, [0.1, 0.05, 0.05, 0.0], (0.05, 0.05), UNKNOWN),
        ("web", Label(NOT_FRUIT), 0.6, [0.5, 0.05, 0.05, 0.0], (0.2, 0.3), Answer(Rank.FRUIT, "apple", 0.5)),
        ("phone", Label(NOT_FRUIT), 0.1, [0.1, 0.0, 0.0, 0.0], (0.05, 0.05), UNKNOWN),
    ]
    kinds, labels, is_fruit, fruits, varieties, answers = zip(*rows, strict=True)
    judgement = Judgement(*(np.array(column, np.float32) for column in (is_fruit, fruits, varieties)))
    paths = [f"{number}" for number in range(len(rows))]
    return Answered(
        paths,
        labels,
        kinds,
        judgement,
        answers,
        ("apple", "lemon", "lime", "pear"),
        ("apple/red", "apple/green"),
        0.5,
    )


def test_figures_are_those_counted_by_hand() -> None:
    figures = measure(answered())

    assert (figures["photos"], figures["negatives"]) == (5, 3)
    assert figures["top1"] == 0.6
    assert figures["top3"] == 0.8
    assert figures["top1_variety"] == 0.5
    assert figures["kept"] == 0.8
    assert figures["right_when_named"] == pytest.approx(1 / 3, abs=1e-4)
    assert figures["false_fruits"] == pytest.approx(1 / 3, abs=1e-4)
    assert figures["ranks"] == {"variety": 2, "family": 1, "fruit": 1, "unknown": 1}


def test_rejection_is_measured_as_scikit_learn_does() -> None:
    one = answered()

    assert measure(one)["rejection_auroc"] == pytest.approx(
        roc_auc_score(one.is_fruit, one.judgement.is_fruit), abs=1e-4
    )
    assert measure(one)["false_fruits_at_95"] == pytest.approx(1 / 3, abs=1e-4)


def test_confusions_name_the_mistake_and_how_often() -> None:
    assert measure(answered())["confusions"] == [
        {"fruit": "lemon", "said": "lime", "count": 1, "of": 1},
        {"fruit": "pear", "said": "apple", "count": 1, "of": 1},
    ]


def test_a_broken_photo_is_a_wrong_answer() -> None:
    one = answered()
    broken = Answered(
        one.paths, one.labels, one.kinds, one.judgement, one.answers, one.fruits, one.varieties, 0.5, broken=5
    )

    assert measure(broken)["top1"] == 0.3


def test_kinds_are_measured_apart() -> None:
    figures = measure_kinds(answered())

    assert list(figures) == ["all", "phone", "web"]
    assert (figures["phone"]["top1"], figures["web"]["top1"]) == (pytest.approx(2 / 3, abs=1e-4), 0.5)


def test_without_negatives_rejection_is_not_made_up() -> None:
    figures = measure(answered().select([0, 1, 2]))

    assert figures["rejection_auroc"] is None
    assert figures["false_fruits"] is None


def test_calibration_error_is_pinned() -> None:
    scores = np.array([0.95, 0.95, 0.95, 0.95, 0.5, 0.5], np.float32)
    right = np.array([True, True, True, False, True, False])

    assert calibration_error(scores, right) == pytest.approx(4 / 6 * 0.2 + 2 / 6 * 0.0, abs=1e-3)
    assert calibration_error(scores[:0], right[:0]) is None


def test_reliability_has_a_row_for_each_bin_in_use() -> None:
    rows = reliability(np.array([0.05, 0.95, 0.97], np.float32), np.array([False, True, False]))

    assert [(round(score, 2), share, count) for score, share, count in rows] == [
        (0.05, 0.0, 1),
        (0.96, 0.5, 2),
    ]
