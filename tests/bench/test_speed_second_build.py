"""What a second build costs when a hundredth of the photos is new: the step that embeds, and all steps."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from batch.console import Console
from batch.pipeline import build
from batch.settings import BuildSettings
from models.bundle import read_manifest
from models.locations import S3Options
from models.store import open_store
from tests.bench import plain_loop
from tests.bench.conftest import Measured
from tests.bench.sessions import CORES, Started, session
from tests.bench.settings import BenchSettings
from tests.bench.small_photos import every, link, small_photos, spread_over
from tests.bench.speed_rows import SpeedRow, Way

pytestmark = [pytest.mark.bench, pytest.mark.timeout(7200)]

NEW_SHARE = 0.01
ROUNDS = 3
EMBED = "embed"
WHOLE = "the whole build"


@pytest.fixture(scope="module")
def started() -> Iterator[Started]:
    """Give a session on two cores."""
    with session() as one:
        yield one


def test_second_build_with_one_percent_new_photos(
    asked: BenchSettings, measured: Measured, started: Started, tmp_path: Path
) -> None:
    what = small_photos(asked, asked.embedded, source := tmp_path / "photos")
    photos = every(source)
    new = spread_over(photos, round(NEW_SHARE * len(photos)))
    corpus = link(sorted(set(photos).difference(new)), source, tmp_path / "corpus")
    steps(started.spark, corpus, tmp_path / "first")
    link(new, source, corpus)
    network = (measured.folder / "network.tflite").read_bytes()
    tensor = measured.manifest.network.get("feature_tensor")
    full: list[Mapping[str, float]] = []
    second: list[Mapping[str, float]] = []
    alone: list[float] = []
    with plain_loop.processes(CORES, network, tensor) as pool:
        plain_loop.embed_files(pool, photos[: CORES * plain_loop.BATCH])
        for number in range(min(asked.rounds, ROUNDS)):
            store, fresh = tmp_path / f"second-{number}", tmp_path / f"full-{number}"
            shutil.copytree(tmp_path / "first", store)
            full.append(steps(started.spark, corpus, fresh))
            second.append(steps(started.spark, corpus, store))
            alone.append(timed(lambda: plain_loop.embed_files(pool, new)))
            assert published(store) == published(fresh)
    SpeedRow(
        key="20-second-build-embed",
        what=f"second build with {len(new)} new of {what}: the step that embeds",
        unit="s",
        more_is_better=False,
        ours=Way("second build", [step[EMBED] for step in second]),
        against=[Way("full build", [step[EMBED] for step in full])],
        limit=Way(f"decode and network for the {len(new)} new ones, no Spark", alone),
        to_reach="20 times",
        beside="both builds index the same rows and measure the same top-1",
    ).save()
    SpeedRow(
        key="21-second-build-whole",
        what="all steps of those builds, in a session that has started",
        unit="s",
        more_is_better=False,
        ours=Way("second build, which the current bundle is compared with", [step[WHOLE] for step in second]),
        against=[Way("full build", [step[WHOLE] for step in full])],
        limit=None,
        to_reach="reported",
        beside=f"Spark's session started in {started.seconds:.1f} s, apart",
    ).save()


def steps(spark: SparkSession, corpus: Path, store: Path) -> dict[str, float]:
    """Build, and give the seconds of each step and of all together."""
    console = Console()
    outcome = build(BuildSettings((str(corpus),), str(store), force=True), console, spark)
    assert outcome.version is not None
    seconds = {step.name: step.seconds for step in console.steps}
    return seconds | {WHOLE: sum(seconds.values())}


def published(store: Path) -> tuple[int, float]:
    """Give the rows of the current bundle's index, and its top-1 on the photos that its build kept apart."""
    pointer = open_store(str(store), S3Options()).current()
    assert pointer is not None
    manifest = read_manifest(store / pointer.version)
    return manifest.index["rows"], manifest.metrics["all"]["top1"]


def timed(work: Callable[[], object]) -> float:
    """Give the seconds that a call takes."""
    before = time.perf_counter()
    work()
    return time.perf_counter() - before
