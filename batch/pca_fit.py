"""Fits an exact PCA in one distributed pass, and projects with it.

Each chunk of rows gives its count, its sum and its Gram matrix in float64; the driver adds them in the order
of the chunks and finds the eigenvectors. Chunks and the order inside them follow from the keys alone, so the
components are the same bytes for any number of partitions, tasks and workers.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark import Broadcast
from pyspark.sql import DataFrame, SparkSession

from batch.jobs import job
from models.errors import CorpusError, SettingsError
from models.projection import Projection

_BLOCK_ROWS = 1_024
_LEAST_VARIANCE = 1e-6  # as a share of the largest: noise below it is not made louder
_PARTIAL_SCHEMA = "chunk int, ordered boolean, count long, sum binary, gram binary"
_PROJECTED_SCHEMA = "key string, vector binary"

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Spectrum:
    """Every principal component of a set of embeddings.

    Attributes:
        count: embeddings that went in.
        mean: float64 (d_cnn,).
        components: float64 (min(count - 1, d_cnn), d_cnn), orthonormal rows, largest variance first; the
            entry of largest magnitude of each row is positive.
        explained_variance_ratio: float64, the share of the whole variance of each row.
    """

    count: int
    mean: Float64
    components: Float64
    explained_variance_ratio: Float64

    def keep(self, components: int, whitening: float = 0.0) -> Projection:
        """Keep the first components.

        Args:
            components: how many.
            whitening: the power of its standard deviation that each component is divided by, the first one's
                being 1: with 0 all keep length 1, with 1 all count alike in a neighbour's distance.

        Raises:
            SettingsError: fewer than 1, or more than there are.
        """
        if not 1 <= components <= len(self.components):
            raise SettingsError(
                f"Expected between 1 and {len(self.components)} components for {self.count} photos with "
                f"embeddings of length {len(self.mean)}, got {components}; "
                "choose fewer components or add photos."
            )
        ratio = self.explained_variance_ratio[:components]
        deviations = np.sqrt(np.maximum(ratio / (ratio[0] or 1.0), _LEAST_VARIANCE))
        return Projection(
            self.mean.astype(np.float32),
            (self.components[:components] / deviations[:, None] ** whitening).astype(np.float32),
            self.explained_variance_ratio[:components].astype(np.float32),
        )


def fit_pca(
    embeddings: DataFrame, d_cnn: int, components: int | None = None, whitening: float = 0.0
) -> Projection:
    """Fit a PCA and keep `components` of it, or all, whitened as `Spectrum.keep` says.

    Raises:
        CorpusError: fewer than two embeddings.
        SettingsError: more components than min(embeddings - 1, d_cnn).
    """
    spectrum = fit_spectrum(embeddings, d_cnn)
    return spectrum.keep(len(spectrum.components) if components is None else components, whitening)


def fit_spectrum(embeddings: DataFrame, d_cnn: int) -> Spectrum:
    """Find every principal component.

    Args:
        embeddings: chunk (int), key (string), embedding (array of d_cnn float32), as
            `feature_frame.embeddings` gives them. If chunks were torn apart or shuffled since, they are put
            together again, which moves all rows.
        d_cnn: length of an embedding.

    Raises:
        CorpusError: fewer than two embeddings.
    """
    partials = _partials(embeddings, d_cnn)
    if not _are_whole(partials):
        tasks = embeddings.sparkSession.sparkContext.defaultParallelism
        partials = _partials(
            embeddings.repartition(tasks, "chunk").sortWithinPartitions("chunk", "key"), d_cnn
        )
    count, total, gram = 0, np.zeros(d_cnn), np.zeros((d_cnn, d_cnn))
    upper = np.triu_indices(d_cnn)
    for partial in partials.sort_by("chunk").to_batches(max_chunksize=1):
        count += partial.column("count")[0].as_py()
        total += np.frombuffer(partial.column("sum")[0].as_buffer())
        gram[upper] += np.frombuffer(partial.column("gram")[0].as_buffer())
    if count < 2:
        raise CorpusError(f"A PCA needs at least 2 photos with an embedding, and there are {count}.")
    return _decompose(count, total, np.triu(gram) + np.triu(gram, 1).T)


def project(
    spark: SparkSession, embeddings: DataFrame, projection: Projection
) -> tuple[list[str], npt.NDArray[np.float32]]:
    """Project embeddings on the executors and collect nothing but the result.

    Returns:
        keys, sorted, and float32 (n, d_pca) unit rows in the same order.
    """
    shared = spark.sparkContext.broadcast(projection)
    with job(spark):
        table = (
            embeddings.select("key", "embedding").mapInArrow(_Projector(shared), _PROJECTED_SCHEMA).toArrow()
        )
    shared.destroy()
    table = table.sort_by("key")
    vectors = np.frombuffer(b"".join(table.column("vector").to_pylist()), np.float32)
    return table.column("key").to_pylist(), vectors.reshape(table.num_rows, projection.d_pca)


def _decompose(count: int, total: Float64, gram: Float64) -> Spectrum:
    """Turn sums into the eigenvectors of the covariance."""
    mean = total / count
    covariance = (gram - count * np.outer(mean, mean)) / (count - 1)
    values, vectors = np.linalg.eigh(covariance)
    kept = min(count - 1, len(mean))
    variances = np.maximum(values[::-1], 0)
    components = vectors.T[::-1][:kept]
    largest = components[np.arange(kept), np.abs(components).argmax(axis=1)]
    whole = variances.sum()
    ratio = variances[:kept] / whole if whole > 0 else np.zeros(kept)
    return Spectrum(count, mean, components * np.where(largest < 0, -1.0, 1.0)[:, None], ratio)


def _partials(embeddings: DataFrame, d_cnn: int) -> pa.Table:
    with job(embeddings.sparkSession):
        rows = embeddings.select("chunk", "key", "embedding")
        return rows.mapInArrow(_Summer(d_cnn), _PARTIAL_SCHEMA).toArrow()


def _are_whole(partials: pa.Table) -> bool:
    """Tell whether each chunk came in one piece and in the order of its keys."""
    chunks = partials.column("chunk").to_pylist()
    return len(set(chunks)) == len(chunks) and all(partials.column("ordered").to_pylist())


@dataclass(frozen=True)
class _Summer:
    """Sums the chunks of a partition, one after another, in blocks of a fixed number of rows."""

    d_cnn: int

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        sums: _ChunkSums | None = None
        for batch in batches:
            chunks = batch.column("chunk").to_numpy()
            starts = np.flatnonzero(np.diff(chunks, prepend=chunks[:1] - 1))
            for start, stop in zip(starts, [*starts[1:], len(chunks)], strict=True):
                if sums is None or sums.chunk != chunks[start]:
                    if sums is not None:
                        yield sums.finish()
                    sums = _ChunkSums(int(chunks[start]), self.d_cnn)
                sums.add(batch.slice(start, stop - start))
        if sums is not None:
            yield sums.finish()


class _ChunkSums:
    """Running count, sum and Gram matrix of one chunk."""

    def __init__(self, chunk: int, d_cnn: int) -> None:
        self.chunk = chunk
        self._count, self._ordered, self._last_key = 0, True, ""
        self._sum, self._gram = np.zeros(d_cnn), np.zeros((d_cnn, d_cnn))
        self._block, self._filled = np.empty((_BLOCK_ROWS, d_cnn)), 0

    def add(self, rows: pa.RecordBatch) -> None:
        keys = [self._last_key, *rows.column("key").to_pylist()]
        self._ordered = self._ordered and all(first < second for first, second in pairwise(keys))
        self._last_key = keys[-1]
        vectors = rows_of(rows.column("embedding"), len(self._sum))
        while len(vectors):
            taken = min(_BLOCK_ROWS - self._filled, len(vectors))
            self._block[self._filled : self._filled + taken] = vectors[:taken]
            self._filled += taken
            vectors = vectors[taken:]
            if self._filled == _BLOCK_ROWS:
                self._add_block()

    def finish(self) -> pa.RecordBatch:
        self._add_block()
        gram = self._gram[np.triu_indices(len(self._sum))]
        values = [self.chunk, self._ordered, self._count, self._sum.tobytes(), gram.tobytes()]
        types = [pa.int32(), pa.bool_(), pa.int64(), pa.binary(), pa.binary()]
        columns = [pa.array([value], kind) for value, kind in zip(values, types, strict=True)]
        return pa.RecordBatch.from_arrays(columns, names=["chunk", "ordered", "count", "sum", "gram"])

    def _add_block(self) -> None:
        block = self._block[: self._filled]
        self._count += self._filled
        self._sum += block.sum(axis=0)
        self._gram += block.T @ block
        self._filled = 0


@dataclass(frozen=True)
class _Projector:
    """Projects a partition batch by batch."""

    projection: "Broadcast[Projection]"

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        projection = self.projection.value
        for batch in batches:
            projected = projection.project(rows_of(batch.column("embedding"), projection.d_cnn))
            vectors = pa.array([row.tobytes() for row in projected], pa.binary())
            yield pa.RecordBatch.from_arrays([batch.column("key"), vectors], names=["key", "vector"])


def rows_of(column: pa.ListArray, d_cnn: int) -> npt.NDArray[np.float32]:
    """Turn a column of lists into float32 (n, d_cnn)."""
    return column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), d_cnn)
