"""Writes the page that comes with every bundle: how well it answers, where it fails, what it was built from.

One HTML file that needs no script and no other file, to be opened from the bundle's folder, mailed or kept.
"""

from collections.abc import Sequence
from importlib.resources import files

from batch.report.contents import build, corpus, fruits
from batch.report.data import ReportData, Step
from batch.report.html import Html, Section, bullets, count, paragraph, plural, tag
from batch.report.map import sample
from batch.report.quality import accuracy, confusions, gate, honesty, mistakes
from batch.report.words import Names

__all__ = ["ReportData", "Step", "render"]

_MOST_WARNINGS = 100
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def render(data: ReportData) -> str:
    """Write the report as one HTML page; the same data give the same text."""
    names = Names(data.names)
    rows = sample(data.fruits)
    vectors, shown = data.vectors[rows], [data.fruits[row] for row in rows.tolist()]
    held_out = data.held_out
    sections = [accuracy(data)]
    if held_out is not None and held_out.is_fruit.any():
        sections += [honesty(held_out), confusions(data, held_out, vectors, shown, names)]
    sections += [fruits(data, names), mistakes(held_out, names), gate(held_out)]
    sections += [corpus(data, vectors, shown, names), build(data)]
    return _page(data, sections)


def _page(data: ReportData, sections: Sequence[Section]) -> str:
    links = [tag("li", tag("a", part.title, href=f"#{part.name}")) for part in sections]
    contents = tag("nav", tag("ul", *links), aria_label="Contents")
    top = tag("header", tag("h1", data.title), _facts(data), contents)
    main = tag("main", _warnings(data.warnings), *[part.html() for part in sections])
    return "<!DOCTYPE html>" + tag("html", _head(data.title), tag("body", top, main), lang="en") + "\n"


def _head(title: str) -> Html:
    style = files("batch.report").joinpath("style.css").read_text("utf-8")
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("link", rel="icon", href="data:,"),
        tag("title", f"Fruits! {title}"),
        tag("style", Html(style)),
    )


def _facts(data: ReportData) -> Html:
    photos, kinds = sum(data.counts.values()), len(data.counts)
    facts = (
        f"{plural(photos, 'photo')} of {plural(kinds, 'fruit')} in the index, "
        f"from {', '.join(data.corpora)}. "
        f"Network {data.network}: {count(data.d_cnn)} features of a photo, projected to {count(data.d_pca)}."
    )
    return paragraph(facts, css="facts")


def _warnings(warnings: Sequence[str]) -> Html:
    if not warnings:
        return Html("")
    heading = tag("h2", "Warnings", id="warnings-title")
    listed = bullets(warnings, _MOST_WARNINGS, "warning")
    return tag("section", heading, listed, class_="warnings", aria_labelledby="warnings-title")
