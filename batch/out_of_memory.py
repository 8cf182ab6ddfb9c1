"""Explains a Spark job that ended for want of memory: what ran out, where, and which settings help.

An executor is a JVM with Python workers beside it. The JVM has a heap of its own; the workers live in what
the cluster allows beyond that heap. What ran out shows in the words of the failure alone.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import SparkSession

from batch.embedding import BATCH_SETTING, BATCH_SIZE
from models.errors import FruitsError

_HOW_TO_SET = (
    "Set them with --conf of spark-submit, or in a file spark-defaults.conf in the folder that the variable "
    "SPARK_CONF_DIR names. What is in the feature store is kept, so the next build goes on from there."
)
# Words of the failure, what they mean, and the setting that gives more, with its value where none is set.
# 52 is the exit code of Spark's executors for an OutOfMemoryError, 137 that of what the system killed.
_CAUSES = (
    (
        r"OutOfMemory|OutOfDirectMemory|\bexit(?:ed with)? code 52\b",
        "The JVM of an executor ran out of memory",
        "spark.executor.memory",
        "1g",
    ),
    (
        r"\bMemoryError|Unable to allocate|bad_alloc|[Cc]annot allocate memory|can't start new thread",
        "A Python worker of an executor ran out of memory",
        "spark.executor.memoryOverhead",
        "a tenth of spark.executor.memory",
    ),
    (
        r"exceeding (?:physical |virtual )?memory limits|OOMKilled|\bexit (?:code|status:) 137\b",
        "An executor was killed because it took more memory than the cluster allows it",
        "spark.executor.memoryOverhead",
        "a tenth of spark.executor.memory",
    ),
)
_CRASH = (
    r"Python worker exited unexpectedly \(crashed\)"
    r"|the port number from pyspark\.daemon's stdout(?: and terminated with code: 137)?\."
)


@contextmanager
def explained(spark: SparkSession) -> Iterator[None]:
    """Say what to do when a job in the block fails for want of memory.

    Raises:
        FruitsError: what ran out and which settings help, instead of what Spark said.
    """
    try:
        yield
    except FruitsError as error:
        advice = advise(str(error.__cause__ or ""), spark)
        if advice is None:
            raise
        raise FruitsError(advice) from error


def advise(text: str, spark: SparkSession) -> str | None:
    """Return advice if what Spark says of a failure speaks of memory, else None."""
    conf = spark.sparkContext.getConf()
    batch = f"fewer photos at a time ({BATCH_SETTING}, now {spark.conf.get(BATCH_SETTING, str(BATCH_SIZE))})"
    local = str(spark.sparkContext.master).startswith("local")
    for words, meaning, setting, default in _CAUSES:
        if re.search(words, text):
            name = "spark.driver.memory" if local and setting == "spark.executor.memory" else setting
            more = f"more memory ({name}, now {conf.get(name, default)})"
            return f"{meaning}. Give it {more}, {batch}, or fewer cores (spark.executor.cores). {_HOW_TO_SET}"
    if re.search(_CRASH, text):
        return (
            "A Python worker of an executor was killed, most often because its machine had no memory left. "
            f"Give executors more memory beside the JVM (spark.executor.memoryOverhead), {batch}, or fewer "
            f"cores (spark.executor.cores). {_HOW_TO_SET}"
        )
    return None
