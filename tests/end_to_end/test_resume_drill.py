"""A build that is killed loses what was in flight, and nothing else."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from batch.synthetic import render_corpus
from examples.cluster import local_cluster
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

CORES = 2

pytestmark = [pytest.mark.drill, pytest.mark.timeout(3 * BUILD_TIMEOUT_S)]


@pytest.fixture(params=["threads", "cluster"])
def master(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give the master of two cores: threads of the driver, or executors that outlive it."""
    if request.param == "threads":
        yield f"local[{CORES}]"
        return
    with local_cluster(tmp_path / "cluster", workers=CORES) as cluster:
        yield cluster.master


def test_a_killed_driver_costs_less_than_a_twentieth(master: str, project: Path, tmp_path: Path) -> None:
    corpus, store = tmp_path / "corpus", tmp_path / "store"
    photos = 10 * render_corpus(corpus, photos_per_fruit=8, negatives=24, seed=4)
    multiply(corpus, 10)
    killed = subprocess.Popen(
        command(corpus, store, master),
        cwd=project,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: len(shards(store)) >= 12, killed)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    left = shards(store)
    assert not (store / "current.json").exists()

    again = build(project, corpus, store, master)
    assert published(again, store).name in (store / "current.json").read_text("utf-8")
    embedded, reused = embedded_and_reused(again)
    assert embedded + reused == photos
    assert reused >= sum(rows(left)), "no photo of a whole shard is embedded again"
    assert left <= shards(store)
    in_flight = CORES * max(rows(shards(store)))
    assert in_flight < 0.05 * photos, "what each core had in the making is all that is embedded again"
