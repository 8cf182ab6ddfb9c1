"""Embeds the photos of corpora on Spark: what the feature store has is reused, the rest is run through the
network.

Each task writes one shard of the feature store itself; nothing but keys goes back to the driver, and a build
that dies loses the shards in flight only.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark import SparkConf
from pyspark.sql import DataFrame, SparkSession

from batch import feature_frame
from batch.corpus import CorpusPhoto, Reader, uses_hadoop
from batch.feature_store import FeatureSpace, FeatureStore, photo_key
from batch.hadoop import open_files
from batch.jobs import job
from batch.shard_task import REPORT_SCHEMA, PhotoRow, ShardTask
from models.embedder import Embedder, network_hash
from models.errors import SettingsError, UnreadablePhoto
from models.locations import S3Options
from models.photo import PhotoLimits

SHARD_PHOTOS = 500
BATCH_SIZE = 32
BATCH_SETTING = "spark.fruits.batchSize"
_SHARDS_A_CORE = 25
_HADOOP_ROUND = 10_000
_WORKER_ADDRESS_SPACE_MB = 2_000
_ROWS_SETTING = "spark.sql.execution.arrow.maxRecordsPerBatch"

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Reject:
    """A photo without an embedding; `code` is undecodable, too_small, too_large or unreadable."""

    photo: CorpusPhoto
    code: str


@dataclass(frozen=True)
class EmbeddingResult:
    """What came of the photos.

    Attributes:
        photos: those that have an embedding, sorted by key.
        keys: their keys, in the same order.
        signatures: what finds near twins, 16 bytes each, in the same order.
        rejects: the others, sorted by corpus and path.
        embedded: photos run through the network by this call, successfully or not.
        reused: photos whose outcome was in the feature store.
        seconds: wall time.
        d_cnn: length of an embedding.
        embeddings: DataFrame of chunk (int), key (string), embedding (array of float32), in the order of
            `keys`.
    """

    photos: tuple[CorpusPhoto, ...]
    keys: tuple[str, ...]
    signatures: tuple[bytes, ...]
    rejects: tuple[Reject, ...]
    embedded: int
    reused: int
    seconds: float
    d_cnn: int
    embeddings: DataFrame


def embed(
    spark: SparkSession,
    photos: Sequence[CorpusPhoto],
    network: bytes,
    feature_tensor: str | None,
    features: FeatureStore,
    s3: S3Options = S3Options(),
    *,
    batch_size: int | None = None,
    shard_photos: int = SHARD_PHOTOS,
    reader: Reader = "auto",
    on_progress: OnProgress | None = None,
) -> EmbeddingResult:
    """Embed photos, and leave out those that have no usable picture in them.

    Args:
        photos: from `list_photos`; of one that comes twice, one is taken.
        network: a `.tflite` file.
        feature_tensor: the tensor to take as embedding; None for the output.
        features: where embeddings are kept.
        s3: how the corpora are reached.
        batch_size: photos that a task holds as pictures; it holds the bytes of twice as many. None for the
            session's `spark.fruits.batchSize`, else 32.
        shard_photos: photos a shard at most; a crash costs the shards in flight, one a core.
        reader: as it was given to `list_photos`.
        on_progress: called with (photos done, photos to do), from another thread.

    Raises:
        NetworkError: the network cannot be run.
        SettingsError: `spark.fruits.batchSize` is no whole number above 0, or Spark's limit on the memory of
            Python workers is one that they hang under.
        StoreFull, StoreUnavailable: features cannot be written or read.
        FruitsError: Spark failed.
    """
    started = time.perf_counter()
    batch_size = _batch_size(spark) if batch_size is None else batch_size
    check_worker_limit(spark.sparkContext.getConf())
    name, d_cnn = network_hash(network), Embedder.load(network, feature_tensor).d_cnn
    space = features.space(name, feature_tensor)
    by_key = dict(sorted({photo_key(photo): photo for photo in photos}.items()))
    known = _sound_index(spark, space, by_key)
    missing = {key: by_key[key] for key in by_key.keys() - set(known.column("key").to_pylist())}
    if missing:
        broadcast = spark.sparkContext.broadcast(network)
        task = ShardTask(space, s3, broadcast, name, feature_tensor, batch_size)
        _run(spark, task, missing, shard_photos, reader, on_progress)
        broadcast.destroy()
        known = _live(space.index(), by_key)
    return _result(spark, space, by_key, known, len(missing), started, d_cnn)


def _sound_index(spark: SparkSession, space: FeatureSpace, by_key: Mapping[str, CorpusPhoto]) -> pa.Table:
    """Index the live rows, after the shards that they lie in were found whole."""
    whole: set[str] = set()
    while True:
        known = _live(space.index(), by_key)
        # Where a broken shard is gone, its rows may be found in a twin that nobody has looked at yet.
        shards = set(pc.unique(known.column("shard")).to_pylist()) - whole
        broken = feature_frame.broken_shards(spark, space, shards)
        if not broken:
            return known
        for shard in broken:
            space.remove(shard)
        whole |= shards.difference(broken)


def _live(index: pa.Table, by_key: Mapping[str, CorpusPhoto]) -> pa.Table:
    """Leave out the rows of photos that are gone or changed."""
    return index.filter(pc.is_in(index.column("key"), pa.array(by_key, pa.string())))


def _run(
    spark: SparkSession,
    task: ShardTask,
    missing: Mapping[str, CorpusPhoto],
    shard_photos: int,
    reader: Reader,
    on_progress: OnProgress | None,
) -> None:
    """Embed photos in one job, and those that only Hadoop reaches in further ones."""
    rows = [PhotoRow(key, photo.corpus, photo.path, photo.size) for key, photo in sorted(missing.items())]
    # Spark would read a file of any size into memory; what is too large is known without opening it.
    opened = {row for row in rows if uses_hadoop(row.corpus, reader) and row.size <= PhotoLimits().max_bytes}
    listed = [row for row in rows if row not in opened]
    through_hadoop = [row for row in rows if row in opened]
    progress = _Progress(on_progress, len(rows))
    if listed:
        _embed_listed(spark, task, listed, shard_photos, progress)
    for first in range(0, len(through_hadoop), _HADOOP_ROUND):
        _embed_opened(spark, task, through_hadoop[first : first + _HADOOP_ROUND], shard_photos, progress)


class _Progress:
    """Turns finished tasks into photos done."""

    def __init__(self, report: OnProgress | None, total: int) -> None:
        self._report, self._total, self._done = report, total, 0

    @contextmanager
    def of(self, spark: SparkSession, photos: int, tasks: int) -> Iterator[None]:
        """Follow the job in the block, which has so many photos and tasks."""
        report, before = self._report, self._done

        def on_tasks(finished: int) -> None:
            if report is not None:
                report(before + photos * min(finished, tasks) // tasks, self._total)

        with job(spark, on_tasks if report else None):
            yield
        self._done += photos
        if report:
            report(self._done, self._total)


def _embed_listed(
    spark: SparkSession, task: ShardTask, rows: Sequence[PhotoRow], shard_photos: int, progress: _Progress
) -> None:
    """One task a shard; the shards are runs of keys, so that later reads in key order touch few of them."""
    shards = _shard_count(spark, len(rows), shard_photos, task.batch_size)
    columns: dict[str, pa.Array] = {
        "shard": pa.array([place * shards // len(rows) for place in range(len(rows))], pa.int32())
    }
    columns |= {
        name: pa.array(values) for name, values in zip(PhotoRow._fields, zip(*rows, strict=True), strict=True)
    }
    frame = spark.createDataFrame(pa.table(columns)).repartitionById(shards, "shard")
    with progress.of(spark, len(rows), shards):
        frame.mapInArrow(task.embed_listed, REPORT_SCHEMA).collect()


def _embed_opened(
    spark: SparkSession, task: ShardTask, rows: Sequence[PhotoRow], shard_photos: int, progress: _Progress
) -> None:
    """Let Spark open the photos; it decides which of them share a task."""
    shards = _shard_count(spark, len(rows), shard_photos, task.batch_size)
    by_path = spark.sparkContext.broadcast({f"{row.corpus}/{row.path}": row for row in rows})
    rows_before = spark.conf.get(_ROWS_SETTING)
    spark.conf.set(_ROWS_SETTING, str(-(-task.batch_size // 2)))
    try:
        with progress.of(spark, len(rows), shards):
            opened = open_files(spark, list(by_path.value)).coalesce(shards)
            embed_opened = partial(task.embed_opened, photos=by_path, shard_photos=shard_photos)
            opened.mapInArrow(embed_opened, REPORT_SCHEMA).collect()
    finally:
        spark.conf.set(_ROWS_SETTING, str(rows_before))
        by_path.destroy()


def _shard_count(spark: SparkSession, photos: int, shard_photos: int, batch_size: int) -> int:
    """Full shards, but so many that those in flight hold less than a twentieth of the photos, which is what a
    driver that dies loses; yet none that would hold less than a batch.
    """
    small = min(_SHARDS_A_CORE * _cores(spark), -(-photos // batch_size))
    return max(-(-photos // shard_photos), small)


def _cores(spark: SparkSession) -> int:
    """Count the cores that are there, or those that were asked for where executors have yet to come."""
    conf = spark.sparkContext.getConf()
    asked = {
        name: int(value) if (value := conf.get(f"spark.{name}", "0") or "0").isdecimal() else 0
        for name in ("executor.instances", "dynamicAllocation.maxExecutors", "executor.cores")
    }
    executors = max(asked["executor.instances"], asked["dynamicAllocation.maxExecutors"])
    return max(spark.sparkContext.defaultParallelism, executors * max(1, asked["executor.cores"]))


def _batch_size(spark: SparkSession) -> int:
    """Read the session's setting."""
    text = spark.conf.get(BATCH_SETTING, str(BATCH_SIZE)) or ""
    if not text.isdecimal() or int(text) < 1:
        raise SettingsError(f"Expected a whole number of photos above 0 as {BATCH_SETTING}, got {text!r}.")
    return int(text)


