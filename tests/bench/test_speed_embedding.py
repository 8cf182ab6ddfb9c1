"""How many photos a second become vectors: in a build, in the course's pandas UDF, and without Spark."""

import subprocess
import sys
import time
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
from batch.embedding import embed
from batch.feature_store import FeatureStore
from models.embedder import Embedder
from models.labels import LabelRules
from tests.bench import keras_udf, plain_loop, top1
from tests.bench.conftest import Measured
from tests.bench.keras_udf import Recipe
from tests.bench.sessions import CORES, Started, session
from tests.bench.settings import BenchSettings
from tests.bench.small_photos import every, link, small_photos, spread_over
from tests.bench.speed_rows import SpeedRow, Way
from tests.bench.table import ROOT

pytestmark = [pytest.mark.bench, pytest.mark.timeout(7200)]

# A batch for each process of the plain loop, which starts one no sooner than there is work for it.
WARM_UP = CORES * plain_loop.BATCH
ROUNDS = 3
Vectors = dict[str, npt.NDArray[np.float32]]
Read = Callable[[], Vectors]


@pytest.fixture(scope="module")
def started() -> Iterator[Started]:
    """Give a session on two cores."""
    with session() as one:
        yield one


@pytest.fixture(scope="module")
def classic_network(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """Give the classic network's weights and its LiteRT file; TensorFlow stays out of this process."""
    folder = tmp_path_factory.mktemp("classic")
    paths = [folder / "weights.npz", folder / "network.tflite"]
    command = [sys.executable, "-m", "tests.bench.keras_udf", *map(str, paths)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return paths[0].read_bytes(), paths[1].read_bytes()


class Timed:
    """A way to embed a folder of photos; each run is timed, the reading of what it made is not."""

    def __init__(self, name: str, folder: Path, run: Callable[[Path, str], Read]) -> None:
        self.name, self._folder, self._run = name, folder, run
        self.rates: list[float] = []

    def warm_up(self, folder: Path) -> None:
        """Run it on a few photos: workers start and import what they need."""
        self._run(folder, "warm-up")

    def measure(self, run: str) -> Vectors:
        """Run it on all photos."""
        before = time.perf_counter()
        read = self._run(self._folder, run)
        self.rates.append(len(every(self._folder)) / (time.perf_counter() - before))
        return read()

    def way(self) -> Way:
        """Give it as the table takes it."""
        return Way(self.name, self.rates)


def in_a_build(
    spark: SparkSession, network: bytes, tensor: str | None, work: Path, folder: Path, run: str
) -> Read:
    """Embed as a build does, into a feature store that is empty."""
    photos = list_photos(str(folder), rules=LabelRules.default()).photos
    result = embed(spark, photos, network, tensor, FeatureStore(str(work / f"features-{run}")))
    assert (result.embedded, len(result.photos)) == (len(photos), len(photos))

    def read() -> Vectors:
        table = result.embeddings.select("key", "embedding").toArrow()
        names = {key: photo.path for key, photo in zip(result.keys, result.photos, strict=True)}
        return by_name([names[key] for key in table.column("key").to_pylist()], table.column("embedding"))

    return read


def in_a_udf(spark: SparkSession, recipe: Recipe, work: Path, folder: Path, run: str) -> Read:
    """Embed as the course does, into parquet."""
    keras_udf.embed_folder(spark, folder, out := work / f"udf-{run}", recipe)

    def read() -> Vectors:
        table = pq.read_table(out)
        names = [str(Path(*Path(path).parts[-2:])) for path in table.column("path").to_pylist()]
        return by_name(names, table.column("embedding"))

    return read


def by_name(names: list[str], column: pa.ChunkedArray) -> Vectors:
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False).astype(np.float32)
    return dict(zip(names, flat.reshape(len(names), -1), strict=True))


def test_photos_to_vectors(
    asked: BenchSettings,
    measured: Measured,
    bench_folder: Path,
    started: Started,
    classic_network: tuple[bytes, bytes],
    tmp_path: Path,
) -> None:
    what = small_photos(asked, asked.embedded, whole := tmp_path / "photos")
    some = link(spread_over(every(whole), asked.keras), whole, tmp_path / "some")
    network = (measured.folder / "network.tflite").read_bytes()
    name, tensor = str(measured.manifest.network["name"]), measured.manifest.network.get("feature_tensor")
    side = Embedder.load(network, tensor).input_size
    weights = ROOT / "models" / "pretrained" / f"{name}.npz"
    spark = started.spark
    udf = "Keras in the course's pandas UDF"
    with plain_loop.processes(CORES, network, tensor) as pool:

        def plainly(folder: Path, _run: str) -> Read:
            paths = every(folder)
            vectors = plain_loop.embed_files(pool, paths)
            names = [str(path.relative_to(folder)) for path in paths]
            return lambda: dict(zip(names, vectors, strict=True))

        ours = Timed(
            f"{name}, {side} px, in a build", whole, partial(in_a_build, spark, network, tensor, tmp_path)
        )
        plain = Timed(f"{name}: decode and network, {CORES} processes, no Spark", whole, plainly)
        recipes = {
            f"MobileNetV2, {keras_udf.SIDE_PX} px: {udf}": keras_udf.classic(classic_network[0]),
            f"{name}, {side} px: {udf}": keras_udf.ours_in_keras(weights.read_bytes(), side),
            f"{name}, {side} px: its LiteRT file in that UDF": keras_udf.ours_in_litert(network, side),
        }
        udfs = [
            Timed(title, some, partial(in_a_udf, spark, recipe, tmp_path / str(place)))
            for place, (title, recipe) in enumerate(recipes.items())
        ]
        ways = [ours, *udfs, plain]
        for way in ways:
            way.warm_up(link(spread_over(every(whole), WARM_UP), whole, tmp_path / "warm" / str(id(way))))
        for number in range(min(asked.rounds, ROUNDS)):
            made = [way.measure(str(number)) for way in ways]
            assert_identical(made[0], made[-1])
            assert_runs(made[1], classic_network[1], some)
            assert_alike(made[2], made[0], 0.9)
            assert_identical(made[3], {path: made[0][path] for path in made[3]})
    SpeedRow(
        key="10-embedding",
        what=f"photos to vectors, {CORES} cores: {what}",
        unit="photos/s",
        more_is_better=True,
        ours=ours.way(),
        against=[way.way() for way in udfs],
        limit=plain.way(),
        to_reach="8 times the first, 3 times the second; 0.7 of the limit",
        beside=f"top-1: {top1.of_ours(measured.manifest)}; MobileNetV2, {top1.of_classic(bench_folder)}. "
        f"Spark started in {started.seconds:.1f} s, apart. The UDF ran on {len(every(some)):,} photos, "
        f"{keras_udf.PARTITION_PHOTOS} a partition, as 10,000 in 24",
    ).save()


def assert_identical(first: Vectors, second: Vectors) -> None:
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name]) for name in first)


def assert_alike(some: Vectors, others: Vectors, least: float) -> None:
    """The network of float32 and the one of int8 see much the same: hold the median cosine."""
    cosines = [cosine(vector, others[name]) for name, vector in some.items()]
    assert np.median(cosines) > least, np.quantile(cosines, [0, 0.1, 0.5])


def assert_runs(made: Vectors, network: bytes, folder: Path) -> None:
    """Run the classic network on a few photos without Spark or Keras: the same vectors but for rounding."""
    embedder = Embedder.load(network)
    for name in sorted(made)[:8]:
        framed = keras_udf.squeezed((folder / name).read_bytes())
        assert cosine(embedder.embed(framed[None])[0], made[name]) > 0.999


def cosine(first: npt.NDArray[np.float32], second: npt.NDArray[np.float32]) -> float:
    return float(first @ second / (np.linalg.norm(first) * np.linalg.norm(second)))
