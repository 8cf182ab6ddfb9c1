"""Spark sessions of the benches: how long one takes to start is told apart from what is measured in it."""

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pyspark.sql import SparkSession

from batch.session import start_session

CORES = 2


@dataclass(frozen=True)
class Started:
    """A session on two cores.

    Attributes:
        spark: to use.
        seconds: that it took to start and to answer a first, empty job.
    """

    spark: SparkSession
    seconds: float


@contextmanager
def session() -> Iterator[Started]:
    """Start a session, and stop it after the block."""
    started = time.perf_counter()
    with warnings.catch_warnings():
        # Python 3.12 warns of a fork while other threads run, which pyspark does to start the JVM.
        warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
        spark = start_session(f"local[{CORES}]", "fruits-bench")
        spark.range(1).collect()
    try:
        yield Started(spark, time.perf_counter() - started)
    finally:
        spark.stop()
