"""Keeps decoding and inference to one request a core, with a short queue behind."""

import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

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
        self._lock = threading.Lock()
        self._free, self._admitted, self._most_admitted = slots, 0, slots + queue
        # One lock for each who waits, held until it is their turn: a semaphore or a queue lets those who come
        # just when a slot becomes free overtake all who wait, again and again.
        self._waiting: deque[threading.Lock] = deque()
        self._timeout_s = timeout_s

    @property
    def full(self) -> bool:
        """Whether whoever came now would be refused."""
        return self._admitted >= self._most_admitted

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold one slot; first come, first served.

        Raises:
            Refusal: the queue is full, or the wait took too long.
        """
        turn = self._admit()
        if turn is not None and not turn.acquire(timeout=self._timeout_s):
            self._give_up(turn)
        try:
            yield
        finally:
            self._leave()

    def _admit(self) -> "threading.Lock | None":
        """Take a free slot (None), or a place in the queue."""
        with self._lock:
            if self.full:
                raise _overloaded()
            self._admitted += 1
            if self._free:
                self._free -= 1
                return None
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
            return turn

    def _give_up(self, turn: threading.Lock) -> None:
        """Leave the queue, unless the turn came at the last moment."""
        with self._lock:
            if turn in self._waiting:
                self._waiting.remove(turn)
                self._admitted -= 1
                raise _overloaded()

    def _leave(self) -> None:
        """Hand the slot to whoever waits longest."""
        with self._lock:
            self._admitted -= 1
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1


def slots_per_worker(workers: int) -> int:
    """Share the cores that this process may use among the workers, at least one each."""
    return max(1, len(os.sched_getaffinity(0)) // workers)


def _overloaded() -> Refusal:
    return Refusal("overloaded", OVERLOADED, {"Retry-After": RETRY_AFTER_S})
