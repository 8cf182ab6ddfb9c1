"""The growth that docs/scale.md tells is the one that was measured, and what measures it sees every part."""

import json
from pathlib import Path

import pytest

from batch.synthetic import render_corpus
from tests.bench.build_cost import measure_build, traffic_of
from tests.bench.growth_corpus import grow
from tests.bench.growth_plot import draw, table
from tests.bench.settings import BenchSettings


def test_the_plot_is_drawn_from_the_figures_kept_beside_it(project: Path) -> None:
    runs = json.loads((project / "docs" / "growth.json").read_text("utf-8"))
    assert (project / "docs" / "growth.svg").read_text("utf-8") == draw(runs)


def test_the_page_shows_every_build_that_was_measured(project: Path) -> None:
    runs = json.loads((project / "docs" / "growth.json").read_text("utf-8"))
    page = (project / "docs" / "scale.md").read_text("utf-8").splitlines()
    lines = table(runs)
    first = page.index(lines[0])
    assert page[first : first + len(lines)] == lines


def test_plot_puts_larger_corpora_and_costs_further_right_and_up() -> None:
    runs = [run(1_000, 1, 60.0), run(2_000, 1, 120.0), run(2_000, 2, 90.0)]
    drawn = draw(runs)
    assert 'd="M135.0 ' in drawn, "half of the photos lie in the middle of the first panel"
    assert drawn.count("<circle") == (2 + 1) + 2 + (2 + 4), "a point for each build and line"
    assert "minutes" in drawn
    assert "GB" in drawn
    assert "prefers-color-scheme: dark" in drawn


def run(photos: int, cores: int, wall_s: float) -> dict[str, object]:
    return {
        "photos": photos,
        "cores": cores,
        "again": False,
        "wall_s": wall_s,
        "traffic": {"shuffle_written": 10 * photos, "results": 500 * photos},
        "peak_bytes": {"all": 9 * photos, "jvm": 4 * photos, "driver": 2 * photos, "workers": 3 * photos},
    }


def test_event_log_is_added_up_by_stage() -> None:
    lines = [
        submitted(4, "collect at batch/embedding.py:1"),
        ended(4, written=70, local=0, remote=0, results=5),
        ended(4, written=30, local=0, remote=0, results=5),
        submitted(5, "toArrow at batch/pca_fit.py:2"),
        ended(5, written=0, local=60, remote=40, results=900),
        json.dumps({"Event": "SparkListenerApplicationEnd"}),
    ]
    traffic = traffic_of(lines)
    assert (traffic.shuffle_written, traffic.shuffle_read, traffic.results) == (100, 100, 910)
    assert traffic.stages == (
        ("collect at batch/embedding.py:1", 2, 100, 10),
        ("toArrow at batch/pca_fit.py:2", 1, 0, 900),
    )


def submitted(stage: int, name: str) -> str:
    return json.dumps(
        {"Event": "SparkListenerStageSubmitted", "Stage Info": {"Stage ID": stage, "Stage Name": name}}
    )


def ended(stage: int, *, written: int, local: int, remote: int, results: int) -> str:
    metrics = {
        "Result Size": results,
        "Shuffle Write Metrics": {"Shuffle Bytes Written": written},
        "Shuffle Read Metrics": {"Local Bytes Read": local, "Remote Bytes Read": remote},
    }
    return json.dumps({"Event": "SparkListenerTaskEnd", "Stage ID": stage, "Task Metrics": metrics})


def test_a_corpus_grows_by_turned_copies_when_there_are_no_more_photos(tmp_path: Path) -> None:
    render_corpus(tmp_path / "all" / "phone", photos_per_fruit=1, negatives=0)
    asked = BenchSettings(photos=str(tmp_path / "all"))
    smaller, photos = jpegs(grow(asked, 9, tmp_path / "9")), jpegs(grow(asked, 30, tmp_path / "30"))
    assert len(smaller) == 9
    assert {path.read_bytes() for path in smaller} < {path.read_bytes() for path in photos}
    assert len({path.read_bytes() for path in photos}) == len(photos) == 30
    assert sum("-turned-1" in path.name for path in photos) == 14
    with pytest.raises(ValueError, match=r"at most 112 photos, got 113"):
        grow(asked, 113, tmp_path / "113")


def jpegs(folders: list[Path]) -> list[Path]:
    return [path for folder in folders for path in folder.rglob("*.jpg")]


@pytest.mark.drill
def test_a_measured_build_shows_time_memory_and_bytes_of_every_part(tmp_path: Path) -> None:
    render_corpus(tmp_path / "rendered", photos_per_fruit=6, negatives=30)
    cost = measure_build([tmp_path / "rendered"], 114, 1, tmp_path / "work", "--components", "8")
    assert [step.name for step in cost.steps][:4] == ["list photos", "start Spark", "embed", "fit PCA"]
    assert min(cost.cpu_s.values()) > 0
    assert max(cost.peak_bytes, key=lambda role: cost.peak_bytes[role]) == "all"
    assert 0 < cost.traffic.shuffle_written == cost.traffic.shuffle_read < cost.corpus_bytes
    assert cost.files["index.faiss"] > 8 * cost.index["rows"]
