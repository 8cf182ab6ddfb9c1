"""gunicorn's threaded worker, with an event loop that neither waits for clients nor hides a crowd from them.

As gunicorn has it, a connection takes one of the few threads before it has sent a byte, whole crowds wait in
line for a thread, a client that does not hang up stops the loop for two seconds, and a stop leaves those
unanswered whom nobody accepted yet. Here the loop itself reads heads, refuses whom the door does not let in,
sends what a client is slow to read, waits for all hang-ups at once, and at a stop first takes in everybody
who has been connected. The body has a deadline of its own, in api/body.py. Where gunicorn itself speaks TLS,
its threads read the heads and send the answers, as always.
"""

import contextlib
import errno
import selectors
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

from api.discreet import DiscreetWorker
from api.door import Door, Kind
from api.service import KEY
from api.sockets import PatientSocket

HEAD_END = b"\r\n\r\n"
# More than any browser or proxy sends.
MOST_HEAD_BYTES = 64 * 1024
READ_BYTES = 64 * 1024
# How long a client may take to hang up: after an answer, and after a refusal that its photo still comes on.
HANG_UP_S = 2.0
REFUSED_HANG_UP_S = 10.0
# How long it may take to read the rest of an answer that did not fit between it and the server.
READ_ANSWER_S = 30.0
# Beyond this many the longest waiting are cut off: they were answered, and others need the place.
MOST_HANGING_UP = 300
NOTHING_LEFT_PAUSE_S = 0.1
# Whoever wakes first takes a new client, and would take a whole burst: a worker lets the others go first for
# so long a connection that it has. One that has many more than it can work on answers 503 instead, at once.
YIELD_S = 0.0005
MOST_YIELDING = 12
# So often in a row, then so often a second: where hundreds of clients come every second, they would wait in
# the system's queue until it turns them away.
YIELDS_IN_A_ROW = 64
YIELDS_A_SECOND = 10
# The server's own mistakes; all else that accept(2) may say passes, or concerns one client alone.
_NO_LISTENER = (errno.EBADF, errno.EINVAL, errno.ENOTSOCK)
_NOTHING_LEFT = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Connection(TConn):
    """A client's connection; to close it in order is left to `hang_up`, which waits for no client."""

    def __init__(self, hang_up: Callable[["Connection"], None], *connected: Any) -> None:
        super().__init__(*connected)
        self._hang_up = hang_up
        self.head = b""
        self.kind: Kind | None = None

    def close(self, graceful: bool = False) -> None:
        """Close it, in order or at once."""
        if graceful:
            self._hang_up(self)
        else:
            super().close()


