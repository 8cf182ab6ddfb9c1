"""Keeps decoding and inference to one request a core, with a short queue behind."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from api.problems import Refusal

RETRY_AFTER_S = "2"


class Cores:
    """Lets `slots` requests work at once and `queue` more wait; further ones are told to come back.

    Args:
        slots: requests that work at the same time in this process.
        queue: requests that may wait for a slot.
        timeout_s: longest wait in seconds.
    """

    def __init__(self, slots: int, queue: int, timeout_s: float) -> None:
        self._free = threading.BoundedSemaphore(slots)
        self._admitted = threading.BoundedSemaphore(slots + queue)
        self._timeout_s = timeout_s

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold one slot.

        Raises:
            Refusal: the queue is full, or the wait took too long.
        """
        if not self._admitted.acquire(blocking=False):
            raise _overloaded()
        try:
            if not self._free.acquire(timeout=self._timeout_s):
                raise _overloaded()
            try:
                yield
            finally:
                self._free.release()
        finally:
            self._admitted.release()


def slots_per_worker(workers: int) -> int:
    """Share the cores that this process may use among the workers, at least one each."""
    return max(1, len(os.sched_getaffinity(0)) // workers)


def _overloaded() -> Refusal:
    detail = f"Too many photos at the moment. Try again in {RETRY_AFTER_S} seconds."
    return Refusal("overloaded", detail, {"Retry-After": RETRY_AFTER_S})
