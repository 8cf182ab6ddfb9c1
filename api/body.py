"""The bytes of a request as they arrive: in memory, within the limits of size and of time."""

import io
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import IO, Any

from flask import Request
from gunicorn.http.errors import ParseException

from api.cores import OVERLOADED, RETRY_AFTER_S
from api.deadlines import Deadline, Deadlines
from api.problems import Refusal
from api.room import SMALL_BYTES, Room
from api.sockets import stop_receiving

CHUNK_BYTES = 64 * 1024


class Body(io.RawIOBase):
    """A request's body that refuses to be longer, shorter or slower than it should be.

    A clock looked at between reads is not enough against slow senders: the server's own read returns only
    when all the bytes it asked for are there, and a client that sends one byte a second keeps it, and its
    thread, for hours. So from the first read on a watch waits, and at the deadline closes the receiving half
    of the socket.

    Args:
        request: the request whose body this is.
        max_bytes: what may be read before 413.
        timeout_s: seconds from now after which reading is refused with 408.
        deadlines: watches them, for all requests: a thread each costs more than all else that a body needs.
        clock: a monotonic clock, in seconds.
        room: what the bodies of all requests share; None: there is enough.
    """

    def __init__(
        self,
        request: Request,
        max_bytes: int,
        timeout_s: float,
        deadlines: Deadlines,
        clock: Callable[[], float] = time.monotonic,
        room: Room | None = None,
    ) -> None:
        self._stream: IO[bytes] = request.environ["wsgi.input"]
        self._declared_bytes = request.content_length
        self._max_bytes = max_bytes
        self._room, self._room_taken = room, 0
        self._clock = clock
        self._deadline_s = clock() + timeout_s
        self._timeout_s, self._deadlines = timeout_s, deadlines
        self._connection: socket.socket | None = request.environ.get("gunicorn.socket")
        self._unwatched = self._connection is not None
        self._watched: Deadline | None = None
        self._broken = False
        self.bytes_read = 0

    def read(self, size: int = -1) -> bytes:
        """Read at most one chunk; empty at the end of the body."""
        data = self._receive(CHUNK_BYTES if size < 0 else min(size, CHUNK_BYTES))
        if self._clock() >= self._deadline_s:
            raise Refusal(
                "body_too_slow", "The photo did not arrive in time. Send a smaller one, or try again."
            )
        if self.bytes_read > self._max_bytes:
            raise too_large("The request", self._max_bytes)
        self._take_room()
        if not data and (self._broken or self.bytes_read < (self._declared_bytes or 0)):
            raise Refusal("malformed_body", "The body ended too early or is not well formed. Send it again.")
        return data

    def finish(self) -> None:
        """Forget what was not read, so that a client that is still sending gets to see its answer."""
        while self._clock() < self._deadline_s and self.bytes_read < 4 * self._max_bytes:
            if not self._receive(CHUNK_BYTES):
                break
        self._unwatch()

    def release(self) -> None:
        """Leave the room to others: nothing is kept any more."""
        if self._room:
            self._room.give_back(self._room_taken)
            self._room_taken = 0

    def _take_room(self) -> None:
        more = max(0, self.bytes_read - SMALL_BYTES) - self._room_taken
        if self._room and more > 0:
            if not self._room.take(more):
                raise Refusal("overloaded", OVERLOADED, {"Retry-After": RETRY_AFTER_S})
            self._room_taken += more

    def _receive(self, size: int) -> bytes:
        if self._unwatched and self._connection is not None:
            self._unwatched = False
            self._watched = self._deadlines.add(self._timeout_s, partial(stop_receiving, self._connection))
        try:
            data = self._stream.read(size)
        except (OSError, ParseException):
            # The connection broke, or a chunked body is not well formed: nothing more can be read.
            self._broken, data = True, b""
        self.bytes_read += len(data)
        if not data:
            self._unwatch()
        return data

    def _unwatch(self) -> None:
        if self._watched is not None:
            self._watched.cancel()


class Part(io.BytesIO):
    """One file part in memory, refused as soon as it grows past the limit."""

    def __init__(self, number: int, max_bytes: int) -> None:
        super().__init__()
        self._number = number
        self._max_bytes = max_bytes

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > self._max_bytes:
            raise too_large(f"Photo {self._number}", self._max_bytes)
        return super().write(data)


def too_large(what: str, max_bytes: int) -> Refusal:
    """Make the refusal of something that is larger than allowed."""
    return Refusal(
        "upload_too_large",
        f"{what} is larger than {max_bytes / 1e6:g} MB. Send fewer or smaller photos; 1 megapixel is plenty.",
    )
