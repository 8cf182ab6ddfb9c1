"""Asks the API as a phone does, over one connection that is kept."""

import http.client
import json
import time
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

_BOUNDARY = "fruits-bench"
TYPE = f"multipart/form-data; boundary={_BOUNDARY}"
_TIMEOUT_S = 120
_KEPT_S = 3.0
"""Less than the server keeps a connection that nothing is asked on."""


class Asked(NamedTuple):
    """An answer, and the milliseconds from sending to having it."""

    body: dict[str, Any]
    ms: float


class Client:
    """A connection to the API."""

    def __init__(self, base: str) -> None:
        address = urlsplit(base)
        self._connection = http.client.HTTPConnection(
            address.hostname or "", address.port, timeout=_TIMEOUT_S
        )
        self._answered = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def identify(self, photo: bytes) -> Asked:
        """Send one photo as a form."""
        sent = form(photo)
        if time.perf_counter() - self._answered > _KEPT_S:
            self._connection.close()  # the next request opens it again
        started = time.perf_counter()
        self._connection.request("POST", "/identify?lang=en", sent, {"Content-Type": TYPE})
        response = self._connection.getresponse()
        answer = response.read()
        self._answered = time.perf_counter()
        elapsed_ms = (self._answered - started) * 1000
        assert response.status == 200, answer
        return Asked(json.loads(answer), elapsed_ms)


def form(photo: bytes) -> bytes:
    """Put a photo into the form that a browser sends: the body of a request of type `TYPE`."""
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="photo"; filename="photo.jpg"\r\n'
    return f"{head}Content-Type: image/jpeg\r\n\r\n".encode() + photo + f"\r\n--{_BOUNDARY}--\r\n".encode()
