"""How soon the API answers after its start, what a worker holds and what is installed, beside Keras."""

import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.bench import keras_api, top1
from tests.bench.client import Client
from tests.bench.conftest import Measured
from tests.bench.gunicorn_server import OURS, Started, gunicorn
from tests.bench.packages import sizes_of_api, sizes_with_dependencies
from tests.bench.phone_photos import large_photo, small_photo
from tests.bench.settings import BenchSettings
from tests.bench.speed_rows import SpeedRow, Way
from tests.bench.table import ROOT

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]

WORKERS, REQUESTS, ROUNDS = 2, 20, 3
KERAS = ("--config", "tests/bench/keras_api.conf.py", "tests.bench.keras_api:create()")


def test_speed_of_a_start_and_what_it_holds(
    asked: BenchSettings, measured: Measured, bench_folder: Path, tmp_path: Path
) -> None:
    photos, rounds = [small_photo(3), large_photo(3)], min(ROUNDS, asked.rounds)
    file, index = tmp_path / "photo.jpg", tmp_path / "index.npz"
    file.write_bytes(photos[0])
    keras_api.write_index(index, sum(measured.manifest.counts.values()))
    servers = {
        "ours": (OURS, {**measured.environ, "FRUITS_WORKERS": str(WORKERS)}),
        "keras": (KERAS, {keras_api.INDEX: str(index), "TF_CPP_MIN_LOG_LEVEL": "3"}),
    }
    starts: dict[str, list[float]] = {way: [] for way in servers}
    memory: dict[str, list[float]] = {way: [] for way in servers}
    alone = []
    for _ in range(rounds):
        for way, (arguments, settings) in servers.items():
            with gunicorn(arguments, settings, bench_folder / f"start-{way}.log") as server:
                starts[way].append(first_answer_s(server, photos[0]))
                answer_everywhere(server, photos)
                memory[way].append(server.resident_mb())
        alone.append(without_http_s(measured.folder, file))
    aside = f"weights of Keras' network are random here; our top-1 {top1.of_ours(measured.manifest)}"
    keras = f"Flask, Keras MobileNetV2, sklearn NearestNeighbors, {WORKERS} workers"
    SpeedRow(
        key="70-start",
        what=f"start to first answer of /identify, JPEG of 348 px, {WORKERS} workers",
        unit="s",
        more_is_better=False,
        ours=Way("gunicorn as configured", starts["ours"]),
        against=(Way(keras, starts["keras"]),),
        limit=Way("one process that loads the bundle and answers once, without HTTP", alone),
        to_reach=">= 4x",
        beside=aside,
    ).save()
    SpeedRow(
        key="71-memory",
        what=f"resident memory of a worker, the mean of {WORKERS}, after {4 * REQUESTS} photos, half of them "
        "348 px, half 12 megapixels",
        unit="MB",
        more_is_better=False,
        ours=Way("mean of the workers", memory["ours"]),
        against=(Way(keras, memory["keras"]),),
        limit=None,
        to_reach="<= 1/4",
        beside=aside,
    ).save()
    SpeedRow(
        key="72-packages",
        what="packages of the API's image, installed",
        unit="MB",
        more_is_better=False,
        ours=Way("requirements/models.txt, requirements/api.txt", [megabytes(sizes_of_api())]),
        against=(
            Way(", ".join(keras_api.PACKAGES), [megabytes(sizes_with_dependencies(keras_api.PACKAGES))]),
        ),
        limit=None,
        to_reach="reported",
    ).save()


def first_answer_s(server: Started, photo: bytes) -> float:
    """Send a photo at once: it waits in the socket for the first worker."""
    with Client(server.base) as client:
        assert client.identify(photo).body["results"]
        return time.perf_counter() - server.at


def answer_everywhere(server: Started, photos: list[bytes]) -> None:
    """Ask over ever new connections, two at a time, until every worker has answered its share."""

    def ask(photo: bytes) -> None:
        with Client(server.base) as client:
            assert client.identify(photo).body["results"]

    assert len(server.workers) == WORKERS
    with ThreadPoolExecutor(WORKERS) as pool:
        for _ in range(REQUESTS):
            list(pool.map(ask, [photo for photo in photos for _ in range(WORKERS)]))


def without_http_s(bundle: Path, photo: Path) -> float:
    """Time a process from its start to its answer; what it takes to end is no part of it."""
    command = [sys.executable, "-m", "tests.bench.in_process", str(bundle), str(photo)]
    started = time.perf_counter()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        answered = process.stdout.readline()
        seconds = time.perf_counter() - started
    assert answered.strip().isdigit()
    assert process.returncode == 0
    return seconds


def megabytes(sizes: Mapping[str, int]) -> float:
    """Add up sizes in bytes, in MB of 10^6 bytes."""
    return sum(sizes.values()) / 1e6
