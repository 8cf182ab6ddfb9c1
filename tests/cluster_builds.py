"""Builds in processes of their own, to be watched, broken in on and compared."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq

BUILD_TIMEOUT_S = 900


def command(corpus: Path, store: Path, master: str, *options: str) -> list[str]:
    """Write the command line of a build."""
    build = [sys.executable, "-m", "batch", "build", "--corpus", str(corpus), "--store", str(store)]
    return [*build, "--components", "16", "--master", master, *options]


def build(
    project: Path, corpus: Path, store: Path, master: str, *options: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a build to its end, in this environment and the variables given."""
    return subprocess.run(
        command(corpus, store, master, *options),
        cwd=project,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=BUILD_TIMEOUT_S,
    )


def published(built: subprocess.CompletedProcess[str], store: Path) -> Path:
    """Give the folder of the bundle that a build published."""
    assert built.returncode == 0, built.stderr
    return store / built.stdout.strip()


def shards(store: Path) -> set[Path]:
    """List the shards of a store's features."""
    return set((store / "features").rglob("*.parquet"))


def rows(paths: set[Path]) -> list[int]:
    """Count the photos of each shard."""
    return [int(pq.read_metadata(path).num_rows) for path in paths]


def embedded_and_reused(built: subprocess.CompletedProcess[str]) -> tuple[int, int]:
    """Read how many photos a build ran through the network, and how many it found."""
    said = re.search(r"([\d,]+) photos embedded, ([\d,]+) found in the feature store", built.stderr)
    assert said is not None
    return int(said[1].replace(",", "")), int(said[2].replace(",", ""))


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Wait for something that a process brings about."""
    deadline = time.monotonic() + BUILD_TIMEOUT_S
    while not condition() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert condition()


def multiply(folder: Path, times: int) -> None:
    """Copy each photo under other names, until there are so many of each."""
    for photo in list(folder.rglob("*.jpg")):
        for copy in range(1, times):
            shutil.copyfile(photo, photo.with_stem(f"{photo.stem}-{copy}"))
