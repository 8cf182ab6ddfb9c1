"""What tests of bundle stores share."""

import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import obstore

from models.bundle import verify
from models.locations import S3Options, open_location
from models.store import Store

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Place:
    """An empty store of either kind, and the raw objects below it."""

    uri: str
    options: S3Options
    store: Store

    @cached_property
    def objects(self) -> Any:
        """Give the objects as they lie there, behind the store's back."""
        return open_location(self.uri, self.options, create=True).objects

    def names(self) -> set[str]:
        """List everything that lies there but the lock."""
        return {entry["path"] for entry in obstore.list(self.objects).collect()} - {".lock"}


def version_of(folder: Path) -> str:
    """Give the version of a sealed bundle."""
    return verify(folder).version


def leftovers(folder: Path) -> list[str]:
    """List what an unfinished write left in a folder."""
    return [entry.name for entry in folder.iterdir() if ".partial-" in entry.name]


def python(program: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a Python program that can import the project; its standard input and output are pipes."""
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def line_of(process: subprocess.Popen[str]) -> str:
    """Wait for the next line that a program prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()
