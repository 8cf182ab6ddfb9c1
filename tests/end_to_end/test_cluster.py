"""Builds on a standalone cluster give the bytes that a build on one machine gives, whatever breaks
meanwhile.
"""

import contextlib
import io
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest
from PIL import Image

from batch.synthetic import render_corpus
from examples.cluster import Cluster, local_cluster
from examples.cluster_demo import differing
from tests.cluster_builds import (
    BUILD_TIMEOUT_S,
    build,
    command,
    embedded_and_reused,
    multiply,
    published,
    rows,
    shards,
    wait_until,
)

PHOTOS_PER_FRUIT, NEGATIVES = 8, 24
COUNT_ON_WORKERS = """
import sys
from batch.session import start_session

def named(batches):
    import os, pyarrow
    from batch.feature_store import RECIPE  # the workers find the project
    for batch in batches:
        yield pyarrow.RecordBatch.from_arrays([pyarrow.array([os.getpid()] * len(batch))], names=["worker"])

spark = start_session(sys.argv[1])
frame = spark.range(0, 40, 1, 8).mapInArrow(named, "worker long")
print(frame.count(), len(spark.sparkContext._jsc.sc().statusTracker().getExecutorInfos()) - 1)
spark.stop()
"""
FILL_THE_HEAP = """
import sys
from batch.jobs import job
from batch.out_of_memory import explained
from batch.session import start_session
from models.errors import FruitsError

spark = start_session(sys.argv[1])
try:
    with explained(spark), job(spark):
        spark.range(0, 1, 1, 1).selectExpr("length(repeat(cast(id as string), 1900000000))").collect()
except FruitsError as error:
    print(error)
spark.stop()
"""


def settings(folder: Path, given: Mapping[str, str]) -> str:
    """Write Spark's own file of settings and give its folder."""
    folder.mkdir(exist_ok=True)
    lines = (f"{name} {value}\n" for name, value in given.items())
    (folder / "spark-defaults.conf").write_text("".join(lines), "utf-8")
    return str(folder)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with local_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give rendered photos, each of them three times, so that a build takes long enough to break in on."""
    folder = tmp_path_factory.mktemp("rendered") / "market"
    render_corpus(folder, photos_per_fruit=PHOTOS_PER_FRUIT, negatives=NEGATIVES, seed=3)
    multiply(folder, 3)
    return folder


@pytest.fixture(scope="module")
def alone(project: Path, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the bundle that the threads of this machine make of the corpus."""
    store = tmp_path_factory.mktemp("alone")
    return published(build(project, corpus, store, "local[*]"), store)


@pytest.mark.timeout(600)
def test_a_cluster_starts_works_and_leaves_nothing_running(project: Path, tmp_path: Path) -> None:
    with local_cluster(tmp_path / "cluster", workers=1) as cluster:
        counted = subprocess.run(
            [sys.executable, "-c", COUNT_ON_WORKERS, cluster.master],
            cwd=project,
            capture_output=True,
            text=True,
            timeout=BUILD_TIMEOUT_S,
        )
        assert (counted.returncode, counted.stderr) == (0, "")
        assert counted.stdout.split() == ["40", "1"]
    left = [path for path in Path("/proc").glob("[0-9]*/cmdline") if named_in(path, str(tmp_path))]
    assert left == []


def named_in(path: Path, text: str) -> bool:
    try:
        return text.encode() in path.read_bytes()
    except OSError:
        return False


@pytest.mark.drill
@pytest.mark.timeout(2 * BUILD_TIMEOUT_S)
def test_a_cluster_gives_the_bytes_of_one_machine(
    cluster: Cluster, project: Path, corpus: Path, alone: Path, tmp_path: Path
) -> None:
    together = published(build(project, corpus, tmp_path, cluster.master), tmp_path)
    assert differing(alone, together) == []
    assert together.name.split("-")[1] == alone.name.split("-")[1]


