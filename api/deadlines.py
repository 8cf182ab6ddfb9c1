"""Things to be done at a deadline unless they are called off before, watched by one thread of the process."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable


class Deadline:
    """Something that waits to be done."""

    def __init__(self, at: float, act: Callable[[], None]) -> None:
        self.at = at
        self.act: Callable[[], None] | None = act

    def cancel(self) -> None:
        """Call it off, if it is not too late."""
        self.act = None


class Deadlines:
    """Watches deadlines. Its thread starts with the first one, so never before a fork, and ends with none.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._changed = threading.Condition()
        # A number tells apart what is due at the same moment.
        self._waiting: list[tuple[float, int, Deadline]] = []
        self._numbers = itertools.count()
        self._watched = False

    def add(self, timeout_s: float, act: Callable[[], None]) -> Deadline:
        """Have something done so many seconds from now; it must be quick and raise nothing."""
        deadline = Deadline(time.monotonic() + timeout_s, act)
        with self._changed:
            heapq.heappush(self._waiting, (deadline.at, next(self._numbers), deadline))
            if not self._watched:
                # Where no thread is left to the process, this raises, and the next deadline tries again.
                threading.Thread(target=self._watch, name=self._name, daemon=True).start()
                self._watched = True
            elif self._waiting[0][2] is deadline:
                self._changed.notify()
        return deadline

    def _watch(self) -> None:
        while act := self._next():
            act()

    def _next(self) -> Callable[[], None] | None:
        """Wait for what is due next; None when nothing is left, and with it the thread."""
        with self._changed:
            while self._waiting:
                at, _, deadline = self._waiting[0]
                act, wait_s = deadline.act, at - time.monotonic()
                if act is not None and wait_s > 0:
                    self._changed.wait(wait_s)
                    continue
                heapq.heappop(self._waiting)
                if act is not None:
                    return act
            self._watched = False
            return None
