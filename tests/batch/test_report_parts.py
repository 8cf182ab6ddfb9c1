"""The parts of a report: markup, plots, the map and the matrix of confusions."""

import re
from collections import Counter

import numpy as np
import pytest

from batch.report.confusion import Confusion, look_alike_order
from batch.report.html import Column, Html, table, tag
from batch.report.map import MOST_POINTS, plane, sample
from batch.report.map_names import Frame, place_names
from batch.report.plots import wilson
from batch.report.svg import Scale, round_ticks
from batch.report.words import Names
from models.records import NOT_FRUIT


def test_a_confusion_matrix_counts_what_falls_outside_as_others() -> None:
    pairs = [("apple", "apple"), ("apple", "pear"), ("pear", "fig"), ("fig", "fig")]
    confusion = Confusion.of(pairs, ["pear", "apple"])
    assert confusion.columns == ("pear", "apple", "others")
    assert confusion.counts.tolist() == [[0, 0, 1], [1, 1, 0]]
    assert Confusion.of(pairs[:2], ["pear", "apple"]).columns == ("pear", "apple")


def test_look_alikes_are_ordered_side_by_side() -> None:
    angles = {"lime": 0.0, "pear": 1.5, "lemon": 0.1, "apple": 1.6, "quince": 1.4}
    vectors = np.array([[np.cos(angle), np.sin(angle)] for angle in angles.values()], np.float32)
    ordered = look_alike_order(vectors, list(angles), [*angles, "unseen"])
    assert ordered in (
        ["lemon", "lime", "apple", "pear", "quince", "unseen"],
        ["lime", "lemon", "quince", "pear", "apple", "unseen"],
        ["apple", "pear", "quince", "lemon", "lime", "unseen"],
    )


def test_the_map_tells_groups_apart_that_variance_alone_would_not() -> None:
    chance = np.random.default_rng(5)
    groups = np.repeat([0, 1, 2], 100)
    vectors = chance.normal(size=(300, 5)) * [2, 0.3, 0.3, 0.3, 0.3]
    vectors[:, 1] += groups
    points, shares = plane(vectors.astype(np.float32), groups)
    middles = [points[groups == one, 0].mean() for one in range(3)]
    assert np.ptp(middles) > 5
    assert points[groups == 1, 0].std() == pytest.approx(1, abs=0.1)
    assert shares[0] > 0.9


@pytest.mark.parametrize("fruits", [1, 2, 3])
def test_the_map_of_few_fruits_or_dimensions_is_still_flat(fruits: int) -> None:
    groups = np.arange(12) % fruits
    for dimensions in (1, 2, 5):
        vectors = np.random.default_rng(1).normal(size=(12, dimensions)).astype(np.float32)
        points, shares = plane(vectors, groups)
        assert points.shape == (12, 2)
        assert np.isfinite(points).all()
        assert shares.sum() <= 1 + 1e-9


def test_photos_that_are_all_alike_can_be_mapped() -> None:
    points, _ = plane(np.ones((6, 4), np.float32), np.array([0, 0, 0, 1, 1, 1]))
    assert np.isfinite(points).all()


def test_a_sample_keeps_shares_and_every_fruit() -> None:
    fruits = ["apple"] * 30_000 + ["fig"] + ["pear"] * 10_000
    rows = sample(fruits)
    chosen = Counter(fruits[row] for row in rows)
    assert chosen == {"apple": 3_000 - 1, "fig": 1, "pear": 1_000 - 1}
    assert len(rows) <= MOST_POINTS + 1
    assert sample(["apple", "pear"]).tolist() == [0, 1]
    assert sample([]).tolist() == []


def test_names_on_the_map_do_not_cover_one_another() -> None:
    places = np.full((20, 2), 200.0)
    drawn = place_names(["Lemon"] * 20, places, [0] * 20, Frame(0, 0, 400, 400))
    spots = [(float(x), float(y)) for x, y in re.findall(r'<text x="([\d.]+)" y="([\d.]+)"', drawn)]
    assert len(spots) == 20
    for place, (x, y) in enumerate(spots):
        assert all(abs(x - other) >= 36 or abs(y - height) >= 13.9 for other, height in spots[:place])


def test_the_interval_of_a_share_is_wilsons() -> None:
    low, high = wilson(8, 10)
    assert (round(low, 4), round(high, 4)) == (0.4902, 0.9433)
    assert wilson(0, 5)[0] == pytest.approx(0, abs=1e-12)
    assert wilson(5, 5)[1] == 1


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0, 128, [0, 20, 40, 60, 80, 100, 120]), (-1.1, 1.1, [-1, -0.5, 0, 0.5, 1]), (0, 0, [0])],
)
def test_ticks_are_round(low: float, high: float, ticks: list[float]) -> None:
    assert round_ticks(low, high, 7 if high > 100 else 5) == pytest.approx(ticks)


def test_a_scale_may_bend() -> None:
    assert Scale(0, 4, 0, 100)(1) == 25
    assert Scale(0, 4, 100, 0, np.sqrt)(1) == 50


def test_markup_is_escaped_unless_it_says_that_it_is_markup() -> None:
    assert tag("td", "<b>", Html("<i></i>"), class_='"') == '<td class="&quot;">&lt;b&gt;<i></i></td>'
    assert '<th scope="row">&lt;</th>' in table("t", [Column("a")], [["<"]])


def test_an_id_without_a_name_is_told_in_its_own_words() -> None:
    names = Names({"apple": "Apple"})
    assert [names[one] for one in ("apple", "passion-fruit", "apple/granny-smith", NOT_FRUIT)] == [
        "Apple",
        "Passion fruit",
        "Granny smith",
        "Not a fruit",
    ]
