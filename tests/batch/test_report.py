"""The report of a build: one page that tells a stranger what a bundle can do."""

import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import numpy as np
import pytest

from batch.evaluation import measure
from batch.report import ReportData, Step, render
from batch.report.words import FIGURES
from models.records import Answer, Rank
from tests.batch.report_example import D_PCA, FRUITS, build, scattered

VOID = {"meta", "link", "br"}


class Page(HTMLParser):
    """Reads a page as a browser would, and notes what the tests ask about."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.headings: list[str] = []
        self.text: list[str] = []
        self.unnamed: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag == "svg" and not dict(attrs).get("aria-label"):
            self.unnamed.append(tag)
        if tag in {"h1", "h2", "h3"}:
            self.headings.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in {"td", "th"}:
            self.tables[-1][-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.text.append(data)
        if {"td", "th"} & set(self.open):
            self.tables[-1][-1][-1] += data

    def table(self, *headings: str) -> list[list[str]]:
        """The rows of the first table whose headings begin like these."""
        for rows in self.tables:
            if all(own.startswith(one) for own, one in zip(rows[0], headings, strict=False)):
                return rows[1:]
        raise AssertionError(f"no table {headings}")


@pytest.fixture(scope="module")
def data() -> ReportData:
    return build()


@pytest.fixture(scope="module")
def page(data: ReportData) -> Page:
    return Page(render(data))


def words(page: Page) -> str:
    return " ".join(page.text)


EDGES: dict[str, dict[str, Any]] = {
    "nothing kept apart": {"photos": 0, "negatives": 0, "baseline": None, "metrics": {}},
    "no photos without fruit": {"negatives": 0},
    "two fruits of one kind": {"fruits": ("apple", "pear"), "kinds": ("phone",), "photos": 40, "indexed": 60},
    "one fruit": {"fruits": ("apple",), "kinds": ("phone",), "photos": 12, "negatives": 5, "indexed": 20},
    "no steps, rejects or warnings": {"steps": [], "rejects": {}, "reject_examples": [], "warnings": []},
}


def edge(name: str, data: ReportData) -> ReportData:
    if name == "an empty index":
        return replace(data, vectors=data.vectors[:0], fruits=[], counts={})
    if name == "only photos without fruit":
        assert data.held_out is not None
        others = data.held_out.of_kind("other")
        return replace(data, held_out=others, metrics={"all": measure(others)}, baseline=None)
    return build(**EDGES[name])


@pytest.mark.parametrize("name", [*EDGES, "an empty index", "only photos without fruit"])
def test_the_page_is_whole_whatever_the_build_lacks(name: str, data: ReportData) -> None:
    read = Page(render(edge(name, data)))
    assert read.open == []
    assert read.unnamed == []
    assert read.tags["caption"] == read.tags["table"] > 0
    assert read.headings[0] == "h1"
    assert set(read.headings[1:]) == {"h2"}
    assert not {"nan", "inf", "none"} & set(words(read).lower().split())
    shapes = [value for _, key, value in read.attributes if key in {"d", "x", "y", "cx", "cy", "width"}]
    assert not [value for value in shapes if "nan" in value or "inf" in value]


def test_the_page_needs_neither_script_nor_anything_from_elsewhere(page: Page) -> None:
    assert page.tags["script"] == page.tags["img"] == page.tags["iframe"] == 0
    targets = [value for _, name, value in page.attributes if name in {"href", "src", "srcset", "action"}]
    assert {target[0] for target in targets} == {"#", "d"}
    assert [target for target in targets if target[0] == "d"] == ["data:,"]
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    style = files("batch.report").joinpath("style.css").read_text("utf-8")
    assert "url(" not in style
    assert "@import" not in style
    policy = [value for tag, name, value in page.attributes if (tag, name) == ("meta", "content")]
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in policy


def test_every_link_leads_to_a_section(page: Page) -> None:
    identifiers = [value for _, name, value in page.attributes if name == "id"]
    links = [value[1:] for tag, name, value in page.attributes if (tag, name) == ("a", "href")]
    assert len(identifiers) == len(set(identifiers))
    assert len(links) == 8
    assert set(links) <= set(identifiers)


def test_markup_in_names_of_folders_files_and_titles_stays_text() -> None:
    evil = "<script>alert(1)</script>"
    plain = build(fruits=FRUITS[:3], photos=60, negatives=20, indexed=90)
    held_out = plain.held_out
    assert held_out is not None
    data = replace(
        plain,
        title=evil,
        network=evil,
        corpora=[f"/data/{evil}", 'x" onload="alert(1)'],
        held_out=replace(
            held_out, paths=[f"{evil}/{path}" for path in held_out.paths], kinds=[evil] * len(held_out.kinds)
        ),
        metrics=plain.metrics | {evil: plain.metrics["phone"]},
        rejects={evil: 1},
        reject_examples=[(evil, evil)],
        new_fruits=[evil],
        warnings=[evil],
        steps=[Step(evil, 1.0, 1, 1.0)],
        index={evil: evil, "nested": {evil: [evil]}},
        names=dict.fromkeys(FRUITS, evil),
    )
    html = render(data)
    assert evil not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    read = Page(html)
    assert read.tags["script"] == 0
    assert not [name for _, name, _ in read.attributes if name.startswith("on")]


def test_names_that_are_no_unicode_or_turn_writing_around_are_spelled_out(data: ReportData) -> None:
    html = render(replace(data, reject_examples=[("a\udc80b\u202egpj.exe\n", "unreadable")]))
    assert "a\\udc80b\\u202egpj.exe\\n" in html
    assert html.encode("utf-8")


def test_the_same_data_give_the_same_page() -> None:
    assert render(build(photos=200, indexed=900)) == render(build(photos=200, indexed=900))


def test_the_page_of_a_large_corpus_stays_small() -> None:
    html = render(build(indexed=40_000, photos=6_000))
    assert len(html.encode("utf-8")) < 600_000


def test_the_page_of_very_many_fruits_stays_small() -> None:
    chance = np.random.default_rng(3)
    fruits = [f"kind-{number:04d}" for number in range(3_000)]
    vectors = scattered(np.zeros((9_000, 8), np.float32).repeat(D_PCA // 8, 1), 1.0, chance)
    data = build(vectors=vectors, counts=dict.fromkeys(fruits, 3), new_fruits=fruits)
    html = render(replace(data, fruits=fruits * 3))
    assert len(html.encode("utf-8")) < 1_500_000


def test_headline_figures_stand_beside_those_of_the_current_bundle(page: Page, data: ReportData) -> None:
    rows = page.table("Kind of photo")
    assert [row[0] for row in rows] == ["All photos", "studio", "phone", "web", "other"]
    phone, was = data.metrics["phone"], (data.baseline or {})["phone"]
    cell = rows[2][3]
    assert cell.startswith(f"{100 * phone['top1']:.1f}\u202f%")
    assert f"was {100 * was['top1']:.1f}\u202f%" in cell
    assert cell.endswith("better" if phone["top1"] > was["top1"] else "worse")
    assert rows[-1][3] == "–"


def test_photos_that_could_not_be_read_are_owned_up_to(data: ReportData) -> None:
    metrics = {**data.metrics, "all": {**data.metrics["all"], "broken": 4}}
    assert "4 of them could not be read and count as wrong." in render(replace(data, metrics=metrics))
    assert "could not be read and" not in render(data)


def test_without_a_current_bundle_nothing_is_compared(data: ReportData) -> None:
    text = words(Page(render(replace(data, baseline=None))))
    assert "better" not in text
    assert "current bundle" not in text


def test_fewer_false_fruits_are_better_and_fewer_right_answers_worse() -> None:
    by_key = {figure.key: figure for figure in FIGURES}
    assert by_key["false_fruits"].change(0.04, 0.06) == ("2.0 better", "better")
    assert by_key["top1"].change(0.70, 0.75) == ("5.0 worse", "worse")
    assert by_key["top1"].change(0.7, 0.7) == ("unchanged", "same")
    assert by_key["rejection_auroc"].change(0.99, 0.97) == ("0.020 better", "better")
    assert by_key["top3"].change(0.9, None) is None


def test_every_figure_of_the_report_is_one_that_is_measured() -> None:
    held_out = build(fruits=FRUITS[:3], photos=30, negatives=5, indexed=60).held_out
    assert held_out is not None
    assert {figure.key for figure in FIGURES} <= set(measure(held_out))


def test_the_worst_mistakes_are_wrong_and_the_surest_first(page: Page, data: ReportData) -> None:
    held_out = data.held_out
    assert held_out is not None
    rows = page.table("Photo", "Shows", "First guess", "Score")
    scores = [float(row[3].split("\u202f")[0]) for row in rows]
    assert len(rows) == 25
    assert scores == sorted(scores, reverse=True)
    best = held_out.judgement.fruits.max(1)
    wrong = ~held_out.right & held_out.is_fruit
    assert rows[0][0] == held_out.paths[int(np.flatnonzero(wrong)[best[wrong].argmax()])]


def test_a_photo_without_fruit_that_was_named_counts_as_a_mistake() -> None:
    data = build(fruits=("apple", "pear"), kinds=("phone",), photos=10, negatives=30, indexed=30)
    held_out = data.held_out
    assert held_out is not None
    named = [Answer(Rank.FRUIT, "pear", 0.9)] * len(held_out.labels)
    rows = Page(render(replace(data, held_out=replace(held_out, answers=named)))).table("Photo", "Shows")
    assert "Not a fruit" in {row[1] for row in rows}


def test_fruits_are_listed_lowest_recall_first(page: Page, data: ReportData) -> None:
    held_out = data.held_out
    assert held_out is not None
    rows = page.table("Fruit", "Photos in the index", "Photos asked")
    shares = [float(row[4].split("\u202f")[0]) for row in rows]
    assert len(rows) == 50
    assert shares == sorted(shares)
    assert sum(int(row[2]) for row in rows) == int(held_out.is_fruit.sum())
    assert sum(int(row[3]) for row in rows) == int(held_out.right[held_out.is_fruit].sum())


def test_steps_show_their_rate_and_add_up(page: Page) -> None:
    rows = page.table("Step", "Seconds")
    assert rows[1] == ["embed", "412.8", "8,000", "19.4", "2,310"]
    assert rows[-1] == ["All steps", "442.3", "", "", "2,310"]


def test_rejects_settings_and_new_fruits_are_told_in_plain_words(page: Page) -> None:
    assert page.table("Reason", "Photos") == [["cannot be decoded", "12"], ["too small", "3"]]
    assert page.table("Photo", "Reason")[1] == ["web/fig/icon.png", "too small"]
    assert ["Recall of the 10 nearest against exact search", "0.9991"] in [
        row for rows in page.tables for row in rows
    ]
    assert {"Dekopon", "Ugli", "Only 9 photos of quince: its scores rest on little."} <= set(page.text)


def test_a_share_is_all_or_nothing_only_when_it_is(data: ReportData) -> None:
    html = render(replace(data, explained_variance_ratio=np.full(D_PCA, 0.99999 / D_PCA, np.float32)))
    assert "keep 99.9\u202f%" in html


def test_drawn_shares_of_variance_name_the_components_they_take(data: ReportData) -> None:
    html = render(replace(data, explained_variance_ratio=np.full(10, 0.09, np.float32), d_pca=10))
    assert "50\u202f% with 6" in html
    assert "80\u202f% with 9" in html


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb`, WCAG 2.2."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_stands_out_from_the_paper(scheme: int) -> None:
    style = files("batch.report").joinpath("style.css").read_text("utf-8")
    blocks = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block)) for block in style.split(":root")[1:3]]
    colours = blocks[scheme]
    assert set(blocks[0]) == set(blocks[1])
    texts = [name for name in colours if name not in {"paper", "panel", "rule", "grid"}]
    assert len(texts) == 15
    for ground in ("paper", "panel"):
        for name in texts:
            lighter, darker = sorted((luminance(colours[name]), luminance(colours[ground])), reverse=True)
            assert (lighter + 0.05) / (darker + 0.05) >= 4.5, f"{name} on {ground}"
