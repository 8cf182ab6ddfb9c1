"""The table of speeds is right whatever was measured."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench import speed_rows
from tests.bench.speed_rows import SpeedRow, Way
from tests.bench.table import Run
from tests.marked_blocks import replace_block

FASTER = SpeedRow(
    key="10-rate",
    what="photos to vectors",
    unit="photos/s",
    more_is_better=True,
    ours=Way("ours", [100.0, 120.0, 80.0]),
    against=(Way("theirs", [10.0, 10.0, 10.0]),),
    limit=Way("no Spark", [125.0, 120.0, 100.0]),
    to_reach="8 times",
    beside="top-1 85 %",
)
SOONER = replace(
    FASTER,
    key="20-time",
    unit="s",
    more_is_better=False,
    ours=Way("ours", [2.0, 1.0, 4.0]),
    against=(Way("theirs", [8.0, 8.0, 8.0]),),
    limit=None,
)


@pytest.fixture(autouse=True)
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep rows away from those that benches measured."""
    monkeypatch.setattr(speed_rows, "FOLDER", tmp_path / "speed")


def test_a_higher_rate_and_a_shorter_time_are_both_better_than_one() -> None:
    assert FASTER.ratio(FASTER.against[0]) == [10.0, 12.0, 8.0]
    assert FASTER.limit is not None
    assert FASTER.ratio(FASTER.limit) == [0.8, 1.0, 0.8]
    assert SOONER.ratio(SOONER.against[0]) == [4.0, 8.0, 2.0]


def test_ratios_are_of_the_same_round() -> None:
    slow_twice = Way("theirs", [50.0, 60.0, 40.0])
    assert FASTER.ratio(slow_twice) == [2.0, 2.0, 2.0]
    with pytest.raises(ValueError, match="shorter"):
        FASTER.ratio(Way("once", [50.0]))


def test_a_way_has_a_figure_above_0_for_each_round() -> None:
    for values in ([], [1.0, 0.0], [-1.0]):
        with pytest.raises(ValueError, match="Expected one figure above 0 a round for 'ours'"):
            Way("ours", values)


def test_rows_come_back_as_they_were_saved_in_the_order_of_their_keys() -> None:
    SOONER.save()
    FASTER.save()
    found = speed_rows.saved()
    assert [row.key for row, _ in found] == ["10-rate", "20-time"]
    assert [list(row.ours.values) for row, _ in found] == [[100.0, 120.0, 80.0], [2.0, 1.0, 4.0]]
    assert found[0][0].limit == FASTER.limit
    assert found[1][0].limit is None
    assert all("cores" in run.where for _, run in found)


def test_a_row_saved_before_is_left_out() -> None:
    FASTER.save()
    assert speed_rows.saved(since=float("inf")) == []


def test_lines_are_ours_the_others_and_the_limit() -> None:
    lines = speed_rows.cells(FASTER)
    assert lines[0] == [
        "photos to vectors, photos/s",
        "ours",
        "100 (80.0 to 120)",
        "",
        "8 times",
        "top-1 85 %",
    ]
    assert lines[1] == ["", "theirs", "10.0 (10.0 to 10.0)", "10.0 (8.00 to 12.0) times", "", ""]
    assert lines[2] == ["", "limit: no Spark", "120 (100 to 125)", "0.80 (0.80 to 1.00) of the limit", "", ""]
    assert len(speed_rows.cells(SOONER)) == 2
    assert {len(line) for line in lines} == {len(speed_rows.HEADINGS)}


def test_figures_keep_the_digits_that_count() -> None:
    assert speed_rows.spread([12_345.6]) == "12,346 (12,346 to 12,346)"
    assert speed_rows.spread([0.0123]) == "0.0123 (0.0123 to 0.0123)"


def test_markdown_says_once_where_and_when() -> None:
    runs = [Run(0.0, 0.5, "here; Python"), Run(3600.0, 2.0, "here; Python")]
    text = speed_rows.as_markdown(list(zip((FASTER, SOONER), runs, strict=True)))
    assert text.startswith("1970-01-01 00:00 to 01:00 UTC, load 0.5 to 2.0; here; Python.\n\n| what |")
    assert len(text.splitlines()) == 2 + 2 + 3 + 2


def test_figures_from_two_commits_are_told_apart() -> None:
    runs = [Run(0.0, 0.5, "here; one"), Run(0.0, 0.5, "here; another")]
    text = speed_rows.as_markdown(list(zip((FASTER, SOONER), runs, strict=True)))
    assert [line.partition("; ")[2] for line in text.split("\n\n")[:2]] == ["here; one.", "here; another."]


def test_a_block_is_replaced_and_what_people_wrote_around_it_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "before\n<!-- speed -->\nold\n<!-- /speed -->\nafter\n<!-- tried -->kept<!-- /tried -->\n"
    )
    replace_block(page, "speed", "new\n")
    replace_block(page, "speed", "newer\n")
    assert page.read_text() == (
        "before\n<!-- speed -->\n\nnewer\n\n<!-- /speed -->\nafter\n<!-- tried -->kept<!-- /tried -->\n"
    )


@pytest.mark.parametrize("text", ["nothing", "<!-- speed -->", "<!-- /speed --><!-- speed -->"])
def test_a_page_without_the_block_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(ValueError, match=r"Expected <!-- speed --> and, after it, <!-- /speed --> in "):
        replace_block(page, "speed", "new")
    assert page.read_text() == text
