"""Builds amid full disks, no network, killed workers, a clock that jumps, and features that were damaged."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from batch.corpus import list_photos
from batch.settings import BuildSettings
from batch.synthetic import render_corpus
from models.labels import LabelRules
from tests.batch.conftest import spark, tiny_network  # noqa: F401 - fixtures
from tests.end_to_end.s3_builds import FRUITS, upload
from tests.torture.broken_builds import (
    Broken,
    Rebuilder,
    cut_the_network,
    fill_disks,
    in_order,
    kill_workers,
    turn_the_clock,
)
from tests.torture.broken_features import KINDS, spoil_features
from tests.torture.counts import Counted

ROUNDS, OUTAGES, KILLS, JUMPS = 10, 8, 8, 12
SIZES_KB = (8, 64, 160)

pytestmark = [pytest.mark.torture, pytest.mark.timeout(3_600)]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give 16 rendered photos each of three fruits, and 16 that show none."""
    folder = tmp_path_factory.mktemp("rendered") / "photos"
    render_corpus(folder, photos_per_fruit=16, negatives=16, seed=6)
    for own in folder.iterdir():
        if own.name not in FRUITS:
            shutil.rmtree(own)
    return folder


@pytest.fixture(scope="module")
def rebuilder(
    spark: SparkSession,  # noqa: F811
    tiny_network: bytes,  # noqa: F811
    corpus: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Rebuilder:
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "tiny.tflite").write_bytes(tiny_network)
    settings = BuildSettings(
        (str(corpus),), str(folder / "store"), network=str(folder / "tiny.tflite"), components=8
    )
    return Rebuilder.of(spark, settings)


@pytest.fixture
def counted() -> Callable[[str, str, int, Any], None]:
    """Save what a drill counted, with the time that this test took."""
    started = time.perf_counter()

    def save(key: str, what: str, times: int, came: Any) -> None:
        Counted(key, what, times, came.outcomes(), time.perf_counter() - started).save()

    return save


def assert_carried_on(came: Broken) -> None:
    assert (came.moved, came.other_bytes) == (0, 0), came
    assert came.carried_on > 0


def test_damaged_features_never_give_a_wrong_vector(
    spark: SparkSession,  # noqa: F811
    tiny_network: bytes,  # noqa: F811
    corpus: Path,
    tmp_path: Path,
    counted: Any,
) -> None:
    photos = list_photos(str(corpus), rules=LabelRules.default()).photos
    came = spoil_features(spark, photos, tiny_network, tmp_path, ROUNDS)
    assert came.wrong == 0
    assert came.rebuilt + came.unharmed == ROUNDS * len(KINDS)
    counted("40-damaged-features", "feature store damaged between two builds", came.done.total(), came)


def test_full_disks_leave_the_current_bundle_and_are_carried_on_from(
    rebuilder: Rebuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counted: Any
) -> None:
    came = fill_disks(rebuilder, tmp_path, SIZES_KB, monkeypatch)
    assert_carried_on(came)
    assert came.refused["store_full"] == came.refused.total() > 2 * len(SIZES_KB)
    counted(
        "41-full-disks",
        "build on a full disk (features, store, temporary files)",
        3 * len(SIZES_KB),
        came,
    )


def test_a_network_that_goes_away_leaves_the_current_bundle_and_is_carried_on_from(
    rebuilder: Rebuilder, s3_server: Any, corpus: Path, tmp_path: Path, counted: Any
) -> None:
    photos, store, features = (s3_server.new_bucket(name) for name in ("photos", "bundles", "features"))
    upload(corpus, s3_server.client(), photos.split("/")[2])
    settings = BuildSettings(
        (photos,), store, features=features, network=rebuilder.settings.network, components=8
    )
    with s3_server.flaky() as through:
        came = cut_the_network(rebuilder, settings, through, tmp_path, OUTAGES)
    assert_carried_on(came)
    counted("42-no-network", "network cut amid a build on S3, at a random request", OUTAGES, came)


def test_killed_python_workers_leave_the_current_bundle_and_are_carried_on_from(
    rebuilder: Rebuilder, tmp_path: Path, counted: Any
) -> None:
    came = kill_workers(rebuilder, tmp_path, KILLS)
    assert_carried_on(came)
    counted("43-killed-workers", "Python workers of Spark killed (kill -9) amid a build", KILLS, came)


def test_a_clock_that_jumps_keeps_versions_in_order(
    rebuilder: Rebuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counted: Any
) -> None:
    versions, came = turn_the_clock(rebuilder, tmp_path, JUMPS, monkeypatch)
    assert_carried_on(came)
    assert in_order(versions), versions
    counted("44-clock", "build published after the clock jumped, up to ten years, back or on", JUMPS, came)
