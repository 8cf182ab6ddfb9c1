"""Builds that the disk, the network or the clock break in on: the current bundle stays, the next build is
right to the byte.
"""

import os
import random
import shutil
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import count, pairwise
from pathlib import Path
from typing import Any, Self

import psutil
import pytest
from pyspark.sql import SparkSession

from batch.console import Console
from batch.pipeline import build
from batch.settings import BuildSettings
from models.bundle import verify
from models.errors import FruitsError
from models.locations import S3Options
from models.store import Store, open_store
from tests.flaky_server import FlakyServer

NO_SMALL_DISKS = "needs the right to mount a small disk"


@dataclass
class Broken:
    """What came of builds that were broken in on.

    Attributes:
        refused: code of the error that ended a build -> how often.
        moved: builds that ended by an error and moved the pointer, or went through and did not.
        unharmed: builds that went through amid the trouble, and gave the bytes of an undisturbed one.
        carried_on: builds that went through once the trouble was over, and gave those bytes.
        other_bytes: builds that gave others.
    """

    refused: Counter[str] = field(default_factory=Counter)
    moved: int = 0
    unharmed: int = 0
    carried_on: int = 0
    other_bytes: int = 0

    def outcomes(self) -> dict[str, int | float | str]:
        """What came of it, for the table."""
        return {
            **{f"ended by {code}": times for code, times in self.refused.items()},
            "pointer not where it belongs": self.moved,
            "went through all the same, right to the byte": self.unharmed,
            "next build right to the byte": self.carried_on,
            "builds with other bytes": self.other_bytes,
        }


@dataclass(frozen=True)
class Rebuilder:
    """Builds one corpus again and again, and knows the content that must come of it."""

    spark: SparkSession
    settings: BuildSettings
    content: str

    @classmethod
    def of(cls, spark: SparkSession, settings: BuildSettings) -> Self:
        """Build once, undisturbed, to know the content."""
        outcome = build(settings, Console(), spark)
        assert outcome.version is not None
        return cls(spark, settings, _content(outcome.version))

    def try_in(self, settings: BuildSettings, store: Store, came: Broken) -> bool:
        """Build amid trouble; tell whether it went through all the same."""
        before = store.current()
        try:
            outcome = build(settings, Console(), self.spark)
        except FruitsError as error:
            came.refused[error.code] += 1
            return False
        came.moved += store.current() == before
        right = self._is_right(outcome.version)
        came.unharmed += right
        came.other_bytes += not right
        return True

    def carry_on(self, settings: BuildSettings, store: Store, folder: Path, came: Broken) -> None:
        """Build once the trouble is over, and compare."""
        outcome = build(settings, Console(), self.spark)
        current = store.current()
        assert current is not None
        assert current.version == outcome.version
        verify(store.fetch(current.version, folder))
        right = self._is_right(outcome.version)
        came.carried_on += right
        came.other_bytes += not right

    def _is_right(self, version: str | None) -> bool:
        """Tell whether a version has the content of the undisturbed one."""
        return version is not None and _content(version) == self.content


def _content(version: str) -> str:
    """The part of a version that follows from the bytes of the files alone."""
    return version.partition("-")[2]


@contextmanager
def small_disk(folder: Path, size_kb: int) -> Iterator[Path]:
    """Mount a disk of so many kB."""
    folder.mkdir(parents=True)
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs", str(folder)]
    if mount is None or os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip(NO_SMALL_DISKS)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def widen(disk: Path, size_kb: int) -> None:
    """Give a mounted disk more room."""
    subprocess.run(["mount", "-o", f"remount,size={size_kb}k", str(disk)], check=True)


def fill_disks(
    rebuilder: Rebuilder, folder: Path, sizes_kb: tuple[int, ...], patch: pytest.MonkeyPatch
) -> Broken:
    """Build where features, store or temporary files lie on a disk that is too small, then with more room."""
    came = Broken()
    for number, size_kb in enumerate(sizes_kb):
        for place in ("features", "store", "temporary"):
            with small_disk(folder / f"{place}-{number}", size_kb) as disk, patch.context() as patched:
                roomy = folder / f"roomy-{place}-{number}"
                settings = replace(rebuilder.settings, store=str(roomy / "store"), features=None)
                if place == "features":
                    settings = replace(settings, features=str(disk / "features"))
                elif place == "store":
                    features = rebuilder.settings.features_uri
                    settings = replace(settings, store=str(disk / "store"), features=features)
                else:
                    patched.setattr(tempfile, "tempdir", str(disk))
                    settings = replace(settings, features=rebuilder.settings.features_uri)
                store = open_store(settings.store)
                if rebuilder.try_in(settings, store, came):
                    continue
                came.moved += store.current() is not None
                widen(disk, 64_000)
                rebuilder.carry_on(settings, store, folder, came)
    return came


