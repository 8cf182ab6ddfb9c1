"""Asks the API as a phone does, over one connection that is kept."""

import http.client
import json
import time
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

_BOUNDARY = "fruits-bench"
_TYPE = f"multipart/form-data; boundary={_BOUNDARY}"
_TIMEOUT_S = 120


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
        form = _form(photo)
        started = time.perf_counter()
        self._connection.request("POST", "/identify?lang=en", form, {"Content-Type": _TYPE})
        response = self._connection.getresponse()
        answer = response.read()
        elapsed_ms = (time.perf_counter() - started) * 1000
        assert response.status == 200, answer
        return Asked(json.loads(answer), elapsed_ms)


def _form(photo: bytes) -> bytes:
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="photo"; filename="photo.jpg"\r\n'
    return f"{head}Content-Type: image/jpeg\r\n\r\n".encode() + photo + f"\r\n--{_BOUNDARY}--\r\n".encode()
