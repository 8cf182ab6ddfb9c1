"""A job that ends for want of memory says what ran out and which setting helps."""

import os
import signal
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark import SparkConf
from pyspark.sql import DataFrame, SparkSession

from batch.corpus import CorpusPhoto, list_photos
from batch.embedding import check_worker_limit, embed
from batch.feature_store import FeatureStore
from batch.hadoop import open_files
from batch.jobs import job
from batch.out_of_memory import advise, explained
from models.errors import FruitsError, SettingsError
from models.labels import LabelRules

PORT_UNREAD = "occurred while reading the port number from pyspark.daemon's stdout"


def greedy(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield from batches
    raise MemoryError


def killed(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield from batches
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_asks_for_too_much(spark: SparkSession) -> None:
    failing = spark.range(4).mapInArrow(greedy, "id long")
    ran_out = pytest.raises(FruitsError, match=r"A Python worker .* ran out of memory")
    with ran_out as caught, explained(spark), job(spark):
        failing.collect()
    assert "spark.executor.memoryOverhead" in str(caught.value)
    assert "fewer photos at a time (spark.fruits.batchSize, now 32)" in str(caught.value)
    assert "SPARK_CONF_DIR" in str(caught.value)


def test_a_worker_that_the_system_kills(spark: SparkSession) -> None:
    failing = spark.range(4).mapInArrow(killed, "id long")
    was_killed = pytest.raises(FruitsError, match=r"A Python worker .* was killed, most often .* no memory")
    with was_killed, explained(spark), job(spark):
        failing.collect()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("java.lang.OutOfMemoryError: Java heap space", "spark.driver.memory, now 1g"),
        ("ExecutorLostFailure ... Reason: Command exited with code 52", "The JVM of an executor"),
        ("Container killed by YARN for exceeding physical memory limits.", "spark.executor.memoryOverhead"),
        ("exit status: 137. Diagnostics: OOMKilled", "took more memory than the cluster allows"),
        (f"EOFException {PORT_UNREAD}.", "was killed, most often because"),
        (f"EOFException {PORT_UNREAD} and terminated with code: 137..", "was killed, most often because"),
    ],
)
def test_what_clusters_say_of_memory(text: str, expected: str, spark: SparkSession) -> None:
    advice = advise(f"Job aborted due to stage failure: {text}", spark)
    assert advice is not None
    assert expected in advice


def test_other_failures_are_left_as_they_are(spark: SparkSession) -> None:
    assert advise("Task 3 of 152 failed: ValueError: 1370", spark) is None
    assert advise(f"EOFException {PORT_UNREAD} and terminated with code: 1..", spark) is None
    with pytest.raises(FruitsError, match=r"^the disk is full$"), explained(spark):
        raise FruitsError("the disk is full")


@pytest.mark.parametrize("text", ["0", "many", "1.5"])
def test_a_batch_of_no_size_is_refused(
    text: str, spark: SparkSession, orchard_photos: tuple[CorpusPhoto, ...], tiny_network: bytes
) -> None:
    spark.conf.set("spark.fruits.batchSize", text)
    try:
        with pytest.raises(SettingsError, match=f"whole number of photos above 0 .* got '{text}'"):
            embed(spark, orchard_photos, tiny_network, None, FeatureStore("nowhere"))
    finally:
        spark.conf.unset("spark.fruits.batchSize")


@pytest.mark.parametrize(
    ("limit", "cores", "fits"), [("1g", "1", False), ("2g", "1", True), ("6g", "4", False)]
)
def test_a_limit_that_python_workers_hang_under_is_refused(
    limit: str, cores: str, fits: bool, spark: SparkSession
) -> None:
    conf = SparkConf().set("spark.executor.pyspark.memory", limit).set("spark.executor.cores", cores)
    refused = pytest.raises(SettingsError, match=rf"Expected at least {int(cores) * 2000}m .* Leave it unset")
    with nullcontext() if fits else refused:
        check_worker_limit(conf)


def test_hadoop_never_opens_a_file_that_is_too_large(
    spark: SparkSession,
    orchard: Path,
    rules: LabelRules,
    tiny_network: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with (orchard / "pear" / "vast.jpg").open("wb") as file:
        file.truncate(20_000_001)
    opened: list[str] = []

    def open_and_note(session: SparkSession, paths: Sequence[str]) -> DataFrame:
        opened.extend(paths)
        return open_files(session, paths)

    monkeypatch.setattr("batch.embedding.open_files", open_and_note)
    photos = list_photos(f"file://{orchard}", rules=rules, reader="hadoop", spark=spark).photos
    result = embed(spark, photos, tiny_network, None, FeatureStore(str(tmp_path / "f")), reader="hadoop")
    assert [(reject.photo.path, reject.code) for reject in result.rejects] == [("pear/vast.jpg", "too_large")]
    assert len(opened) == len(result.photos) == 14
