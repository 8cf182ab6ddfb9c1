"""Draws the corpus as a map: the plane that tells its fruits apart best, a dot a photo, a name a fruit."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from batch.report.html import Html, count, percent, plural, scrolling, tag
from batch.report.map_names import Frame, place_names
from batch.report.svg import Axis, Scale, axes, clipped, drawing, round_ticks

Floats = npt.NDArray[np.float64]

MOST_POINTS = 4_000
_MOST_NAMES = 60
_HUES = 8
_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 1000.0, 48.0, 8.0, 8.0, 44.0
_SHRINKAGE = 0.5
_NO_SIZE = 1e-6
_DOUBT = 10  # photos at which the mean of a fruit counts half: a lone photo must not turn the map


def sample(fruits: Sequence[str], most: int = MOST_POINTS) -> npt.NDArray[np.int64]:
    """Choose rows evenly: each fruit keeps its share of the photos, and one at least.

    Args:
        fruits: of each row.
        most: rows to choose, but for rounding.

    Returns:
        int64 (m,), sorted.
    """
    groups: dict[str, list[int]] = {}
    for row, fruit in enumerate(fruits):
        groups.setdefault(fruit, []).append(row)
    share = min(1.0, most / max(len(fruits), 1))
    chosen = [
        rows[place]
        for rows in groups.values()
        for place in np.linspace(0, len(rows) - 1, max(1, int(len(rows) * share)))
        .round()
        .astype(int)
        .tolist()
    ]
    return np.sort(np.array(chosen, np.int64))


def plane(vectors: npt.NDArray[np.float32], groups: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Find the plane that tells groups apart: Fisher's linear discriminant with half-shrunk covariance.

    Args:
        vectors: float32 (n, d).
        groups: int64 (n,), from 0 on without gaps.

    Returns:
        float64 (n, 2), in standard deviations within a group, and float64 (2,), each axis' share of the
        spread between groups.
    """
    centred = vectors.astype(np.float64) - vectors.mean(0, dtype=np.float64)
    means = _means(centred, groups)
    within = centred - means[groups]
    covariance = within.T @ within / len(within)
    even = max(np.trace(covariance) / len(covariance), 1e-12)
    values, directions = np.linalg.eigh(
        (1 - _SHRINKAGE) * covariance + _SHRINKAGE * even * np.eye(len(covariance))
    )
    whiten = directions / np.sqrt(values)
    points, middles = centred @ whiten, means @ whiten
    sure = np.bincount(groups) / (np.bincount(groups) + _DOUBT)
    spread_out = (middles - np.average(middles, axis=0, weights=sure)) * np.sqrt(sure)[:, None]
    _, sizes, found = np.linalg.svd(spread_out, full_matrices=False)
    sizes = np.where(sizes > _NO_SIZE, sizes, 0)
    found = found[sizes > 0][:2]
    if len(found) < 2:  # fewer than three fruits: the widest directions of what is left
        rest = points - points @ found.T @ found
        found = np.vstack(
            [found, np.linalg.svd(rest, full_matrices=False)[2], np.zeros((2, points.shape[1]))]
        )[:2]
    found = found * np.where(found[np.arange(2), np.abs(found).argmax(1)] < 0, -1, 1)[:, None]
    placed = points @ found.T
    spread = np.sqrt(((placed - _means(placed, groups)[groups]) ** 2).mean(0))
    shares = np.append(sizes**2, [0.0, 0.0])[:2] / max((sizes**2).sum(), 1e-12)
    return placed / np.maximum(spread, 1e-9), shares


def corpus_map(vectors: npt.NDArray[np.float32], fruits: Sequence[str], names: Mapping[str, str]) -> Html:
    """Draw vectors as dots in the colour of their fruit, and the fruits' names over the middle of their dots.

    Args:
        vectors: float32 (n, d), the rows to draw; one at least.
        fruits: of each row; the 60 with the most dots are named, the rest share one colour.
        names: of every fruit.
    """
    ids, groups = np.unique(np.array(fruits), return_inverse=True)
    points, shares = plane(vectors, groups)
    x, y = _scales(points)
    at = np.column_stack([[x(value) for value in points[:, 0]], [y(value) for value in points[:, 1]]])
    sizes = np.bincount(groups)
    order = sorted(range(len(ids)), key=lambda one: (-int(sizes[one]), str(ids[one])))[:_MOST_NAMES]
    texts = [clipped(names[str(ids[one])]) for one in order]
    middles = np.array([np.median(at[groups == one], axis=0) for one in order])
    hues = _hues(middles)
    named = zip(order, hues, texts, strict=True)
    dots = [_dots(at[groups == one], f"dots hue-{hue}", text) for one, hue, text in named]
    rest = at[~np.isin(groups, order)]
    frame = Frame(x.start, y.end, x.end, y.start)
    parts = [
        _axes(x, y, shares),
        _dots(rest, "dots", "Other fruits") if len(rest) else "",
        *dots,
        place_names(texts, middles, hues, frame),
    ]
    description = f"Map of {count(len(vectors))} photos of {plural(len(ids), 'fruit')}"
    return scrolling(description, drawing(_WIDTH, y.start + _BOTTOM, description, *parts, fixed=True))


def _axes(x: Scale, y: Scale, shares: Floats) -> Html:
    across, upward = (
        Axis(
            round_ticks(scale.low, scale.high, 8),
            f"{which} axis: {percent(share, 0)} of the spread between fruits",
            lambda value: f"{value:g}".replace("-", "−"),
        )
        for which, scale, share in (("First", x, shares[0]), ("Second", y, shares[1]))
    )
    return axes(x, y, across, upward)


def _means(points: Floats, groups: npt.NDArray[np.int64]) -> Floats:
    sums = np.zeros((int(groups.max()) + 1, points.shape[1]))
    np.add.at(sums, groups, points)
    return sums / np.bincount(groups)[:, None]


def _scales(points: Floats) -> tuple[Scale, Scale]:
    """Fill the width; a unit is as long upwards as across unless the map became too flat or too tall."""
    low, high = points.min(0), points.max(0)
    middle, half = (low + high) / 2, np.maximum(high - low, 1e-6) * 0.52
    across = _WIDTH - _LEFT - _RIGHT
    upwards = float(np.clip(across * half[1] / half[0], 0.5 * across, 0.7 * across))
    (left, bottom), (right, top) = (middle - half).tolist(), (middle + half).tolist()
    return Scale(left, right, _LEFT, _WIDTH - _RIGHT), Scale(bottom, top, _TOP + upwards, _TOP)


def _dots(at: Floats, css: str, name: str) -> Html:
    """All dots of a fruit as one path of round strokes of no length."""
    places = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in at.tolist())
    return tag("path", tag("title", f"{name}: {plural(len(at), 'dot')}"), d=places, class_=css)


def _hues(middles: Floats) -> list[int]:
    """Give each fruit the colour whose closest bearer on the map is furthest away."""
    chosen: list[int] = []
    for middle in middles:
        closest = [math.inf] * _HUES
        for other, hue in zip(middles, chosen, strict=False):
            closest[hue] = min(closest[hue], math.dist(middle, other))
        chosen.append(closest.index(max(closest)))
    return chosen
