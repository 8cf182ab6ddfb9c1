"""Draws which fruit is taken for which."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.cluster import AgglomerativeClustering

from batch.report.html import NARROW_SPACE, Html, join, percent, plural, scrolling, tag
from batch.report.svg import clipped, drawing, label, rectangle

_SHADES = (0.02, 0.05, 0.1, 0.25, 0.5)
_OTHERS = "others"


@dataclass(frozen=True)
class Confusion:
    """How often which fruit was taken for which.

    Attributes:
        rows: fruits shown.
        columns: fruits guessed: the rows, and `others` where a guess was none of them.
        counts: int64 (rows, columns), photos.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: npt.NDArray[np.int64]

    @classmethod
    def of(cls, pairs: Sequence[tuple[str, str]], order: Sequence[str]) -> "Confusion":
        """Count pairs of the fruit shown and the fruit guessed.

        Args:
            pairs: one a photo.
            order: of the rows; photos of any other fruit are left out.
        """
        place = {fruit: row for row, fruit in enumerate(order)}
        counts = np.zeros((len(order), len(order) + 1), np.int64)
        for shown, guess in pairs:
            if shown in place:
                counts[place[shown], place.get(guess, len(order))] += 1
        if counts[:, -1].any():
            return cls(tuple(order), (*order, _OTHERS), counts)
        return cls(tuple(order), tuple(order), counts[:, :-1])


def look_alike_order(
    vectors: npt.NDArray[np.float32], fruits: Sequence[str], chosen: Sequence[str]
) -> list[str]:
    """Order fruits so that look-alikes stand together: average linkage of mean vectors, ends turned to meet.

    Args:
        vectors: float32 (n, d).
        fruits: of each vector.
        chosen: fruits to order; those without a vector come last.
    """
    own = np.array(fruits)
    known = sorted(set(chosen) & set(fruits))
    unknown = sorted(set(chosen) - set(fruits))
    if len(known) < 3:
        return known + unknown
    means = np.stack([vectors[own == fruit].mean(0, dtype=np.float64) for fruit in known])
    distances = np.linalg.norm(means[:, None] - means[None], axis=2)
    tree = AgglomerativeClustering(
        n_clusters=None, distance_threshold=0, metric="precomputed", linkage="average"
    )
    runs: list[list[int]] = [[leaf] for leaf in range(len(known))]
    for left, right in tree.fit(distances).children_.tolist():
        ways = [(one, other) for one in _turned(runs[left]) for other in _turned(runs[right])]
        first, second = min(ways, key=lambda way: distances[way[0][-1], way[1][0]])
        runs.append(first + second)
    return [known[leaf] for leaf in runs[-1]] + unknown


def _turned(run: list[int]) -> tuple[list[int], list[int]]:
    return run, run[::-1]


def heat_map(confusion: Confusion, names: Mapping[str, str], *, numbers: bool) -> Html:
    """Draw a cell for each pair, the darker the larger its share of the photos of the fruit shown.

    Args:
        confusion: what to draw.
        names: of every fruit.
        numbers: write the photos into large cells.
    """
    side = 34.0 if numbers else 14.0
    named = [fruit if fruit == _OTHERS else clipped(names[fruit]) for fruit in confusion.columns]
    edge = 7.0 * max(len(name) for name in named) + 28
    right, bottom = edge + side * len(confusion.columns), edge + side * len(confusion.rows)
    rows = [edge + side * row for row in range(len(confusion.rows) + 1)]
    columns = [edge + side * column for column in range(len(confusion.columns) + 1)]
    lines = [f"M{edge:g} {y:g}H{right:g}" for y in rows] + [f"M{x:g} {edge:g}V{bottom:g}" for x in columns]
    half = side / 2 + 4
    parts = [
        tag("path", d="".join(lines), class_="grid-line"),
        *_cells(confusion, [*named, _OTHERS], side, edge, numbers=numbers),
        *[label(edge - 5, y + half, name, "end") for y, name in zip(rows[:-1], named, strict=False)],
        *[label(x + half, edge - 5, name, turned=True) for x, name in zip(columns[:-1], named, strict=True)],
        label(12, (edge + bottom) / 2, "Photo shows", "middle", "title", turned=True),
        label((edge + right) / 2, 12, "First guess", "middle", "title"),
    ]
    photos = plural(int(confusion.counts.sum()), "photo")
    description = f"Confusion matrix of {plural(len(confusion.rows), 'fruit')}, {photos}"
    drawn = drawing(right + 8, bottom + 8, description, *parts, fixed=True)
    return join([scrolling(description, drawn), _legend()])


def _cells(
    confusion: Confusion, named: Sequence[str], side: float, edge: float, *, numbers: bool
) -> list[Html]:
    cells = []
    totals = confusion.counts.sum(1)
    for row, column in np.argwhere(confusion.counts).tolist():
        number, total = int(confusion.counts[row, column]), int(totals[row])
        share = number / total
        what = "right" if row == column else f"taken for {named[column]}"
        tip = f"{named[row]}, {what}: {number} of {plural(total, 'photo')}, {percent(share, 0)}"
        shade = sum(share >= least for least in _SHADES)
        css = f"{'right' if row == column else 'wrong'} s{shade}"
        x, y = edge + side * column, edge + side * row
        cells.append(rectangle(x + 0.5, y + 0.5, side - 1, side - 1, css, tip))
        if numbers:
            cells.append(label(x + side / 2, y + side / 2 + 4, number, "middle", f"in-cell t{shade}"))
    return cells


def _legend() -> Html:
    bounds = ["under 2", "2–5", "5–10", "10–25", "25–50", f"50{NARROW_SPACE}% and more"]
    keys = [
        tag(
            "span",
            tag("i", class_=f"right s{shade}"),
            tag("i", class_=f"wrong s{shade}"),
            bound,
            class_="key",
        )
        for shade, bound in enumerate(bounds)
    ]
    return tag("p", "Right and wrong, as a share of the photos of that fruit:", *keys, class_="legend")
