"""HTTP as no client should speak it, byte by byte: over a plain socket, slowly, wrongly, or half."""

import json
import select
import socket
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

PATIENCE_S = 90.0
TYPE = "Content-Type: image/jpeg"
Pieces = Sequence[bytes | float]


@dataclass(frozen=True)
class Spoken:
    """What a client says and how it ends.

    Attributes:
        pieces: bytes to send, and seconds to wait in between.
        hangs_up: the client breaks the connection instead of reading an answer.
        half_closes: it says that nothing more will come, then reads.
        unanswered: that the server may close without a word is in order.
    """

    pieces: Pieces
    hangs_up: bool = False
    half_closes: bool = False
    unanswered: bool = False


@dataclass(frozen=True)
class Reply:
    """The first answer on a connection; status 0 where there was none."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def is_problem(self) -> bool:
        """Whether it is a problem document that agrees with its own status."""
        if self.headers.get("content-type") != "application/problem+json":
            return False
        told = json.loads(self.body)
        return bool(told["status"] == self.status and told["code"] and told["detail"] and told["request_id"])

    @property
    def is_gunicorns(self) -> bool:
        """Whether the server refused it before the application saw it, in a page of its own."""
        return self.headers.get("content-type") == "text/html" and self.body.startswith(b"<html>")


def head(*headers: str, line: str = "POST /identify HTTP/1.1") -> bytes:
    """Write the head of a request that closes its connection."""
    lines = [line, "Host: fruits.test", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def post(body: bytes, *headers: str, line: str = "POST /identify HTTP/1.1") -> bytes:
    """Write a request whose length is right."""
    return head(*headers, f"Content-Length: {len(body)}", line=line) + body


def form(parts: Iterable[tuple[str, bytes]], boundary: str = "frontier") -> bytes:
    """Write a request of parts, each with the lines of its head."""
    body = b"".join(
        f"--{boundary}\r\n{lines}\r\n\r\n".encode("latin-1") + data + b"\r\n" for lines, data in parts
    )
    kind = f"Content-Type: multipart/form-data; boundary={boundary}"
    return post(body + f"--{boundary}--\r\n".encode("latin-1"), kind)


def speak(port: int, spoken: Spoken) -> Reply:
    """Say it to the server on a port of this machine; give its first answer."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection:
        try:
            for piece in spoken.pieces:
                if isinstance(piece, bytes):
                    connection.sendall(piece)
                elif select.select([connection], [], [], piece)[0]:
                    break
            if spoken.half_closes:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            # The server has closed; its answer may be there all the same.
            pass
        if spoken.hangs_up:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return Reply()
        return read_reply(connection)


def read_reply(connection: socket.socket) -> Reply:
    """Read the first answer that is not a provisional one."""
    with connection.makefile("rb") as file:
        try:
            reply = _next(file)
            while 100 <= reply.status < 200:
                reply = _next(file)
            return reply
        except ConnectionError:
            return Reply()


def _next(file: BinaryIO) -> Reply:
    line = file.readline(10_000).split()
    if len(line) < 2 or not line[0].startswith(b"HTTP/1."):
        return Reply()
    headers = {}
    while ":" in (named := file.readline(10_000).decode("latin-1")):
        name, _, value = named.partition(":")
        headers[name.strip().lower()] = value.strip()
    status = int(line[1])
    length = 0 if status < 200 else int(headers.get("content-length", "-1"))
    body = file.read(length)
    # An answer that breaks off is none.
    return Reply(status, headers, body) if length in (-1, len(body)) else Reply()
