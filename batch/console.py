"""What a person sees while a command runs: a bar on a terminal, lines elsewhere; and what each step cost."""

import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil
from tqdm import tqdm

from batch.report import Step

_log = logging.getLogger("batch")
_LINE_EVERY_S = 10.0
_SAMPLE_EVERY_S = 0.2


@dataclass
class Console:
    """Tells the steps of a command and keeps what they cost.

    Attributes:
        steps: finished ones, in order; memory is that of this process and all below it (Spark's JVM, Python
            workers).
    """

    steps: list[Step] = field(default_factory=list)

    def say(self, text: str) -> None:
        """Print one line for a person."""
        _log.info(text)

    def warn(self, text: str) -> None:
        """Print one line that wants attention."""
        _log.warning(text)

    @contextmanager
    def step(self, name: str, photos: int | None = None) -> Iterator["Progress"]:
        """Time a step, sample its memory, and show how far it is."""
        started = time.perf_counter()
        with _MemoryWatch() as memory, Progress(name) as progress:
            yield progress
        seconds = time.perf_counter() - started
        counted = progress.counted if progress.counted is not None else photos
        self.steps.append(Step(name, seconds, counted, memory.peak_mb))
        rate = f", {counted / seconds:,.0f} photos/s" if counted and seconds > 0 else ""
        self.say(f"{name}: {seconds:.1f} s{rate}, peak {memory.peak_mb:,.0f} MB")


class Progress:
    """How far a step is."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._bar: tqdm[None] | None = None
        self._said = time.perf_counter()
        self.counted: int | None = None

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, done: int, total: int) -> None:
        """Report that so many photos of so many are done."""
        self.counted = total
        if sys.stderr.isatty():
            if self._bar is None:
                self._bar = tqdm(total=total, desc=self._name, unit=" photos", leave=False)
            self._bar.update(done - self._bar.n)
        elif time.perf_counter() - self._said >= _LINE_EVERY_S:
            self._said = time.perf_counter()
            _log.info("%s: %d of %d photos", self._name, done, total)


class _MemoryWatch:
    """Samples the resident memory of this process and all below it."""

    def __init__(self) -> None:
        self.peak_mb = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "_MemoryWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        own = psutil.Process()
        while True:
            self.peak_mb = max(
                self.peak_mb, sum(map(_resident_bytes, [own, *own.children(recursive=True)])) / 1e6
            )
            if self._stop.wait(_SAMPLE_EVERY_S):
                return


def _resident_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:  # it ended between being listed and being asked
        return 0
