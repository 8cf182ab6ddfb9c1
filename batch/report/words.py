"""Plain words for what the report shows by code: fruits, settings, reasons of refusal, figures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from batch.report.html import NOTHING, percent
from models.records import NOT_FRUIT, Answer, Rank


class Names(dict[str, str]):
    """English names by id; an id without one gives its own words."""

    def __missing__(self, key: str) -> str:
        """Make a name of an id."""
        if key == NOT_FRUIT:
            return "Not a fruit"
        words = key.rpartition("/")[2].replace("-", " ")
        return words[:1].upper() + words[1:]


@dataclass(frozen=True)
class Figure:
    """One figure of `measure`: its key, words for it, and which way is better."""

    key: str
    title: str
    term: str
    meaning: str
    more_is_better: bool = True
    is_share: bool = True

    def write(self, value: float | None) -> str:
        """Write the value."""
        if value is None:
            return NOTHING
        return percent(value) if self.is_share else f"{value if value == 1 else min(value, 0.999):.3f}"

    def change(self, now: float | None, before: float | None) -> tuple[str, str] | None:
        """Say how a value compares with the one before, in points: words and `better`, `worse` or `same`."""
        if now is None or before is None:
            return None
        points = f"{abs(now - before) * 100:.1f}" if self.is_share else f"{abs(now - before):.3f}"
        if float(points) == 0:
            return "unchanged", "same"
        verdict = "better" if (now > before) == self.more_is_better else "worse"
        return f"{points} {verdict}", verdict


FIGURES = (
    Figure(
        "top1",
        "Right at first guess",
        "top-1",
        "the fruit with the highest score is the one shown (95 % interval, were photos independent)",
    ),
    Figure("top3", "Right among three", "top-3", "it is one of the three highest"),
    Figure("top1_variety", "Right variety", "variety top-1", "of photos whose variety is known and indexed"),
    Figure(
        "kept",
        "Fruits named",
        "kept",
        "photos of a fruit that get any name: variety, fruit or look-alike group",
    ),
    Figure(
        "right_when_named",
        "Right when named",
        "precision",
        "answers that name a fruit or variety and contradict nothing known",
    ),
    Figure(
        "false_fruits",
        "Others named as fruit",
        "false fruits",
        "photos of something else that get a name",
        more_is_better=False,
    ),
    Figure(
        "rejection_auroc",
        "Fruit told from the rest",
        "AUROC",
        "chance that a fruit looks more like a fruit than another photo does",
        is_share=False,
    ),
    Figure(
        "calibration_error",
        "Score off by",
        "calibration error",
        "mean distance of the score given and the share that is right",
        more_is_better=False,
    ),
)

HEADLINE = ("top1", "top3", "kept", "false_fruits", "calibration_error")

REFUSALS = {
    "undecodable": "cannot be decoded",
    "too_small": "too small",
    "too_large": "too large",
    "unreadable": "cannot be read from storage",
    "not_an_image": "not an image",
}

SETTINGS = {
    "is_fruit": "Counts as a fruit from",
    "variety": "Variety is named from",
    "fruit": "Fruit is named from",
    "family": "Look-alike group is named from",
    "photos": "Photos used",
    "negatives": "Photos without fruit used",
    "method": "Method",
    "head_share": "Share of the linear head in the blend",
    "neighbours": "Neighbours that vote",
    "neighbour_temperature": "Temperature of the votes",
    "temperature": "Temperature",
    "smoothing": "Smoothing",
    "variety_temperature": "Temperature among varieties",
    "kind": "Kind",
    "encoding": "Encoding",
    "recall_at_10": "Recall of the 10 nearest against exact search",
    "recall_queries": "Queries it was measured with",
    "metric": "Similarity",
    "cells": "Cells",
    "cells_searched": "Cells searched",
    "rows": "Photos",
    "rows_kept_apart": "Photos of these that were kept apart",
    "vectors": "Vectors",
    "bytes": "Bytes",
}


def said(answer: Answer, names: Mapping[str, str]) -> str:
    """Say what a user would have been told."""
    if answer.id is None or answer.rank is Rank.UNKNOWN:
        return "no name"
    if answer.rank is Rank.FAMILY:
        return f"{names[answer.id]} (group)"
    return names[answer.id]


def setting(value: Any) -> str:
    """Write a value of a manifest's description."""
    writers: dict[type, Callable[[Any], str]] = {
        bool: lambda flag: "yes" if flag else "no",
        float: "{:.4g}".format,
        int: "{:,}".format,
    }
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {setting(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(setting(part) for part in value)
    return NOTHING if value is None else writers.get(type(value), str)(value)
