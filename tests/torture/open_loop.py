"""A crowd of clients on one event loop: requests leave when they are due, answered or not the ones before.

Every request has a connection of its own: a server that cannot keep up does not slow its clients down. What
does, a machine too busy for the crowd itself, is noted with each request.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

import numpy as np

LONGEST_WAIT_S = 90.0
_MOST_HEADER_BYTES = 64 * 1024


@dataclass(frozen=True)
class Reply:
    """What became of one request.

    Attributes:
        begun_s: when the client began to connect, on the monotonic clock.
        ms: milliseconds from then until the whole answer was there, or until it was clear that none comes.
        late_ms: milliseconds by which the client began too late.
        port: the client's port; 0 where no connection came about.
        sent_s: when the connection stood and the request was on its way, on the monotonic clock.
        status: of the answer; 0 where no whole one came.
        headers: of the answer, their names in lower case.
        body: of the answer.
        error: what went wrong instead of an answer.
    """

    begun_s: float
    ms: float
    late_ms: float = 0.0
    port: int = 0
    sent_s: float = 0.0
    status: int = 0
    headers: dict[str, str] | None = None
    body: bytes = b""
    error: str = ""

    @property
    def says_when_to_come_back(self) -> bool:
        """Tell whether it carries Retry-After in seconds."""
        return (self.headers or {}).get("retry-after", "").isdigit()


@dataclass(frozen=True)
class Target:
    """A server and what is asked of it.

    Attributes:
        base: address, such as `http://127.0.0.1:41873`.
        request: the whole request as sent.
    """

    base: str
    request: bytes

    async def ask(self, due_s: float | None = None, half_sent: asyncio.Event | None = None) -> Reply:
        """Send the request over a connection of its own.

        Args:
            due_s: when it should have begun, on the monotonic clock; now if None.
            half_sent: send but half of it until this is set.
        """
        begun_s = time.monotonic()
        late_ms = (begun_s - due_s) * 1000 if due_s is not None else 0.0
        address, port, sent_s = urlsplit(self.base), 0, 0.0
        try:
            async with asyncio.timeout_at(begun_s + LONGEST_WAIT_S):
                reader, writer = await asyncio.open_connection(
                    address.hostname, address.port, limit=_MOST_HEADER_BYTES
                )
                try:
                    port = writer.get_extra_info("sockname")[1]
                    half = len(self.request) // 2 if half_sent else len(self.request)
                    writer.write(self.request[:half])
                    sent_s = time.monotonic()
                    if half_sent:
                        await half_sent.wait()
                        writer.write(self.request[half:])
                    status, headers, body = await _answer(reader)
                finally:
                    writer.close()
                    with contextlib.suppress(OSError):
                        await writer.wait_closed()
        except (OSError, EOFError, ValueError, LookupError) as error:
            return Reply(begun_s, _ms_since(begun_s), late_ms, port, sent_s, error=type(error).__name__)
        return Reply(begun_s, _ms_since(begun_s), late_ms, port, sent_s, status, headers, body)

    async def offer(self, rate: float, seconds: float, stopped: asyncio.Event | None = None) -> list[Reply]:
        """Send `rate` requests a second, evenly spaced, and wait for what becomes of each.

        Args:
            rate: requests a second.
            seconds: for which they are sent.
            stopped: ends the sending before that.
        """
        started = time.monotonic()
        asked = []
        for number in range(int(rate * seconds)):
            due_s = started + number / rate
            # Also when it is late: those who have begun must get on.
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            if stopped is not None and stopped.is_set():
                break
            asked.append(asyncio.create_task(self.ask(due_s)))
        return list(await asyncio.gather(*asked))

    async def keep_asking(self, clients: int, seconds: float) -> list[Reply]:
        """Let some clients send one request after another for some seconds."""
        ends = time.monotonic() + seconds

        async def client() -> list[Reply]:
            replies = []
            while time.monotonic() < ends:
                replies.append(await self.ask())
            return replies

        by_client = await asyncio.gather(*(client() for _ in range(clients)))
        return [reply for replies in by_client for reply in replies]


def post_photo(photo: bytes) -> bytes:
    """Write the request that asks about one photo."""
    head = f"{_first_lines('POST /identify?lang=en')}Content-Type: image/jpeg\r\n"
    return f"{head}Content-Length: {len(photo)}\r\n\r\n".encode() + photo


def get(path: str) -> bytes:
    """Write a plain request."""
    return f"{_first_lines(f'GET {path}')}\r\n".encode()


def percentiles(replies: Iterable[Reply]) -> str:
    """Write the 50th, 95th and 99th percentile and the slowest, in milliseconds."""
    times = [reply.ms for reply in replies]
    if not times:
        return "none"
    p50, p95, p99, most = np.percentile(times, [50, 95, 99, 100])
    return f"p50 {p50:.0f}, p95 {p95:.0f}, p99 {p99:.0f}, slowest {most:.0f} ms"


def _first_lines(what: str) -> str:
    return f"{what} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"


async def _answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip().split("\r\n")
    fields = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in fields}
    return int(first.split()[1]), headers, await reader.readexactly(int(headers["content-length"]))


def _ms_since(begun_s: float) -> float:
    return (time.monotonic() - begun_s) * 1000