def check_worker_limit(conf: SparkConf) -> None:
    """Refuse a limit on Python workers that leaves them no room: it counts reserved addresses, of which a
    worker with its threads takes 1.6 GB though it touches a fifth of that, and short of them it hangs.

    Raises:
        SettingsError: `spark.executor.pyspark.memory` is set, and to less than 2,000 MB a core.
    """
    settings: Any = conf._jconf
    limit_mb = int(settings.getSizeAsMb("spark.executor.pyspark.memory", "0"))
    cores = max(1, int(settings.get("spark.executor.cores", "1")))
    if 0 < limit_mb < _WORKER_ADDRESS_SPACE_MB * cores:
        raise SettingsError(
            f"Expected at least {_WORKER_ADDRESS_SPACE_MB * cores}m as spark.executor.pyspark.memory for "
            f"executors of {cores} cores, got {limit_mb}m. Leave it unset, or raise it: it "
            "limits addresses, most of which are never used."
        )


def _result(
    spark: SparkSession,
    space: FeatureSpace,
    by_key: Mapping[str, CorpusPhoto],
    known: pa.Table,
    embedded: int,
    started: float,
    d_cnn: int,
) -> EmbeddingResult:
    codes = dict(zip(known.column("key").to_pylist(), known.column("error").to_pylist(), strict=True))
    outcomes = {key: codes.get(key, UnreadablePhoto.code) for key in by_key}
    rejects = [Reject(by_key[key], code) for key, code in outcomes.items() if code is not None]
    rejects.sort(key=lambda reject: (reject.photo.corpus, reject.photo.path))
    keys = tuple(key for key, code in outcomes.items() if code is None)
    seen = dict(zip(known.column("key").to_pylist(), known.column("signature").to_pylist(), strict=True))
    return EmbeddingResult(
        photos=tuple(by_key[key] for key in keys),
        keys=keys,
        signatures=tuple(seen[key] for key in keys),
        rejects=tuple(rejects),
        embedded=embedded,
        reused=len(by_key) - embedded,
        seconds=time.perf_counter() - started,
        d_cnn=d_cnn,
        embeddings=feature_frame.embeddings(spark, space, known.filter(pc.is_null(known.column("error")))),
    )
