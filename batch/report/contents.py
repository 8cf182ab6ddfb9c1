"""Writes the sections of the report that list what was built, and from what."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from batch.report.data import ReportData, Step
from batch.report.html import (
    NOTHING,
    Column,
    Html,
    Section,
    bar,
    bullets,
    count,
    figure,
    grid,
    paragraph,
    percent,
    plural,
    table,
    tag,
)
from batch.report.map import corpus_map
from batch.report.plots import variance_curve
from batch.report.tables import fruit_table, refusals, settings_table
from batch.report.words import Names

_MOST_LISTED = 100


def fruits(data: ReportData, names: Names) -> Section:
    """List every fruit, and those that are new."""
    listed = tag("div", fruit_table(data.counts, data.held_out, names), class_="long")
    if not data.new_fruits:
        return Section("fruits", "Fruit by fruit", listed)
    lead = "New fruits: folders that the catalogue does not know. Nothing but their name is told about them."
    new = bullets([names[fruit] for fruit in data.new_fruits], _MOST_LISTED, "fruit", css="names")
    return Section("fruits", "Fruit by fruit", listed, paragraph(lead), new)


def corpus(
    data: ReportData, vectors: npt.NDArray[np.float32], fruits: Sequence[str], names: Names
) -> Section:
    """Show the photos as a map, and those left out.

    Args:
        data: of the build.
        vectors: float32 (n, d_pca), the rows of the index to draw.
        fruits: of each.
        names: of every fruit.
    """
    parts = []
    if len(vectors):
        whole = plural(len(data.vectors), "photo")
        of = whole if len(vectors) == len(data.vectors) else f"{count(len(vectors))} of {whole}"
        note = (
            f"A dot is a photo ({of}), placed in standard deviations within a fruit; names stand over the "
            "middle of their dots. Fruits that lie apart are told apart; those that overlap may still differ "
            "along other axes."
        )
        drawn = corpus_map(vectors, fruits, names)
        title = "The index, seen from the side that tells its fruits apart best"
        parts.append(tag("div", figure(title, drawn, note), class_="wide"))
    readable = paragraph("Every photo could be read.")
    parts.append(refusals(data.rejects, data.reject_examples) if any(data.rejects.values()) else readable)
    return Section("corpus", "What it was built from", *parts)


def build(data: ReportData) -> Section:
    """Show how long it took, and every setting."""
    curve = figure(
        f"{plural(len(data.explained_variance_ratio), 'component')} keep "
        f"{percent(float(data.explained_variance_ratio.sum()))} of the variance",
        variance_curve(data.explained_variance_ratio),
        f"of the {count(data.d_cnn)} features of {data.network}",
    )
    described = (("Thresholds", data.thresholds), ("Calibration", data.calibration), ("Index", data.index))
    settings = [settings_table(caption, values) for caption, values in described if values]
    return Section("build", "How it was built", _timings(data.steps), grid([curve, tag("div", *settings)]))


def _timings(steps: Sequence[Step]) -> Html:
    if not steps:
        return Html("")
    total = sum(step.seconds for step in steps)
    columns = [Column("Step"), Column("Seconds")]
    columns += [Column(title, numeric=True) for title in ("Photos", "Photos a second", "Peak memory, MB")]
    peak = max((step.peak_mb for step in steps if step.peak_mb is not None), default=None)
    last = ["All steps", f"{total:,.1f}", "", "", count(peak)]
    rows = [_timing(step, total) for step in steps]
    return table("Time and memory of each step", columns, rows, last)


def _timing(step: Step, total: float) -> list[object]:
    rate = step.photos / step.seconds if step.photos and step.seconds else None
    written = NOTHING if rate is None else f"{rate:,.1f}" if rate < 100 else count(rate)
    share = bar(step.seconds / max(total, 1e-9), f"{step.seconds:,.1f}")
    return [step.name, share, count(step.photos), written, count(step.peak_mb)]
