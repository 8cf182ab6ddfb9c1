"""gunicorn's threaded worker, with a deadline for a request's headers.

gunicorn waits for headers without end, in one of its few threads: a client that sends half a line and falls
silent would keep that thread. The body has a deadline of its own, in api/uploads.py.
"""

import threading
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from api.sockets import stop_receiving


class DeadlineWorker(ThreadWorker):
    """Drops a connection whose headers are not complete `header_timeout_s` seconds after it began."""

    header_timeout_s: float

    def handle(self, conn: Any) -> Any:
        """Serve the next request of a connection."""
        conn.header_deadline = threading.Timer(self.header_timeout_s, stop_receiving, [conn.sock])
        conn.header_deadline.daemon = True
        conn.header_deadline.start()
        try:
            return super().handle(conn)
        finally:
            conn.header_deadline.cancel()

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer a request whose headers are complete."""
        conn.header_deadline.cancel()
        return super().handle_request(req, conn)


def deadline_worker(header_timeout_s: float) -> type[DeadlineWorker]:
    """Make the worker class for one deadline, in seconds."""
    return type("Worker", (DeadlineWorker,), {"header_timeout_s": header_timeout_s})
