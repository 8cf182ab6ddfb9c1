"""An HTTP server that passes requests on to a real S3 server and spoils those that a test picks."""

import http.client
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlsplit

Fault = Literal["slow_down", "drop", "lose", "cut", "flip", "garble"]
"""What becomes of a request.

slow_down  answered 503 SlowDown, as S3 does when it is asked too much, and not passed on
drop       the connection breaks before the request is passed on
lose       the server does what it was asked, and the connection breaks before it can say so
cut        half of the answer's body arrives, then the connection breaks
flip       one bit of the answer's body is another
garble     one bit of the request's body is another
"""

_SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
_HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive", "date", "server"}
WRITES = frozenset({"PUT", "POST", "DELETE"})


@dataclass
class _Rule:
    fault: Fault
    method: re.Pattern[str]
    path: re.Pattern[str]
    times: int


@dataclass
class FlakyServer:
    """A server in front of another one.

    Attributes:
        upstream: host and port of the real server.
        seen: (method, path with query) of each request so far, in the order of arrival.
        answers: (method, path with query, status) of each answer of the real server.
        before: called with (method, path) before a request is passed on; True drops it.
        without_headers: names of headers, in lower case, that are not passed on.
        after: called with (method, path) once the real server has answered, before the answer is given on.
    """

    upstream: str
    endpoint_url: str = ""
    seen: list[tuple[str, str]] = field(default_factory=list)
    answers: list[tuple[str, str, int]] = field(default_factory=list)
    without_headers: set[str] = field(default_factory=set)
    before: Callable[[str, str], bool] = lambda method, path: False
    after: Callable[[str, str], object] = lambda method, path: None
    _rules: list[_Rule] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def spoil(self, fault: Fault, method: str = ".*", path: str = ".*", times: int = 1) -> None:
        """Spoil the next requests whose method and path (with query) match these patterns."""
        self._rules.append(_Rule(fault, re.compile(method), re.compile(path), times))

    @property
    def unspoilt(self) -> int:
        """Count the faults that no request has met yet."""
        return sum(rule.times for rule in self._rules)

    def asked(self, method: str, path: str) -> int:
        """Count the requests so far whose method and path match these patterns."""
        return sum(bool(re.fullmatch(method, m) and re.search(path, p)) for m, p in self.seen)

    def fault_of(self, method: str, path: str) -> Fault | None:
        """Note a request and tell what is to become of it."""
        with self._lock:
            self.seen.append((method, path))
            for rule in self._rules:
                if rule.times and rule.method.fullmatch(method) and rule.path.search(path):
                    rule.times -= 1
                    return rule.fault
        return None


@contextmanager
def flaky_server(upstream_url: str) -> Iterator[FlakyServer]:
    """Run a server on a free port of the loopback interface in front of the one at `upstream_url`."""
    flaky = FlakyServer(urlsplit(upstream_url).netloc)
    handler = type("Handler", (_Handler,), {"flaky": flaky})
    with _Server(("127.0.0.1", 0), handler) as server:
        flaky.endpoint_url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield flaky
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that were killed in the middle of a request."""


class _Handler(BaseHTTPRequestHandler):
    flaky: FlakyServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.flaky.fault_of(self.command, self.path)
        if self.flaky.before(self.command, self.path):
            fault = "drop"
        if fault == "slow_down":
            self._answer(503, {"Content-Type": "application/xml"}, _SLOW_DOWN)
            return
        if fault == "drop":
            self._break_off()
            return
        if fault == "garble":
            body = bytes([body[0] ^ 1]) + body[1:]
        status, headers, answer = self._pass_on(body)
        self.flaky.answers.append((self.command, self.path, status))
        self.flaky.after(self.command, self.path)
        if fault == "lose":
            self._break_off()
            return
        if fault == "flip":
            answer = bytes([answer[0] ^ 1]) + answer[1:]
        self._answer(status, headers, answer, len(answer) // 2 if fault == "cut" else None)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815 - the base class's names

    def _pass_on(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.flaky.upstream, timeout=60)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in _HOP_BY_HOP | self.flaky.without_headers:
                    connection.putheader(name, value)
            connection.endheaders(body or None)
            response = connection.getresponse()
            answer = response.read()
            return response.status, dict(response.getheaders()), answer
        finally:
            connection.close()

    def _answer(
        self, status: int, headers: dict[str, str], body: bytes, sent_bytes: int | None = None
    ) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in _HOP_BY_HOP | {"content-length"}:
                self.send_header(name, value)
        told = headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(body))
        self.send_header("Content-Length", told)
        self.end_headers()
        self.wfile.write(body[:sent_bytes])
        if sent_bytes is not None:
            self._break_off()

    def _break_off(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(2)

    def log_message(self, format: str, *args: object) -> None:
        pass
