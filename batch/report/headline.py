"""Writes the headline figures of the report: large over all photos, and as a table by kind of photo."""

from collections.abc import Mapping
from typing import Any

from batch.report.html import Column, Html, count, join, table, tag
from batch.report.plots import interval
from batch.report.words import FIGURES, HEADLINE, Figure

Metrics = Mapping[str, Mapping[str, Any]]


def tiles(metrics: Metrics, baseline: Metrics | None) -> Html:
    """Show the headline figures over all photos, large."""
    now, before = metrics.get("all", {}), (baseline or {}).get("all", {})
    shown = [figure for figure in FIGURES if figure.key in HEADLINE and now.get(figure.key) is not None]
    return tag("ul", *[_tile(figure, now, before) for figure in shown], class_="tiles") if shown else Html("")


def _tile(figure: Figure, now: Mapping[str, Any], before: Mapping[str, Any]) -> Html:
    value = tag("b", figure.write(now[figure.key]))
    return tag("li", value, tag("span", figure.title), *_change(figure, now, before))


def headline_table(metrics: Metrics, baseline: Metrics | None) -> Html:
    """Show every figure by kind of photo, beside what the current bundle achieves."""
    figures = [one for one in FIGURES if any(own.get(one.key) is not None for own in metrics.values())]
    columns = [
        Column("Kind of photo"),
        Column("Photos", "of fruit", numeric=True),
        Column("Photos", "of other things", numeric=True),
        *[Column(figure.title, figure.term, numeric=True) for figure in figures],
    ]
    rows = [_row(kind, own, (baseline or {}).get(kind, {}), figures) for kind, own in metrics.items()]
    against = ", and by the current bundle (was)" if baseline else ""
    meanings = [item for figure in figures for item in (tag("dt", figure.title), tag("dd", figure.meaning))]
    legend = tag("details", tag("summary", "What the columns mean"), tag("dl", *meanings))
    shown = table(f"How well each kind of photo is answered{against}", columns, rows)
    return join([tag("div", shown, class_="figures"), legend])


def _row(kind: str, own: Mapping[str, Any], before: Mapping[str, Any], figures: list[Figure]) -> list[object]:
    name = "All photos" if kind == "all" else kind
    return [
        name,
        count(own.get("photos")),
        count(own.get("negatives")),
        *[_cell(one, own, before) for one in figures],
    ]


def _cell(figure: Figure, own: Mapping[str, Any], before: Mapping[str, Any]) -> Html:
    value = own.get(figure.key)
    spread = interval(value, own["photos"]) if figure.key == "top1" else ""
    within = [tag("small", f"({spread})")] if spread else []
    return join([figure.write(value), *within, *_change(figure, own, before)])


def _change(figure: Figure, now: Mapping[str, Any], before: Mapping[str, Any]) -> list[Html]:
    change = figure.change(now.get(figure.key), before.get(figure.key))
    if change is None:
        return []
    words, verdict = change
    return [tag("small", f"was {figure.write(before[figure.key])}"), tag("small", words, class_=verdict)]
