"""Watches the memory of a server's workers, and of what they start, for as long as a drill lasts."""

import threading
from types import TracebackType
from typing import Self

import psutil

_EVERY_S = 0.05


class WatchedWorkers:
    """Samples the resident memory of every worker of a server.

    Args:
        server: gunicorn's master process.

    Attributes:
        before, after: ids of the workers at the start and at the end.
        peak_bytes: the most that one worker held.
        peak_apart_bytes: the most that a process which a worker started held.
    """

    def __init__(self, server: psutil.Process) -> None:
        self._server = server
        self.before = self.after = self.now()
        self.peak_bytes = self.peak_apart_bytes = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        self.after = self.now()

    def now(self) -> set[int]:
        """Ids of the workers there are."""
        return {worker.pid for worker in self._server.children()}

    def _watch(self) -> None:
        while not self._ended.wait(_EVERY_S):
            for worker in self._server.children():
                self.peak_bytes = max(self.peak_bytes, _resident(worker))
                for apart in _children(worker):
                    self.peak_apart_bytes = max(self.peak_apart_bytes, _resident(apart))


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.Error:
        return []


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
