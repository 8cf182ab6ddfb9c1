"""Holds what the repository may contain."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAX_FILE_BYTES = 10_000_000
PHOTO_SUFFIXES = {
    ".jpg",
    ".jpeg",
    ".png",
    ".webp",
    ".avif",
    ".heic",
    ".heif",
    ".gif",
    ".bmp",
    ".tif",
    ".tiff",
}
# Drawn or captured by the project itself: screenshots of the phone page, and its icons.
IMAGE_FOLDERS = ("docs/", "api/web/")
ARCHIVES = {".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z"}
PROGRAMS = (".ci/run", "requirements/install.sh", "examples/aws_demo.sh", "examples/mobile.sh")


def files() -> list[str]:
    """Give the paths of the files that are or would be committed; all of them outside a git clone."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0 and (ROOT / ".git").exists():
        return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]
    ignored = {".venv", ".git", "__pycache__", "build", "work", ".pytest_cache", ".mypy_cache", ".ruff_cache"}
    found = []
    for folder, subfolders, names in os.walk(ROOT):
        subfolders[:] = [name for name in subfolders if name not in ignored]
        found += [(Path(folder) / name).relative_to(ROOT).as_posix() for name in names]
    return found


def test_no_file_is_over_ten_megabytes() -> None:
    assert [name for name in files() if (ROOT / name).stat().st_size > MAX_FILE_BYTES] == []


def test_no_photograph_is_committed() -> None:
    images = [name for name in files() if Path(name).suffix.lower() in PHOTO_SUFFIXES]
    assert [name for name in images if not name.startswith(IMAGE_FOLDERS)] == []


def test_no_archive_is_committed() -> None:
    assert [name for name in files() if Path(name).suffix.lower() in ARCHIVES] == []


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_are_executable_and_name_their_interpreter(name: str) -> None:
    path = ROOT / name
    assert os.access(path, os.X_OK)
    assert path.read_bytes().startswith(b"#!/usr/bin/env bash\n")


def test_the_network_is_committed_once() -> None:
    assert len([name for name in files() if name.endswith(".tflite")]) <= 1
