"""Runs a Spark job under two eyes: its progress is reported while it runs, its failure as an error of this
product.
"""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark import SparkContext, StatusTracker
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from models import errors
from models.errors import FruitsError

_POLL_S = 0.3


@contextmanager
def job(spark: SparkSession, on_tasks: Callable[[int], None] | None = None) -> Iterator[None]:
    """Run Spark actions inside the block.

    Args:
        on_tasks: called from another thread, a few times a second, with the number of tasks finished so far.

    Raises:
        FruitsError: what a task raised, or what Spark itself failed with, in one line.
    """
    try:
        if on_tasks is None:
            yield
            return
        with _watched(spark.sparkContext, on_tasks):
            yield
    except (PySparkException, Py4JJavaError) as error:
        raise _translated(str(error)) from error


@contextmanager
def _watched(context: SparkContext, on_tasks: Callable[[int], None]) -> Iterator[None]:
    tag, done = f"fruits-{uuid4().hex}", threading.Event()
    watcher = threading.Thread(target=_poll, args=(context, tag, done, on_tasks), daemon=True)
    context.setJobGroup(tag, "fruits")
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
        context.setLocalProperty("spark.jobGroup.id", None)  # type: ignore[arg-type]


def _poll(context: SparkContext, group: str, done: threading.Event, on_tasks: Callable[[int], None]) -> None:
    finished = 0
    while not done.wait(_POLL_S):
        finished = max(finished, _finished_tasks(context.statusTracker(), group))
        on_tasks(finished)


def _finished_tasks(tracker: StatusTracker, group: str) -> int:
    """Count in the last stage of the newest job: the stages before it only hand out the rows."""
    jobs = tracker.getJobIdsForGroup(group)
    job_info = tracker.getJobInfo(max(jobs)) if jobs else None
    stage = tracker.getStageInfo(max(job_info.stageIds)) if job_info and len(job_info.stageIds) else None
    return stage.numCompletedTasks if stage else 0


def _translated(text: str) -> FruitsError:
    """Find the product's own error in what Spark reports of a task; else take the last line that names an
    error.
    """
    own = re.findall(r"^models\.errors\.(\w+): (.*)$", text, re.MULTILINE)
    for name, message in reversed(own):
        kind = getattr(errors, name, None)
        if isinstance(kind, type) and issubclass(kind, FruitsError):
            return kind(message)
    named = re.findall(r"^(?:Caused by: )?[\w.]*(?:Error|Exception): .*$", text, re.MULTILINE)
    return FruitsError(
        f"A Spark job failed: {(named or text.strip().splitlines() or ['no reason given'])[-1]}"
    )