class Patience:
    """Connections that all are given the same time, the first to run out first.

    Args:
        seconds: that each may take.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._until: dict[Connection, float] = {}

    def __len__(self) -> int:
        return len(self._until)

    def add(self, connection: Connection) -> None:
        """Let the time of a connection begin."""
        self._until[connection] = time.monotonic() + self.seconds

    def remove(self, connection: Connection) -> None:
        """Forget a connection."""
        del self._until[connection]

    def run_out(self, most: int | None = None) -> list[Connection]:
        """List those whose time is over, and the longest waiting above `most`."""
        now = time.monotonic()
        too_many = len(self) - most if most is not None else 0
        found = []
        for number, (connection, until) in enumerate(self._until.items()):
            if until > now and number >= too_many:
                break
            found.append(connection)
        return found

    def cut(self, seconds: float) -> None:
        """Leave nobody more than so many seconds from now on."""
        latest, self.seconds = time.monotonic() + seconds, min(self.seconds, seconds)
        self._until = {one: min(until, latest) for one, until in self._until.items()}


class Courtesy:
    """Lets the other workers have a new client first, unless clients come in crowds."""

    def __init__(self) -> None:
        self._left, self._counted_s = float(YIELDS_IN_A_ROW), time.monotonic()

    def let_others_go_first(self, connections: int) -> None:
        """Wait the longer, the more connections this worker has."""
        now = time.monotonic()
        gained = (now - self._counted_s) * YIELDS_A_SECOND
        self._left, self._counted_s = min(YIELDS_IN_A_ROW, self._left + gained), now
        if self._left >= 1:
            self._left -= 1
            time.sleep(connections * YIELD_S)


class FruitsWorker(DiscreetWorker, ThreadWorker):
    """Serves requests in threads, once their heads are there and the door lets them in."""

    header_timeout_s: float

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._heads = Patience(self.header_timeout_s)
        self._answered = Patience(HANG_UP_S)
        self._refused = Patience(REFUSED_HANG_UP_S)
        self._reading = Patience(READ_ANSWER_S)
        self._courtesy = Courtesy()

    def load_wsgi(self) -> None:
        """Load the application."""
        super().load_wsgi()
        self._door = Door(self.wsgi.extensions[KEY], self.cfg.threads)

    def accept(self, listener: Any) -> bool:
        """Take in one client; tell whether there was one."""
        if self.alive and self.cfg.workers > 1 and 0 < self.nr_conns <= MOST_YIELDING:
            self._courtesy.let_others_go_first(self.nr_conns)
        try:
            sock, address = listener.accept()
        except OSError as error:
            if error.errno in _NO_LISTENER:
                raise
            if error.errno in _NOTHING_LEFT:
                self.log.error("No descriptor or memory is left for another connection: %s", error)
                # It would be tried, and said, thousands of times a second.
                time.sleep(NOTHING_LEFT_PAUSE_S)
            return False
        self.nr_conns += 1
        sock = sock if self.cfg.is_ssl else PatientSocket(sock)
        self.enqueue_req(Connection(self._hang_up_answered, self.cfg, sock, address, listener.getsockname()))
        return True

    def set_accept_enabled(self, enabled: bool) -> None:
        """Begin or cease to take in clients; at a stop take in all that are connected, then refuse others."""
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            for listener in self.sockets:
                while self.accept(listener):
                    pass
                listener.close()

    def enqueue_req(self, conn: Connection) -> None:
        """Wait for the head of the next request of a connection."""
        if self.cfg.is_ssl:
            super().enqueue_req(conn)
            return
        if conn.parser is not None:
            # What was read along with the body of the request before.
            conn.head = conn.parser.unreader.take_buffered()
        self._watch(conn, self._heads, self._read_head)
        self._read_head(conn)

    def handle(self, conn: Connection) -> Any:
        """Answer a request whose head is there; runs in a thread."""
        if not self.cfg.is_ssl:
            conn.data_ready = True
            conn.init()
            conn.parser.unreader.unread(conn.head)
            conn.head = b""
        return super().handle(conn)

    def finish_request(self, conn: Connection, fs: Any) -> None:
        """Go on with a connection whose request is answered."""
        if conn.kind is not None:
            self._door.leave(conn.kind)
            conn.kind = None
        if not self.cfg.is_ssl and conn.sock.unsent:
            self._watch(conn, self._reading, partial(self._send_rest, fs), selectors.EVENT_WRITE)
        else:
            super().finish_request(conn, fs)

    def murder_pending(self) -> None:
        """Close the connections that took too long."""
        super().murder_pending()
        for conn in self._heads.run_out():
            self._drop(conn, self._heads)
        for waiting in (self._answered, self._refused, self._reading):
            for conn in waiting.run_out(MOST_HANGING_UP):
                self._drop(conn, waiting)

    def _cap_keepalive(self, deadline: float) -> None:
        super()._cap_keepalive(deadline)
        for waiting in (self._heads, self._answered, self._refused):
            waiting.cut(STOP_KEEPALIVE_LINGER)

    def _read_head(self, conn: Connection) -> None:
        try:
            data = conn.sock.recv(READ_BYTES)
        except BlockingIOError:
            gone = False
        except OSError:
            gone = True
        else:
            gone, conn.head = not data, conn.head + data
        if HEAD_END in conn.head or _has_bare_line_feed(conn.head):
            self._unwatch(conn, self._heads)
            self._let_in(conn)
        elif gone:
            self._drop(conn, self._heads)
        elif len(conn.head) > MOST_HEAD_BYTES:
            self._unwatch(conn, self._heads)
            self._refuse(conn, self._door.head_too_large(conn.head, _host(conn), MOST_HEAD_BYTES))

    def _let_in(self, conn: Connection) -> None:
        head = conn.head.partition(HEAD_END)[0]
        conn.kind = self._door.enter(head)
        if conn.kind is None:
            self._refuse(conn, self._door.overloaded(head, _host(conn)))
        else:
            super().enqueue_req(conn)

    def _send_rest(self, fs: Any, conn: Connection) -> None:
        try:
            conn.sock.send_rest()
        except OSError:
            self._drop(conn, self._reading)
            return
        if not conn.sock.unsent:
            self._unwatch(conn, self._reading)
            super().finish_request(conn, fs)

    def _refuse(self, conn: Connection, answer: bytes) -> None:
        with contextlib.suppress(OSError):
            conn.sock.send(answer)
        self._hang_up(conn, self._refused)

    def _hang_up_answered(self, conn: Connection) -> None:
        # gunicorn no longer counts it.
        self.nr_conns += 1
        self._hang_up(conn, self._answered)

    def _hang_up(self, conn: Connection, waiting: Patience) -> None:
        """Say that nothing more comes, and wait until the client hangs up.

        What the client still sends is taken and forgotten: closed on bytes that nobody read, the connection
        would be reset, and the client might lose the answer.
        """
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.nr_conns -= 1
            conn.close()
            return
        self._watch(conn, waiting, partial(self._take_rest, waiting))

    def _take_rest(self, waiting: Patience, conn: Connection) -> None:
        try:
            if conn.sock.recv(READ_BYTES):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._drop(conn, waiting)

    def _watch(
        self,
        conn: Connection,
        waiting: Patience,
        go_on: Callable[[Connection], None],
        event: int = selectors.EVENT_READ,
    ) -> None:
        conn.sock.setblocking(False)
        waiting.add(conn)
        self.poller.register(conn.sock, event, lambda _sock: go_on(conn))

    def _unwatch(self, conn: Connection, waiting: Patience) -> None:
        waiting.remove(conn)
        self.poller.unregister(conn.sock)

    def _drop(self, conn: Connection, waiting: Patience) -> None:
        self._unwatch(conn, waiting)
        self.nr_conns -= 1
        conn.close()


def fruits_worker(header_timeout_s: float) -> type[FruitsWorker]:
    """Make the worker class for one deadline of heads, in seconds."""
    return type("Worker", (FruitsWorker,), {"header_timeout_s": header_timeout_s})


def _has_bare_line_feed(head: bytes) -> bool:
    """Whether a line of an unfinished head ends as no line may; gunicorn refuses it at once."""
    return head.count(b"\n") != head.count(b"\r\n")


def _host(conn: Connection) -> str | None:
    """The peer's address; None on a Unix socket."""
    return conn.client[0] if isinstance(conn.client, tuple) else None
