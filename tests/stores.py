"""What tests of bundle stores share."""

import queue
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import obstore

from models.bundle import seal, verify
from models.locations import S3Options, open_location
from models.store import Store
from tests.sealed_bundle import NOW, description, write_bundle

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

    def names_of(self, version: str) -> set[str]:
        """List the files of one version, be they in a folder that has yet to get its name."""
        names = {entry["path"] for page in obstore.list(self.objects, prefix=version) for entry in page}
        hidden = Path(self.uri).glob(f".{version}.partial-*")
        return names | {str(path) for path in hidden}

    def names(self) -> set[str]:
        """List everything that lies there but the lock and the claims."""
        paths = {entry["path"] for page in obstore.list(self.objects) for entry in page}
        return {path for path in paths if not path.endswith((".lock", ".claim"))}


def version_of(folder: Path) -> str:
    """Give the version of a sealed bundle."""
    return verify(folder).version


def write_uneven_bundle(folder: Path, seed: int, large_bytes: int) -> str:
    """Write and seal a bundle of which one file is large, and give its version."""
    write_bundle(folder, seed)
    (folder / "index.faiss").write_bytes(np.random.default_rng(seed).bytes(large_bytes))
    return seal(folder, description(), now=NOW + timedelta(seconds=seed)).version


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


_PUBLISHERS = """
import os, select, signal, sys
from itertools import count
from pathlib import Path

import models.s3_access  # before the forks: each would import it anew
from models.locations import S3Options
from models.store import open_store

WRITES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir"}
moments = count(1)


def die_at(moment):
    def watch(event, arguments):
        writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wxa+")
        if (writes or event in WRITES) and next(moments) == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def kill_after(child, begins, delay_s):
    os.read(begins, 1)
    over = os.pidfd_open(child)
    if not select.select([over], [], [], delay_s)[0]:
        os.kill(child, signal.SIGKILL)
    os.close(over)


for line in sys.stdin:
    uri, endpoint, folder, moment, delay_s = line.rstrip().split("|")
    begins, begin = os.pipe()
    child = os.fork()
    if child == 0:
        store = open_store(uri, S3Options(endpoint_url=endpoint or None))
        expected = store.current()
        if int(moment):
            die_at(int(moment))
        os.write(begin, b"!")
        store.publish(Path(folder), expected)
        os._exit(0)
    os.close(begin)
    print(child, flush=True)
    if delay_s:
        kill_after(child, begins, float(delay_s))
    os.close(begins)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Publishers:
    """Processes that publish one bundle each, one after the other, and may be killed doing so."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """Take the process that forks them."""
        self._process = process
        self.victim: queue.SimpleQueue[int] = queue.SimpleQueue()

    def publish(self, place: Place, folder: Path, moment: int = 0, kill_after_s: float | None = None) -> int:
        """Publish in a process of its own, and give its exit code.

        Args:
            place: the store.
            folder: the sealed bundle.
            moment: the process kills itself (SIGKILL) before its n-th write to the disk; 0: it does not.
            kill_after_s: it is killed so many seconds after it began to publish, unless it is done by then.
        """
        assert self._process.stdin is not None
        endpoint = place.options.endpoint_url or ""
        delay_s = "" if kill_after_s is None else kill_after_s
        self._process.stdin.write(f"{place.uri}|{endpoint}|{folder}|{moment}|{delay_s}\n")
        self._process.stdin.flush()
        self.victim.put(int(line_of(self._process)))
        return int(line_of(self._process))


@contextmanager
def publishers() -> Iterator[Publishers]:
    """Start the process from which publishers are forked."""
    with python(_PUBLISHERS) as process:
        yield Publishers(process)
        assert process.stdin is not None
        process.stdin.close()
