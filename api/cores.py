"""Keeps decoding and inference to one request a core, with a short queue behind."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue

from api.problems import Refusal

RETRY_AFTER_S = "2"
OVERLOADED = f"Too many photos at the moment. Try again in {RETRY_AFTER_S} seconds."


class Cores:
    """Lets `slots` requests work at once and `queue` more wait; further ones are told to come back.

    Args:
        slots: requests that work at the same time in this process.
        queue: requests that may wait for a slot.
        timeout_s: longest wait in seconds.
    """

    def __init__(self, slots: int, queue: int, timeout_s: float) -> None:
        # Tokens in a queue that is written in C: a semaphore is Python, and slow where threads are many.
        self._free: SimpleQueue[None] = SimpleQueue()
        for _ in range(slots):
            self._free.put(None)
        self._lock = threading.Lock()
        self._admitted, self._most_admitted = 0, slots + queue
        self._timeout_s = timeout_s

    @property
    def full(self) -> bool:
        """Whether whoever came now would be refused."""
        return self._admitted >= self._most_admitted

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold one slot.

        Raises:
            Refusal: the queue is full, or the wait took too long.
        """
        self._admit()
        try:
            try:
                self._free.get(timeout=self._timeout_s)
            except Empty:
                raise _overloaded() from None
            try:
                yield
            finally:
                self._free.put(None)
        finally:
            with self._lock:
                self._admitted -= 1

    def _admit(self) -> None:
        with self._lock:
            if self.full:
                raise _overloaded()
            self._admitted += 1


def slots_per_worker(workers: int) -> int:
    """Share the cores that this process may use among the workers, at least one each."""
    return max(1, len(os.sched_getaffinity(0)) // workers)


def _overloaded() -> Refusal:
    return Refusal("overloaded", OVERLOADED, {"Retry-After": RETRY_AFTER_S})