@pytest.mark.drill
@pytest.mark.timeout(2 * BUILD_TIMEOUT_S)
def test_a_worker_killed_in_the_middle_changes_no_byte(
    project: Path, corpus: Path, alone: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    with local_cluster(tmp_path / "cluster") as cluster, (tmp_path / "said").open("w+") as said:
        going = subprocess.Popen(
            command(corpus, store, cluster.master), cwd=project, stdout=subprocess.PIPE, stderr=said
        )
        wait_until(lambda: len(shards(store)) >= 10, going)
        assert not (store / "current.json").exists()
        cluster.kill_worker(0)
        out, _ = going.communicate(timeout=BUILD_TIMEOUT_S)
        said.seek(0)
        assert going.returncode == 0, said.read()
    assert differing(alone, store / out.decode().strip()) == []


def poison(corpus: Path) -> dict[str, str]:
    """Put files into a corpus that no decoder should fall for; gives path -> the code that each must get."""
    whole = next((corpus / "apple").glob("*.jpg")).read_bytes()
    vast = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    picture = io.BytesIO()
    Image.new("RGB", (64, 64)).save(picture, "PNG")
    bomb = picture.getvalue().replace(picture.getvalue()[16:29], vast, 1)
    files = {
        "apple/cut.jpg": (whole[: len(whole) // 3], "undecodable"),
        "apple/empty.jpg": (b"", "undecodable"),
        "apple/text.jpg": (b"no photograph at all", "undecodable"),
        "banana/noise.jpg": (whole[:200] + bytes(range(256)) * 64, "undecodable"),
        "banana/bomb.png": (bomb, "too_large"),
        "banana/heavy.jpg": (whole + bytes(20_000_001), "too_large"),
    }
    for name, (data, _) in files.items():
        (corpus / name).write_bytes(data)
    return {name: code for name, (_, code) in files.items()}


@pytest.mark.drill
@pytest.mark.timeout(2 * BUILD_TIMEOUT_S)
def test_poison_images_are_counted_and_change_no_byte(
    cluster: Cluster, project: Path, corpus: Path, alone: Path, tmp_path: Path
) -> None:
    bad = poison(corpus)
    try:
        built = build(project, corpus, tmp_path, cluster.master)
    finally:
        for name in bad:
            (corpus / name).unlink()
    assert differing(alone, published(built, tmp_path)) == []
    for code in set(bad.values()):
        assert f"{list(bad.values()).count(code)} photos are {code}" in built.stderr


def python_workers(cluster: Cluster) -> list[psutil.Process]:
    """List the Python workers of a cluster's executors."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.name() == "java" and process.cwd().startswith(str(cluster.folder)):
                daemons = [child for child in process.children() if "pyspark.daemon" in child.cmdline()]
                found += [worker for daemon in daemons for worker in daemon.children()]
    return found


@pytest.mark.drill
@pytest.mark.timeout(2 * BUILD_TIMEOUT_S)
def test_workers_that_the_system_keeps_killing_end_the_build_with_advice(
    cluster: Cluster, project: Path, corpus: Path, tmp_path: Path
) -> None:
    with (tmp_path / "said").open("w+") as said:
        going = subprocess.Popen(
            command(corpus, tmp_path / "store", cluster.master),
            cwd=project,
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        wait_until(lambda: len(shards(tmp_path / "store")) >= 2, going)
        while going.poll() is None:
            # What the kernel does to the largest process of a machine without memory.
            for worker in python_workers(cluster):
                with contextlib.suppress(psutil.Error):
                    worker.kill()
            time.sleep(0.2)
        said.seek(0)
        error = said.read().splitlines()[-1]
    assert going.returncode == 1, error
    assert error.startswith("error: A Python worker of an executor was killed, most often because")
    for setting in ("spark.executor.memoryOverhead", "spark.fruits.batchSize, now 32", "SPARK_CONF_DIR"):
        assert setting in error

    kept = sum(rows(shards(tmp_path / "store")))
    smaller = settings(tmp_path / "conf", {"spark.fruits.batchSize": "8"})
    again = build(project, corpus, tmp_path / "store", cluster.master, SPARK_CONF_DIR=smaller)
    published(again, tmp_path / "store")
    assert embedded_and_reused(again)[1] == kept > 0


@pytest.mark.drill
@pytest.mark.timeout(2 * BUILD_TIMEOUT_S)
def test_an_executor_whose_heap_is_full_is_explained(cluster: Cluster, project: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FILL_THE_HEAP, cluster.master],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=BUILD_TIMEOUT_S,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("The JVM of an executor ran out of memory.")
    assert "spark.executor.memory, now 1g" in ran.stdout
