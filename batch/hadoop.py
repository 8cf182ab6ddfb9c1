"""Reads corpora that only Hadoop's file systems reach (`hdfs://` ...), by way of Spark's `binaryFile`.

Photos pass through the JVM here, which obstore's route avoids; a file that vanished or cannot be read is left
out by Spark and noticed by its absence.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import DataFrame, DataFrameReader, SparkSession
from pyspark.sql import functions as F

from models.errors import CorpusError, LocationInvalid
from models.masking import masked, refuse_secrets

_S3 = re.compile(r"s3[an]?:", re.IGNORECASE)


def check_address(uri: str) -> None:
    """Refuse to read S3 by this way: nothing here asks in which region a bucket lies.

    Raises:
        LocationInvalid: an address on S3, by whatever name Hadoop has for it, or one with a password.
    """
    refuse_secrets(uri)
    if _S3.match(uri):
        raise LocationInvalid(
            f"{masked(uri)!r} is on S3, which is not read through Hadoop: the region of its bucket would go "
            "unchecked. Write s3://bucket/prefix and leave --reader out."
        )


def list_files(spark: SparkSession, uri: str) -> tuple[str, list[tuple[str, int, str]]]:
    """List every file below a root.

    Returns:
        the root as Hadoop writes it, and (path below it, bytes, time of change in ns since 1970) for each
        file.

    Raises:
        CorpusError: the root does not exist or cannot be listed.
        LocationInvalid: it is on S3.
    """
    check_address(uri)
    root = _qualified(spark, uri)
    try:
        files = (
            _binary_files(spark)
            .option("recursiveFileLookup", "true")
            .load([root])
            .select("path", "length", F.unix_micros("modificationTime").alias("changed_us"))
            .toArrow()
        )
    except PySparkException as error:
        raise CorpusError(f"The corpus {uri} cannot be listed: {str(error).splitlines()[0]}") from error
    below = len(root.rstrip("/")) + 1
    rows = zip(*(files.column(name).to_pylist() for name in files.column_names), strict=True)
    return root, [(path[below:], size, str(changed_us * 1_000)) for path, size, changed_us in rows]


def open_files(spark: SparkSession, paths: Sequence[str]) -> DataFrame:
    """Open files by their full paths: columns path, content; what cannot be read is left out."""
    try:
        files = _binary_files(spark).load(list(paths))
    except AnalysisException as error:
        if error.getCondition() != "PATH_NOT_FOUND":
            raise
        there = [path for path in paths if _exists(spark, path)]
        if not there:
            return spark.createDataFrame([], "path string, content binary")
        files = _binary_files(spark).load(there)
    return files.select("path", "content")


def read_file(spark: SparkSession, path: str) -> bytes | None:
    """Read one small file; None where there is none.

    Raises:
        CorpusError: it cannot be read.
    """
    with _reaching(path):
        rows = open_files(spark, [path]).collect()
    if rows:
        return bytes(rows[0]["content"])
    if _exists(spark, path):
        raise CorpusError(f"{path} cannot be read; check its permissions.")
    return None


def _binary_files(spark: SparkSession) -> DataFrameReader:
    """A reader that takes paths as they are (`[`, `{` and `*` occur in file names) and survives single bad
    files.
    """
    options = {"__globPaths__": "false", "ignoreMissingFiles": "true", "ignoreCorruptFiles": "true"}
    return spark.read.format("binaryFile").options(**options)


def _qualified(spark: SparkSession, uri: str) -> str:
    """Write an address as Hadoop does, with the default host filled in; no slash at its end.

    Raises:
        CorpusError: no file system for that scheme, no answer, or nothing there.
    """
    with _reaching(uri):
        files, path = _file_system(spark, uri)
        exists = files.exists(path)
        root = str(files.makeQualified(path).toString()).rstrip("/")
    if not exists:
        raise CorpusError(f"The corpus {uri} does not exist; check the address.")
    return root


def _exists(spark: SparkSession, uri: str) -> bool:
    with _reaching(uri):
        files, path = _file_system(spark, uri)
        return bool(files.exists(path))


@contextmanager
def _reaching(uri: str) -> Iterator[None]:
    """Say in one line what Hadoop raises: Spark hands on some of it as it is and wraps the rest."""
    try:
        yield
    except (Py4JJavaError, PySparkException) as error:
        said = error.java_exception if isinstance(error, Py4JJavaError) else error
        reason = str(said).splitlines()[0]
        raise CorpusError(f"{uri} cannot be reached through Hadoop: {reason}") from error


def _file_system(spark: SparkSession, uri: str) -> tuple[Any, Any]:
    """Give Hadoop's file system for an address, and the address as its path."""
    context: Any = spark.sparkContext
    path = context._jvm.org.apache.hadoop.fs.Path(uri)
    return path.getFileSystem(context._jsc.hadoopConfiguration()), path
