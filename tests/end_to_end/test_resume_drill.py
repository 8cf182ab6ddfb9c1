"""A build that is killed loses what was in flight, and nothing else."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from batch.synthetic import render_corpus

pytestmark = pytest.mark.drill


def command(corpus: Path, store: Path) -> list[str]:
    return [
        sys.executable,
        "-m",
        "batch",
        "build",
        "--corpus",
        str(corpus),
        "--store",
        str(store),
        "--master",
        "local[2]",
    ]


def shards(store: Path) -> set[Path]:
    return set((store / "features").rglob("*.parquet"))


def test_a_killed_build_goes_on_from_its_shards(project: Path, tmp_path: Path) -> None:
    render_corpus(tmp_path / "corpus", photos_per_fruit=150, negatives=200, seed=4)
    killed = subprocess.Popen(
        command(tmp_path / "corpus", tmp_path / "store"),
        cwd=project,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 240
    while len(shards(tmp_path / "store")) < 2 and killed.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    left = shards(tmp_path / "store")
    assert left
    assert not (tmp_path / "store" / "current.json").exists()

    again = subprocess.run(
        command(tmp_path / "corpus", tmp_path / "store"),
        cwd=project,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert again.returncode == 0, again.stderr
    assert left <= shards(tmp_path / "store")
    reused = next(line for line in again.stderr.splitlines() if "found in the feature store" in line)
    assert int(reused.split("embedded, ")[1].split(" found")[0].replace(",", "")) > 0