def cut_the_network(
    rebuilder: Rebuilder,
    settings: BuildSettings,
    through: tuple[FlakyServer, S3Options],
    folder: Path,
    outages: int,
) -> Broken:
    """Cut the network amid a build on S3, at one request or another, and build again once it is back.

    Args:
        rebuilder: knows the content.
        settings: a build whose corpus, store and features lie on S3, reached through the flaky server.
        through: the server and the options that lead through it.
        folder: room for downloads.
        outages: how often.
    """
    came, chance, (flaky, options) = Broken(), random.Random(17), through
    settings, numbers = replace(settings, s3=options), count()

    def fresh() -> tuple[BuildSettings, Store]:
        number = next(numbers)
        own = replace(settings, store=f"{settings.store}/{number}", features=f"{settings.features}/{number}")
        return own, open_store(own.store, options)

    undisturbed = Broken()
    assert rebuilder.try_in(*fresh(), undisturbed)
    assert undisturbed.unharmed == 1
    requests = len(flaky.seen)
    while came.refused.total() < outages:
        own, store = fresh()
        left = count(chance.randrange(requests), -1)
        flaky.before = lambda method, path, left=left: next(left) <= 0
        ended = rebuilder.try_in(own, store, came)
        flaky.before = lambda method, path: False
        if not ended:
            came.moved += store.current() is not None
            rebuilder.carry_on(own, store, folder, came)
    return came


def kill_workers(rebuilder: Rebuilder, folder: Path, kills: int) -> Broken:
    """Kill the Python workers amid a build, at a random moment, and build again.

    Args:
        rebuilder: knows the content.
        folder: room for stores.
        kills: builds that must end by it.
    """
    came, chance, longest_s = Broken(), random.Random(23), 0.0
    for number in count():
        settings = replace(rebuilder.settings, store=str(folder / f"killed-{number}"), features=None)
        store, started = open_store(settings.store), time.perf_counter()
        killer = threading.Timer(chance.uniform(0, longest_s), _kill_python_workers)
        if number:
            killer.start()
        # The first one, which nobody disturbs, tells how long a build takes.
        through = rebuilder.try_in(settings, store, came if number else Broken())
        killer.cancel()
        if number:
            killer.join()
        longest_s = longest_s or time.perf_counter() - started
        if not through:
            came.moved += store.current() is not None
            rebuilder.carry_on(settings, store, folder, came)
        if came.refused.total() >= kills:
            break
    return came


def _kill_python_workers() -> None:
    """Do what the kernel does on a machine without memory, to every worker of this process's Spark."""
    below = psutil.Process().children(recursive=True)
    daemons = [process for process in below if "pyspark.daemon" in _command_of(process)]
    pids = {process.pid for process in daemons}
    for process in daemons:
        if process.ppid() in pids:
            with suppress(psutil.Error):
                process.kill()


def _command_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def clock_at(now: datetime) -> type[datetime]:
    """Give a `datetime` whose clock stands still."""

    class Stopped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return now.astimezone(tz)

    return Stopped


def turn_the_clock(
    rebuilder: Rebuilder, folder: Path, jumps: int, patch: pytest.MonkeyPatch
) -> tuple[list[str], Broken]:
    """Publish one build after the other while the clock jumps by up to ten years, back as well as on.

    Returns:
        The versions in the order of their publication, and what came of the builds.
    """
    came, chance, versions = Broken(), random.Random(19), list[str]()
    features = rebuilder.settings.features_uri
    settings = replace(rebuilder.settings, store=str(folder / "turned"), features=features, force=True)
    store, now = open_store(settings.store), datetime(2026, 11, 23, 12, tzinfo=UTC)
    for number in range(jumps):
        patch.setattr("batch.pipeline.datetime", clock_at(now))
        rebuilder.carry_on(settings, store, folder, came)
        current = store.current()
        assert current is not None
        versions.append(current.version)
        # Every third build finds the clock where it was.
        now += timedelta(seconds=chance.randint(-300_000_000, 300_000_000)) if number % 3 else timedelta()
    return versions, came


def in_order(versions: list[str]) -> bool:
    """Tell whether versions sort as they were published, no two of them the same."""
    return all(earlier < later for earlier, later in pairwise(versions))
