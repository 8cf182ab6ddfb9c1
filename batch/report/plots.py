"""Draws how much variance the projection keeps, and how honest the scores are."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from batch.evaluation import reliability
from batch.report.html import Html, percent, plural, tag
from batch.report.svg import Axis, Scale, axes, drawing, label, polyline, rectangle, round_ticks, share_axis

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

_WIDTH = 360.0
_LEFT, _RIGHT = 52.0, 346.0
_WILSON_Z = 1.96


def wilson(right: float, total: int) -> tuple[float, float]:
    """Give the 95 % interval of a share, as if photos were independent of one another.

    Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953.
    """
    square = _WILSON_Z**2 / total
    middle = (right / total + square / 2) / (1 + square)
    half = (
        _WILSON_Z
        / (1 + square)
        * math.sqrt(right / total * (1 - right / total) / total + square / (4 * total))
    )
    return max(0.0, middle - half), min(1.0, middle + half)


def interval(share: float | None, total: int) -> str:
    """Write the 95 % interval of a share, in per cent."""
    if share is None or not total:
        return ""
    low, high = wilson(share * total, total)
    return f"{100 * low:.1f}–{percent(high)}"


def kinds_by_size(kinds: Sequence[str], chosen: Flags) -> list[tuple[str, int]]:
    """Count the chosen photos of each kind, most first."""
    sizes: dict[str, int] = {}
    for kind, own in zip(kinds, chosen.tolist(), strict=True):
        sizes[kind] = sizes.get(kind, 0) + own
    return sorted(
        ((kind, size) for kind, size in sizes.items() if size), key=lambda pair: (-pair[1], pair[0])
    )


def variance_curve(ratios: Floats) -> Html:
    """Draw the share of the variance that the first components keep together.

    Args:
        ratios: float32 (d_pca,), share of each component.
    """
    total = np.cumsum(ratios, dtype=np.float64).clip(0, 1)
    components = len(total)
    x, y = Scale(0, components, _LEFT, _RIGHT), Scale(0, 1, 230, 12)
    points = [(x(0), y(0)), *[(x(number + 1), y(share)) for number, share in enumerate(total.tolist())]]
    marks = []
    for wanted in (0.5, 0.8, 0.9):
        if wanted <= total[-1]:
            needed = int(np.searchsorted(total, wanted)) + 1
            text = f"{percent(wanted, 0)} with {needed}"
            marks.append(_mark(x(needed), y(float(total[needed - 1])), text))
    frame = axes(x, y, Axis(round_ticks(0, components), "components kept"), share_axis("variance kept, %"))
    description = f"The first {components} components keep {percent(float(total[-1]))} of the variance"
    return drawing(_WIDTH, 272, description, frame, polyline(points, "line"), *marks)


def _mark(x: float, y: float, text: str) -> Html:
    beside = label(x + 7, y + 14, text) if x < _WIDTH * 0.6 else label(x + 8, y + 21, text, "end")
    return tag("g", tag("circle", cx=x, cy=y, r=3.5, class_="mark"), beside)


def reliability_diagram(scores: Floats, right: Flags, description: str) -> Html:
    """Draw how often answers are right against how sure they say they are, over a histogram of the scores.

    Args:
        scores: float32 (n,), the highest score of each photo; n is 1 at least.
        right: bool (n,).
        description: read aloud in place of the plot.
    """
    x, y = Scale(0, 1, _LEFT, _RIGHT), Scale(0, 1, 250, 12)
    bins = reliability(scores, right)
    most = max(number for _, _, number in bins)
    drawn = [
        polyline([(x(0), y(0)), (x(1), y(1))], "ideal"),
        label(x(0.03), y(0.93), "too modest", "start", "aside"),
        label(x(0.98), y(0.05), "too sure", "end", "aside"),
    ]
    drawn.append(polyline([(x(score), y(share)) for score, share, _ in bins], "line"))
    for score, share, number in bins:
        low, high = wilson(share * number, number)
        drawn.append(polyline([(x(score), y(low)), (x(score), y(high))], "whisker"))
        tip = f"Scores around {percent(score, 0)}: {percent(share, 0)} of {plural(number, 'photo')} right"
        radius = 2.5 + 5.5 * math.sqrt(number / most)
        drawn.append(tag("circle", tag("title", tip), cx=x(score), cy=y(share), r=radius, class_="point"))
    frame = axes(x, y, share_axis("score given, %"), share_axis("answers that are right, %"))
    return drawing(_WIDTH, 350, description, frame, *drawn, _histogram_strip(scores, x))


def _histogram_strip(scores: Floats, x: Scale) -> Html:
    """How many photos got which score, under the plot."""
    counts = np.histogram(scores, 20, (0, 1))[0]
    height = Scale(0, float(counts.max()), 0, 40)
    bars = [
        rectangle(
            x(place / 20) + 0.5,
            338 - height(number),
            x(0.05) - x(0) - 1,
            height(number),
            "bars",
            f"{place * 5}–{place * 5 + 5} %: {plural(number, 'photo')}",
        )
        for place, number in enumerate(counts.tolist())
        if number
    ]
    base = tag("path", d=f"M{x.start:.1f} 338H{x.end:.1f}", class_="axis")
    return tag("g", *bars, base, label(x.start - 6, 338, "photos", "end"), class_="axes")
