"""What it costs to fit a PCA to 50,000 embeddings that lie in the feature store, against Spark's own."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from pyspark.ml.feature import PCA
from pyspark.ml.functions import array_to_vector
from pyspark.sql import DataFrame, SparkSession

from batch import feature_frame
from batch.feature_store import FeatureSpace, FeatureStore
from batch.pca_fit import fit_spectrum
from models.near_duplicates import SIGNATURE_BYTES
from tests.bench.conftest import Measured
from tests.bench.sessions import CORES, Started, session
from tests.bench.settings import BenchSettings
from tests.bench.speed_rows import SpeedRow, Way

pytestmark = [pytest.mark.bench, pytest.mark.timeout(7200)]

EMBEDDINGS = 50_000
COMPONENTS = 64
MOBILENET_WIDTH = 1_280
ROUNDS = 3
SHARD_ROWS = 500
Matrix = npt.NDArray[np.float32]
Components = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def started() -> Iterator[Started]:
    """Give a session on two cores."""
    with session() as one:
        yield one


def test_pca_of_mobilenet_width(asked: BenchSettings, started: Started, tmp_path: Path) -> None:
    compare(started.spark, MOBILENET_WIDTH, asked.rounds, tmp_path, "30-pca-1280", "4 times")


def test_pca_of_own_width(asked: BenchSettings, measured: Measured, started: Started, tmp_path: Path) -> None:
    if measured.manifest.d_cnn == MOBILENET_WIDTH:
        pytest.skip(f"the bundle's network gives {MOBILENET_WIDTH} features, as the row above")
    compare(started.spark, measured.manifest.d_cnn, asked.rounds, tmp_path, "31-pca-own-width", "reported")


def compare(spark: SparkSession, width: int, rounds: int, folder: Path, key: str, to_reach: str) -> None:
    """Fit both ways in turn, and the product of the covariance alone."""
    embeddings = drawn(EMBEDDINGS, width)
    frame = in_a_feature_store(spark, embeddings, folder / "features")
    vectors = str(folder / "vectors")
    frame.select(array_to_vector("embedding").alias("features")).write.parquet(vectors)
    exact = embeddings.astype(np.float64)
    ways: list[Callable[[], Components]] = [
        lambda: fit_spectrum(frame, width).components[:COMPONENTS],
        lambda: by_spark_ml(spark.read.parquet(vectors)),
        lambda: exact.T @ exact,
    ]
    times: list[list[float]] = []
    for _ in range(min(rounds, ROUNDS) + 1):
        times.append([])
        made = []
        for way in ways:
            before = time.perf_counter()
            made.append(way())
            times[-1].append(time.perf_counter() - before)
        cosines = np.abs((made[0] * made[1]).sum(axis=1))
        assert cosines.min() > 1 - 1e-6, cosines
    ours, spark_ml, product = zip(*times[1:], strict=True)  # the first round warms the JVM up
    SpeedRow(
        key=key,
        what=f"PCA of {EMBEDDINGS:,} x {width:,} embeddings from parquet, {CORES} cores",
        unit="s",
        more_is_better=False,
        ours=Way("fit of a build: every component", ours),
        against=[Way(f"pyspark.ml PCA, {COMPONENTS} components", spark_ml)],
        limit=Way("float64 product of the covariance in numpy, from memory", product),
        to_reach=to_reach,
        beside=f"the first {COMPONENTS} components are the same: least cosine {cosines.min():.9f}; ours "
        "reads the feature store and checks it",
    ).save()


def drawn(count: int, width: int) -> Matrix:
    """Draw embeddings of falling variance, turned out of the axes: float32 (count, width)."""
    chance = np.random.default_rng(11)
    turn = np.linalg.qr(chance.standard_normal((width, width)))[0].astype(np.float32)
    deviations = (1 / np.sqrt(1 + np.arange(width))).astype(np.float32)
    made = chance.standard_normal((count, width), np.float32) * deviations
    return made @ turn + np.float32(0.5)


def by_spark_ml(frame: DataFrame) -> Components:
    """Fit Spark's own: float64 (components, width)."""
    fitted = PCA(k=COMPONENTS, inputCol="features", outputCol="projected").fit(frame)
    return fitted.pc.toArray().T


def in_a_feature_store(spark: SparkSession, embeddings: Matrix, folder: Path) -> DataFrame:
    """Keep embeddings as a build does, and give them as it hands them to its PCA."""
    space = FeatureStore(str(folder)).space("0" * 64)
    for first in range(0, len(embeddings), SHARD_ROWS):
        space.write(f"{first:08d}.parquet", shard(first, embeddings[first : first + SHARD_ROWS]))
    return feature_frame.embeddings(spark, space, live(space))


def live(space: FeatureSpace) -> pa.Table:
    """Index what was written."""
    index = space.index()
    assert index.num_rows == EMBEDDINGS
    return index


def shard(first: int, vectors: Matrix) -> pa.Table:
    """Lay out rows as a task does."""
    count, width = vectors.shape
    keys = [f"{row:032x}" for row in range(first, first + count)]
    return pa.table(
        {
            "key": keys,
            "corpus": ["file:///drawn"] * count,
            "path": [f"{key}.jpg" for key in keys],
            "size": pa.array([4_000] * count, pa.int64()),
            "error": pa.nulls(count, pa.string()),
            "signature": pa.array([bytes(SIGNATURE_BYTES)] * count, pa.binary(SIGNATURE_BYTES)),
            "embedding": pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), width),
        }
    )
