"""A Spark job tells how far it is, and fails in the product's own words."""

from collections.abc import Iterable
from functools import partial

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from batch.jobs import job
from models.errors import FruitsError, StoreFull


def fail(batches: Iterable[pa.RecordBatch], error: Exception) -> Iterable[pa.RecordBatch]:
    """Raise inside a task."""
    yield from batches
    raise error


def test_what_a_task_raises_on_purpose_arrives_as_itself(spark: SparkSession) -> None:
    frame = spark.range(4).mapInArrow(partial(fail, error=StoreFull("no room is left")), "id long")
    with pytest.raises(StoreFull, match=r"^no room is left$"), job(spark):
        frame.collect()


def test_any_other_failure_is_named_in_one_line(spark: SparkSession) -> None:
    frame = spark.range(4).mapInArrow(partial(fail, error=ZeroDivisionError("by zero")), "id long")
    with (
        pytest.raises(FruitsError, match="A Spark job failed: ZeroDivisionError: by zero") as failure,
        job(spark),
    ):
        frame.collect()
    assert "\n" not in str(failure.value)


def wait_for(batches: Iterable[pa.RecordBatch], address: tuple[str, int]) -> Iterable[pa.RecordBatch]:
    """Hold a task until the test lets it go: it connects, and waits for the other side to close."""
    import socket

    with socket.create_connection(address) as line:
        line.recv(1)
    return iter(batches)


def test_finished_tasks_are_counted_while_the_job_runs(spark: SparkSession) -> None:
    import socket
    import threading

    counts: list[int] = []
    seen_one = threading.Event()

    def on_tasks(finished: int) -> None:
        counts.append(finished)
        if finished:
            seen_one.set()

    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()[:2]

        def let_go() -> None:
            """Let the first task end, and the second only once the first has been reported."""
            lines = [server.accept()[0] for _ in range(2)]
            lines[0].close()
            seen_one.wait(60)
            lines[1].close()

        gate = threading.Thread(target=let_go)
        gate.start()
        with job(spark, on_tasks):
            rows = spark.range(0, 2, 1, 2).mapInArrow(partial(wait_for, address=address), "id long").collect()
        gate.join()
    assert len(rows) == 2
    assert seen_one.is_set()
    assert set(counts) <= {0, 1, 2}
    assert counts == sorted(counts)
