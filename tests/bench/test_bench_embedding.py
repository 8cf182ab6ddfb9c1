"""How many photos a second are embedded: here, in the classic way, and at best on these cores."""

import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from batch.corpus import list_photos
from batch.embedding import EmbeddingResult, embed
from batch.feature_store import FeatureStore
from batch.session import start_session
from models.embedder import Embedder
from models.labels import LabelRules
from tests.bench import keras_udf, plain_loop
from tests.bench.conftest import Measured
from tests.bench.photos import sample
from tests.bench.settings import BenchSettings
from tests.bench.table import ROOT, middle, show

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]

CORES = 2
WARM_UP = 32
PACKAGES = ("pyspark", "ai-edge-litert", "tensorflow", "keras", "pillow", "pyarrow")
Vectors = dict[str, npt.NDArray[np.float32]]


@pytest.fixture(scope="module")
def spark() -> Iterator[tuple[SparkSession, float]]:
    """Give a session on two cores and the seconds that it took to start."""
    started = time.perf_counter()
    with warnings.catch_warnings():
        # Python 3.12 warns of a fork while other threads run, which pyspark does to start the JVM.
        warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
        session = start_session(f"local[{CORES}]", "fruits-bench")
        session.range(1).collect()
    yield session, time.perf_counter() - started
    session.stop()


@pytest.fixture(scope="module")
def keras_network(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Give the network that Keras runs, exported; in a process of its own, as TensorFlow is large."""
    path = tmp_path_factory.mktemp("network") / "mobilenet_v2.tflite"
    command = [sys.executable, "-m", "tests.bench.keras_udf", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return path.read_bytes()


class Way:
    """One way to embed a folder of photos, timed each time."""

    def __init__(self, name: str, folder: Path, run: Callable[[Path, str], Callable[[], Vectors]]) -> None:
        self.name, self.folder, self._run = name, folder, run
        self.photos = len(list(folder.iterdir()))
        self.rates: list[float] = []
        self.start_s = 0.0

    def warm_up(self, folder: Path) -> None:
        """Run it on a few photos: workers start, networks load."""
        started = time.perf_counter()
        self._run(folder, "warm-up")
        self.start_s = time.perf_counter() - started

    def measure(self, run: str) -> Vectors:
        """Run it on all photos, then read what it made by file name; the reading is not timed."""
        started = time.perf_counter()
        read = self._run(self.folder, run)
        self.rates.append(self.photos / (time.perf_counter() - started))
        return read()


def on_spark(
    spark: SparkSession, network: bytes, tensor: str | None, work: Path, folder: Path, run: str
) -> Callable[[], Vectors]:
    """Embed as a build does, into a feature store that is empty."""
    photos = list_photos(str(folder), rules=LabelRules.default()).photos
    result = embed(spark, photos, network, tensor, FeatureStore(str(work / f"features-{run}")))
    assert (result.embedded, len(result.photos)) == (len(photos), len(photos))
    return partial(of_result, result)


def of_result(result: EmbeddingResult) -> Vectors:
    table = result.embeddings.select("key", "embedding").toArrow()
    names = {key: photo.path for key, photo in zip(result.keys, result.photos, strict=True)}
    return by_name([names[key] for key in table.column("key").to_pylist()], table.column("embedding"))


def with_keras(spark: SparkSession, work: Path, folder: Path, run: str) -> Callable[[], Vectors]:
    """Embed in the classic way, into parquet."""
    out = work / f"keras-{run}"
    keras_udf.embed_folder(spark, folder, out)

    def read() -> Vectors:
        table = pq.read_table(out)
        paths = [Path(path).name for path in table.column("path").to_pylist()]
        return by_name(paths, table.column("embedding"))

    return read


def by_name(names: list[str], column: pa.ChunkedArray) -> Vectors:
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False).astype(np.float32)
    return dict(zip(names, flat.reshape(len(names), -1), strict=True))


def test_embedding_rate_against_keras_in_a_pandas_udf(
    asked: BenchSettings,
    measured: Measured,
    spark: tuple[SparkSession, float],
    keras_network: bytes,
    tmp_path: Path,
) -> None:
    what = sample(asked, asked.embedded, tmp_path / "photos")
    some = few(tmp_path / "photos", asked.keras, tmp_path / "some")
    warm = few(tmp_path / "photos", WARM_UP, tmp_path / "warm")
    session, session_s = spark
    network = (measured.folder / "network.tflite").read_bytes()
    tensor = measured.manifest.network.get("feature_tensor")
    with plain_loop.processes(CORES, network, tensor) as pool:

        def plainly(folder: Path, _run: str) -> Callable[[], Vectors]:
            paths = sorted(folder.iterdir())
            vectors = plain_loop.embed_files(pool, paths)
            return lambda: {path.name: vector for path, vector in zip(paths, vectors, strict=True)}

        side = Embedder.load(network, tensor).input_size
        name = f"{measured.manifest.network['name']}, {side} px"
        classic = f"MobileNetV2 float32, {keras_udf.SIDE_PX} px"
        whole = tmp_path / "photos"
        ours = Way(
            f"{name}: batch on Spark", whole, partial(on_spark, session, network, tensor, tmp_path / "a")
        )
        plain = Way(f"{name}: plain loop, no Spark", whole, plainly)
        same = Way(
            f"{classic}: batch on Spark",
            some,
            partial(on_spark, session, keras_network, None, tmp_path / "b"),
        )
        keras = Way(f"{classic}: Keras predict in a pandas UDF", some, partial(with_keras, session, tmp_path))
        ways = [ours, plain, same, keras]
        for way in ways:
            way.warm_up(warm)
        for number in range(asked.rounds):
            made = [way.measure(str(number)) for way in ways]
            assert_identical(made[0], made[1])
            assert_alike(made[2], made[3])
    report(ways, what, session_s, measured, asked.rounds)


def few(folder: Path, count: int, target: Path) -> Path:
    """Link the first photos of a folder into another."""
    target.mkdir()
    for path in sorted(folder.iterdir())[:count]:
        os.link(path, target / path.name)
    return target


def assert_identical(first: Vectors, second: Vectors) -> None:
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name]) for name in first)


def assert_alike(first: Vectors, second: Vectors) -> None:
    """Keras and LiteRT add in another order: hold the cosine of each pair of vectors."""
    assert first.keys() == second.keys()
    cosines = [
        first[name] @ second[name] / (np.linalg.norm(first[name]) * np.linalg.norm(second[name]))
        for name in first
    ]
    assert min(cosines) > 0.999


def report(ways: list[Way], what: str, session_s: float, measured: Measured, rounds: int) -> None:
    slowest = np.median(ways[-1].rates)
    rows = [
        [
            way.name,
            f"{way.photos:,}",
            middle(way.rates),
            f"{np.median(way.rates) / slowest:.1f} x",
            f"{way.start_s:.1f}",
        ]
        for way in ways
    ]
    show(
        f"Embedding rate on {CORES} cores: {what}",
        [
            "network and way",
            "photos",
            "photos/s: median (range)",
            "against Keras",
            f"first {WARM_UP} photos, s",
        ],
        rows,
        packages=PACKAGES,
        notes=[
            f"{rounds} rounds, every way in turn; vectors written to parquet, except by the plain loop.",
            "Same photos, decoding and framing; the two rows of one network gave the same vectors.",
            f"Start of the Spark session, apart: {session_s:.1f} s. Network: {measured.name}.",
            "MobileNetV2 has seeded random weights: trained ones need a hub, and take the same time.",
        ],
    )
