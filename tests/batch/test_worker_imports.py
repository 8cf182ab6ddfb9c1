"""What Spark's archives cost on a worker's import path is paid once a worker, not once a task."""

import importlib
import sys
import zipfile
import zipimport
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from batch.worker_imports import forget_archives


def archives() -> list[str]:
    return [
        entry for entry, found in sys.path_importer_cache.items() if isinstance(found, zipimport.zipimporter)
    ]


def test_archives_are_forgotten_and_what_lies_in_them_can_still_be_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = "packed_one", "packed_two"
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as archive:
        archive.writestr(f"{first}.py", "NUMBER = 1")
        archive.writestr(f"{second}.py", "NUMBER = 2")
    jar = tmp_path / "spark.jar"
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr("org/Some.class", "")
    monkeypatch.setattr(sys, "path", [str(jar), str(tmp_path / "packed.zip"), *sys.path])
    for name in (first, second):
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert importlib.import_module(first).NUMBER == 1
    assert {str(jar), str(tmp_path / "packed.zip")} <= set(archives())
    forget_archives()
    assert archives() == []
    assert str(jar) not in sys.path
    assert importlib.import_module(second).NUMBER == 2
    forget_archives()


def test_a_task_that_forgets_archives_leaves_none_to_the_next_one_of_its_worker(spark: SparkSession) -> None:
    def forgetting(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        forget_archives()
        yield from batches

    def counting(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for _ in batches:
            pass
        found = [
            entry
            for entry, finder in sys.path_importer_cache.items()
            if isinstance(finder, zipimport.zipimporter) and entry.endswith(".jar")
        ]
        yield pa.RecordBatch.from_arrays([pa.array([len(found)], pa.int64())], names=["id"])

    frame = spark.range(0, 4, numPartitions=4)
    for _ in range(3):
        frame.mapInArrow(forgetting, "id long").collect()
    assert {row.id for row in frame.mapInArrow(counting, "id long").collect()} == {0}
