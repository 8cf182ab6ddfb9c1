"""Stores, and bundles to put into them."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.store import Store, open_store
from tests.sealed_bundle import write_bundle


@pytest.fixture
def folder_store(tmp_path: Path) -> Store:
    """Give an empty store in a folder that does not exist yet."""
    return open_store(str(tmp_path / "store"))


@pytest.fixture
def built(tmp_path: Path) -> list[Path]:
    """Give three sealed bundles, oldest first."""
    folders = [tmp_path / f"built-{seed}" for seed in range(3)]
    for seed, folder in enumerate(folders):
        write_bundle(folder, seed)
    return folders


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 96 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(disk)]
    if mount is None or os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("needs the right to mount a small disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)
