"""The PCA is exact, the same bytes however it is spread, and the same as Spark's own up to sign."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from pyspark.ml.feature import PCA
from pyspark.ml.functions import array_to_vector
from pyspark.sql import DataFrame, SparkSession

from batch.pca_fit import Spectrum, fit_pca, fit_spectrum, project
from models.errors import CorpusError, SettingsError

COUNT, WIDTH = 300, 12
ROWS_A_CHUNK = 64


def rows() -> npt.NDArray[np.float32]:
    """Make correlated rows far from the origin, as pooled features are."""
    rng = np.random.default_rng(11)
    scales = np.geomspace(5, 0.05, WIDTH)
    return (rng.normal(size=(COUNT, WIDTH)) * scales @ rng.normal(size=(WIDTH, WIDTH)) + 3).astype(np.float32)


def frame(spark: SparkSession, vectors: npt.NDArray[np.float32], partitions: int = 1) -> DataFrame:
    """Spread rows over partitions by chunk, in the order of their keys."""
    count = len(vectors)
    table = pa.table(
        {
            "chunk": pa.array([place // ROWS_A_CHUNK for place in range(count)], pa.int32()),
            "key": [f"{place:05}" for place in range(count)],
            "embedding": pa.array(list(vectors), pa.list_(pa.float32())),
        }
    )
    return spark.createDataFrame(table).repartition(partitions, "chunk").sortWithinPartitions("chunk", "key")


def test_components_are_those_of_spark_up_to_sign(spark: SparkSession) -> None:
    embeddings = frame(spark, rows(), 2)
    oracle = PCA(k=5, inputCol="vector", outputCol="projected").fit(
        embeddings.select(array_to_vector("embedding").alias("vector"))
    )
    spectrum = fit_spectrum(embeddings, WIDTH)
    expected = oracle.pc.toArray().T
    signs = np.sign((expected * spectrum.components[:5]).sum(axis=1))
    np.testing.assert_allclose(spectrum.components[:5], expected * signs[:, None], atol=1e-9)
    np.testing.assert_allclose(
        spectrum.explained_variance_ratio[:5], oracle.explainedVariance.toArray(), atol=1e-12
    )


def test_bytes_do_not_depend_on_the_partitions(spark: SparkSession) -> None:
    vectors = rows()
    fits = [fit_pca(frame(spark, vectors, partitions), WIDTH, 4).to_npz() for partitions in (1, 2, 5)]
    assert fits[0] == fits[1] == fits[2]


def test_chunks_that_were_torn_apart_are_put_together_again(spark: SparkSession) -> None:
    vectors = rows()
    whole = fit_pca(frame(spark, vectors), WIDTH, 4).to_npz()
    torn = frame(spark, vectors, 3).repartition(4).orderBy("embedding")
    assert fit_pca(torn, WIDTH, 4).to_npz() == whole


def test_a_small_example_by_hand(spark: SparkSession) -> None:
    vectors = np.array([[1, 1], [3, 3], [5, 5], [3, 5], [3, 1]], np.float32)
    spectrum = fit_spectrum(frame(spark, vectors), 2)
    # Covariance [[2, 2], [2, 4]]: eigenvalues 3 +- sqrt(5).
    assert spectrum.count == 5
    np.testing.assert_allclose(spectrum.mean, [3, 3])
    np.testing.assert_allclose(spectrum.explained_variance_ratio, [(3 + 5**0.5) / 6, (3 - 5**0.5) / 6])
    np.testing.assert_allclose(spectrum.components, [[0.525731, 0.850651], [0.850651, -0.525731]], atol=1e-6)


def test_the_largest_entry_of_each_component_is_positive(spark: SparkSession) -> None:
    spectrum = fit_spectrum(frame(spark, rows()), WIDTH)
    largest = np.abs(spectrum.components).argmax(axis=1)
    assert (spectrum.components[np.arange(WIDTH), largest] > 0).all()
    np.testing.assert_allclose(spectrum.components @ spectrum.components.T, np.eye(WIDTH), atol=1e-12)


def test_every_component_is_kept_unless_a_number_is_asked_for(spark: SparkSession) -> None:
    embeddings = frame(spark, rows()[:8])
    every = fit_pca(embeddings, WIDTH)
    assert every.components.shape == (7, WIDTH)
    assert every.explained_variance_ratio.sum() == pytest.approx(1)
    assert fit_pca(embeddings, WIDTH, 3).components.shape == (3, WIDTH)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_whitening_evens_out_the_variance_of_what_is_projected(spark: SparkSession, power: float) -> None:
    vectors = rows()
    spectrum = fit_spectrum(frame(spark, vectors), WIDTH)

    projection = spectrum.keep(4, power)

    spread = ((vectors - projection.mean) @ projection.components.T).std(axis=0, ddof=1)
    ratio = spectrum.explained_variance_ratio[:4]
    np.testing.assert_allclose(spread / spread[0], (ratio / ratio[0]) ** ((1 - power) / 2), rtol=1e-4)
    assert np.linalg.norm(projection.components[0]) == pytest.approx(1, abs=1e-6)


def test_whitening_leaves_components_without_variance_finite() -> None:
    flat = Spectrum(9, np.zeros(3), np.eye(3), np.array([1.0, 0.0, 0.0]))
    nothing = Spectrum(9, np.zeros(3), np.eye(3), np.zeros(3))

    assert np.linalg.norm(flat.keep(3, 1.0).components, axis=1).max() == pytest.approx(1000)
    assert np.isfinite(nothing.keep(3, 1.0).components).all()


@pytest.mark.parametrize("components", [0, 8, 13])
def test_more_components_than_there_can_be_are_refused(spark: SparkSession, components: int) -> None:
    spectrum = fit_spectrum(frame(spark, rows()[:8]), WIDTH)
    with pytest.raises(SettingsError, match=f"between 1 and 7 components for 8 photos .* got {components}"):
        spectrum.keep(components)


def test_one_embedding_is_too_few(spark: SparkSession) -> None:
    with pytest.raises(CorpusError, match="at least 2 photos with an embedding, and there are 1"):
        fit_pca(frame(spark, rows()[:1]), WIDTH)


def test_embeddings_that_are_all_alike_have_no_variance_to_explain(spark: SparkSession) -> None:
    spectrum = fit_spectrum(frame(spark, np.ones((5, WIDTH), np.float32)), WIDTH)
    assert spectrum.explained_variance_ratio.tolist() == [0, 0, 0, 0]


def test_projected_vectors_come_in_the_order_of_their_keys(spark: SparkSession) -> None:
    vectors = rows()
    embeddings = frame(spark, vectors, 3)
    projection = fit_pca(embeddings, WIDTH, 4)
    keys, projected = project(spark, embeddings, projection)
    assert keys == [f"{place:05}" for place in range(COUNT)]
    assert projected.dtype == np.float32
    np.testing.assert_array_equal(projected, projection.project(vectors))


def test_nothing_projects_to_nothing(spark: SparkSession, tmp_path: Path) -> None:
    embeddings = frame(spark, rows())
    projection = fit_pca(embeddings, WIDTH, 4)
    keys, projected = project(spark, embeddings.where("chunk < 0"), projection)
    assert (keys, projected.shape) == ([], (0, 4))
