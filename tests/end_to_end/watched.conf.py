"""The product's gunicorn configuration, with a record of every file that a worker touches.

WATCH_RECORD names the file that the record is written to: one JSON line an event, each with the worker's id.
WATCH_TEMPORARY is a folder that is none, so that nobody, not even root, can put a temporary file there.
WATCH_SPOOLING=yes puts Werkzeug's default stream factory back, which spools what is above 500 kB to a file.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

_CONFIGURATION = Path(__file__).resolve().parents[2] / "api" / "gunicorn.conf.py"
exec(compile(_CONFIGURATION.read_text("utf-8"), str(_CONFIGURATION), "exec"))  # noqa: S102 - the product's own

_RECORD = os.open(os.environ["WATCH_RECORD"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
_WATCHED = ("open", "tempfile.", "shutil.", "os.mkdir", "os.rename", "os.link", "os.symlink", "os.truncate")


_products_post_fork = globals().get("post_fork")


def post_fork(server: Any, worker: Any) -> None:
    """Record from here on; gunicorn calls this in each new worker, before it loads the application."""
    if _products_post_fork:
        _products_post_fork(server, worker)
    _record("open", (os.environ.get("PROMETHEUS_MULTIPROC_DIR"), "numbers", 0))
    if temporary := os.environ.get("WATCH_TEMPORARY"):
        tempfile.tempdir = temporary
    sys.addaudithook(_record)


def post_worker_init(_worker: Any) -> None:
    """Spool where a test asks for it; gunicorn calls this when the application is loaded."""
    if os.environ.get("WATCH_SPOOLING") != "yes":
        return
    import api.uploads

    class Spooled:
        """A part as Werkzeug would keep it: on disk from half a megabyte on."""

        def __init__(self, *_limits: Any) -> None:
            self._file = tempfile.SpooledTemporaryFile(500_000)  # noqa: SIM115 - the request closes it
            self.write, self.tell = self._file.write, self._file.tell

        def getvalue(self) -> bytes:
            self._file.seek(0)
            return self._file.read()

    api.uploads.Part = Spooled  # type: ignore[assignment,misc]


def _record(event: str, arguments: tuple[Any, ...]) -> None:
    if event.startswith(_WATCHED):
        line = {"worker": os.getpid(), "event": event, "arguments": [_plain(value) for value in arguments]}
        os.write(_RECORD, f"{json.dumps(line)}\n".encode())


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | str | None) else repr(value)
