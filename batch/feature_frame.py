"""Hands kept features to Spark in the order of their keys, without a shuffle: each task reads the shards it
needs.

The live rows, sorted by key, are cut into chunks that depend on nothing but the keys. A chunk is summed as
one piece by the PCA, so its bytes do not depend on how many tasks or workers there were, or in how many
builds the features came.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import cast

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from batch.feature_store import FeatureSpace, vectors_of
from batch.jobs import job
from batch.worker_imports import forget_archives

SCHEMA = "chunk int, key string, embedding array<float>"
CHUNK_ROWS = 4_096
MAX_CHUNKS = 32
"""Bounds what the PCA sends to the driver: one half of a d_cnn x d_cnn float64 matrix a chunk."""

_PART_ROWS = 2_048
_SHARDS_HELD = 16
_CHECKS_A_TASK = 8
_ARROW_SCHEMA = pa.schema(
    {"chunk": pa.int32(), "key": pa.string(), "embedding": pa.list_(pa.float32())},
)


def embeddings(
    spark: SparkSession, space: FeatureSpace, live: pa.Table, *, partitions: int | None = None
) -> DataFrame:
    """Return the features of the live photos.

    Args:
        live: rows of `FeatureSpace.index` that hold vectors, sorted by key.
        partitions: tasks to read with; None for one a chunk.

    Returns:
        chunk (int), key (string), embedding (array of float32), each chunk whole inside one partition, sorted
        by key.
    """
    plan = _plan(live)
    if plan.num_rows == 0:
        return spark.createDataFrame([], SCHEMA)
    tasks = partitions or cast(int, plan.column("chunk")[-1].as_py()) + 1
    return (
        spark.createDataFrame(plan)
        .withColumn("task", (F.col("chunk") % tasks).cast("int"))
        .repartitionById(tasks, "task")
        .sortWithinPartitions("chunk", "part", "shard")
        .mapInArrow(_PartReader(space), SCHEMA)
    )


def broken_shards(spark: SparkSession, space: FeatureSpace, shards: Iterable[str]) -> list[str]:
    """Read shards whole, on the executors, and return those whose checksums are wrong."""
    names = pa.table({"shard": pa.array(sorted(shards), pa.string())})
    if names.num_rows == 0:
        return []
    tasks = -(-names.num_rows // _CHECKS_A_TASK)
    checked = spark.createDataFrame(names).repartition(tasks).mapInArrow(_ShardCheck(space), "shard string")
    with job(spark):
        return sorted(checked.toArrow().column("shard").to_pylist())


def _plan(live: pa.Table) -> pa.Table:
    """Cut the live rows into chunks and parts: columns chunk, part, shard, rows."""
    count = live.num_rows
    chunks = min(MAX_CHUNKS, -(-count // CHUNK_ROWS))
    columns: dict[str, list[object]] = {"chunk": [], "part": [], "shard": [], "rows": []}
    for chunk in range(chunks):
        start, stop = count * chunk // chunks, count * (chunk + 1) // chunks
        for part, first in enumerate(range(start, stop, _PART_ROWS)):
            piece = live.slice(first, min(_PART_ROWS, stop - first)).sort_by(
                [("shard", "ascending"), ("row", "ascending")]
            )
            places = zip(piece.column("shard").to_pylist(), piece.column("row").to_pylist(), strict=True)
            for shard, rows in groupby(places, key=itemgetter(0)):
                for name, value in zip(columns, (chunk, part, shard, [row for _, row in rows]), strict=True):
                    columns[name].append(value)
    types = (pa.int32(), pa.int32(), pa.string(), pa.list_(pa.int32()))
    return pa.table(
        [pa.array(values, kind) for values, kind in zip(columns.values(), types, strict=True)], list(columns)
    )


@dataclass(frozen=True)
class _ShardCheck:
    space: FeatureSpace

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        forget_archives()
        for batch in batches:
            broken = [name for name in batch.column("shard").to_pylist() if not self.space.is_whole(name)]
            yield pa.RecordBatch.from_arrays([pa.array(broken, pa.string())], names=["shard"])


@dataclass(frozen=True)
class _PartReader:
    """Reads the parts of a plan, one after another."""

    space: FeatureSpace

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        forget_archives()
        read = lru_cache(maxsize=_SHARDS_HELD)(self._read)
        places = (place for batch in batches for place in batch.to_pylist())
        for (chunk, _), pieces in groupby(places, key=itemgetter("chunk", "part")):
            keys, vectors = [], []
            for piece in pieces:
                shard_keys, shard_vectors = read(piece["shard"])
                keys.append(shard_keys[piece["rows"]])
                vectors.append(shard_vectors[piece["rows"]])
            yield _sorted_batch(chunk, np.concatenate(keys), np.concatenate(vectors))

    def _read(self, shard: str) -> tuple[np.ndarray, np.ndarray]:
        table = self.space.read(shard)
        return table.column("key").to_numpy(), vectors_of(table.column("embedding"))


def _sorted_batch(chunk: int, keys: np.ndarray, vectors: np.ndarray) -> pa.RecordBatch:
    order = np.argsort(keys)
    count, width = vectors.shape
    offsets = pa.array(np.arange(0, (count + 1) * width, width, dtype=np.int32))
    embedding = pa.ListArray.from_arrays(offsets, pa.array(vectors[order].reshape(-1)))
    columns = [pa.array(np.full(count, chunk, np.int32)), pa.array(keys[order], pa.string()), embedding]
    return pa.RecordBatch.from_arrays(columns, schema=_ARROW_SCHEMA)
