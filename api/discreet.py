"""Keeps gunicorn from logging what it cannot read, and who sent it.

A line that is no request may hold anything: a photo, a password, an address with a token. gunicorn quotes it
in its log, beside the client's whole address.
"""

from typing import Any

from gunicorn.workers.base import Worker

from api.request_log import truncated_address


class DiscreetWorker(Worker):
    """Refuses what is no request as gunicorn does, and logs its kind and the client's network alone."""

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer, and log without a word of what was sent."""
        del req  # its path and query would be logged
        network = truncated_address(addr[0]) if addr else None
        super().handle_error(None, client, (network or "unknown", -1), without_words(exc))


def without_words(error: Exception) -> Exception:
    """Give an error of the same kind whose text is the name of its kind: gunicorn's quote what was sent."""
    kind = type(error)
    silent: type[Exception] = type(kind.__name__, (kind,), {"__str__": lambda _: kind.__name__})
    return silent.__new__(silent)
