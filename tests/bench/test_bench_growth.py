"""What a whole build costs as the corpus grows: time, processor time, memory, bytes that move."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.bench.build_cost import BuildCost, measure_build
from tests.bench.growth_corpus import grow
from tests.bench.settings import BenchSettings
from tests.bench.table import show, when_and_where

pytestmark = [pytest.mark.bench, pytest.mark.timeout(7200)]

SIZES = (500, 5_000, 20_000, 80_000)
CORES = (2, 1)
COMPONENTS = 128
PACKAGES = ("pyspark", "ai-edge-litert", "faiss-cpu", "scikit-learn", "numpy", "pyarrow", "pillow")


@dataclass(frozen=True)
class Corpora:
    """Corpora by their number of photos, each made once."""

    asked: BenchSettings
    folder: Path
    made: dict[int, list[Path]]

    def of(self, photos: int) -> list[Path]:
        """Give the folders to build from."""
        if photos not in self.made:
            self.made[photos] = grow(self.asked, photos, self.folder / str(photos))
        return self.made[photos]


@pytest.fixture(scope="module")
def corpora(asked: BenchSettings) -> Iterator[Corpora]:
    """Give corpora that are gone after the bench."""
    with tempfile.TemporaryDirectory(prefix="fruits-growth-") as folder:
        yield Corpora(asked, Path(folder), {})


@pytest.mark.parametrize("cores", CORES)
@pytest.mark.parametrize("photos", SIZES)
def test_cost_of_a_build(
    photos: int, cores: int, corpora: Corpora, bench_folder: Path, tmp_path: Path
) -> None:
    if cores > len(os.sched_getaffinity(0)):
        pytest.skip(f"needs {cores} cores")
    folders, store = corpora.of(photos), bench_folder / "growth.json"
    first = measure(folders, photos, cores, tmp_path)
    keep(store, first, again=False)
    if cores == max(CORES):
        again = measure(folders, photos, cores, tmp_path)
        assert again.features_bytes == first.features_bytes, "nothing was new"
        keep(store, again, again=True)


def measure(folders: list[Path], photos: int, cores: int, work: Path) -> BuildCost:
    """Build, check that every part was seen, and show the steps."""
    where = when_and_where(PACKAGES)
    cost = measure_build(folders, photos, cores, work, "--components", str(COMPONENTS))
    assert set(cost.cpu_s) == set(cost.peak_bytes) == {"jvm", "driver", "workers", "all"}
    assert min(cost.peak_bytes.values()) > 0
    assert cost.traffic.shuffle_written == cost.traffic.shuffle_read > 0
    memory = ", ".join(f"{role} {size / 1e6:,.0f}" for role, size in cost.peak_bytes.items())
    show(
        f"A build of {photos:,} photos on {cores} cores: {cost.wall_s:.0f} s, {cost.cpu_s['all']:.0f} CPU s",
        ["step", "s", "CPU s", "MB, resident"],
        [
            [step.name, f"{step.seconds:.1f}", f"{step.cpu_s:.1f}", f"{step.peak_mb:,.0f}"]
            for step in cost.steps
        ],
        notes=[
            where,
            f"Shuffled: {cost.traffic.shuffle_written / 1e6:,.2f} MB.",
            f"To the driver: {cost.traffic.results / 1e6:,.2f} MB.",
            f"Highest proportional set size in MB: {memory}.",
        ],
    )
    return cost


def keep(path: Path, cost: BuildCost, *, again: bool) -> None:
    """Put a measurement in the place of an earlier one of its kind."""
    run = {"again": again, "measured": f"{datetime.now(UTC):%Y-%m-%d}", **cost.as_dict()}
    runs = json.loads(path.read_text("utf-8")) if path.is_file() else []
    others = [one for one in runs if _kind(one) != _kind(run)]
    lines = ",\n".join(json.dumps(one) for one in sorted([*others, run], key=_kind))
    path.write_text(f"[\n{lines}\n]\n", "utf-8")


def _kind(run: Mapping[str, Any]) -> tuple[int, int, bool]:
    return run["photos"], run["cores"], run["again"]
