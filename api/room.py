"""Room for the bytes of photos that one process holds at the same time, arriving or waiting for a core."""

import threading

SMALL_BYTES = 1_000_000
"""What every request may bring without asking for room: crowds of large ones keep no small photo out."""
MOST_BYTES = 80_000_000


class Room:
    """Counts what is taken.

    Args:
        most_bytes: what all requests may take together, beside what each may bring anyway.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._lock = threading.Lock()
        self.taken = 0

    def take(self, count: int) -> bool:
        """Take so many bytes more if there is room."""
        with self._lock:
            if self.taken + count > self._most:
                return False
            self.taken += count
            return True

    def give_back(self, count: int) -> None:
        """Let others have so many bytes."""
        with self._lock:
            self.taken -= count
