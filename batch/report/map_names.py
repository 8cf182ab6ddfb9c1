"""Writes names on a map without one covering another."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from batch.report.html import Html, tag
from batch.report.svg import label

_LETTER, _LINE = 7.3, 14.0
_ON_PLACE = 12
_FURTHEST = 160


@dataclass(frozen=True)
class Frame:
    """A rectangle in drawing units; y grows downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: "Frame") -> bool:
        """Tell whether the two share a point."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom

    def holds(self, other: "Frame") -> bool:
        """Tell whether the other lies inside."""
        across = self.left < other.left and other.right < self.right
        return across and self.top < other.top and other.bottom < self.bottom


def place_names(
    texts: Sequence[str], places: npt.NDArray[np.float64], hues: Sequence[int], frame: Frame
) -> Html:
    """Write each name as near to its place as the names before it allow, tied by a line when not on it.

    Args:
        texts: names.
        places: float64 (n, 2), in drawing units.
        hues: colour of each.
        frame: where names may stand.
    """
    taken: list[Frame] = []
    ties, names = [], []
    for text, (x, y), hue in zip(texts, places.tolist(), hues, strict=True):
        box = _free_place(x, y, len(text) * _LETTER + 4, taken, frame)
        taken.append(box)
        middle, height = (box.left + box.right) / 2, (box.top + box.bottom) / 2
        if math.dist((x, y), (middle, height)) > _ON_PLACE:
            ties.append(
                tag("path", d=f"M{x:.1f} {y:.1f}L{middle:.1f} {height:.1f}", class_=f"leader hue-{hue}")
            )
        names.append(label(middle, height + 4, text, "middle", f"name hue-{hue}"))
    return tag("g", *ties, *names)


def _free_place(x: float, y: float, width: float, taken: Sequence[Frame], frame: Frame) -> Frame:
    def at(across: float, down: float) -> Frame:
        return Frame(
            x + across - width / 2, y + down - _LINE / 2, x + across + width / 2, y + down + _LINE / 2
        )

    for radius in (0, *range(8, _FURTHEST, 4)):
        for turn in range(16 if radius else 1):
            angle = turn * math.tau / 16
            box = at(1.5 * radius * math.cos(angle), radius * math.sin(angle))
            if frame.holds(box) and not any(box.meets(other) for other in taken):
                return box
    return at(0, 0)
